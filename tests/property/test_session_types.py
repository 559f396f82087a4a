"""Sessions with values of an application's own types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flask_serversession.cookies.signing import CookieSigner
from flask_serversession.format.forms import SessionType
from flask_serversession.format.merge import merge
from flask_serversession.format.seals import Seal
from flask_serversession.format.serializer import TypedJSON

from .values import anything_written
from .values import typed_values


@dataclass
class Box:
    """Holds anything that a session can hold."""

    content: Any


TYPES = [SessionType("box", Box, lambda box: box.content, Box)]
_SIGNER = CookieSigner(["keyboard cat"])
SEAL = Seal(_SIGNER.signature, _SIGNER.is_signature)
serializer, sealed = TypedJSON(types=TYPES), TypedJSON(SEAL, TYPES)
#: Versions of the application without the type.
older, older_sealed = TypedJSON(), TypedJSON(SEAL)

_boxes: st.SearchStrategy[Any] = st.recursive(
    typed_values.map(Box),
    lambda inner: (
        inner.map(Box)
        | st.lists(inner | typed_values, max_size=3)
        | st.dictionaries(anything_written, inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=3,
)
_keys = st.sampled_from(["a", "b", "c", " box"])
sessions = st.dictionaries(_keys, _boxes | typed_values, max_size=4)


@given(sessions)
def test_a_session_comes_back_equal(session: dict[str, Any]) -> None:
    for written_and_read_by in (serializer, sealed):
        stored = written_and_read_by.dumps(session)
        back = written_and_read_by.loads(stored)

        assert back == session
        assert written_and_read_by.dumps(back) == stored


@given(sessions, sessions)
def test_a_version_without_the_type_loses_nothing(
    session: dict[str, Any], more: dict[str, Any]
) -> None:
    for newer_version, older_version in ((serializer, older), (sealed, older_sealed)):
        stored = newer_version.dumps(session)
        read = older_version.loads(stored)

        assert older_version.dumps(read) == stored
        read["d"] = "changed"
        assert newer_version.loads(older_version.dumps(read)) == {**session, "d": "changed"}


@given(sessions, sessions, sessions)
def test_a_merge_by_a_version_without_the_type_is_that_of_one_with_it(
    base: dict[str, Any], theirs: dict[str, Any], mine: dict[str, Any]
) -> None:
    def merged_by(version: TypedJSON) -> bytes:
        def same(one: Any, other: Any) -> bool:
            return version.dumps({"": one}) == version.dumps({"": other})

        sides = [version.loads(serializer.dumps(side)) for side in (base, theirs, mine)]
        return version.dumps(merge(*sides, same=same))

    assert merged_by(older) == merged_by(serializer)
