"""No local variable in a traceback shows an id: error reports have the ``repr()`` of each."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import datetime
from datetime import timedelta
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from blinker import Signal
from flask import Flask

import flask_serversession
from flask_serversession import manager_of
from flask_serversession import Record
from flask_serversession import Refusal
from flask_serversession import session_created
from flask_serversession import session_destroyed
from flask_serversession import session_loaded
from flask_serversession import session_rejected
from flask_serversession import SessionError
from flask_serversession import SessionManager
from flask_serversession import StoreError
from flask_serversession import StoreUnavailable
from flask_serversession.cookies.ids import SessionId
from flask_serversession.encryption import Encryption
from flask_serversession.stores.base import StoredKey
from flask_serversession.stores.memory import MemoryStore
from flask_serversession.stores.protected.abilities import protected

from .browser import Browser
from .browser import browser_of
from .browser import session
from .conftest import MakeApp

SECRET = "a secret of the tests, long enough"
_PACKAGE = str(Path(flask_serversession.__file__).parent)


class FailingStore:
    """A store that has one method that fails, as a driver's does."""

    fails: str | None = None

    def __init__(self) -> None:
        self._store = MemoryStore()

    def load(self, key: str) -> Record | None:
        self._fail("load")
        return self._store.load(key)

    def create(self, key: str, record: Record) -> bool:
        self._fail("create")
        return self._store.create(key, record)

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        self._fail("save")
        return self._store.save(key, record, replacing=replacing)

    def touch(self, key: str, expires_at: datetime) -> bool:
        self._fail("touch")
        return self._store.touch(key, expires_at)

    def delete(self, key: str) -> bool:
        self._fail("delete")
        return self._store.delete(key)

    def records(self, user: str | None = None) -> Iterator[tuple[str, Record]]:
        yield from [(str(key), record) for key, record in self._store.records(user)]
        self._fail("records")

    def keys(self) -> Iterator[str]:
        return self._store.keys()

    def count(self) -> int:
        return self._store.count()

    def clear(self) -> int:
        self._fail("clear")
        return self._store.clear()

    @contextmanager
    def failing(self, method: str) -> Iterator[None]:
        self.fails = method
        try:
            yield
        finally:
            self.fails = None

    def _fail(self, method: str) -> None:
        if self.fails == method:
            raise StoreUnavailable("The store is down.")


#: Begins each id.
MARK = "the-ids-of-the-tests-"
KEY = b"k" * 31 + b"!"
#: How a store is protected, and the application configured.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {}),
    "no grace": ({}, {"SESSION_REGENERATE_GRACE": 0}),
    "limited": ({}, {"SESSION_LIMIT_PER_USER": 1}),
    "express": ({}, {"SESSION_PROFILE": "express"}),
    "hashed": ({"hash_ids": True}, {}),
    "encrypted": ({"hash_ids": False, "encryption": Encryption((KEY,))}, {}),
    "hashed and encrypted": ({"hash_ids": True, "encryption": Encryption((KEY,))}, {}),
}
METHODS = ("load", "create", "save", "touch", "delete", "records", "clear")

#: What a request does that fails at one of the store's methods.
VIEWS: dict[str, Callable[[], object]] = {
    "read": lambda: session.get("cart"),
    "write": lambda: session.update(cart="pear"),
    "save": lambda: session.update(cart="pear") or session.save(),
    "touch": lambda: session.touch(),
    "reload": lambda: session.get("cart") and session.reload(),
    "log in": lambda: session.log_in("ada"),
    "log in another": lambda: session.log_in("bob"),
    "log out": lambda: session.log_out(),
    "log out everywhere": lambda: session.log_out(everywhere=True),
    "regenerate": lambda: session.regenerate(),
    "rotate": lambda: session.regenerate(keep_data=True),
    "destroy": lambda: session.destroy(),
    "destroy after reading": lambda: session.get("cart") and session.destroy(),
    "clear": lambda: session.clear(),
    "clear and write": lambda: session.clear() or session.update(cart="pear"),
    "empty": lambda: [session.pop(key) for key in list(session)],
    "lock": lambda: lock(),
}

#: What the manager does, given the id and the handle of a session.
VERBS: dict[str, Callable[[SessionManager, str, str], object]] = {
    "load": lambda manager, sid, handle: manager.load(sid),
    "destroy": lambda manager, sid, handle: manager.destroy(sid),
    "sessions_of": lambda manager, sid, handle: manager.sessions_of("ada"),
    "online": lambda manager, sid, handle: list(manager.online(timedelta(days=1))),
    "end": lambda manager, sid, handle: manager.end(handle, reason="stolen"),
    "end_all": lambda manager, sid, handle: manager.end_all("ada"),
    "update_all": lambda manager, sid, handle: manager.update_all(
        "ada", lambda session: session.update(role="admin")
    ),
    "clear": lambda manager, sid, handle: manager.clear(),
}


def lock() -> None:
    with session.lock():
        session["cart"] = "pear"


@pytest.fixture
def backend() -> FailingStore:
    return FailingStore()


@pytest.fixture(params=CASES)
def app(make_app: MakeApp, backend: FailingStore, request: pytest.FixtureRequest) -> Flask:
    options, config = CASES[request.param]
    store = protected(backend, **options) if options else backend
    ids = (f"{MARK}{number:022}" for number in count())
    config = {"SESSION_GENID": lambda request: next(ids), **config}
    return make_app(SECRET_KEY=SECRET, SESSION_STORE=store, **config)


@pytest.fixture
def make_user(app: Flask) -> Callable[[], Browser]:
    def make_user() -> Browser:
        browser = browser_of(app)
        browser.run(lambda: session.log_in("ada"))
        browser.run(lambda: session.update(cart="apple"))
        return browser

    return make_user


@pytest.fixture
def user(make_user: Callable[[], Browser]) -> Browser:
    return make_user()


def frames_of(error: BaseException | None, seen: set[int]) -> Iterator[FrameType]:
    """Yield the frames of an error's tracebacks, and of those that led to it."""
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    traceback = error.__traceback__
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next
    yield from frames_of(error.__cause__, seen)
    yield from frames_of(error.__context__, seen)


def is_ours(frame: FrameType) -> bool:
    if frame.f_code.co_filename == __file__:
        return isinstance(frame.f_locals.get("self"), FailingStore)
    return frame.f_code.co_filename.startswith(_PACKAGE)


def shown(error: BaseException) -> dict[str, str]:
    """Return what an error report has of each local variable of this package."""
    return {
        f"{frame.f_code.co_filename}:{frame.f_lineno} {name}": _spelled(value)
        for frame in frames_of(error, set())
        if is_ours(frame)
        for name, value in frame.f_locals.items()
    }


def _spelled(value: object) -> str:
    # A report has the keys of a dict by str().
    return repr(value) + (" ".join(map(str, value)) if isinstance(value, dict) else "")


def leaks(error: BaseException, browser: Browser) -> list[str]:
    """Return which local variables show an id, the signature of the browser's cookie or a key."""
    cookie = browser.get_cookie(browser.cookie_name)
    assert cookie is not None
    secrets = [MARK, SECRET, repr(KEY)[2:-1], cookie.decoded_value.rpartition(".")[2]]
    found = shown(error)
    assert found
    return [place for place, text in found.items() if any(secret in text for secret in secrets)]


def error_of(call: Callable[[], object]) -> BaseException | None:
    """Return what a call raises; None for one that does not reach what fails."""
    try:
        call()
    except (StoreError, SessionError) as error:
        return error
    return None


@pytest.mark.parametrize("view", VIEWS)
def test_a_request_whose_store_fails_shows_no_id(
    make_user: Callable[[], Browser], backend: FailingStore, view: str
) -> None:
    for method in METHODS:
        make_user()
        user = make_user()
        with backend.failing(method):
            error = error_of(lambda: user.run(lambda: VIEWS[view]() and None))  # noqa: B023

        assert error is None or leaks(error, user) == []


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_of_the_manager_whose_store_fails_shows_no_id(
    app: Flask, make_user: Callable[[], Browser], backend: FailingStore, verb: str
) -> None:
    for method in METHODS:
        user = make_user()
        sid, handle = str(user.sid), user.see(lambda: session.handle)
        with backend.failing(method):
            error = error_of(lambda: VERBS[verb](manager_of(app), sid, handle))  # noqa: B023

        assert error is None or leaks(error, user) == []


@pytest.mark.parametrize(
    "signal", [session_loaded, session_created, session_destroyed], ids=lambda signal: signal.name
)
def test_a_receiver_that_fails_shows_no_id(user: Browser, signal: Signal) -> None:
    def fail(sender: Flask, session: object, **values: object) -> None:
        raise PermissionError

    with signal.connected_to(fail), pytest.raises(PermissionError) as caught:
        user.run(lambda: session.get("cart") and session.regenerate(keep_data=True))

    assert leaks(caught.value, user) == []


def test_a_receiver_of_a_rejection_that_fails_shows_no_header(app: Flask, user: Browser) -> None:
    def fail(sender: Flask, session: object, **values: object) -> None:
        raise PermissionError

    late = browser_of(app)
    late.set_cookie(late.cookie_name, f"s:{MARK}.not-a-signature")
    with session_rejected.connected_to(fail), pytest.raises(PermissionError) as caught:
        late.run(lambda: str(session.get("cart")))

    assert leaks(caught.value, user) == []


def test_the_application_sees_no_id_in_its_own_variables(user: Browser) -> None:
    assert user.see(lambda: repr(session.id)) == "<session id>"


@pytest.mark.parametrize("kind", [SessionId, StoredKey])
def test_an_id_is_a_str_in_everything_but_its_repr(kind: type[str]) -> None:
    sid = kind("aBc.dEf")

    assert "aBc" not in repr([sid])
    assert str(sid) == f"{sid}" == "{}".format(sid) == "aBc.dEf"  # noqa: UP032
    assert json.dumps({sid: [sid]}) == '{"aBc.dEf": ["aBc.dEf"]}'
    assert {sid: 1} == {"aBc.dEf": 1}
    for copied in (pickle.loads(pickle.dumps(sid)), deepcopy(sid)):
        assert copied == "aBc.dEf"
        assert "aBc" not in repr(copied)
