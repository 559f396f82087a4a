from __future__ import annotations

from typing import Any

import pytest

from flask_serversession import session_created
from flask_serversession import session_destroyed
from flask_serversession import session_loaded
from flask_serversession import session_saved
from flask_serversession.config import Config
from flask_serversession.cookies.ids import generate_id
from flask_serversession.cookies.options import CookieOptions
from flask_serversession.errors import ConfigError
from flask_serversession.manager import SessionManager
from flask_serversession.sessions.policy import CookieAction
from flask_serversession.stores.base import Record
from flask_serversession.stores.memory import MemoryStore

from .clock import Clock

FLASKS_DEFAULTS = {"PERMANENT_SESSION_LIFETIME": 3600}
DOCUMENT = b'{"cookie":{"path":"/"},"views":1}'


class Visitor:
    """Somebody who visits, with the cookie of an id or without."""

    def __init__(self, sid: str | None = None) -> None:
        self._sid = sid

    def sent_id(self) -> str | None:
        return self._sid

    def is_secure(self) -> bool:
        return False

    def cookie_options(self) -> CookieOptions:
        return CookieOptions()

    def generate_id(self) -> str:
        return generate_id()


class Heard(list[Any]):
    """The signals that were sent, each with what came with it."""

    def __call__(self, signal: Any, /, **values: Any) -> None:
        self.append((signal, values))


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def manager(store: MemoryStore, heard: Heard) -> SessionManager:
    config = Config.from_mapping(FLASKS_DEFAULTS)
    return SessionManager(config, store, secrets=lambda: ("keyboard cat",), notify=heard)


def test_it_keeps_a_session_without_any_application(
    manager: SessionManager, store: MemoryStore, heard: Heard
) -> None:
    session = manager.open(Visitor())
    session["views"] = 1

    assert session.commit() is CookieAction.SET
    assert [*store.keys()] == [session.id]
    assert heard == [(session_created, {"session": session})]

    found = manager.open(Visitor(session.id))

    assert found["views"] == 1
    assert not found.new
    assert heard[1:] == [(session_loaded, {"session": found})]


def test_opening_a_session_calls_no_store(manager: SessionManager, heard: Heard) -> None:
    manager.open(Visitor("some id"))

    assert heard == []


def test_a_stored_session_is_loaded_by_its_id(manager: SessionManager, store: MemoryStore) -> None:
    store.create("sid", Record(DOCUMENT, None))

    session = manager.load("sid")

    assert session is not None
    assert session.id == session.sid == "sid"
    assert dict(session) == {"views": 1}


@pytest.mark.parametrize("sid", ["nobody's", ""])
def test_an_id_that_the_store_does_not_have_loads_nothing_and_makes_nothing(
    manager: SessionManager, store: MemoryStore, sid: str
) -> None:
    assert manager.load(sid) is None
    assert store.count() == 0


def test_a_record_that_is_no_session_loads_nothing(
    manager: SessionManager, store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.create("sid", Record(b'{"planted":"value"}', None))

    assert manager.load("sid") is None
    assert "unreadable" in caplog.text
    assert "planted" not in caplog.text


def test_changes_reach_the_store_with_save(
    manager: SessionManager, store: MemoryStore, heard: Heard
) -> None:
    store.create("sid", Record(DOCUMENT, None))
    session = manager.load("sid")
    assert session is not None
    session["views"] = 2
    again = manager.load("sid")

    assert again is not None
    assert again["views"] == 1

    session.save()
    again = manager.load("sid")

    assert again is not None
    assert again["views"] == 2
    assert (session_saved, {"session": session}) in heard


def test_a_loaded_session_can_be_given_a_new_id(
    manager: SessionManager, store: MemoryStore
) -> None:
    """An id that was found in a log, say, and must be worth nothing any more."""
    store.create("sid", Record(DOCUMENT, None))
    session = manager.load("sid")
    assert session is not None

    session.regenerate()
    session["views"] = 3
    session.save()

    assert [*store.keys()] == [session.id]
    assert session.id != "sid"


def test_destroying_by_id_says_whether_there_was_a_session(
    manager: SessionManager, store: MemoryStore, heard: Heard
) -> None:
    store.create("sid", Record(DOCUMENT, None))

    assert manager.destroy("sid")
    assert store.count() == 0
    assert heard == [(session_destroyed, {"session": None, "id": "sid"})]
    assert not manager.destroy("sid")
    assert len(heard) == 1


def test_the_secrets_are_asked_for_once_and_when_they_are_needed(store: MemoryStore) -> None:
    asked = []

    def secrets() -> tuple[str, ...]:
        asked.append("secrets")
        return ("new", "old")

    config = Config.from_mapping(FLASKS_DEFAULTS)
    manager = SessionManager(config, store, secrets=secrets, notify=Heard())
    assert asked == []

    assert manager.signer.unsign(manager.signer.sign("sid")) == "sid"
    assert asked == ["secrets"]


def test_a_missing_secret_is_told_when_it_is_needed_and_may_be_set_by_then(
    store: MemoryStore,
) -> None:
    given: list[str] = []

    def secrets() -> tuple[str, ...]:
        if not given:
            raise ConfigError("no secret")
        return (given[0],)

    config = Config.from_mapping(FLASKS_DEFAULTS)
    manager = SessionManager(config, store, secrets=secrets, notify=Heard())
    with pytest.raises(ConfigError):
        manager.signer  # noqa: B018 - the property is what is asked

    given.append("keyboard cat")

    assert manager.signer.unsign(manager.signer.sign("sid")) == "sid"


def test_its_clock_tells_every_session_the_time(store: MemoryStore, clock: Clock) -> None:
    config = Config.from_mapping(FLASKS_DEFAULTS)
    manager = SessionManager(config, store, secrets=tuple, notify=Heard(), clock=clock)
    session = manager.open(Visitor())
    session.permanent = True
    clock.tick(60_000)

    assert session.permanent
    assert session.cookie.max_age == 3600 - 60


class ClosingStore(MemoryStore):
    """A store that holds something of its own to close."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_closing_closes_a_store_that_holds_something(heard: Heard) -> None:
    store = ClosingStore()
    config = Config.from_mapping(FLASKS_DEFAULTS)
    manager = SessionManager(config, store, secrets=tuple, notify=heard)

    manager.close()

    assert store.closed == 1


def test_closing_leaves_a_store_alone_that_holds_nothing(
    manager: SessionManager, store: MemoryStore
) -> None:
    store.create("sid", Record(DOCUMENT, None))

    manager.close()

    assert store.count() == 1
