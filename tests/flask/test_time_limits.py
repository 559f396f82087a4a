"""How long a session lasts, who may ask, and what does not extend it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any

import pytest
from flask import abort

from flask_serversession import ConfigError
from flask_serversession import fresh_login_required
from flask_serversession import LoginTooOld
from flask_serversession import manager_of
from flask_serversession import session_peek
from flask_serversession import session_read_only
from flask_serversession import session_timeout
from flask_serversession import SessionError
from flask_serversession.stores.base import Record
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import session
from .conftest import Go
from .conftest import MakeApp
from .conftest import MakeBrowser
from .counting import CountingStore

HOUR = timedelta(hours=1)
ABSOLUTE = {"SESSION_ABSOLUTE_TIMEOUT": 12 * HOUR, "SESSION_IDLE_TIMEOUT": HOUR}


def use() -> str:
    return str(session.get("user"))


class TestAbsoluteTimeout:
    def test_it_ends_a_session_however_busy(self, make_member: MakeBrowser, go: Go) -> None:
        browser = make_member(**ABSOLUTE)

        for minutes in range(30, 12 * 60, 30):
            go(timedelta(minutes=minutes))
            assert browser.run(use).text == "ada"
        go(12 * HOUR)

        assert browser.run(use).text == "None"

    def test_the_store_is_told_too(
        self, make_member: MakeBrowser, memory: MemoryStore, go: Go
    ) -> None:
        browser = make_member(**ABSOLUTE, SESSION_TOUCH_INTERVAL=0)
        start = datetime.now(timezone.utc)
        for hours in range(1, 24):
            go(hours * HOUR / 2)
            browser.run(use)

        record = memory.load(browser.sid or "")

        assert record
        assert record.expires_at
        assert abs(record.expires_at - start - 12 * HOUR) < timedelta(seconds=1)

    def test_in_its_last_hour_no_request_extends_the_session(
        self, make_member: MakeBrowser, store: CountingStore, go: Go
    ) -> None:
        browser = make_member(**ABSOLUTE)
        for minutes in range(30, 12 * 60, 30):
            go(timedelta(minutes=minutes))
            browser.run(use)
        store.calls.clear()

        go(timedelta(hours=11, minutes=40))
        browser.run(use)

        assert store.calls == ["load"]

    def test_a_login_starts_it_again(self, make_member: MakeBrowser, go: Go) -> None:
        browser = make_member(SESSION_ABSOLUTE_TIMEOUT=2 * HOUR)
        go(HOUR)
        browser.run(lambda: session.log_in("ada"))
        go(2.5 * HOUR)

        assert browser.see(lambda: session.user_id) == "ada"
        go(3 * HOUR)
        assert browser.see(lambda: session.user_id) is None

    def test_a_new_id_does_not_start_it_again(self, make_member: MakeBrowser, go: Go) -> None:
        browser = make_member(SESSION_ABSOLUTE_TIMEOUT=2 * HOUR)
        before = browser.sid
        go(1.5 * HOUR)

        browser.run(lambda: session.regenerate(keep_data=True))
        go(2 * HOUR - timedelta(seconds=1))

        assert browser.run(use).text == "ada"
        assert browser.sid != before
        go(2 * HOUR)
        assert browser.run(use).text == "None"

    def test_a_cookie_expires_with_it(self, make_browser: MakeBrowser, go: Go) -> None:
        browser = make_browser(SESSION_ABSOLUTE_TIMEOUT=HOUR, SESSION_COOKIE_MAX_AGE=2 * HOUR)
        browser.run(lambda: session.update(user="ada"))

        assert browser.see(lambda: session.cookie.max_age) == 3600

    @pytest.mark.parametrize("skew", [-60, 60])
    def test_a_clock_that_is_a_minute_off_moves_it_by_a_minute(
        self, make_member: MakeBrowser, go: Go, skew: int
    ) -> None:
        browser = make_member(SESSION_ABSOLUTE_TIMEOUT=HOUR)

        go(HOUR - timedelta(seconds=61))
        assert browser.run(use).text == "ada"
        go(HOUR + timedelta(seconds=skew))
        assert browser.run(use).text == ("ada" if skew < 0 else "None")

    def test_it_counts_for_sessions_that_began_without_it(
        self, make_app: MakeApp, memory: MemoryStore, go: Go
    ) -> None:
        memory.create("old", Record(b'{"cookie":{"path":"/"},"user":"ada"}', None))
        browser = browser_of(make_app(**ABSOLUTE))
        browser.hold("old")

        for minutes in range(0, 12 * 60, 30):
            go(timedelta(minutes=minutes))
            assert browser.run(use).text == "ada"
        go(12 * HOUR)

        assert browser.run(use).text == "None"

    def test_it_counts_at_once_when_it_is_made_shorter(
        self, make_member: MakeBrowser, make_app: MakeApp, go: Go
    ) -> None:
        member = make_member(SESSION_ABSOLUTE_TIMEOUT=12 * HOUR)
        browser = browser_of(make_app(SESSION_ABSOLUTE_TIMEOUT=HOUR))
        browser.hold(member.sid or "")
        go(2 * HOUR)

        assert browser.run(use).text == "None"

    def test_under_a_lock_a_session_that_is_over_is_not_revived(
        self, make_member: MakeBrowser, go: Go
    ) -> None:
        browser = make_member(SESSION_ABSOLUTE_TIMEOUT=HOUR)

        def wait_for_the_lock() -> str:
            session.get("user")
            go(2 * HOUR)
            with session.lock():
                return use()

        assert browser.run(wait_for_the_lock).text == "None"

    def test_a_login_by_express_keeps_it(self, make_app: MakeApp, memory: MemoryStore) -> None:
        """Express drops the member that says when a session began, and keeps the login."""
        at = int((datetime.now(timezone.utc) - HOUR).timestamp() * 1000)
        document = {"cookie": {"path": "/"}, "_login": {"user": "ada", "at": at, "level": None}}
        memory.create("some-id", Record(json.dumps(document).encode(), None))
        browser = browser_of(make_app(SESSION_ABSOLUTE_TIMEOUT=HOUR))
        browser.hold("some-id")

        assert browser.see(lambda: session.user_id) is None

    def test_the_cookie_store_has_no_absolute_timeout(self, make_app: MakeApp) -> None:
        with pytest.raises(ConfigError, match="SESSION_ABSOLUTE_TIMEOUT"):
            make_app(SESSION_STORE="cookie", SESSION_ABSOLUTE_TIMEOUT=HOUR)


class TestExpiresIn:
    def test_it_says_how_long_the_session_lasts_unused(
        self, make_member: MakeBrowser, go: Go
    ) -> None:
        browser = make_member(**ABSOLUTE)

        assert browser.see(lambda: session.expires_in) == (3600, "idle")
        go(timedelta(minutes=50))
        assert browser.see(session_peek(lambda: session.expires_in)) == (600, "idle")
        assert browser.see(lambda: session.expires_in) == (3600, "idle")

    def test_it_names_the_limit(self, make_member: MakeBrowser, go: Go) -> None:
        browser = make_member(SESSION_ABSOLUTE_TIMEOUT=HOUR)
        go(HOUR / 2)

        assert browser.see(lambda: session.expires_in) == (1800, "absolute")

    def test_a_touch_counts_at_once(self, make_member: MakeBrowser, go: Go) -> None:
        browser = make_member(SESSION_IDLE_TIMEOUT=HOUR, SESSION_TOUCH_INTERVAL=HOUR / 2)
        go(HOUR / 4)

        def touch() -> Any:
            before = session.expires_in.seconds
            session.touch()
            return before, session.expires_in.seconds

        assert browser.see(touch) == (2700, 3600)

    def test_a_session_in_its_cookie_has_one(self, make_browser: MakeBrowser, go: Go) -> None:
        browser = make_browser(SESSION_STORE="cookie", PERMANENT_SESSION_LIFETIME=HOUR)
        browser.run(lambda: session.update(user="ada"))
        go(HOUR / 2)

        seconds, limit = browser.see(lambda: session.expires_in)

        assert 1799 <= seconds <= 1800  # the cookie counts in whole seconds
        assert limit == "idle"

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ({"SESSION_ROLLING": True}, {"SESSION_ROLLING": True}),
            (
                {"SESSION_ENCRYPTION_KEYS": ["5e" * 32]},
                {"SESSION_ENCRYPTION_KEYS": ["7a" * 32, "5e" * 32]},
            ),
        ],
        ids=["rolling", "an older key"],
    )
    def test_a_cookie_that_is_sent_again_has_all_of_it(
        self,
        make_browser: MakeBrowser,
        go: Go,
        before: dict[str, Any],
        after: dict[str, Any],
    ) -> None:
        config = {"SESSION_STORE": "cookie", "PERMANENT_SESSION_LIFETIME": HOUR}
        browser, later = make_browser(**config, **before), make_browser(**config, **after)
        browser.run(lambda: session.update(user="ada"))
        for name in ("session", "session.sig"):
            cookie = browser.get_cookie(name)
            assert cookie is not None
            later.set_cookie(name, cookie.value)
        go(HOUR / 2)

        assert later.see(session_peek(lambda: session.expires_in.seconds < 1801)) is True
        assert later.see(lambda: session.expires_in) == (3600, "idle")

    def test_a_peek_that_changes_a_session_in_its_cookie_does_not_extend_it(
        self, make_browser: MakeBrowser, go: Go
    ) -> None:
        browser = make_browser(SESSION_STORE="cookie", PERMANENT_SESSION_LIFETIME=HOUR)
        browser.run(lambda: session.update(user="ada"))
        go(HOUR / 2)

        def change() -> float:
            session["theme"] = "dark"
            return session.expires_in.seconds

        assert browser.see(session_peek(change)) == pytest.approx(1800, abs=1)
        assert browser.data() == {"user": "ada", "theme": "dark"}
        go(HOUR)
        assert browser.data() == {}
        assert browser.see(session_peek(change)) == 3600

    def test_of_a_permanent_session_it_is_the_extended_one(
        self, make_browser: MakeBrowser, go: Go
    ) -> None:
        browser = make_browser(SESSION_COOKIE_MAX_AGE=HOUR)
        browser.run(lambda: session.update(user="ada"))
        go(HOUR / 2)

        assert browser.see(session_peek(lambda: session.expires_in)) == (1800, "idle")
        assert browser.see(lambda: session.expires_in) == (3600, "idle")

    def test_a_touch_of_a_session_in_its_cookie_counts_at_once(
        self, make_browser: MakeBrowser, go: Go
    ) -> None:
        browser = make_browser(SESSION_STORE="cookie", PERMANENT_SESSION_LIFETIME=HOUR)
        browser.run(lambda: session.update(user="ada"))
        go(HOUR / 2)

        def touch() -> float:
            session.touch()
            return session.expires_in.seconds

        assert browser.see(touch) == 3600

    def test_a_header_tells_it(self, make_member: MakeBrowser, go: Go) -> None:
        go(timedelta(0))
        browser = make_member(SESSION_TIMEOUT_HEADER=True, SESSION_IDLE_TIMEOUT=HOUR)

        assert browser.run(use).headers["Session-Timeout"] == "3600"
        assert "Session-Timeout" not in browser.run(lambda: "").headers
        assert "Session-Timeout" not in browser.run(lambda: session.destroy()).headers


class TestPeeking:
    @pytest.mark.parametrize("profile", ["flask", "express"])
    def test_it_extends_neither_session_nor_cookie(
        self, make_member: MakeBrowser, store: CountingStore, profile: str
    ) -> None:
        rolling = {"SESSION_ROLLING": True, "SESSION_TOUCH_INTERVAL": 0}
        browser = make_member(SESSION_PROFILE=profile, SESSION_COOKIE_MAX_AGE=HOUR, **rolling)

        response = browser.run(session_peek(use))

        assert response.text == "ada"
        assert cookie_lines(response) == []
        assert store.calls == ["load"]

    def test_it_sends_no_session_in_its_cookie_again(self, make_browser: MakeBrowser) -> None:
        browser = make_browser(SESSION_STORE="cookie", SESSION_ROLLING=True)
        browser.run(lambda: session.update(user="ada"))

        assert cookie_lines(browser.run(session_peek(use))) == []
        assert cookie_lines(browser.run(use)) != []

    def test_its_changes_are_stored_and_extend_nothing(
        self, make_member: MakeBrowser, memory: MemoryStore, go: Go
    ) -> None:
        browser = make_member(SESSION_COOKIE_MAX_AGE=HOUR)
        before = memory.load(browser.sid or "")
        go(HOUR / 2)

        def change() -> None:
            session["theme"] = "dark"
            session.save()
            session["theme"] = "light"

        [line] = cookie_lines(browser.run(session_peek(change)))

        after = memory.load(browser.sid or "")
        assert before
        assert after
        assert after.expires_at == before.expires_at
        assert f"Expires={before.expires_at:%a, %d %b %Y %H:%M:%S} GMT" in line
        assert browser.data() == {"user": "ada", "theme": "light"}

    def test_a_new_id_and_a_merge_with_another_peek_extend_nothing(
        self, make_member: MakeBrowser, memory: MemoryStore, go: Go
    ) -> None:
        browser = make_member(SESSION_IDLE_TIMEOUT=HOUR)
        before = memory.load(browser.sid or "")
        go(HOUR / 2)

        def change_meanwhile() -> None:
            record = memory.load(session.id)
            assert record
            session["seen"] = True
            memory.save(
                session.id, replace(record, payload=record.payload.replace(b"ada", b"eve"))
            )

        def take_a_new_id() -> float:
            session.regenerate(keep_data=True)
            return session.expires_in.seconds

        browser.run(session_peek(change_meanwhile))
        assert browser.see(session_peek(lambda: session["user"])) == "eve"
        assert browser.see(session_peek(take_a_new_id)) == 1800

        after = memory.load(browser.sid or "")
        assert before
        assert after
        assert after.expires_at == before.expires_at

    def test_a_session_that_is_encrypted_again_is_not_extended(
        self, make_member: MakeBrowser, make_app: MakeApp, memory: MemoryStore, go: Go
    ) -> None:
        member = make_member(SESSION_ENCRYPTION_KEYS=["ab" * 32])
        browser = browser_of(make_app(SESSION_ENCRYPTION_KEYS=["cd" * 32, "ab" * 32]))
        browser.hold(member.sid or "")
        before = memory.load(member.sid or "")
        go(HOUR)

        browser.run(session_peek(use))

        after = memory.load(member.sid or "")
        assert before
        assert after
        assert after.payload != before.payload
        assert after.expires_at == before.expires_at

    def test_a_touch_extends_it(
        self, make_member: MakeBrowser, memory: MemoryStore, go: Go
    ) -> None:
        browser = make_member(SESSION_IDLE_TIMEOUT=HOUR)
        go(HOUR / 2)

        def change_and_touch() -> None:
            session["theme"] = "dark"
            session.touch()

        browser.run(session_peek(change_and_touch))

        record = memory.load(browser.sid or "")
        assert record
        assert record.expires_at
        assert abs(record.expires_at - datetime.now(timezone.utc) - HOUR) < timedelta(seconds=1)

    def test_a_coroutine_can_peek(self, make_member: MakeBrowser, store: CountingStore) -> None:
        @session_peek
        async def look() -> str:
            return use()

        browser = make_member(SESSION_TOUCH_INTERVAL=0)
        view = browser.application.ensure_sync(look)

        assert browser.run(view).text == "ada"
        assert store.calls == ["load"]


class TestReadingOnly:
    def test_a_view_that_reads_is_answered(self, make_member: MakeBrowser) -> None:
        assert make_member().run(session_read_only(use)).text == "ada"

    @pytest.mark.parametrize("kept", ["on the server", "cookie"])
    def test_a_view_that_changes_something_raises_and_nothing_is_stored(
        self, make_browser: MakeBrowser, kept: str
    ) -> None:
        config = {"SESSION_STORE": "cookie"} if kept == "cookie" else {}
        browser = make_browser(**config)
        browser.run(lambda: session.update(cart=["apple"]))

        with pytest.raises(SessionError, match="session_read_only"):
            browser.run(session_read_only(lambda: session["cart"].append("pear")))

        assert browser.data() == {"cart": ["apple"]}

    def test_what_it_changed_before_an_error_is_dropped_too(
        self, make_member: MakeBrowser
    ) -> None:
        def change_and_abort() -> None:
            session["user"] = "bob"
            abort(404)

        browser = make_member()

        assert browser.run(session_read_only(change_and_abort)).status_code == 404
        assert browser.data() == {"user": "ada"}


class TestFreshLogin:
    def test_it_is_enough_for_as_long_as_it_says(self, make_browser: MakeBrowser, go: Go) -> None:
        pay = fresh_login_required(max_age=timedelta(minutes=5))(lambda: "paid")
        browser = make_browser()
        browser.run(lambda: session.log_in("ada"))

        go(timedelta(minutes=4))
        assert browser.run(pay).text == "paid"
        go(timedelta(minutes=6))
        assert browser.run(pay).status_code == 401
        browser.run(lambda: session.log_in("ada"))
        assert browser.run(pay).text == "paid"

    @pytest.mark.parametrize("remembered", [False, True])
    def test_without_one_the_answer_is_401(
        self, make_browser: MakeBrowser, *, remembered: bool
    ) -> None:
        browser = make_browser()
        if remembered:
            browser.run(lambda: session.log_in("ada", remembered=True))

        assert browser.run(fresh_login_required(lambda: "paid")).status_code == 401

    def test_the_application_can_answer_otherwise(self, make_app: MakeApp) -> None:
        app = make_app()
        app.register_error_handler(LoginTooOld, str)
        browser: Browser = browser_of(app)
        pay = fresh_login_required(max_age=timedelta(days=30))(lambda: "paid")

        assert "a login that is at most 2592000 seconds old" in browser.run(pay).text

    @pytest.mark.parametrize("age", [0, -1, float("nan")])
    def test_an_age_of_nothing_is_refused(self, age: float) -> None:
        with pytest.raises(ConfigError, match="max_age"):
            fresh_login_required(max_age=age)


class TestTheBlueprint:
    @pytest.fixture
    def browser(self, make_app: MakeApp, go: Go) -> Browser:
        app = make_app(SESSION_IDLE_TIMEOUT=HOUR)
        app.register_blueprint(session_timeout("/time-left"))
        browser = browser_of(app)
        browser.run(lambda: session.update(user="ada"))
        go(HOUR / 2)
        return browser

    def test_get_tells_without_extending(self, browser: Browser) -> None:
        for _ in range(2):
            response = browser.get("/time-left")
            assert response.json == {"expires_in": 1800, "limit": "idle"}
        assert response.headers["Cache-Control"] == "no-store"

    def test_post_extends(self, browser: Browser) -> None:
        assert browser.post("/time-left").json == {"expires_in": 3600, "limit": "idle"}
        assert browser.get("/time-left").json == {"expires_in": 3600, "limit": "idle"}

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_asking_for_the_timeout_starts_no_session(self, browser: Browser, method: str) -> None:
        stranger = browser_of(browser.application)
        response = stranger.open("/time-left", method=method)

        assert response.json == {"expires_in": None, "limit": None}
        assert cookie_lines(response) == []


def test_saving_a_session_that_was_loaded_by_its_id_extends_it(
    make_member: MakeBrowser, memory: MemoryStore, go: Go
) -> None:
    browser = make_member(SESSION_STORE=memory, SESSION_IDLE_TIMEOUT=HOUR)
    browser.run(lambda: session.log_in("ada"))
    manager = manager_of(browser.application)

    for minutes in range(40, 400, 40):
        go(timedelta(minutes=minutes))
        loaded = manager.load(str(browser.sid))
        assert loaded is not None
        loaded.save()

    assert browser.see(lambda: session.user_id) == "ada"
