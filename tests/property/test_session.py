from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_serversession.config import Config
from flask_serversession.manager import SessionManager
from flask_serversession.sessions.base import Session
from flask_serversession.stores.base import Record
from flask_serversession.stores.memory import MemoryStore

from .values import typed_sessions

SID = "an id"
MISSING = object()

memory = MemoryStore()
manager = SessionManager(
    Config.from_mapping({"PERMANENT_SESSION_LIFETIME": 3600}),
    memory,
    secrets=lambda: ("keyboard cat",),
)


def stored(sid: str = SID) -> Session:
    """Return the session as it is in the store."""
    session = manager.load(sid)
    assert session is not None
    return session


def empty_session() -> Session:
    memory.clear()
    memory.create(SID, Record(b'{"cookie":{}}', None))
    return stored()


keys = st.sampled_from(["a", "b", "c", "", "é"])
values = st.integers() | st.text() | st.lists(st.integers())
steps = st.one_of(
    st.tuples(st.just("__setitem__"), keys, values),
    st.tuples(st.just("__getitem__"), keys),
    st.tuples(st.just("__delitem__"), keys),
    st.tuples(st.just("__contains__"), keys | st.integers()),
    st.tuples(st.just("get"), keys),
    st.tuples(st.just("get"), keys, values),
    st.tuples(st.just("pop"), keys),
    st.tuples(st.just("pop"), keys, values),
    st.tuples(st.just("setdefault"), keys, values),
    st.tuples(st.just("update"), st.dictionaries(keys, values)),
    st.tuples(st.just("update"), st.lists(st.tuples(keys, values))),
    st.tuples(st.just("clear")),
    st.tuples(st.just("copy")),
    st.tuples(st.just("__or__"), st.dictionaries(keys, values)),
    st.tuples(st.just("__ror__"), st.dictionaries(keys, values)),
    st.tuples(st.just("__len__")),
)


def outcome(mapping: MutableMapping[str, Any], step: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what a step returns or raises, and the state after it."""
    verb, *arguments = step
    result: Any
    try:
        result = getattr(mapping, verb)(*arguments)
    except KeyError as error:
        result = repr(error)
    return result, list(mapping.items()), list(mapping), bool(mapping)


@given(st.lists(steps, max_size=20))
def test_a_session_behaves_as_a_dict_does(program: list[tuple[Any, ...]]) -> None:
    session: Session = empty_session()
    model: dict[str, Any] = {}

    for step in program:
        assert outcome(session, step) == outcome(model, step)

    assert session == model
    session.save()
    assert dict(stored(session.id)) == model
    assert memory.count() == 1


@given(st.lists(steps, max_size=20), st.data())
def test_saving_at_any_moment_loses_nothing(
    program: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    session: Session = empty_session()
    model: dict[str, Any] = {}

    for step in program:
        outcome(session, step)
        outcome(model, step)
        if data.draw(st.booleans()):
            session.save()
            assert list(stored(session.id).items()) == list(model.items())
            assert memory.count() == 1


@given(typed_sessions, typed_sessions)
def test_saved_data_are_loaded_and_a_session_is_modified_while_it_differs_from_them(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    session = empty_session()
    session.update(before)
    session.save()

    session = stored()
    assert not session.modified
    assert dict(session) == before
    assert not session.modified
    session.clear()
    session.update(after)

    assert session.modified is (list(before.items()) != list(after.items()))


def test_popitem_takes_the_last_key_as_a_dict_does() -> None:
    session: Session = empty_session()
    session.update(a=1, b=2)

    assert session.popitem() == ("b", 2)
    assert session.popitem() == ("a", 1)
    with pytest.raises(KeyError):
        session.popitem()
