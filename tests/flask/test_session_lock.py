"""``session.lock()`` and ``@session_lock``: only one request at a time holds the lock."""

from __future__ import annotations

import logging
import math
import threading
from concurrent.futures import as_completed
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import flask
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from flask_serversession import ConfigError
from flask_serversession import ServerSession
from flask_serversession import session_lock
from flask_serversession import SessionConflict
from flask_serversession import SessionError
from flask_serversession import SessionLocked
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import serve_browsers
from .browser import session
from .browser import View
from .conftest import MakeBrowser
from .counting import CountingStore


@pytest.fixture
def browser(browser: Browser, store: CountingStore) -> Browser:
    browser.run(lambda: session.update(n=0))
    store.calls.clear()
    return browser


def count() -> None:
    session["n"] = session["n"] + 1


def locked(view: View = count, **options: Any) -> View:
    return session_lock(**options)(view)


def test_no_increment_under_the_lock_is_lost(browser: Browser) -> None:
    def count_five_times(browser: Browser) -> None:
        for _ in range(5):
            browser.run(locked(timeout=60))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(count_five_times, [browser.twin() for _ in range(6)]))

    assert browser.data() == {"n": 30}


def test_waiting_longer_than_the_timeout_raises(browser: Browser) -> None:
    def lock() -> None:
        with pytest.raises(SessionLocked, match="timeout="), session.lock(timeout=0):
            pass

    browser.run(locked(lambda: browser.twin().run(lock).text))

    browser.run(locked(timeout=0))
    assert browser.data() == {"n": 1}


class TestAnswerOfALockedSession:
    @pytest.fixture
    def app(self, memory: MemoryStore) -> Flask:
        app = Flask(__name__)
        app.config.update(SECRET_KEY="keyboard cat", SESSION_STORE=memory)
        serve_browsers(app)
        return app

    def test_it_is_a_429_that_says_when_to_try_again(self, app: Flask) -> None:
        ServerSession(app)

        answer = answer_while_locked(app)

        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
        assert "timeout=" not in answer.text

    @pytest.mark.parametrize("kind", [SessionLocked, SessionError, Exception])
    @pytest.mark.parametrize("is_early", [True, False])
    def test_it_is_the_applications_if_it_handles_the_error(
        self, app: Flask, kind: type[Exception], is_early: bool
    ) -> None:
        if not is_early:
            ServerSession(app)
        app.register_error_handler(kind, lambda error: (str(error), 409))
        if is_early:
            ServerSession(app)

        answer = answer_while_locked(app)

        assert answer.status_code == 409
        assert "timeout=" in answer.text

    def test_it_is_the_applications_if_it_handles_any_429(self, app: Flask) -> None:
        ServerSession(app)
        app.register_error_handler(429, lambda error: ("slowly", error.code))

        answer = answer_while_locked(app)

        assert (answer.status_code, answer.text) == (429, "slowly")


@pytest.mark.parametrize(("config", "most"), [({}, 5), ({"SESSION_MAX_WAITERS": 2}, 2)])
def test_the_requests_that_wait_for_one_session_are_few(
    make_browser: MakeBrowser, config: dict[str, int], most: int
) -> None:
    browser = make_browser(**config)
    browser.run(lambda: session.update(n=0))
    is_locked, is_done = threading.Event(), threading.Event()

    def hold() -> None:
        is_locked.set()
        assert is_done.wait(30)

    with ThreadPoolExecutor(41) as pool:
        holder = pool.submit(browser.twin().run, locked(hold))
        assert is_locked.wait(30)
        others = [pool.submit(browser.twin().run, locked(timeout=30)) for _ in range(40)]
        refused = list(islice(as_completed(others, 30), 40 - most))
        is_done.set()
        holder.result(30)

    assert {answer.result().status_code for answer in refused} == {429}
    assert [answer.result().status_code for answer in others].count(200) == most
    assert browser.data() == {"n": most}


def answer_while_locked(app: Flask) -> TestResponse:
    """Return the answer to a request that needs the lock while another one holds it."""
    browser = browser_of(app)
    browser.run(lambda: session.update(n=0))
    answers: list[TestResponse] = []

    def hold() -> None:
        answers.append(browser.twin().run(locked(timeout=0)))

    browser.run(locked(hold))
    return answers[0]


def test_the_decorator_works_without_parentheses(browser: Browser) -> None:
    browser.run(session_lock(count))

    assert browser.data() == {"n": 1}


def test_the_view_keeps_its_name_and_docstring() -> None:
    @session_lock
    def view(one: int, *, two: int) -> str:
        """Say something."""
        return f"{one}{two}"

    assert view.__name__ == "view"
    assert view.__doc__ == "Say something."


def test_an_async_view_holds_the_lock(app: Flask) -> None:
    @app.get("/async")
    @session_lock
    async def view() -> str:
        session["n"] = browser.twin().run(locked(timeout=0)).status_code
        return "counted"

    browser = browser_of(app)
    browser.run(lambda: session.update(n=0))

    assert browser.get("/async").text == "counted"
    assert browser.data() == {"n": 429}


def test_a_view_that_raises_stores_its_changes_and_releases_the_lock(
    browser: Browser,
) -> None:
    def fail() -> None:
        count()
        raise LookupError("the view's own")

    with pytest.raises(LookupError, match="the view's own"):
        browser.run(locked(fail))

    browser.run(locked(timeout=0))
    assert browser.data() == {"n": 2}


def test_the_session_is_reloaded_when_the_block_begins(browser: Browser) -> None:
    def look_and_count() -> None:
        assert session["n"] == 0
        session["seen"] = True
        browser.twin().run(locked())
        with session.lock():
            assert session["n"] == 1
            count()

    browser.run(look_and_count)

    assert browser.data() == {"n": 2, "seen": True}


def test_a_session_that_ended_before_the_block_is_new_and_empty_in_it(
    browser: Browser, memory: MemoryStore
) -> None:
    def look_and_lock() -> None:
        session["n"] = 5
        browser.twin().run(lambda: session.destroy())
        with session.lock():
            assert session.copy() == {}
            assert session.new

    browser.run(look_and_lock)

    assert memory.count() == 0


def test_locks_may_be_nested(browser: Browser) -> None:
    def nested() -> None:
        with session.lock():
            count()
        assert browser.twin().run(locked(timeout=0)).status_code == 429

    browser.run(locked(nested))

    assert browser.data() == {"n": 1}


def test_a_new_session_is_not_locked(make_browser: MakeBrowser, store: CountingStore) -> None:
    browser = make_browser()

    browser.run(locked(lambda: session.update(n=1)))

    assert browser.data() == {"n": 1}
    assert store.calls == ["create", "load"]


def test_a_view_that_only_reads_under_the_lock_writes_no_session(
    browser: Browser, store: CountingStore
) -> None:
    browser.run(locked(lambda: str(session["n"])))

    assert store.calls.count("load") == 1
    assert [call for call in store.calls if call not in ("load", "create", "save")] == []


def test_a_change_under_the_lock_is_stored_once(browser: Browser, store: CountingStore) -> None:
    browser.run(locked())
    # A store with only five verbs locks with a record of its own: create, renew, end.
    assert store.calls == ["create", "load", "save", "save", "save"]


def test_a_lost_lock_raises_and_stores_nothing(browser: Browser, memory: MemoryStore) -> None:
    sid = str(browser.sid)

    def lose_it() -> None:
        count()
        memory.delete(f"lock-of-session:{sid}")

    with pytest.raises(SessionConflict, match="ttl"):
        browser.run(locked(lose_it))

    assert browser.data() == {"n": 0}


def test_a_lost_lock_does_not_hide_the_exception_of_the_view(
    browser: Browser, memory: MemoryStore
) -> None:
    sid = str(browser.sid)

    def lose_it_and_fail() -> None:
        count()
        memory.delete(f"lock-of-session:{sid}")
        raise LookupError("the view's own")

    with pytest.raises(LookupError, match="the view's own"):
        browser.run(locked(lose_it_and_fail))

    assert browser.data() == {"n": 0}


def test_a_login_under_the_lock_gives_a_new_id(
    make_browser: MakeBrowser, memory: MemoryStore
) -> None:
    browser = make_browser(SESSION_REGENERATE_GRACE=0)
    browser.run(lambda: session.update(n=0))
    old = str(browser.sid)

    def log_in() -> None:
        session.regenerate(keep_data=True)
        count()

    browser.run(locked(log_in))

    assert browser.sid != old
    assert memory.count() == 1
    assert browser.data() == {"n": 1}


def test_a_logout_under_the_lock_ends_the_session(browser: Browser, memory: MemoryStore) -> None:
    browser.run(locked(lambda: session.destroy()))

    assert memory.count() == 0
    assert browser.sid is None


def test_changes_under_the_lock_are_not_stored_after_unset(browser: Browser) -> None:
    browser.run(locked(lambda: (count(), session.unset())[1]))

    assert browser.data() == {"n": 0}


def test_changes_by_a_request_without_the_lock_are_merged(browser: Browser) -> None:
    def count_while_another_writes() -> None:
        count()
        browser.twin().run(lambda: session.update(theme="dark"))

    browser.run(locked(count_while_another_writes))

    assert browser.data() == {"n": 1, "theme": "dark"}


@pytest.mark.parametrize("options", [{"timeout": -1}, {"timeout": math.nan}, {"ttl": 0}])
def test_an_invalid_timeout_or_ttl_is_refused_by_the_decorator(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="session_lock"):
        session_lock(**options)


def test_the_decorator_needs_the_extension() -> None:
    app = Flask(__name__)
    app.secret_key = "key"

    with app.test_request_context(), pytest.raises(ConfigError, match="ServerSession"):
        session_lock(lambda: "")()


def test_a_session_stored_in_its_cookie_cannot_be_locked() -> None:
    app = Flask(__name__)
    app.config.update(SECRET_KEY="key", SESSION_STORE="cookie")
    ServerSession(app)

    with app.test_request_context(), pytest.raises(SessionError, match="cookie"):
        flask.session.lock()  # type: ignore[attr-defined]


def test_locking_outside_the_cookie_path_raises(make_browser: MakeBrowser) -> None:
    browser = make_browser(SESSION_COOKIE_PATH="/shop")

    with pytest.raises(SessionError, match="SESSION_COOKIE_PATH"):
        browser.run(locked(), "/")


def test_a_session_that_ends_during_the_block_is_not_stored_again(
    browser: Browser, memory: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    def count_while_another_logs_out() -> None:
        count()
        browser_of(browser.application)
        browser.twin().run(lambda: session.destroy())

    with caplog.at_level(logging.INFO), pytest.raises(SessionError, match="ended elsewhere"):
        browser.run(locked(count_while_another_logs_out))

    assert memory.count() == 0
