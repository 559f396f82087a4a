"""What each config key does to a request, in both profiles."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask import Request
from flask import request

from flask_serversession import ConfigError
from flask_serversession import manager
from flask_serversession import Session
from flask_serversession import SessionError
from flask_serversession.cookies.attributes import LONGEST_NAME
from flask_serversession.sessions import lazy
from flask_serversession.stores.base import utc_now
from flask_serversession.stores.forking import process
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import session
from .conftest import LetPass
from .conftest import MakeApp
from .conftest import MakeBrowser
from .counting import CountingStore


def read() -> None:
    session.get("user")


def ignore() -> None:
    pass


def life_left(memory: MemoryStore, browser: Browser) -> timedelta:
    """Return how long the store will keep a browser's session, to the second."""
    record = memory.load(browser.sid or "")
    assert record is not None
    assert record.expires_at is not None
    return timedelta(seconds=round((record.expires_at - utc_now()).total_seconds()))


class TestProfile:
    def test_the_flask_profile_stores_no_session_for_a_visitor_who_only_reads(
        self, make_browser: MakeBrowser, store: CountingStore
    ) -> None:
        response = make_browser().run(read)

        assert (cookie_lines(response), store.calls) == ([], [])

    def test_the_express_profile_gives_every_visitor_a_session(
        self, make_browser: MakeBrowser, store: CountingStore
    ) -> None:
        browser = make_browser(SESSION_PROFILE="express")

        [line] = cookie_lines(browser.run(ignore))

        assert line.startswith("connect.sid=s%3A")
        assert line.endswith("; Path=/; HttpOnly")
        assert store.calls == ["create"]

    def test_a_key_in_the_config_wins_over_the_profile(
        self, make_browser: MakeBrowser, store: CountingStore
    ) -> None:
        browser = make_browser(SESSION_PROFILE="express", SESSION_SAVE_UNINITIALIZED=False)

        response = browser.run(ignore)

        assert (cookie_lines(response), store.calls) == ([], [])

    def test_the_express_profile_loads_the_session_once_before_the_view(
        self, make_member: MakeBrowser, store: CountingStore
    ) -> None:
        browser = make_member(SESSION_PROFILE="express")

        assert browser.see(lambda: list(store.calls)) == ["load"]


class TestResave:
    def test_true_saves_an_unchanged_session(
        self, make_member: MakeBrowser, store: CountingStore
    ) -> None:
        make_member(SESSION_RESAVE=True).run(ignore)

        assert store.calls == ["load", "save"]

    def test_false_touches_an_unchanged_session_in_the_express_profile(
        self, make_member: MakeBrowser, store: CountingStore
    ) -> None:
        make_member(SESSION_PROFILE="express", SESSION_RESAVE=False).run(ignore)

        assert store.calls == ["load", "touch"]


class TestSaveUninitialized:
    def test_true_stores_a_session_that_nothing_was_written_to(
        self, make_browser: MakeBrowser, store: CountingStore
    ) -> None:
        browser = make_browser(SESSION_SAVE_UNINITIALIZED=True)

        response = browser.run(ignore)

        assert len(cookie_lines(response)) == 1
        assert store.calls == ["create"]


class TestRolling:
    def test_true_sends_the_cookie_with_every_response(self, make_member: MakeBrowser) -> None:
        response = make_member(SESSION_ROLLING=True).run(ignore)

        assert len(cookie_lines(response)) == 1

    def test_false_sends_a_cookie_with_an_expiry_only_after_a_change(
        self, make_member: MakeBrowser
    ) -> None:
        browser = make_member(
            SESSION_ROLLING=False, SESSION_COOKIE_MAX_AGE=60, SESSION_TOUCH_INTERVAL=0
        )

        assert cookie_lines(browser.run(read)) == []
        assert len(cookie_lines(browser.run(lambda: session.update(user="bob")))) == 1

    def test_none_sends_a_cookie_with_an_expiry_whenever_it_is_extended(
        self, make_member: MakeBrowser, let_pass: LetPass
    ) -> None:
        browser = make_member(SESSION_COOKIE_MAX_AGE=60)

        assert cookie_lines(browser.run(read)) == []
        let_pass(browser, timedelta(seconds=6))
        assert len(cookie_lines(browser.run(read))) == 1

    def test_none_sends_a_cookie_without_an_expiry_only_once(
        self, make_member: MakeBrowser
    ) -> None:
        browser = make_member(SESSION_TOUCH_INTERVAL=0)

        assert cookie_lines(browser.run(read)) == []
        assert cookie_lines(browser.run(lambda: session.update(user="bob"))) == []


class TestIdleTimeout:
    def test_the_default_is_a_day(self, make_member: MakeBrowser, memory: MemoryStore) -> None:
        assert life_left(memory, make_member()) == timedelta(days=1)

    @pytest.mark.parametrize("value", [90, timedelta(seconds=90)])
    def test_it_is_the_ttl_of_a_session_without_a_max_age(
        self, make_member: MakeBrowser, memory: MemoryStore, value: object
    ) -> None:
        assert life_left(memory, make_member(SESSION_IDLE_TIMEOUT=value)) == timedelta(seconds=90)

    def test_a_max_age_takes_precedence(
        self, make_member: MakeBrowser, memory: MemoryStore
    ) -> None:
        browser = make_member(SESSION_IDLE_TIMEOUT=90, SESSION_COOKIE_MAX_AGE=30)

        assert life_left(memory, browser) == timedelta(seconds=30)

    def test_an_expired_session_reads_as_empty(
        self, make_member: MakeBrowser, let_pass: LetPass
    ) -> None:
        browser = make_member(SESSION_IDLE_TIMEOUT=90)
        let_pass(browser, timedelta(seconds=90))

        assert browser.data() == {}

    def test_reading_the_session_restarts_the_timeout(
        self, make_member: MakeBrowser, memory: MemoryStore, let_pass: LetPass
    ) -> None:
        browser = make_member(SESSION_IDLE_TIMEOUT=90)
        let_pass(browser, timedelta(seconds=80))

        browser.run(read)

        assert life_left(memory, browser) == timedelta(seconds=90)


class TestTouch:
    def test_accessed_extends_only_for_a_request_that_uses_the_session(
        self, make_member: MakeBrowser, store: CountingStore
    ) -> None:
        browser = make_member(SESSION_TOUCH="accessed", SESSION_TOUCH_INTERVAL=0)

        browser.run(ignore)
        assert store.calls == []
        browser.run(read)
        assert store.calls == ["load", "touch"]

    def test_always_extends_for_every_request(
        self, make_member: MakeBrowser, store: CountingStore
    ) -> None:
        make_member(SESSION_TOUCH="always", SESSION_TOUCH_INTERVAL=0).run(ignore)

        assert store.calls == ["load", "touch"]


class TestTouchInterval:
    @pytest.mark.parametrize(
        ("config", "interval"),
        [
            pytest.param({}, 60, id="a minute"),
            pytest.param({"SESSION_IDLE_TIMEOUT": 100}, 10, id="a tenth of a short timeout"),
            pytest.param({"SESSION_TOUCH_INTERVAL": 300}, 300, id="set in seconds"),
            pytest.param(
                {"SESSION_TOUCH_INTERVAL": timedelta(minutes=5)}, 300, id="set as a timedelta"
            ),
        ],
    )
    def test_a_fresher_session_is_not_touched_again(
        self,
        make_member: MakeBrowser,
        store: CountingStore,
        let_pass: LetPass,
        config: dict[str, Any],
        interval: int,
    ) -> None:
        browser = make_member(**config)

        let_pass(browser, timedelta(seconds=interval - 2))
        browser.run(read)
        assert store.calls == ["load"]

        let_pass(browser, timedelta(seconds=2))
        store.calls.clear()
        browser.run(read)
        assert store.calls == ["load", "touch"]


class TestDestroyEmpty:
    def test_a_cleared_session_is_destroyed(
        self, make_member: MakeBrowser, memory: MemoryStore
    ) -> None:
        browser = make_member()

        browser.run(lambda: session.clear())

        assert (memory.count(), browser.sid) == (0, None)

    def test_a_session_that_loses_its_last_key_is_destroyed(
        self, make_member: MakeBrowser, memory: MemoryStore
    ) -> None:
        make_member().run(lambda: session.pop("user"))

        assert memory.count() == 0

    def test_reading_an_empty_session_does_not_destroy_it(
        self, make_member: MakeBrowser, memory: MemoryStore
    ) -> None:
        browser = make_member(SESSION_SAVE_UNINITIALIZED=True)
        visitor = browser_of(browser.application)
        visitor.run(ignore)

        visitor.run(read)

        assert visitor.sid in list(memory.keys())

    def test_false_keeps_the_empty_session(
        self, make_member: MakeBrowser, memory: MemoryStore
    ) -> None:
        browser = make_member(SESSION_DESTROY_EMPTY=False)
        before = browser.sid

        browser.run(lambda: session.clear())

        assert list(memory.keys()) == [before]
        assert browser.sid == before

    def test_a_session_filled_and_cleared_in_one_request_is_not_stored(
        self, make_browser: MakeBrowser, store: CountingStore
    ) -> None:
        def fill_and_empty() -> None:
            session["user"] = "ada"
            session.clear()

        response = make_browser().run(fill_and_empty)

        assert (cookie_lines(response), store.calls) == ([], [])


class TestClearCookie:
    def test_false_sends_no_removal_line(self, make_member: MakeBrowser) -> None:
        browser = make_member(SESSION_CLEAR_COOKIE=False)

        assert cookie_lines(browser.run(lambda: session.destroy())) == []

    def test_true_removes_the_cookie_in_the_express_profile_too(
        self, make_member: MakeBrowser
    ) -> None:
        browser = make_member(SESSION_PROFILE="express", SESSION_CLEAR_COOKIE=True)

        assert cookie_lines(browser.run(lambda: session.destroy())) == [
            "connect.sid=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly"
        ]

    def test_no_removal_line_is_sent_to_a_browser_without_a_cookie(
        self, make_browser: MakeBrowser
    ) -> None:
        assert cookie_lines(make_browser().run(lambda: session.destroy())) == []


class TestGenid:
    def test_it_is_called_with_the_request(self, make_browser: MakeBrowser) -> None:
        numbers = itertools.count()

        def genid(request: Request) -> str:
            return f"{request.host}-{next(numbers)}"

        browser = make_browser(SESSION_GENID=genid)
        browser.run(lambda: session.update(user="ada"))

        assert browser.sid == "localhost-0"
        assert browser.see(lambda: session["user"]) == "ada"

    def test_the_express_profile_uses_an_id_as_it_was_generated(
        self, make_browser: MakeBrowser
    ) -> None:
        browser = make_browser(SESSION_PROFILE="express", SESSION_GENID=lambda request: "a.b.c")
        browser.run(lambda: session.update(user="ada"))

        assert browser.sid == "a.b.c"
        assert browser.see(lambda: session["user"]) == "ada"

    @pytest.mark.parametrize("sid", ["", None, 7, b"bytes"])
    def test_a_return_value_that_is_not_an_id_is_refused(
        self, make_browser: MakeBrowser, sid: object
    ) -> None:
        browser = make_browser(SESSION_GENID=lambda request: sid)

        with pytest.raises(ConfigError, match="SESSION_GENID must return a non-empty str"):
            browser.run(lambda: session.update(user="ada"))

    def test_an_id_that_others_could_guess_is_logged_once(
        self, make_browser: MakeBrowser, caplog: pytest.LogCaptureFixture
    ) -> None:
        numbers = itertools.count(10_000_000)
        browser = make_browser(SESSION_GENID=lambda request: str(next(numbers)))

        for _ in range(2):
            browser.run(lambda: session.clear() or session.update(user="ada"))

        assert [line for line in caplog.messages if "8 characters" in line] == caplog.messages
        assert len(caplog.messages) == 1

    @pytest.mark.parametrize(("sid", "size"), [("x" * 1025, 1025), ("🍪" * 257, 1028)])
    def test_an_id_that_no_cookie_can_hold_is_refused(
        self, make_browser: MakeBrowser, sid: str, size: int
    ) -> None:
        browser = make_browser(SESSION_GENID=lambda request: sid)

        with pytest.raises(ConfigError, match=f"SESSION_GENID returned an id of {size} bytes"):
            browser.run(lambda: session.update(user="ada"))

    @pytest.mark.parametrize("sid", ["x" * 1024, "%" * 1024, "🍪" * 256], ids=ascii)
    def test_the_longest_name_and_id_are_a_cookie_that_browsers_keep(
        self, make_browser: MakeBrowser, sid: str
    ) -> None:
        browser = make_browser(
            SESSION_GENID=lambda request: sid, SESSION_COOKIE_NAME="n" * LONGEST_NAME
        )

        [line] = cookie_lines(browser.run(lambda: session.log_in("ada")))

        name, value = line.partition(";")[0].split("=", 1)
        assert len(name) + len(value) <= 4096

    def test_it_is_called_again_after_a_failure(self, make_browser: MakeBrowser) -> None:
        ids = iter(["", "id"])
        browser = make_browser(SESSION_GENID=lambda request: next(ids))

        def view() -> str:
            with pytest.raises(ConfigError):
                session.get("name")
            return session.id

        assert browser.run(view).text == "id"

    def test_a_new_session_does_not_take_over_an_existing_id(self, make_app: MakeApp) -> None:
        ids = iter(["one", "one", "two"])
        app = make_app(SESSION_GENID=lambda request: next(ids))
        ada, bob = browser_of(app), browser_of(app)
        ada.run(lambda: session.update(user="ada"))

        bob.run(lambda: session.update(user="bob"))

        assert (ada.sid, bob.sid) == ("one", "two")
        assert ada.see(lambda: session["user"]) == "ada"

    def test_regenerate_does_not_take_over_an_existing_id(self, make_app: MakeApp) -> None:
        ids = iter(["one", "two", "one", "three"])
        app = make_app(SESSION_GENID=lambda request: next(ids))
        ada, bob = browser_of(app), browser_of(app)
        ada.run(lambda: session.update(user="ada"))
        bob.run(lambda: session.update(user="bob"))

        bob.run(lambda: session.regenerate(keep_data=True))

        assert (ada.sid, bob.sid) == ("one", "three")
        assert ada.see(lambda: session["user"]) == "ada"
        assert bob.see(lambda: session["user"]) == "bob"

    def test_returning_taken_ids_repeatedly_is_an_error(self, make_app: MakeApp) -> None:
        app = make_app(SESSION_GENID=lambda request: "one")
        browser_of(app).run(lambda: session.update(user="ada"))

        with pytest.raises(SessionError, match="SESSION_GENID gave 3 ids that are taken"):
            browser_of(app).run(lambda: session.update(user="bob"))


class TestManager:
    """``app.extensions["serversession"]``, used without a request."""

    def test_load_returns_a_session_by_its_id(self, make_member: MakeBrowser) -> None:
        browser = make_member()

        found = manager_of(browser).load(browser.sid)

        assert found is not None
        assert found["user"] == "ada"

    def test_load_returns_none_for_an_unknown_id(self, app: Flask) -> None:
        assert app.extensions["serversession"].load("nothing") is None

    def test_a_loaded_session_can_be_changed_and_saved(self, make_member: MakeBrowser) -> None:
        browser = make_member()

        found: Session = manager_of(browser).load(browser.sid)
        found["user"] = "bob"
        found.save()

        assert browser.see(lambda: session["user"]) == "bob"

    def test_a_loaded_session_can_be_regenerated(self, make_member: MakeBrowser) -> None:
        browser = make_member()
        thief = browser.twin()

        found: Session = manager_of(browser).load(browser.sid)
        found.regenerate()

        assert thief.data() == {}

    def test_destroy_ends_a_session_by_its_id(self, make_member: MakeBrowser) -> None:
        browser = make_member()
        manager = manager_of(browser)

        assert manager.destroy(browser.sid) is True
        assert manager.destroy(browser.sid) is False
        assert browser.data() == {}


def manager_of(browser: Browser) -> Any:
    return browser.application.extensions["serversession"]


def test_an_unused_request_context_makes_no_store_call(app: Flask, store: CountingStore) -> None:
    with app.test_request_context():
        assert request.path == "/"

    assert store.calls == []


def test_a_fork_that_python_did_not_notice_is_noticed_by_a_request_and_by_the_manager(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    noticed: list[str] = []
    for module in (lazy, manager):
        monkeypatch.setattr(
            module, "notice_a_fork", lambda name=module.__name__: noticed.append(name)
        )
    monkeypatch.setattr(process, "id", -1)

    browser.run(lambda: str(session.get("user")))
    manager_of(browser).destroy("nothing")

    assert noticed == [lazy.__name__, manager.__name__]
