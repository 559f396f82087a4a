"""The Set-Cookie line, the Cookie header, and the caching headers that go with them."""

from __future__ import annotations

import logging
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from flask import Flask
from flask import Request
from flask import request
from flask import Response
from flask.typing import ResponseReturnValue
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_serversession import ConfigError
from flask_serversession import SessionError
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import session
from .browser import sid_of
from .browser import signed
from .browser import View
from .conftest import MakeApp
from .conftest import MakeBrowser
from .counting import CountingStore

EXPIRED = "Expires=Thu, 01 Jan 1970 00:00:00 GMT"
HTTPS = {"base_url": "https://localhost"}


def update_in_place() -> None:
    current = session
    current |= {"user": "ada"}


def write() -> None:
    session["user"] = "ada"


def attributes_of(line: str) -> str:
    """Return a Set-Cookie line without its name and value."""
    return line.partition("; ")[2]


class TestSetCookie:
    def test_the_line_equals_that_of_express_byte_for_byte(
        self, make_browser: MakeBrowser
    ) -> None:
        # The signature is a test vector of npm's cookie-signature.
        browser = make_browser(
            SESSION_PROFILE="express",
            SESSION_SECRET="keyboard cat",
            SESSION_GENID=lambda request: "apple",
        )

        assert cookie_lines(browser.run(write)) == [
            "connect.sid=s%3Aapple.D8Y%2BpkTAmeR0PobOhY4G97PRW%2Bj7bUnP%2F5m6%2FOn1MCU"
            "; Path=/; HttpOnly"
        ]

    @pytest.mark.parametrize(
        ("config", "attributes"),
        [
            ({}, "Path=/; HttpOnly"),
            ({"SESSION_COOKIE_PATH": "/shop"}, "Path=/shop; HttpOnly"),
            ({"APPLICATION_ROOT": "/shop"}, "Path=/shop; HttpOnly"),
            ({"SESSION_COOKIE_DOMAIN": "localhost"}, "Domain=localhost; Path=/; HttpOnly"),
            ({"SESSION_COOKIE_HTTPONLY": False}, "Path=/"),
            ({"SESSION_COOKIE_SECURE": True}, "Path=/; HttpOnly; Secure"),
            ({"SESSION_COOKIE_SECURE": "auto"}, "Path=/; HttpOnly; Secure"),
            ({"SESSION_COOKIE_SAMESITE": "Lax"}, "Path=/; HttpOnly; SameSite=Lax"),
            ({"SESSION_COOKIE_SAMESITE": "strict"}, "Path=/; HttpOnly; SameSite=Strict"),
            ({"SESSION_COOKIE_SAMESITE": "auto"}, "Path=/; HttpOnly; SameSite=None"),
            ({"SESSION_COOKIE_PARTITIONED": True}, "Path=/; HttpOnly; Partitioned"),
            ({"SESSION_COOKIE_PRIORITY": "high"}, "Path=/; HttpOnly; Priority=High"),
        ],
    )
    def test_each_config_key_sets_its_attribute(
        self, make_browser: MakeBrowser, config: dict[str, Any], attributes: str
    ) -> None:
        [line] = cookie_lines(make_browser(**config).run(write, "/shop", **HTTPS))

        assert attributes_of(line) == attributes

    def test_the_attributes_have_the_order_of_express(self, make_browser: MakeBrowser) -> None:
        browser = make_browser(
            SESSION_COOKIE_DOMAIN="localhost",
            SESSION_COOKIE_MAX_AGE=60,
            SESSION_COOKIE_SECURE=True,
            SESSION_COOKIE_PARTITIONED=True,
            SESSION_COOKIE_PRIORITY="low",
            SESSION_COOKIE_SAMESITE="none",
        )

        [line] = cookie_lines(browser.run(write, **HTTPS))

        assert [part.partition("=")[0] for part in line.split("; ")] == [
            "session",
            "Domain",
            "Path",
            "Expires",
            "HttpOnly",
            "Secure",
            "Partitioned",
            "Priority",
            "SameSite",
        ]

    @pytest.mark.parametrize("value", [60, 60.0, timedelta(minutes=1)])
    def test_a_max_age_is_sent_as_expires(self, make_browser: MakeBrowser, value: object) -> None:
        before = datetime.now(timezone.utc).replace(microsecond=0)

        [line] = cookie_lines(make_browser(SESSION_COOKIE_MAX_AGE=value).run(write))

        expires = parsedate_to_datetime(line.partition("Expires=")[2].partition(";")[0])
        after = datetime.now(timezone.utc)
        assert before <= expires - timedelta(minutes=1) <= after
        assert "Max-Age" not in line

    @pytest.mark.parametrize(
        ("config", "name"),
        [
            ({}, "session"),
            ({"SESSION_PROFILE": "express"}, "connect.sid"),
            ({"SESSION_COOKIE_NAME": "sid"}, "sid"),
            ({"SESSION_PROFILE": "express", "SESSION_COOKIE_NAME": "sid"}, "sid"),
        ],
    )
    def test_the_name_comes_from_the_config_or_the_profile(
        self, make_browser: MakeBrowser, config: dict[str, Any], name: str
    ) -> None:
        browser = make_browser(**config)

        [line] = cookie_lines(browser.run(write))

        assert line.startswith(f"{name}=")
        assert browser.see(lambda: session["user"]) == "ada"

    @pytest.mark.parametrize(
        "config",
        [
            {"SESSION_COOKIE_NAME": "__Host-session", "SESSION_COOKIE_SECURE": True},
            {"SESSION_COOKIE_SECURE": True, "SESSION_COOKIE_PARTITIONED": True},
            {"SESSION_COOKIE_PATH": "/shop", "SESSION_COOKIE_DOMAIN": "localhost"},
            {"SESSION_COOKIE_SAMESITE": "none", "SESSION_COOKIE_PRIORITY": "low"},
        ],
    )
    def test_the_removal_line_has_the_configured_attributes(
        self, make_browser: MakeBrowser, config: dict[str, Any]
    ) -> None:
        browser = make_browser(**config)
        [line] = cookie_lines(browser.run(write, "/shop", **HTTPS))

        [removal] = cookie_lines(browser.run(lambda: session.clear(), "/shop", **HTTPS))

        assert removal.startswith(f"{browser.cookie_name}=; ")
        assert attributes_of(removal).replace(f"{EXPIRED}; ", "") == attributes_of(line)

    def test_the_removal_line_has_attributes_set_for_this_session(self, browser: Browser) -> None:
        def be_strict() -> None:
            session["user"] = "ada"
            session.cookie.samesite = "strict"

        def read_and_destroy() -> None:
            session.get("user")
            session.destroy()

        browser.run(be_strict)

        [removal] = cookie_lines(browser.run(read_and_destroy))

        assert removal.endswith("; SameSite=Strict")

    @pytest.mark.parametrize("verb", ["destroy", "regenerate"])
    def test_the_removal_line_keeps_its_attributes_after_two_verbs(
        self, browser: Browser, verb: str
    ) -> None:
        def begin() -> None:
            session["user"] = "ada"
            session.cookie.path = "/shop"
            session.cookie.domain = "localhost.example"

        [line] = cookie_lines(browser.run(begin, path="/shop"))
        browser.hold(sid_of(line))

        def end() -> None:
            session.get("user")
            getattr(session, verb)()
            session.destroy()

        [removal] = cookie_lines(browser.run(end, path="/shop"))

        assert "Path=/shop;" in removal
        assert "Domain=localhost.example;" in removal

    def test_a_secure_cookie_is_not_sent_over_plain_http(
        self, make_browser: MakeBrowser, memory: MemoryStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        browser = make_browser(SESSION_COOKIE_SECURE=True)

        with caplog.at_level(logging.WARNING):
            response = browser.run(write)

        assert (cookie_lines(response), memory.count()) == ([], 1)
        assert "SESSION_PROXY" in caplog.text

    def test_a_cookie_that_is_never_sent_is_logged_once_a_minute(
        self, make_browser: MakeBrowser, caplog: pytest.LogCaptureFixture
    ) -> None:
        browser = make_browser(SESSION_COOKIE_SECURE=True)

        for _ in range(5):
            browser.run(write)

        [line] = caplog.messages
        assert "SESSION_PROXY" in line

    def test_auto_is_decided_once_when_the_session_is_created(
        self, make_browser: MakeBrowser
    ) -> None:
        browser = make_browser(SESSION_COOKIE_SECURE="auto", SESSION_COOKIE_SAMESITE="auto")

        [line] = cookie_lines(browser.run(write))
        [later] = cookie_lines(browser.run(lambda: session.regenerate(keep_data=True)))

        assert attributes_of(line) == attributes_of(later) == "Path=/; HttpOnly; SameSite=Lax"

    @pytest.mark.parametrize(
        ("config", "cause"),
        [
            ({"SESSION_COOKIE_NAME": "__Host-auto"}, "SESSION_COOKIE_NAME '__Host-auto' needs"),
            ({"SESSION_COOKIE_SAMESITE": "None"}, "SameSite=None needs"),
        ],
    )
    def test_auto_over_http_is_logged_where_browsers_drop_the_cookie(
        self,
        make_browser: MakeBrowser,
        caplog: pytest.LogCaptureFixture,
        config: dict[str, str],
        cause: str,
    ) -> None:
        browser = make_browser(SESSION_COOKIE_SECURE="auto", **config)

        browser.run(write, base_url="https://localhost")
        assert caplog.messages == []
        for _ in range(2):
            browser_of(browser.application).run(write)

        [line] = caplog.messages
        assert line.startswith("Over plain http SESSION_COOKIE_SECURE 'auto' makes")
        assert cause in line

    def test_express_prefers_stored_attributes_to_a_changed_config(
        self, make_app: MakeApp
    ) -> None:
        express = {"SESSION_PROFILE": "express"}
        before = browser_of(make_app(**express))
        before.run(write)
        app = make_app(SESSION_COOKIE_SAMESITE="lax", SESSION_ROLLING=True, **express)
        browser = browser_of(app)
        browser.hold(before.sid or "")

        [line] = cookie_lines(browser.run(lambda: None))

        assert attributes_of(line) == "Path=/; HttpOnly"


class TestDomain:
    @pytest.mark.parametrize(
        ("domain", "host", "fits"),
        [
            ("shop.example", "shop.example", True),
            (".shop.example", "WWW.shop.example:8000", True),
            ("other.example", "shop.example", False),
            ("hop.example", "shop.example", False),
        ],
    )
    def test_a_domain_that_the_host_is_not_in_is_logged(
        self,
        make_browser: MakeBrowser,
        caplog: pytest.LogCaptureFixture,
        domain: str,
        host: str,
        fits: bool,
    ) -> None:
        browser = make_browser(SESSION_COOKIE_DOMAIN=domain)

        browser.run(write, base_url=f"http://{host}")

        assert [domain in line for line in caplog.messages] == [True] * (not fits)


class TestCookieOptions:
    """``SESSION_COOKIE_OPTIONS`` computes the attributes for each request."""

    def test_each_request_gets_its_own_attributes(self, make_app: MakeApp) -> None:
        app = make_app(
            SESSION_COOKIE_OPTIONS=lambda request: {
                "samesite": "none" if request.is_secure else "lax",
                "secure": "auto",
                "max_age": timedelta(minutes=1),
            }
        )

        [plain] = cookie_lines(browser_of(app).run(write))
        [encrypted] = cookie_lines(browser_of(app).run(write, **HTTPS))

        assert plain.endswith("; HttpOnly; SameSite=Lax")
        assert encrypted.endswith("; HttpOnly; Secure; SameSite=None")
        assert "Expires=" in plain

    def test_the_function_is_called_once_a_request(self, make_browser: MakeBrowser) -> None:
        asked: list[str] = []

        def options(request: Request) -> dict[str, Any]:
            asked.append(request.path)
            return {}

        make_browser(SESSION_COOKIE_OPTIONS=options).run(write)

        assert asked == ["/"]

    def test_a_returned_path_limits_where_sessions_exist(self, make_browser: MakeBrowser) -> None:
        browser = make_browser(SESSION_COOKIE_OPTIONS=lambda request: {"path": "/shop"})

        assert cookie_lines(browser.run(write, "/shop")) != []
        with pytest.raises(SessionError):
            browser.run(write, "/shopping")

    @pytest.mark.parametrize(
        "options",
        [
            {"samesite": "sometimes"},
            {"expires": "tomorrow"},
            {"max_age": "1 day"},
            {"max_age": float("inf")},
        ],
    )
    def test_invalid_attributes_are_refused(
        self, make_browser: MakeBrowser, options: dict[str, Any]
    ) -> None:
        browser = make_browser(SESSION_COOKIE_OPTIONS=lambda request: options)

        with pytest.raises(ConfigError, match="SESSION_COOKIE_OPTIONS returned") as caught:
            browser.run(write)
        assert ("'auto'" in str(caught.value)) is ("samesite" in options)

    def test_attributes_that_browsers_drop_are_logged_once(
        self, make_browser: MakeBrowser, caplog: pytest.LogCaptureFixture
    ) -> None:
        browser = make_browser(SESSION_COOKIE_OPTIONS=lambda request: {"samesite": "none"})

        browser.run(write)
        browser.run(write)

        [line] = caplog.messages
        assert line.startswith("SESSION_COOKIE_OPTIONS returned")

    def test_invalid_attributes_are_a_500_without_a_cookie(
        self, make_browser: MakeBrowser, caplog: pytest.LogCaptureFixture
    ) -> None:
        browser = make_browser(
            SESSION_COOKIE_OPTIONS=lambda request: {"path": 7}, PROPAGATE_EXCEPTIONS=False
        )

        response = browser.run(write)

        assert (response.status_code, cookie_lines(response)) == (500, [])
        assert len(caplog.records) == 1


class TestPath:
    @pytest.mark.parametrize(
        "config", [{"SESSION_COOKIE_PATH": "/shop"}, {"SESSION_COOKIE_PATH": "/shop/"}]
    )
    def test_a_session_exists_below_the_cookie_path(
        self, make_browser: MakeBrowser, config: dict[str, Any]
    ) -> None:
        browser = make_browser(**config)
        browser.run(write, "/shop/cart")
        found: list[str] = []

        browser.run(lambda: found.append(session["user"]), "/shop/cart")

        assert found == ["ada"]

    @pytest.mark.parametrize("path", ["/", "/shopping"])
    def test_the_session_reads_as_empty_outside_the_cookie_path(
        self, make_browser: MakeBrowser, store: CountingStore, path: str
    ) -> None:
        browser = make_browser(SESSION_COOKIE_PATH="/shop")

        def look() -> None:
            assert "user" not in session
            assert session.get("user") is None
            assert not session

        response = browser.run(look, path)

        assert (cookie_lines(response), store.calls) == ([], [])

    @pytest.mark.parametrize(
        "change",
        [
            write,
            lambda: session.update(user="ada"),
            lambda: session.setdefault("user", "ada"),
            lambda: session.pop("user", None),
            update_in_place,
            lambda: session.clear(),
            lambda: setattr(session, "permanent", True),
        ],
    )
    def test_a_write_outside_the_cookie_path_is_refused(
        self, make_browser: MakeBrowser, change: View
    ) -> None:
        with pytest.raises(SessionError, match="outside SESSION_COOKIE_PATH"):
            make_browser(SESSION_COOKIE_PATH="/shop").run(change)

    def test_a_session_exists_below_the_application_root(self, make_app: MakeApp) -> None:
        # The server moves the root from the path to SCRIPT_NAME.
        browser = browser_of(make_app(APPLICATION_ROOT="/shop"))

        browser.run(write)

        assert browser.run(lambda: session.get("user", "nobody")).text == "ada"

    def test_the_session_is_empty_outside_the_application_root(
        self, make_app: MakeApp, store: CountingStore
    ) -> None:
        browser = browser_of(make_app(APPLICATION_ROOT="/shop"))

        response = browser.run(lambda: str(len(session)), base_url="http://localhost/")

        assert (response.text, cookie_lines(response), store.calls) == ("0", [], [])

    def test_the_express_profile_sends_no_cookie_outside_the_cookie_path(
        self, make_browser: MakeBrowser, store: CountingStore
    ) -> None:
        browser = make_browser(SESSION_PROFILE="express", SESSION_COOKIE_PATH="/shop")

        response = browser.run(lambda: "hello")

        assert (cookie_lines(response), store.calls, response.text) == ([], [], "hello")


class TestProxy:
    @pytest.mark.parametrize(
        ("config", "forwarded", "is_sent"),
        [
            pytest.param({}, "https", False, id="None, no ProxyFix"),
            pytest.param({"SESSION_PROXY": True}, "https", True, id="True"),
            pytest.param(
                {"SESSION_PROXY": True}, " HTTPS , http", True, id="True, https first of two"
            ),
            pytest.param(
                {"SESSION_PROXY": True}, "http, https", False, id="True, https second of two"
            ),
            pytest.param({"SESSION_PROXY": True}, "", False, id="True, empty header"),
            pytest.param({"SESSION_PROXY": False}, "https", False, id="False"),
        ],
    )
    def test_session_proxy_decides_if_a_secure_cookie_is_sent(
        self, make_browser: MakeBrowser, config: dict[str, Any], forwarded: str, is_sent: bool
    ) -> None:
        browser = make_browser(SESSION_COOKIE_SECURE=True, **config)

        response = browser.run(write, headers={"X-Forwarded-Proto": forwarded})

        assert bool(cookie_lines(response)) is is_sent

    @pytest.mark.parametrize(("proxy", "is_sent"), [(None, True), (True, True), (False, False)])
    def test_session_proxy_decides_behind_proxy_fix_too(
        self, make_app: MakeApp, proxy: bool | None, is_sent: bool
    ) -> None:
        app = make_app(SESSION_COOKIE_SECURE=True, SESSION_PROXY=proxy)
        app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]

        response = browser_of(app).run(write, headers={"X-Forwarded-Proto": "https"})

        assert bool(cookie_lines(response)) is is_sent

    @pytest.mark.parametrize("proxy", [None, True, False])
    def test_a_secure_cookie_is_always_sent_over_direct_tls(
        self, make_browser: MakeBrowser, proxy: bool | None
    ) -> None:
        browser = make_browser(SESSION_COOKIE_SECURE=True, SESSION_PROXY=proxy)

        assert len(cookie_lines(browser.run(write, **HTTPS))) == 1

    def test_auto_follows_the_header_of_a_trusted_proxy(self, make_browser: MakeBrowser) -> None:
        browser = make_browser(SESSION_COOKIE_SECURE="auto", SESSION_PROXY=True)

        [line] = cookie_lines(browser.run(write, headers={"X-Forwarded-Proto": "https"}))

        assert line.endswith("; Secure")

    def test_auto_ignores_the_header_of_an_untrusted_proxy(
        self, make_browser: MakeBrowser
    ) -> None:
        browser = make_browser(SESSION_COOKIE_SECURE="auto")

        [line] = cookie_lines(browser.run(write, headers={"X-Forwarded-Proto": "https"}))

        assert "Secure" not in line


class TestCookieHeader:
    def test_the_first_cookie_with_a_valid_signature_is_used(self, app: Flask) -> None:
        sid = sid_of_new_session(app)

        assert user_seen(app, f"session=stale; session={signed(app, sid)}") == "ada"

    def test_a_quoted_value_is_accepted(self, app: Flask) -> None:
        sid = sid_of_new_session(app)

        assert user_seen(app, f'session="{signed(app, sid)}"') == "ada"

    def test_a_value_that_is_not_percent_encoded_is_accepted(self, app: Flask) -> None:
        sid = sid_of_new_session(app)
        value = app.extensions["serversession"].signer.sign(sid)

        assert user_seen(app, f"session={value}") == "ada"

    def test_spaces_around_name_and_value_are_ignored(self, app: Flask) -> None:
        sid = sid_of_new_session(app)

        assert user_seen(app, f"other=1;  session = {signed(app, sid)} ; more=2") == "ada"

    def test_a_cookie_whose_name_only_ends_alike_is_ignored(self, app: Flask) -> None:
        sid = sid_of_new_session(app)

        assert user_seen(app, f"my-session={signed(app, sid)}") is None


class TestVary:
    @pytest.mark.parametrize(
        "look",
        [
            lambda found: found["user"],
            lambda found: found.get("user"),
            lambda found: "user" in found,
            lambda found: len(found),
            lambda found: next(iter(found)),
            lambda found: bool(found),
            lambda found: found.keys() and list(found.items()),
            lambda found: found.copy(),
            lambda found: found.pop("user"),
            lambda found: found.setdefault("user", "bob"),
        ],
        ids=[
            "item", "get", "in", "len", "iter", "bool", "items", "copy", "pop", "setdefault",
        ],
    )  # fmt: skip
    def test_any_read_makes_the_response_vary_by_cookie(self, app: Flask, look: Any) -> None:
        # Not through Flask's proxy, which records the access itself since 3.1.3.
        sid = sid_of_new_session(app)
        response = Response()
        with app.test_request_context(headers={"Cookie": f"session={signed(app, sid)}"}):
            found = app.session_interface.open_session(app, request)
            assert found is not None
            look(found)
            app.session_interface.save_session(app, found, response)

        assert "Cookie" in response.vary

    def test_a_response_that_ignores_its_session_does_not_vary(self, browser: Browser) -> None:
        browser.run(write)

        assert "Vary" not in browser.run(lambda: "hello").headers

    def test_a_response_that_sets_a_cookie_varies_even_if_the_view_reads_nothing(
        self, make_browser: MakeBrowser
    ) -> None:
        browser = make_browser(SESSION_PROFILE="express")

        assert "Cookie" in browser.run(lambda: "hello").vary

    def test_the_applications_own_vary_header_is_kept(self, browser: Browser) -> None:
        def vary() -> ResponseReturnValue:
            write()
            return "hello", {"Vary": "Accept"}

        response = browser.run(vary)

        assert set(response.vary) == {"Accept", "Cookie"}


class TestCacheControl:
    def test_a_new_cookie_is_kept_out_of_shared_caches(self, browser: Browser) -> None:
        assert browser.run(write).headers["Cache-Control"] == 'no-cache="Set-Cookie"'

    def test_the_applications_own_cache_control_is_kept(self, browser: Browser) -> None:
        def keep_private() -> ResponseReturnValue:
            write()
            return "hello", {"Cache-Control": "private"}

        response = browser.run(keep_private)

        assert response.headers["Cache-Control"] == "private"

    @pytest.mark.parametrize(
        ("control", "mended"),
        [
            ("public, max-age=600", "max-age=600, private"),
            ("s-maxage=600", "private"),
            ("max-age=600", "max-age=600, private"),
            ("must-revalidate", "must-revalidate, private"),
            ("max-age=600, no-store", "max-age=600, no-store"),
            ("no-cache", "no-cache"),
            ('no-cache="X-Trace"', "no-cache=X-Trace, private"),
        ],
    )
    @pytest.mark.parametrize("store", [MemoryStore(), "cookie"], ids=["stored", "cookie"])
    def test_no_shared_cache_may_keep_the_cookie(
        self, make_browser: MakeBrowser, store: object, control: str, mended: str
    ) -> None:
        def view() -> tuple[str, dict[str, str]]:
            write()
            return "hello", {"Cache-Control": control}

        response = make_browser(SESSION_STORE=store).run(view)

        assert response.headers["Cache-Control"] == mended

    def test_a_public_page_without_a_cookie_stays_public(self, make_browser: MakeBrowser) -> None:
        response = make_browser().run(lambda: ("hello", {"Cache-Control": "public"}))

        assert response.headers["Cache-Control"] == "public"

    def test_a_response_without_a_cookie_gets_no_cache_control(self, browser: Browser) -> None:
        browser.run(write)

        assert "Cache-Control" not in browser.run(lambda: session["user"]).headers


class TestSeveralLines:
    def test_the_applications_own_cookies_come_first(self, browser: Browser) -> None:
        def set_another() -> Response:
            write()
            response = Response()
            response.set_cookie("theme", "dark")
            return response

        lines = cookie_lines(browser.run(set_another))

        assert [line.partition("=")[0] for line in lines] == ["theme", "session"]

    def test_saving_a_session_twice_replaces_its_set_cookie_line(self, app: Flask) -> None:
        response = Response()
        response.set_cookie("theme", "dark")
        with app.test_request_context():
            opened = app.session_interface.open_session(app, request)
            assert opened is not None
            opened["user"] = "ada"
            app.session_interface.save_session(app, opened, response)
            opened.regenerate()  # type: ignore[attr-defined]
            opened["user"] = "bob"
            response.set_cookie("last", "one")
            app.session_interface.save_session(app, opened, response)

        lines = response.headers.getlist("Set-Cookie")
        assert [line.partition("=")[0] for line in lines] == ["theme", "session", "last"]
        assert signed(app, opened.sid) in lines[1]  # type: ignore[attr-defined]


def sid_of_new_session(app: Flask) -> str:
    browser = browser_of(app)
    browser.run(write)
    assert browser.sid is not None
    return browser.sid


def user_seen(app: Flask, header: str) -> str | None:
    """Return the user a view sees in a request with this Cookie header."""
    found: list[str | None] = []
    client = app.test_client(use_cookies=False)
    assert isinstance(client, Browser)
    client.run(lambda: found.append(session.get("user")), headers={"Cookie": header})
    return found[0]
