"""Fuzzes what a store holds. No record fails a request: it is a session, or it is absent."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import cache
from hashlib import sha256
from typing import Any
from typing import NamedTuple

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from flask_serversession import Record
from flask_serversession import ServerSession
from flask_serversession import SessionError
from flask_serversession import SessionManager
from flask_serversession.errors import PayloadError
from flask_serversession.format.serializer import TypedJSON
from flask_serversession.interface import manager_of
from flask_serversession.sessions.login import tag_of_user
from flask_serversession.stores.base import utc_now
from flask_serversession.stores.memory import MemoryStore
from flask_serversession.stores.moving.abilities import moving_store
from flask_serversession.stores.moving.mark import Mark

from ..flask.browser import Browser
from ..flask.browser import serve_browsers
from ..flask.browser import session
from ..flask.browser import signed
from ..property.values import typed_sessions
from .fuzzing import changed
from .fuzzing import fuzzing
from .fuzzing import odd_documents
from .test_adoption import flask_cookie

pytestmark = pytest.mark.slow

ADA = tag_of_user("ada")
SID, OTHER = f"{ADA}.{'a' * 32}", f"{ADA}.{'b' * 32}"
ORIGIN = f"former-{'0' * 64}"
COOKIE = {"originalMaxAge": None, "expires": None, "httpOnly": True, "path": "/"}
LOGIN = {
    "user": "ada",
    "at": 1_795_219_467_024,
    "level": "mfa",
    "since": 1_795_219_467_024,
    "label": "phone",
    "address": "127.0.0.1",
    "agent": "Mozilla",
}
_FULL = {
    "originalMaxAge": 60_000,
    "partitioned": True,
    "priority": "high",
    "expires": "2036-11-21T00:05:27.024Z",
    "secure": True,
    "httpOnly": True,
    "domain": "example.com",
    "path": "/",
    "sameSite": "lax",
    "chosen": ["secure"],
    "began": 1_795_219_467_024,
    "origin": [ORIGIN, 4_000_000_000_000],
}


def document(cookie: dict[str, Any], **data: Any) -> bytes:
    return json.dumps({"cookie": cookie, **data}, separators=(",", ":")).encode()


#: One of each kind of record that the package writes.
RECORDS = [
    document(COOKIE, user="ada", cart=[1, 2.5, None, True, "é", {"a": [{}]}]),
    document(_FULL, _login=LOGIN, _flashes=[{" tuple": ["message", "hi"]}]),
    document(COOKIE, _login=LOGIN, when={" datetime": "2026-11-21T00:04:27+00:00"}),
    document(
        COOKIE,
        a={" dict": [[1, {" set": [1, 2]}]]},
        b={" bytes": "AAEC"},
        c={" uuid": "12345678-1234-5678-1234-567812345678"},
        d={" decimal": "1.50"},
        e={" timedelta": [1, 2, 3]},
        f={" escaped": {" x": 1}},
        g={" markup": "<b>", " seal": "AAAA"},
        h={" own": 1},
    ),
    document({**COOKIE, "retiredUntil": 4_000_000_000_000, "successor": OTHER}, _login=LOGIN),
    document({"originalMaxAge": None, "retiredUntil": 0, "endedReason": "stolen"}),
    document({"originalMaxAge": None, "retiredUntil": 0, "moving": "token"}),
    document({"originalMaxAge": None, "retiredUntil": 0, "moving": "token", "record": "e30="}),
    document({"originalMaxAge": None, "noted": 1_795_219_467_024}, heir=OTHER),
    document({"originalMaxAge": None, "noted": 1_795_219_467_024}),
]
payloads = odd_documents(RECORDS) | changed(RECORDS)


class Site(NamedTuple):
    """An application, its store, and a browser with the cookie of :data:`SID`."""

    app: Flask
    store: Any
    browser: Browser

    @property
    def manager(self) -> SessionManager:
        return manager_of(self.app)

    def plant(self, **payloads: bytes) -> None:
        """Put these payloads into the store, under the id in the cookie and another one."""
        self.store.clear()
        ends = utc_now() + timedelta(hours=1)
        for key, payload in payloads.items():
            self.store.create({"sid": SID, "other": OTHER}[key], Record(payload, ends))


#: Configurations that read more of a record than the default one does.
CONFIGS: dict[str, dict[str, Any]] = {
    "default": {},
    "limits": {
        "SESSION_ABSOLUTE_TIMEOUT": 3600,
        "SESSION_LIMIT_PER_USER": 1,
        "SESSION_TIMEOUT_HEADER": True,
    },
    "adopting": {"SESSION_ADOPT": ["flask"], "SESSION_REGENERATE_GRACE": 60},
    "express": {"SESSION_PROFILE": "express"},
    "overwriting": {"SESSION_CONCURRENCY": "overwrite"},
}


@pytest.fixture(scope="module", params=CONFIGS)
def site(request: pytest.FixtureRequest) -> Site:
    return make_site(request.param)


@cache
def make_site(config: str) -> Site:
    app, store = Flask(__name__), MemoryStore()
    app.config.update(SECRET_KEY="keyboard cat" * 4, TESTING=True, SESSION_STORE=store)
    app.config.update(CONFIGS[config])
    ServerSession(app)
    serve_browsers(app)
    client = app.test_client(use_cookies=False)
    assert isinstance(client, Browser)
    client.environ_base["HTTP_COOKIE"] = f"session={signed(app, SID)}"
    client.environ_base["HTTP_COOKIE"] += f"; connect.sid={signed(app, SID)}"
    return Site(app, store, client)


def read() -> None:
    list(session.items())
    _ = session.user_id, session.authenticated_at, session.login_level, session.handle
    _ = session.expires_in, session.ended_reason, session.permanent, session.modified, session.new
    _ = session.cookie.expires, session.cookie.max_age, repr(session)


def write() -> None:
    session["seen"] = True


def rotate() -> None:
    session.regenerate(keep_data=True)


def log_in() -> None:
    session.log_in("ada")


def log_out() -> None:
    session.log_out()


def clear_and_write() -> None:
    session.clear()
    session["seen"] = True


def save() -> None:
    session["seen"] = True
    with suppress(SessionError):  # it has a new id
        session.save()


def lock() -> None:
    with session.lock():
        session["seen"] = True


VIEWS: list[Callable[[], None]] = [
    *(read, write, rotate, log_in, log_out, clear_and_write, save, lock),
]


@fuzzing
@given(payloads, st.sampled_from(VIEWS), payloads)
def test_no_record_fails_a_request(
    site: Site, payload: bytes, view: Callable[[], None], other: bytes
) -> None:
    site.plant(sid=payload, other=other)

    assert site.browser.run(view).status_code == 200
    assert site.browser.run(read).status_code == 200


@fuzzing
@given(payloads, payloads)
def test_a_record_that_changes_while_a_request_runs_does_not_fail_it(
    site: Site, payload: bytes, later: bytes
) -> None:
    site.plant(sid=payload)

    def view() -> None:
        read()
        site.plant(sid=later)
        session["seen"] = True

    assert site.browser.run(view).status_code == 200


@fuzzing
@given(payloads, payloads)
def test_no_record_fails_what_the_manager_does(site: Site, payload: bytes, other: bytes) -> None:
    site.plant(sid=payload, other=other)
    manager = site.manager

    for found in manager.sessions_of("ada"):
        assert found.user_id == "ada"
    list(manager.online(timedelta(days=400)))
    for sid in (SID, OTHER):
        loaded = manager.load(sid)
        assert loaded is None or loaded.id == sid
    assert manager.update_all("ada", lambda its: its.update(role="user")) <= 2
    assert (manager.end_all("ada", reason="fuzzed") or 0) <= 2
    assert manager.sessions_of("ada") == []
    manager.destroy(SID)


NOTES = [document({"originalMaxAge": None, "noted": 1}, heir=OTHER), RECORDS[-1]]
notes = odd_documents(NOTES) | changed(NOTES)
FORMER = flask_cookie("keyboard cat" * 4, {"_user_id": "ada"})


@fuzzing
@given(notes, notes, payloads, st.sampled_from([read, write, log_out, log_in]))
def test_no_note_about_a_former_session_fails_a_request(
    noted: bytes, of_user: bytes, heir: bytes, view: Callable[[], None]
) -> None:
    site = make_site("adopting")
    site.plant(other=heir)
    ends = utc_now() + timedelta(hours=1)
    site.store.create(f"former-{sha256(FORMER.encode()).hexdigest()}", Record(noted, ends))
    site.store.create(f"former-sessions-of-{ADA}", Record(of_user, ends))
    header = {"HTTP_COOKIE": f"session={FORMER}"}

    for each in (view, read):
        assert site.browser.run(each, environ_overrides=header).status_code == 200


@fuzzing
@given(payloads)
def test_a_record_is_a_session_that_can_be_stored_again_or_a_payload_error(payload: bytes) -> None:
    serializer = TypedJSON()
    try:
        cookie, data = serializer.decompose(payload)
    except PayloadError:
        return

    again = serializer.compose(cookie, serializer.dumps(data))

    assert serializer.dumps(serializer.decompose(again)[1]) == serializer.dumps(data)


@fuzzing
@given(typed_sessions)
def test_a_session_comes_back_as_it_was_stored(data: dict[str, Any]) -> None:
    serializer = TypedJSON()

    assert serializer.decompose(serializer.compose(COOKIE, serializer.dumps(data)))[1] == data


class TestMarks:
    """What a move between two stores leaves in them for a moment."""

    @fuzzing
    @given(payloads)
    def test_no_record_is_a_mark_that_cannot_be_written(self, payload: bytes) -> None:
        ends = utc_now() + timedelta(hours=1)
        mark = Mark.of(Record(payload, ends))

        if mark is not None:
            assert Mark.of(mark.record(ends)) == mark

    @fuzzing
    @given(payloads, payloads)
    def test_no_marks_in_two_stores_are_an_error_or_moved_for_ever(
        self, here: bytes, there: bytes
    ) -> None:
        new, before = MemoryStore(), MemoryStore()
        ends = utc_now() + timedelta(hours=1)
        new.create("key", Record(here, ends))
        before.create("key", Record(there, ends))
        store = moving_store(new, before)

        found = store.load("key")
        assert found is None or found.payload in (here, there) or Mark.of(Record(there, ends))
        again = store.load("key")
        assert (found and found.payload) == (again and again.payload)
        if found is not None:
            assert store.save("key", Record(b"{}", ends), replacing=found) is None
        store.touch("key", ends)
        store.delete("key")
        left = store.load("key")
        assert left is None or left.payload == there  # only a move ends the former one
