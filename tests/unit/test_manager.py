from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from blinker import Signal

from flask_serversession import session_created
from flask_serversession import session_destroyed
from flask_serversession import session_loaded
from flask_serversession import session_saved
from flask_serversession.config import Config
from flask_serversession.cookies.options import CookieOptions
from flask_serversession.errors import ConfigError
from flask_serversession.errors import SessionError
from flask_serversession.errors import StoreUnavailable
from flask_serversession.manager import SessionManager
from flask_serversession.sessions.login import handle_of
from flask_serversession.sessions.policy import CookieAction
from flask_serversession.sessions.settings import NoRequest
from flask_serversession.sessions.settle import settle
from flask_serversession.sessions.stored import StoredSession
from flask_serversession.sessions.superseded import leave_behind
from flask_serversession.stores.base import Record
from flask_serversession.stores.base import Store
from flask_serversession.stores.base import utc_now
from flask_serversession.stores.memory import MemoryStore

from ..flask.counting import CountingStore
from .clock import Clock

FLASKS_DEFAULTS = {"PERMANENT_SESSION_LIFETIME": 3600}
DOCUMENT = b'{"cookie":{"path":"/"},"views":1}'


SENDER = object()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def heard() -> Iterator[list[Any]]:
    """The signals that the manager's sender sends, each with its values."""
    heard: list[Any] = []

    def listen(signal: Signal) -> Any:
        def hear(sender: object, **values: Any) -> None:
            heard.append((signal, values))

        return signal.connected_to(hear, SENDER)

    with ExitStack() as listening:
        for signal in (session_created, session_loaded, session_saved, session_destroyed):
            listening.enter_context(listen(signal))
        yield heard


@pytest.fixture
def manager(store: MemoryStore) -> SessionManager:
    config = Config.from_mapping(FLASKS_DEFAULTS)
    return SessionManager(config, store, secrets=lambda: ("keyboard cat",), sender=SENDER)


def session_of(manager: SessionManager, sid: str | None = None) -> StoredSession:
    """Return the session of a request with the cookie of an id, or without a cookie."""
    header = "" if sid is None else f"session={manager.signer.sign(sid)}"
    return StoredSession(manager.settings, NoRequest(CookieOptions(), header))


def test_a_session_needs_only_the_managers_settings_and_a_request(
    manager: SessionManager, store: MemoryStore, heard: list[Any]
) -> None:
    session = session_of(manager)
    session["views"] = 1

    assert settle(session) is CookieAction.SET
    assert [*store.keys()] == [session.id]
    created = {"session": session, "handle": session.handle, "old_handle": None}
    assert heard == [(session_created, created)]

    found = session_of(manager, session.id)

    assert found["views"] == 1
    assert not found.new
    assert heard[1:] == [(session_loaded, {"session": found})]


def test_a_session_calls_no_store_before_its_first_use(
    manager: SessionManager, heard: list[Any]
) -> None:
    session_of(manager, "some id")

    assert heard == []


def test_a_stored_session_is_loaded_by_its_id(manager: SessionManager, store: MemoryStore) -> None:
    store.create("sid", Record(DOCUMENT, None))

    session = manager.load("sid")

    assert session is not None
    assert session.id == session.sid == "sid"
    assert dict(session) == {"views": 1}


@pytest.mark.parametrize("sid", ["nobody's", ""])
def test_loading_an_unknown_id_returns_none_and_creates_nothing(
    manager: SessionManager, store: MemoryStore, sid: str
) -> None:
    assert manager.load(sid) is None
    assert store.count() == 0


def test_loading_a_record_that_is_not_a_session_returns_none(
    manager: SessionManager, store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.create("sid", Record(b'{"planted":"value"}', None))

    assert manager.load("sid") is None
    assert "unreadable" in caplog.text
    assert "planted" not in caplog.text


def test_changes_of_a_loaded_session_are_stored_by_save(
    manager: SessionManager, store: MemoryStore, heard: list[Any]
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
    """For an id that was found in a log, say, and must become worthless."""
    store.create("sid", Record(DOCUMENT, None))
    session = manager.load("sid")
    assert session is not None

    session.regenerate()
    session["views"] = 3
    session.save()

    assert [*store.keys()] == [session.id]
    assert session.id != "sid"


def test_destroy_returns_whether_there_was_a_session(
    manager: SessionManager, store: MemoryStore, heard: list[Any]
) -> None:
    store.create("sid", Record(DOCUMENT, None))

    assert manager.destroy("sid")
    assert store.count() == 0
    destroyed = {"session": None, "handle": handle_of("sid"), "by": "manager"}
    assert heard == [(session_destroyed, destroyed)]
    assert not manager.destroy("sid")
    assert len(heard) == 1


def test_the_secrets_are_asked_for_once_and_not_before_they_are_needed(store: MemoryStore) -> None:
    asked = []

    def secrets() -> tuple[str, ...]:
        asked.append("secrets")
        return ("new", "old")

    config = Config.from_mapping(FLASKS_DEFAULTS)
    manager = SessionManager(config, store, secrets=secrets)
    assert asked == []

    assert manager.signer.unsign(manager.signer.sign("sid")) == "sid"
    assert asked == ["secrets"]


def test_a_missing_secret_is_an_error_only_when_it_is_needed(
    store: MemoryStore,
) -> None:
    given: list[str] = []

    def secrets() -> tuple[str, ...]:
        if not given:
            raise ConfigError("no secret")
        return (given[0],)

    config = Config.from_mapping(FLASKS_DEFAULTS)
    manager = SessionManager(config, store, secrets=secrets)
    with pytest.raises(ConfigError):
        manager.signer  # noqa: B018 - reading the property is the test

    given.append("keyboard cat")

    assert manager.signer.unsign(manager.signer.sign("sid")) == "sid"


def test_every_session_uses_the_managers_clock(store: MemoryStore, clock: Clock) -> None:
    config = Config.from_mapping(FLASKS_DEFAULTS)
    manager = SessionManager(config, store, secrets=lambda: ("keyboard cat",), clock=clock)
    session = session_of(manager)
    session.permanent = True
    clock.tick(60_000)

    assert session.permanent
    assert session.cookie.max_age == 3600 - 60


class ClosingStore(MemoryStore):
    """A store with something of its own to close."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_closing_closes_a_store_that_has_something_to_close() -> None:
    store = ClosingStore()
    config = Config.from_mapping(FLASKS_DEFAULTS)
    manager = SessionManager(config, store, secrets=lambda: ("keyboard cat",))

    manager.close()

    assert store.closed == 1


def test_closing_leaves_a_store_alone_that_has_nothing_to_close(
    manager: SessionManager, store: MemoryStore
) -> None:
    store.create("sid", Record(DOCUMENT, None))

    manager.close()

    assert store.count() == 1


def test_the_record_left_under_an_old_id_ends_in_time_even_if_its_life_was_extended(
    manager: SessionManager, store: MemoryStore
) -> None:
    live = utc_now() + timedelta(hours=1)
    left = leave_behind(manager.settings, "new", Record(DOCUMENT, live))
    over = left.payload.replace(b'"retiredUntil":', b'"retiredUntil":1,"was":')
    # A request that loaded the session before its login may touch it afterwards.
    for sid, payload in (("new", DOCUMENT), ("over", over), ("open", left.payload)):
        store.create(sid, Record(payload, live))

    assert manager.load("over") is None
    found = manager.load("open")
    assert found is not None
    assert dict(found) == {"views": 1}


class PreparedStore(MemoryStore):
    """A store that must be set up, and whose server is down until then."""

    is_ready = False

    def setup(self) -> None:
        self.is_ready = True

    def ping(self) -> None:
        if not self.is_ready:
            raise StoreUnavailable("The server did not answer.")


def manager_with(store: Store) -> SessionManager:
    config = Config.from_mapping(FLASKS_DEFAULTS)
    return SessionManager(config, store, secrets=lambda: ("keyboard cat",))


def test_a_manager_lists_counts_and_clears_the_sessions_of_its_store(
    manager: SessionManager, store: MemoryStore
) -> None:
    store.create("one", Record(DOCUMENT, None))
    store.create("two", Record(DOCUMENT, None))

    assert sorted(manager.keys()) == ["one", "two"]
    assert manager.count() == 2
    assert manager.clear() == 2
    assert manager.count() == 0


@pytest.mark.parametrize("method", ["keys", "count", "clear"])
def test_a_store_that_cannot_list_is_named_when_its_sessions_are_to_be_listed(method: str) -> None:
    manager = manager_with(CountingStore(MemoryStore()))

    with pytest.raises(SessionError, match="CountingStore cannot list its sessions"):
        getattr(manager, method)()


def test_pruning_removes_expired_sessions(manager: SessionManager, store: MemoryStore) -> None:
    store.create("live", Record(DOCUMENT, utc_now() + timedelta(hours=1)))
    store.create("expired", Record(DOCUMENT, utc_now() - timedelta(hours=1)))

    assert manager.prune() == 1
    assert [*manager.keys()] == ["live"]


def test_a_store_that_needs_no_pruning_and_no_setup_is_left_alone() -> None:
    store = CountingStore(MemoryStore())
    manager = manager_with(store)

    assert manager.prune() == 0
    manager.setup()
    assert store.calls == []


def test_a_manager_sets_its_store_up_and_tells_whether_it_answers() -> None:
    manager = manager_with(PreparedStore())
    with pytest.raises(StoreUnavailable):
        manager.ping()

    manager.setup()

    manager.ping()


def test_a_store_without_a_ping_is_asked_for_a_record() -> None:
    store = CountingStore(MemoryStore())

    manager_with(store).ping()

    assert store.calls == ["load"]
