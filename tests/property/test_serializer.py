from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any

from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st

from flask_serversession.errors import PayloadError
from flask_serversession.format.serializer import TypedJSON
from flask_serversession.format.untag import _READERS

from .values import anything_written
from .values import plain_sessions
from .values import plain_values
from .values import typed_sessions

serializer = TypedJSON()
COOKIE = {"originalMaxAge": None, "expires": None, "httpOnly": True, "path": "/"}


def with_types(value: Any) -> Hashable:
    """Return the value with the type of everything in it, so that 1, 1.0 and True differ."""
    kind = type(value)
    if kind is dict:
        return kind, tuple((with_types(key), with_types(item)) for key, item in value.items())
    if kind in (list, tuple):
        return kind, tuple(map(with_types, value))
    if kind in (set, frozenset):
        return kind, frozenset(map(with_types, value))
    return kind, value


@given(typed_sessions)
def test_a_session_comes_back_equal_and_of_its_types_alone_and_from_its_document(
    session: dict[str, Any],
) -> None:
    stored = serializer.dumps(session)

    back = serializer.loads(stored)
    cookie, members = serializer.decompose(serializer.compose(COOKIE, stored))

    assert json.loads(stored).keys() == session.keys()
    assert back == session
    assert with_types(back) == with_types(session)
    assert serializer.dumps(back) == stored
    assert cookie == COOKIE
    assert with_types(dict(members)) == with_types(session)


@given(plain_sessions)
def test_plain_data_are_stored_as_plain_json(session: dict[str, Any]) -> None:
    assert json.loads(serializer.dumps(session)) == session


@given(plain_sessions, st.sampled_from([(",", ":"), (", ", ": ")]), st.booleans())
def test_json_that_another_program_wrote_is_read(
    session: dict[str, Any], separators: tuple[str, str], ascii_only: bool
) -> None:
    written = json.dumps(session, separators=separators, ensure_ascii=ascii_only)

    assert with_types(serializer.loads(written.encode())) == with_types(session)


_tagged = st.recursive(
    plain_values | anything_written,
    lambda inner: (
        st.dictionaries(st.sampled_from([*_READERS]), inner, max_size=2)
        | st.lists(inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=3), _tagged, min_size=1, max_size=3))
@example({"": {" uuid": 5}})
@example({"": {" escaped": 5}})
def test_a_wrong_tag_is_data_or_a_payload_error(
    document: dict[str, Any],
) -> None:
    payload = json.dumps(document, separators=(",", ":")).encode()
    try:
        session = serializer.loads(payload)
    except PayloadError:
        return

    assert session.keys() == document.keys()


#: Documents with a few bytes changed. Many are still readable.
_damaged = st.builds(
    lambda session, place, change: bytes(
        (written := bytearray(serializer.dumps(session)))[: place % len(written)]
        + change
        + written[place % len(written) + len(change) :]
    ),
    typed_sessions,
    st.integers(min_value=0),
    st.binary(max_size=2) | st.sampled_from([b"\xff", b'"', b"{", b"1e999", b"\\ud800"]),
)


@given(_damaged | st.binary() | st.text().map(str.encode))
@example(b'{"a":"\xff"}')
@example(b'{"a":"\\ud800","b":1e999}')
@example(b'{"a":{" uuid":5}}')
@example(b'{"a":' + b"[" * 500 + b"]" * 500 + b"}")
@example(b'{"a":' + b"[" * 100_000)
def test_any_bytes_are_a_session_or_a_payload_error(payload: bytes) -> None:
    try:
        session = serializer.loads(payload)
    except PayloadError:
        return

    assert isinstance(session, dict)
