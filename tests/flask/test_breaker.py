"""After several failures in a row, requests do not wait for the store again."""

from __future__ import annotations

import logging
import threading
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from flask_serversession import ConfigError
from flask_serversession import manager_of
from flask_serversession import session_lock
from flask_serversession import session_store_error
from flask_serversession import StoreUnavailable
from flask_serversession.sessions.breaker import Breaker
from flask_serversession.stores.base import Record
from flask_serversession.stores.base import Refusal
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import session
from .browser import View
from .conftest import MakeApp

MOST = 3
PAUSE = 60.0


class Moody(MemoryStore):
    """A memory store whose server can go down."""

    def __init__(self) -> None:
        super().__init__()
        self.is_down = False
        self.attempts = 0

    def _attempt(self) -> None:
        self.attempts += 1
        if self.is_down:
            raise StoreUnavailable("down")

    def load(self, key: str) -> Record | None:
        self._attempt()
        return super().load(key)

    def create(self, key: str, record: Record) -> bool:
        self._attempt()
        return super().create(key, record)

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        self._attempt()
        return super().save(key, record, replacing=replacing)

    def touch(self, key: str, expires_at: datetime) -> bool:
        self._attempt()
        return super().touch(key, expires_at)

    def delete(self, key: str) -> bool:
        self._attempt()
        return super().delete(key)


class Seconds:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def read() -> str:
    return str(session.get("user"))


@pytest.fixture
def moody() -> Moody:
    return Moody()


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture(params=["flask", "express"])
def app(
    request: pytest.FixtureRequest, make_app: MakeApp, moody: Moody, seconds: Seconds
) -> Flask:
    profile = request.param
    app = make_app(SESSION_STORE=moody, SESSION_PROFILE=profile, PROPAGATE_EXCEPTIONS=False)
    manager_of(app).settings.breaker = Breaker(MOST, PAUSE, seconds)
    app.register_error_handler(StoreUnavailable, lambda error: (str(error), 503))
    return app


@pytest.fixture
def member(app: Flask, moody: Moody) -> Browser:
    browser = browser_of(app)
    browser.run(lambda: session.update(user="ada"))
    moody.attempts = 0
    return browser


def strike(moody: Moody, member: Browser) -> None:
    """Let the store go down, and as many requests notice it as open the breaker."""
    moody.is_down = True
    for _ in range(MOST):
        assert member.run(read).status_code == 503
    moody.attempts = 0


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(read, id="read"),
        pytest.param(lambda: session.update(user="bob"), id="write"),
        pytest.param(lambda: session.destroy(), id="destroy"),
        pytest.param(lambda: session.log_in("ada"), id="login"),
        pytest.param(session_lock(read), id="lock"),
    ],
)
def test_once_it_is_open_a_request_fails_without_a_call(
    member: Browser, moody: Moody, view: View
) -> None:
    sid = member.sid
    strike(moody, member)

    response = member.run(view)

    assert (response.status_code, moody.attempts) == (503, 0)
    assert "failed 3 times in a row" in response.text
    assert cookie_lines(response) == []
    assert member.sid == sid


@pytest.mark.parametrize("app", ["flask"], indirect=True)
def test_a_visitor_without_a_cookie_is_answered_all_the_same(
    app: Flask, member: Browser, moody: Moody
) -> None:
    strike(moody, member)

    assert browser_of(app).run(read).text == "None"


def test_a_page_that_may_do_without_its_session_does_not_wait_either(
    make_app: MakeApp, moody: Moody, seconds: Seconds
) -> None:
    app = make_app(SESSION_STORE=moody, SESSION_STORE_ERROR="null")
    manager_of(app).settings.breaker = Breaker(MOST, PAUSE, seconds)
    browser = browser_of(app)
    browser.run(lambda: session.update(user="ada"))
    moody.is_down, moody.attempts = True, 0

    answers = [browser.run(read).text for _ in range(10)]

    assert (answers, moody.attempts) == (["None"] * 10, MOST)


def test_each_request_sends_the_signal(app: Flask, member: Browser, moody: Moody) -> None:
    errors: list[Exception] = []

    def hear(sender: Flask, error: Exception, **extra: Any) -> None:
        errors.append(error)

    strike(moody, member)
    with session_store_error.connected_to(hear, sender=app):
        member.run(read)
        member.run(read)

    assert [type(error) for error in errors] == [StoreUnavailable] * 2


def test_after_the_pause_a_request_probes_and_its_success_closes_the_breaker(
    member: Browser, moody: Moody, seconds: Seconds, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "flask_serversession")
    strike(moody, member)
    seconds.now += PAUSE
    assert member.run(read).status_code == 503
    assert moody.attempts == 1

    moody.is_down = False
    assert member.run(read).status_code == 503
    seconds.now += PAUSE

    assert [member.run(read).text for _ in range(3)] == ["ada"] * 3
    assert [record.getMessage() for record in caplog.records] == [
        "The store failed 3 times in a row. Requests do not wait for it now.",
        "The store answers again, after 4 failures.",
    ]


def test_while_one_request_probes_others_fail_at_once(
    app: Flask, member: Browser, moody: Moody, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    strike(moody, member)
    seconds.now += PAUSE
    others: list[TestResponse] = []
    load = moody.load

    def load_slowly(key: str) -> Record | None:
        monkeypatch.setattr(moody, "load", load)
        seconds.now += PAUSE - 1
        others.extend(member.twin().run(read) for _ in range(3))
        return load(key)

    monkeypatch.setattr(moody, "load", load_slowly)
    member.run(read)

    assert [other.status_code for other in others] == [503] * 3
    assert moody.attempts == 1


def test_the_manager_calls_the_store_all_the_same(
    app: Flask, member: Browser, moody: Moody
) -> None:
    sid = member.sid or ""
    strike(moody, member)
    moody.is_down = False
    manager = manager_of(app)

    manager.ping()
    assert manager.count() == 1
    session = manager.load(sid)
    assert session is not None
    assert session["user"] == "ada"
    assert manager.destroy(sid)
    assert manager.prune() == 0


@pytest.mark.parametrize(
    "config",
    [
        {"SESSION_STORE": "memcached://one,other"},
        {"SESSION_STORE": "redis+cluster://one"},
        {"SESSION_STORE": "redis://one", "SESSION_STORE_BEFORE": "redis://other"},
    ],
    ids=["memcached", "a cluster", "two stores"],
)
def test_no_breaker_where_one_of_several_servers_may_fail_alone(
    make_app: MakeApp, config: dict[str, str]
) -> None:
    """One visitor's requests would keep those of others from servers that answer."""
    assert manager_of(make_app(**config)).settings.breaker is None
    assert manager_of(make_app(SESSION_STORE="memcached://one")).settings.breaker


def test_without_it_every_request_calls_the_store(make_app: MakeApp, moody: Moody) -> None:
    app = make_app(SESSION_STORE=moody, SESSION_BREAKER=None, PROPAGATE_EXCEPTIONS=False)
    browser = browser_of(app)
    browser.run(lambda: session.update(user="ada"))
    moody.is_down, moody.attempts = True, 0

    for _ in range(10):
        assert browser.run(read).status_code == 500

    assert moody.attempts == 10


@pytest.mark.parametrize(
    ("key", "value"),
    [("SESSION_BREAKER", 0), ("SESSION_BREAKER", "5"), ("SESSION_BREAKER_PAUSE", 0)],
)
def test_a_breaker_that_cannot_work_is_refused(make_app: MakeApp, key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"{key} is .* must be"):
        make_app(**{key: value})


class UsesTheSession(logging.Filter):
    """Adds the user to each line, as applications do."""

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            record.user = session.get("user")
        except StoreUnavailable:
            record.user = "unknown"
        return True


def test_a_filter_of_the_log_may_use_the_session(
    member: Browser, moody: Moody, caplog: pytest.LogCaptureFixture
) -> None:
    uses_the_session = UsesTheSession()
    caplog.handler.addFilter(uses_the_session)

    # In a thread, so that a lock that is never released fails this test alone.
    thread = threading.Thread(target=strike, args=(moody, member), daemon=True)
    thread.start()
    thread.join(timeout=60)
    caplog.handler.removeFilter(uses_the_session)

    assert not thread.is_alive()
    assert "3 times in a row" in caplog.text
