"""Provokes every exception of the package near a secret. No message shows it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any

import pytest
from flask import Flask

from flask_serversession import errors
from flask_serversession import fresh_login_required
from flask_serversession import ServerSession
from flask_serversession.config import Config
from flask_serversession.config import secrets_from
from flask_serversession.cookie_session.session import CookieSession
from flask_serversession.cookie_session.settings import ClientSettings
from flask_serversession.cookie_session.settle import settle
from flask_serversession.cookies.cookie import SessionCookie
from flask_serversession.cookies.options import CookieOptions
from flask_serversession.cookies.signing import Keygrip
from flask_serversession.errors import ConfigError
from flask_serversession.errors import LoginTooOld
from flask_serversession.errors import MissingSecret
from flask_serversession.errors import PayloadError
from flask_serversession.errors import ServerSessionError
from flask_serversession.errors import SessionConflict
from flask_serversession.errors import SessionError
from flask_serversession.errors import SessionGone
from flask_serversession.errors import SessionLimitReached
from flask_serversession.errors import SessionLocked
from flask_serversession.errors import SessionSerializationError
from flask_serversession.errors import SessionSuperseded
from flask_serversession.errors import SessionTooLarge
from flask_serversession.errors import StoreError
from flask_serversession.errors import StoreUnavailable
from flask_serversession.format.serializer import TypedJSON
from flask_serversession.manager import SessionManager
from flask_serversession.sessions.base import Session
from flask_serversession.sessions.settings import NoRequest
from flask_serversession.stores import open_store
from flask_serversession.stores.base import Record
from flask_serversession.stores.driver_errors import DriverErrors
from flask_serversession.stores.memory import MemoryStore

SECRET = "planted-secret"
DOCUMENT = b'{"cookie":{},"password":"planted-secret"}'


class Showy:
    """A value whose repr is a secret."""

    def __repr__(self) -> str:
        return SECRET


def config(**given: Any) -> Config:
    return Config.from_mapping({"PERMANENT_SESSION_LIFETIME": 3600, **given})


def session_of(store: MemoryStore, **given: Any) -> Session:
    """Return the session of an id that is itself a secret."""
    manager = SessionManager(config(**given), store, secrets=lambda: (SECRET,))
    store.create(SECRET, Record(DOCUMENT, datetime.now(timezone.utc) + timedelta(hours=1)))
    session = manager.load(SECRET)
    assert session is not None
    session["password"] = SECRET + "!"
    return session


def save_what_was_changed_elsewhere() -> None:
    store = MemoryStore()
    session = session_of(store, SESSION_CONCURRENCY="reject")
    store.save(SECRET, Record(b'{"cookie":{},"password":"theirs"}', None))
    session.save()


def save_what_was_ended_elsewhere() -> None:
    store = MemoryStore()
    session = session_of(store)
    store.delete(SECRET)
    session.save()


def reload_what_was_ended_elsewhere() -> None:
    store = MemoryStore()
    session = session_of(store)
    store.delete(SECRET)
    session.reload()


def save_what_another_request_gave_a_new_id() -> None:
    store = MemoryStore()
    session, other = session_of(store), session_of(store)
    other.regenerate(keep_data=True)
    other.save()
    session.regenerate(keep_data=True)
    session.save()


def lock_what_is_locked() -> None:
    store = MemoryStore()
    session, other = session_of(store), session_of(store)
    with session.lock(), other.lock(timeout=0):
        pass


def save_what_is_always_changed_first() -> None:
    class Busy(MemoryStore):
        def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Any:
            super().save(key, Record(b'{"cookie":{},"n":%d}' % id(record), None))
            return super().save(key, record, replacing=replacing)

    session_of(Busy()).save()


def assign(key: Any) -> None:
    session_of(MemoryStore())[key] = SECRET


def pay_without_a_login() -> None:
    app = Flask("shop")
    app.config.update(SECRET_KEY=SECRET, TESTING=True)
    ServerSession(app)
    with app.test_request_context():
        fresh_login_required(lambda: SECRET)()


def fail_in_a_driver(error: Exception) -> None:
    with DriverErrors("redis", unavailable=(OSError,), failed=(RuntimeError,)):
        raise error


def dumps(value: object) -> None:
    TypedJSON().dumps({"key": value})


def loads(stored: str) -> None:
    TypedJSON().loads(stored.encode())


def nested(depth: int) -> Any:
    value: Any = SECRET
    for _ in range(depth):
        value = [value]
    return value


class EncryptedRequest(NoRequest):
    """A request over https."""

    def is_secure(self) -> bool:
        return True


def send_what_no_browser_keeps() -> object:
    settings = ClientSettings(
        config=config(), serializer=TypedJSON(), keys=lambda: Keygrip([SECRET])
    )
    session = CookieSession(settings, EncryptedRequest(CookieOptions()))
    session["password"] = SECRET * 1000
    return settle(session)


def log_in_once_too_often() -> None:
    store = MemoryStore()
    limit = {"SESSION_LIMIT_PER_USER": 1, "SESSION_ON_LIMIT": "refuse"}
    for _ in range(2):
        session_of(store, SESSION_REGENERATE_GRACE=0, **limit).log_in(SECRET)


def save_a_list(**given: Any) -> None:
    session = session_of(MemoryStore(), **given)
    session["key"] = [SECRET]
    session.save()


PROVOCATIONS: list[tuple[type[ServerSessionError], Callable[[], object]]] = [
    (ConfigError, lambda: config(SESSION_SECRET=[SECRET, None])),
    (ConfigError, lambda: config(SESSION_SECRET={SECRET})),
    (ConfigError, lambda: config(SESSION_STORE_OPTIONS=[SECRET])),
    (ConfigError, lambda: config(SESSION_MERGE=Showy())),
    (ConfigError, lambda: config(SESSION_COOKIE_NAME=Showy())),
    (MissingSecret, lambda: secrets_from({"SECRET_KEY_FALLBACKS": [SECRET]}, None)),
    (ConfigError, lambda: open_store(f"nosuch://user:{SECRET}@host/{SECRET}", {})),
    (ConfigError, lambda: open_store(Showy(), {})),
    (ConfigError, lambda: open_store("memory", {"password": SECRET})),
    (ConfigError, lambda: open_store(MemoryStore(), {"password": SECRET})),
    (SessionSerializationError, lambda: dumps(Showy())),
    (SessionSerializationError, lambda: dumps([SECRET, {"nested": Showy()}])),
    (SessionSerializationError, lambda: dumps({SECRET, Showy()})),
    (SessionSerializationError, lambda: dumps({Showy(): SECRET})),
    (SessionSerializationError, lambda: dumps(nested(300))),
    (PayloadError, lambda: loads(f'"{SECRET}"')),
    (PayloadError, lambda: loads(f'{{"password":"{SECRET}"')),
    (PayloadError, lambda: loads(f'{{"key":{{" uuid":"{SECRET}"}}}}')),
    (PayloadError, lambda: loads(f'{{"key":{{" datetime":"{SECRET}"}}}}')),
    (PayloadError, lambda: loads(f'{{"key":{{" int":"{SECRET}"}}}}')),
    (SessionError, lambda: assign("cookie")),
    (SessionError, lambda: assign(5)),
    (SessionError, lambda: assign((SECRET,))),
    (SessionConflict, save_what_was_changed_elsewhere),
    (SessionConflict, save_what_is_always_changed_first),
    (SessionGone, save_what_was_ended_elsewhere),
    (SessionGone, reload_what_was_ended_elsewhere),
    (SessionSuperseded, save_what_another_request_gave_a_new_id),
    (SessionLocked, lock_what_is_locked),
    (LoginTooOld, pay_without_a_login),
    (SessionLimitReached, log_in_once_too_often),
    (SessionTooLarge, send_what_no_browser_keeps),
    (SessionTooLarge, lambda: session_of(MemoryStore(), SESSION_MAX_BYTES=1).save()),
    (SessionTooLarge, lambda: save_a_list(SESSION_MAX_MEMBERS=1)),
    (SessionTooLarge, lambda: save_a_list(SESSION_MAX_DEPTH=1)),
    (StoreUnavailable, lambda: fail_in_a_driver(ConnectionError(SECRET))),
    (StoreError, lambda: fail_in_a_driver(RuntimeError(SECRET))),
]


@pytest.mark.parametrize(("kind", "provoke"), PROVOCATIONS)
def test_no_message_shows_what_the_session_or_the_configuration_holds(
    kind: type[ServerSessionError], provoke: Callable[[], object]
) -> None:
    with pytest.raises(kind) as caught:
        provoke()

    assert type(caught.value) is kind
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)


def test_every_exception_of_the_package_is_provoked() -> None:
    declared = {
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, ServerSessionError)
    }

    assert declared - {ServerSessionError} == {kind for kind, _ in PROVOCATIONS}


@pytest.mark.parametrize("value", ["/;planted-secret", "planted secret;"])
@pytest.mark.parametrize("attribute", ["path", "domain", "samesite", "priority"])
def test_no_check_of_a_cookie_attribute_shows_its_value(attribute: str, value: str) -> None:
    cookie = SessionCookie(CookieOptions())

    with pytest.raises(ValueError, match="is") as caught:
        setattr(cookie, attribute, value)

    assert "planted" not in str(caught.value)


def test_a_session_shows_neither_its_id_nor_its_data() -> None:
    session = session_of(MemoryStore())

    assert SECRET not in repr(session)
    assert SECRET not in str(session)
    # Programs that report errors send the repr of every local variable.
    assert SECRET not in repr(vars(session))


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (ConfigError, ValueError),
        (MissingSecret, RuntimeError),
        (SessionSerializationError, TypeError),
    ],
)
def test_some_errors_are_builtin_errors_too(
    error: type[Exception], builtin: type[Exception]
) -> None:
    assert issubclass(error, builtin)


def test_a_drivers_error_is_kept_as_the_cause() -> None:
    error = ConnectionError("refused")

    with pytest.raises(StoreUnavailable) as caught:
        fail_in_a_driver(error)

    assert caught.value.__cause__ is error


def test_an_error_from_elsewhere_passes_through_unchanged() -> None:
    error = ZeroDivisionError()

    with pytest.raises(ZeroDivisionError) as caught:
        fail_in_a_driver(error)

    assert caught.value is error
