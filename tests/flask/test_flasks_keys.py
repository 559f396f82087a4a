"""Flask's own keys: read when Flask reads them, from the config and from the application."""

from __future__ import annotations

import math
from datetime import timedelta
from time import time
from typing import Any

import pytest
from flask import Flask

from flask_serversession import ConfigError
from flask_serversession import MissingSecret
from flask_serversession import ServerSession
from flask_serversession import ServerSessionError
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import serve_browsers
from .browser import session
from .conftest import MakeApp
from .conftest import MakeBrowser

#: In the store of the server, and in the cookie itself.
KINDS = pytest.mark.parametrize(
    "kind", [{}, {"SESSION_STORE": "cookie"}], ids=["stored", "in the cookie"]
)


def write() -> None:
    session["user"] = "ada"


def read() -> str:
    return str(session.get("user"))


def with_sessions(app: Flask, **config: Any) -> Browser:
    app.config.update(TESTING=True, SESSION_STORE=MemoryStore())
    app.config.update(config)
    ServerSession(app)
    serve_browsers(app)
    return browser_of(app)


@KINDS
class TestAnAttributeOfTheApplication:
    def test_a_secret_key_of_the_class_signs(self, kind: dict[str, Any]) -> None:
        class Shop(Flask):
            secret_key = "the class's"

        browser = with_sessions(Shop(__name__), **kind)
        browser.run(write)

        assert browser.run(read).text == "ada"

    def test_a_secret_key_that_is_a_property_signs(self, kind: dict[str, Any]) -> None:
        class Shop(Flask):
            @property
            def secret_key(self) -> str:  # type: ignore[override]
                return "a property's"

        browser = with_sessions(Shop(__name__), **kind)
        browser.run(write)

        assert browser.run(read).text == "ada"

    def test_a_lifetime_of_the_class_is_the_cookies_max_age(self, kind: dict[str, Any]) -> None:
        class Shop(Flask):
            permanent_session_lifetime = timedelta(minutes=7)

        browser = with_sessions(Shop(__name__), SECRET_KEY="keyboard cat", **kind)

        assert browser.see(max_age_of_a_permanent_session) == 420


def max_age_of_a_permanent_session() -> float | None:
    session.permanent = True
    return session.cookie.original_max_age


@KINDS
class TestWithoutASecret:
    def test_a_session_reads_as_empty(
        self, make_browser: MakeBrowser, kind: dict[str, Any]
    ) -> None:
        browser = make_browser(SECRET_KEY=None, **kind)

        assert browser.see(lambda: (dict(session), session.permanent)) == ({}, False)

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(write, id="set a key"),
            pytest.param(lambda: session.pop("user", None), id="pop"),
            pytest.param(lambda: session.__ior__({"user": "ada"}), id="|="),
            pytest.param(lambda: setattr(session, "permanent", True), id="permanent"),
            pytest.param(lambda: session.regenerate(), id="regenerate"),
        ],
    )
    @pytest.mark.parametrize("error", [MissingSecret, ServerSessionError, RuntimeError])
    def test_changing_it_says_what_to_set(
        self,
        make_browser: MakeBrowser,
        kind: dict[str, Any],
        change: Any,
        error: type[Exception],
    ) -> None:
        browser = make_browser(SECRET_KEY=None, **kind)

        with pytest.raises(error, match=r"session is unavailable.* Set app\.secret_key"):
            browser.run(change)

    def test_session_transaction_fails_as_with_flasks_own(
        self, make_browser: MakeBrowser, kind: dict[str, Any]
    ) -> None:
        browser = make_browser(SECRET_KEY=None, **kind)

        with pytest.raises(RuntimeError), browser.session_transaction():
            pass

    def test_a_secret_of_this_extension_is_enough(
        self, make_browser: MakeBrowser, kind: dict[str, Any]
    ) -> None:
        browser = make_browser(SECRET_KEY=None, SESSION_SECRET="its own", **kind)
        browser.run(write)

        assert browser.run(read).text == "ada"


@KINDS
class TestASecretThatChanges:
    def test_a_new_key_revokes_every_session(
        self, make_browser: MakeBrowser, kind: dict[str, Any]
    ) -> None:
        browser = make_browser(**kind)
        browser.run(write)

        browser.application.secret_key = "another one"

        assert browser.run(read).text == "None"

    def test_a_new_key_signs_all_later_cookies(
        self, make_app: MakeApp, kind: dict[str, Any]
    ) -> None:
        app = make_app(**kind)
        browser_of(app).run(write)
        app.secret_key = "another one"
        browser = browser_of(app)
        browser.run(write)

        assert browser.run(read).text == "ada"

    def test_a_key_added_to_the_list_of_fallbacks_verifies(
        self, make_browser: MakeBrowser, kind: dict[str, Any]
    ) -> None:
        fallbacks: list[str] = ["an older one"]
        browser = make_browser(SECRET_KEY="old", SECRET_KEY_FALLBACKS=fallbacks, **kind)
        browser.run(write)

        browser.application.secret_key = "new"
        fallbacks.append("old")

        assert browser.run(read).text == "ada"

    def test_a_key_removed_from_the_fallbacks_no_longer_verifies(
        self, make_browser: MakeBrowser, kind: dict[str, Any]
    ) -> None:
        browser = make_browser(SECRET_KEY="old", **kind)
        browser.run(write)
        browser.application.config.update(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old"])
        browser.run(lambda: None)

        browser.application.config["SECRET_KEY_FALLBACKS"] = []

        assert browser.run(read).text == "None"


@KINDS
class TestAKeyThatChanges:
    @pytest.mark.parametrize(
        ("key", "value", "sent"),
        [
            ("SESSION_COOKIE_NAME", "sid", "sid="),
            ("SESSION_COOKIE_DOMAIN", "localhost", "; Domain=localhost"),
            ("SESSION_COOKIE_SAMESITE", "Lax", "; SameSite=Lax"),
        ],
    )
    def test_flasks_own_counts_from_the_next_request(
        self, make_app: MakeApp, kind: dict[str, Any], key: str, value: object, sent: str
    ) -> None:
        app = make_app(**kind)
        browser_of(app).run(write)

        app.config[key] = value

        [line, *_] = cookie_lines(browser_of(app).run(write))
        assert sent.lower() in line.lower()

    def test_one_that_cannot_work_is_refused_by_the_next_request(
        self, make_browser: MakeBrowser, kind: dict[str, Any]
    ) -> None:
        browser = make_browser(**kind)
        browser.application.config["SESSION_COOKIE_SAMESITE"] = "sideways"

        with pytest.raises(ConfigError, match="SESSION_COOKIE_SAMESITE is 'sideways'"):
            browser.run(write)

    @pytest.mark.parametrize(
        "value",
        [
            *(10**12, math.nan, math.inf, -5, "3600", timedelta.max),
            pytest.param(10**5000, id="more digits than Python prints"),
        ],
    )
    def test_a_lifetime_that_cannot_work_is_refused_by_the_next_request(
        self, make_browser: MakeBrowser, kind: dict[str, Any], value: object
    ) -> None:
        browser = make_browser(**kind)
        browser.run(write)
        browser.application.config["PERMANENT_SESSION_LIFETIME"] = value

        with pytest.raises(ConfigError, match=r"^PERMANENT_SESSION_LIFETIME is .*; it must be"):
            browser.run(write)

    def test_a_lifetime_set_later_counts(
        self, make_browser: MakeBrowser, kind: dict[str, Any]
    ) -> None:
        browser = make_browser(**kind)
        browser.application.permanent_session_lifetime = timedelta(minutes=5)

        assert browser.see(max_age_of_a_permanent_session) == 300

    @pytest.mark.parametrize("first", ["permanent", "lifetime"])
    def test_a_lifetime_set_in_a_before_request_counts_for_the_first_one_already(
        self, make_app: MakeApp, kind: dict[str, Any], first: str
    ) -> None:
        app = make_app(**kind)

        @app.before_request
        def last_for_five_minutes() -> None:
            if first == "permanent":
                session.permanent = True
            app.permanent_session_lifetime = timedelta(minutes=5)
            session.permanent = True

        browser = browser_of(app)
        browser.run(write)

        cookie = browser.get_cookie("session")
        assert cookie is not None
        assert cookie.expires is not None
        left = cookie.expires.timestamp() - time()
        assert 290 <= left <= 301

    def test_a_max_age_that_the_view_chose_stays(
        self, make_app: MakeApp, kind: dict[str, Any]
    ) -> None:
        app = make_app(**kind)

        def last_for_a_minute() -> None:
            write()
            session.permanent = True
            app.permanent_session_lifetime = timedelta(minutes=5)
            session.cookie.max_age = 60

        browser = browser_of(app)
        browser.run(last_for_a_minute)

        cookie = browser.get_cookie("session")
        assert cookie is not None
        assert cookie.expires is not None
        assert cookie.expires.timestamp() - time() <= 61

    def test_any_other_is_named_once_in_the_log(
        self, make_browser: MakeBrowser, kind: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        browser = make_browser(**kind)
        browser.application.config.update(SESSION_IDLE_TIMEOUT=60, SESSION_COOKIE_PRIORITY="low")

        browser.run(write)
        browser.run(write)

        [line] = caplog.messages
        assert "SESSION_COOKIE_PRIORITY, SESSION_IDLE_TIMEOUT" in line


@KINDS
class TestApplicationRoot:
    def test_behind_a_proxy_that_strips_it_sessions_work(
        self, make_app: MakeApp, kind: dict[str, Any]
    ) -> None:
        app = make_app(APPLICATION_ROOT="/shop", **kind)
        with app.test_request_context("/", base_url="http://localhost/"):
            write()
            response = app.process_response(app.response_class())

        assert "; path=/shop" in response.headers["Set-Cookie"].lower()

    def test_the_first_such_request_is_logged_with_what_to_set(
        self, make_app: MakeApp, kind: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        app = make_app(APPLICATION_ROOT="/shop", **kind)

        for _ in range(2):
            with app.test_request_context("/cart", base_url="http://localhost/"):
                write()

        [line] = caplog.messages
        assert all(
            name in line for name in ("APPLICATION_ROOT", "SCRIPT_NAME", "X-Forwarded-Prefix")
        )

    def test_a_cookie_path_of_its_own_still_excludes_other_paths(
        self, make_browser: MakeBrowser, kind: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        browser = make_browser(SESSION_COOKIE_PATH="/shop", **kind)

        with pytest.raises(ServerSessionError, match=r"SESSION_COOKIE_PATH.*SCRIPT_NAME"):
            browser.run(write, "/shopping")

        assert len(caplog.messages) == 1


def test_without_a_secret_each_request_fails_in_the_express_profile(
    make_browser: MakeBrowser,
) -> None:
    browser = make_browser(SECRET_KEY=None, SESSION_PROFILE="express")

    with pytest.raises(MissingSecret):
        browser.run(lambda: None)
