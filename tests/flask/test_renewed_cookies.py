"""A browser's cookie follows the secret and the configuration; see ``policy.Facts.outdated``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flask_serversession import SessionConflict
from flask_serversession import StoreUnavailable
from flask_serversession.stores.base import Record
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import session
from .conftest import MakeApp
from .conftest import MakeBrowser
from .counting import CountingStore

HARDER = {
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SAMESITE": "Strict",
    "SESSION_COOKIE_PARTITIONED": True,
    "SESSION_COOKIE_DOMAIN": "localhost",
}


def read() -> str:
    return str(session.get("user"))


def move(browser: Browser, make_app: MakeApp, **config: Any) -> Browser:
    """Return a browser of a newly configured application, with the same session."""
    moved = browser_of(make_app(**config))
    moved.hold(browser.sid or "")
    return moved


def move_cookie(browser: Browser, app: Any) -> Browser:
    """Return a browser of another application, with the very same cookie."""
    moved = browser_of(app)
    cookie = browser.get_cookie(browser.cookie_name)
    assert cookie
    moved.set_cookie(browser.cookie_name, cookie.value)
    return moved


def stored_cookie(memory: MemoryStore) -> dict[str, Any]:
    [sid] = memory.keys()
    record = memory.load(sid)
    assert record
    cookie: dict[str, Any] = json.loads(record.payload)["cookie"]
    return cookie


class TestAttributes:
    def test_the_configured_ones_reach_a_stored_session_on_its_next_use(
        self, make_member: MakeBrowser, make_app: MakeApp, memory: MemoryStore
    ) -> None:
        browser = move(make_member(), make_app, **HARDER)

        [line] = cookie_lines(browser.run(read, base_url="https://localhost"))

        assert line.split("; ")[1:] == [
            "Domain=localhost",
            "Path=/",
            "HttpOnly",
            "Secure",
            "Partitioned",
            "SameSite=Strict",
        ]
        assert stored_cookie(memory)["secure"] is True
        assert cookie_lines(browser.run(read, base_url="https://localhost")) == []

    def test_a_request_that_ignores_the_session_leaves_the_cookie_alone(
        self, make_member: MakeBrowser, make_app: MakeApp, store: CountingStore
    ) -> None:
        browser = move(make_member(), make_app, **HARDER)

        assert cookie_lines(browser.run(lambda: "", base_url="https://localhost")) == []
        assert store.calls == []

    def test_one_that_the_application_chose_stays(
        self, make_member: MakeBrowser, make_app: MakeApp, memory: MemoryStore
    ) -> None:
        member = make_member()
        member.run(lambda: setattr(session.cookie, "samesite", "none"))
        browser = move(
            member, make_app, SESSION_COOKIE_SAMESITE="Strict", SESSION_TOUCH_INTERVAL=0
        )
        browser.run(lambda: session.update(theme="dark"))

        assert browser.see(lambda: session.cookie.samesite) == "none"
        assert stored_cookie(memory)["chosen"] == ["sameSite"]

    def test_one_that_equals_the_configured_one_again_was_not_chosen(
        self, make_member: MakeBrowser, make_app: MakeApp, memory: MemoryStore
    ) -> None:
        member = make_member(SESSION_COOKIE_SAMESITE="Lax")
        member.run(lambda: setattr(session.cookie, "samesite", "lax"))

        assert "chosen" not in stored_cookie(memory)

    def test_the_application_sees_the_configured_ones(
        self, make_member: MakeBrowser, make_app: MakeApp
    ) -> None:
        browser = move(make_member(), make_app, SESSION_COOKIE_SECURE=True)

        assert browser.see(lambda: session.cookie.secure) is True

    def test_auto_weakens_no_cookie(
        self, make_browser: MakeBrowser, make_app: MakeApp, memory: MemoryStore
    ) -> None:
        before = make_browser(SESSION_COOKIE_SECURE=True)
        before.run(lambda: session.update(user="ada"), base_url="https://localhost")
        [sid] = memory.keys()
        browser = browser_of(make_app(SESSION_COOKIE_SECURE="auto"))
        browser.hold(sid)

        assert cookie_lines(browser.run(read)) == []
        assert stored_cookie(memory)["secure"] is True

    @pytest.mark.parametrize(
        "config",
        [{"SESSION_PROFILE": "express"}, {"SESSION_COOKIE_OPTIONS": lambda request: {}}],
        ids=["in the express profile", "with options per request"],
    )
    def test_stored_cookie_attributes_stay(
        self,
        make_member: MakeBrowser,
        make_app: MakeApp,
        memory: MemoryStore,
        config: dict[str, Any],
    ) -> None:
        browser = move(make_member(**config), make_app, SESSION_COOKIE_SAMESITE="Lax", **config)
        browser.run(lambda: session.update(theme="dark"))

        assert "sameSite" not in stored_cookie(memory)

    @pytest.mark.parametrize("chosen", ["httpOnly", None, 1, {"httpOnly": 1}])
    def test_a_malformed_list_of_chosen_ones_is_ignored(
        self, make_browser: MakeBrowser, memory: MemoryStore, chosen: object
    ) -> None:
        cookie = {"path": "/", "httpOnly": False, "chosen": chosen}
        memory.create("some-id", Record(json.dumps({"cookie": cookie}).encode(), None))
        browser = make_browser()
        browser.hold("some-id")

        assert browser.see(lambda: session.cookie.httponly) is True

    def test_the_spelling_of_express_is_no_difference(
        self, make_browser: MakeBrowser, memory: MemoryStore, store: CountingStore
    ) -> None:
        cookie = {"originalMaxAge": None, "expires": None, "httpOnly": True, "sameSite": True}
        document = {"cookie": {**cookie, "path": "/"}, "user": "ada"}
        memory.create("some-id", Record(json.dumps(document).encode(), None))
        browser = make_browser(SESSION_COOKIE_SAMESITE="Strict", SESSION_TOUCH_INTERVAL=60)
        browser.hold("some-id")
        store.calls.clear()

        assert cookie_lines(browser.run(read)) == []
        assert store.calls == ["load", "touch"]

    def test_a_lost_race_keeps_the_others_lifetime(
        self, make_member: MakeBrowser, make_app: MakeApp
    ) -> None:
        browser = move(make_member(), make_app, SESSION_COOKIE_SAMESITE="Lax")

        def read_while_another_makes_it_permanent() -> None:
            session.get("user")
            browser.twin().run(lambda: setattr(session, "permanent", True))

        browser.run(read_while_another_makes_it_permanent)

        assert browser.see(lambda: session.permanent)

    def test_a_reader_that_loses_a_race_is_answered_under_reject(
        self, make_member: MakeBrowser, make_app: MakeApp
    ) -> None:
        config = {"SESSION_COOKIE_SAMESITE": "Lax", "SESSION_CONCURRENCY": "reject"}
        browser = move(make_member(), make_app, **config)

        def read_while_another_reads() -> str:
            text = read()
            browser.twin().run(read)
            return text

        response = browser.run(read_while_another_reads)

        assert response.text == "ada"
        assert cookie_lines(response) == []

    def test_a_change_that_loses_a_race_is_refused_under_reject(
        self, make_member: MakeBrowser, make_app: MakeApp
    ) -> None:
        config = {"SESSION_COOKIE_SAMESITE": "Lax", "SESSION_CONCURRENCY": "reject"}
        browser = move(make_member(), make_app, **config)

        def write_while_another_does() -> None:
            session["theme"] = "dark"
            browser.twin().run(lambda: session.update(theme="light"))

        with pytest.raises(SessionConflict):
            browser.run(write_while_another_does)

    @pytest.mark.parametrize("is_read_only", [True, False])
    def test_a_store_that_can_only_be_read_is_read(
        self,
        make_member: MakeBrowser,
        make_app: MakeApp,
        memory: MemoryStore,
        monkeypatch: pytest.MonkeyPatch,
        *,
        is_read_only: bool,
    ) -> None:
        browser = move(make_member(), make_app, SESSION_COOKIE_SAMESITE="Lax")

        def refuse(*args: Any, **kwargs: Any) -> None:
            error = StoreUnavailable("The store takes no writes.")
            error.is_read_only = is_read_only
            raise error

        monkeypatch.setattr(memory, "save", refuse)

        if is_read_only:
            assert browser.run(read).text == "ada"
        else:
            with pytest.raises(StoreUnavailable):
                browser.run(read)


class TestSignature:
    def test_that_of_a_fallback_secret_is_renewed_on_the_next_use(
        self, make_member: MakeBrowser, make_app: MakeApp, store: CountingStore
    ) -> None:
        old = make_member(SECRET_KEY="the old secret")
        app = make_app(SECRET_KEY="a new secret", SECRET_KEY_FALLBACKS=["the old secret"])
        browser = move_cookie(old, app)

        assert cookie_lines(browser.run(lambda: "")) == []
        assert len(cookie_lines(browser.run(read))) == 1
        assert cookie_lines(browser.run(read)) == []
        assert store.calls == ["load", "load"]

        only_new = move_cookie(browser, make_app(SECRET_KEY="a new secret"))
        assert only_new.run(read).text == "ada"

    def test_the_express_profile_renews_no_cookie_attribute(
        self, make_member: MakeBrowser, make_app: MakeApp
    ) -> None:
        express = {"SESSION_PROFILE": "express", "SESSION_COOKIE_NAME": "sid"}
        old = make_member(SESSION_SECRET="the old secret", **express)
        app = make_app(SESSION_SECRET=["a new secret", "the old secret"], **express)
        browser = move_cookie(old, app)

        response = browser.run(read)

        assert response.text == "ada"
        assert cookie_lines(response) == []
