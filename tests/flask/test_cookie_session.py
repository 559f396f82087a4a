"""``SESSION_STORE="cookie"``: the browser keeps the session and the server keeps nothing."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from collections.abc import Iterator
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from email.utils import parsedate_to_datetime
from secrets import token_hex
from typing import Any

import pytest
import time_machine
from flask import flash
from flask import Flask
from flask import get_flashed_messages
from flask import Response
from flask import stream_with_context
from werkzeug.test import TestResponse

from flask_serversession import ConfigError
from flask_serversession import ServerSession
from flask_serversession import SessionError
from flask_serversession import SessionGone
from flask_serversession import SessionSerializationError
from flask_serversession import SessionTooLarge
from flask_serversession.cookie_session.session import CookieSession
from flask_serversession.cookies.signing import Keygrip

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import session
from .conftest import MakeApp
from .conftest import MakeBrowser
from .test_cli import COMMANDS

SECRET = "keyboard cat"
EXPIRED = "expires=Thu, 01 Jan 1970 00:00:00 GMT"
HTTPS = {"base_url": "https://localhost"}
MINUTE = timedelta(minutes=1)


@pytest.fixture
def make_browser(make_app: MakeApp) -> MakeBrowser:
    """Return a function that makes an application with cookie sessions and a browser for it."""
    return lambda **config: browser_of(make_app(SESSION_STORE="cookie", **config))


@pytest.fixture
def browser(make_browser: MakeBrowser) -> Browser:
    return make_browser()


@pytest.fixture
def ada(browser: Browser) -> Browser:
    """A browser that has a session."""
    browser.run(write)
    return browser


def write() -> None:
    session["user"] = "ada"


def read() -> None:
    session.get("user")


def value_of(data: object) -> str:
    return base64.b64encode(json.dumps(data, separators=(",", ":")).encode()).decode()


def signed(value: str, secret: str = SECRET) -> str:
    """Return a Cookie header for a value."""
    return f"session={value}; session.sig={Keygrip([secret]).sign(f'session={value}')}"


ADA = signed(value_of({"user": "ada"}))


def see_with(browser: Browser, header: str) -> dict[str, Any]:
    """Return what a request with this Cookie header finds in its session."""
    found: list[dict[str, Any]] = []
    lines_with(browser, header, lambda: found.append(session.copy()))
    return found[0]


def lines_with(browser: Browser, header: str, view: Callable[[], None] = read) -> list[str]:
    """Return the Set-Cookie lines of a response to this Cookie header."""
    stranger = browser.application.test_client(use_cookies=False)
    assert isinstance(stranger, Browser)
    return cookie_lines(stranger.run(view, headers={"Cookie": header}))


def copied(response: TestResponse) -> str:
    """Return the cookies of a response as a Cookie header, as an attacker copies them."""
    return "; ".join(line.partition(";")[0] for line in cookie_lines(response))


def names(lines: list[str]) -> list[str]:
    return [line.partition("=")[0] for line in lines]


def are_removed(response: TestResponse) -> bool:
    """Return whether a response removes both cookies."""
    lines = cookie_lines(response)
    return names(lines) == ["session", "session.sig"] and all(EXPIRED in line for line in lines)


def life_of(line: str) -> timedelta:
    """Return how long the cookie of a line lives from now."""
    [expires] = [part[8:] for part in line.split("; ") if part.startswith("expires=")]
    return parsedate_to_datetime(expires) - datetime.now(timezone.utc)


class TestItsEnd:
    """A copy of the cookie cannot be used for ever."""

    @pytest.mark.parametrize(
        ("config", "age"),
        [
            ({}, timedelta(days=31)),
            ({"PERMANENT_SESSION_LIFETIME": MINUTE}, MINUTE),
            ({"SESSION_COOKIE_MAX_AGE": MINUTE}, MINUTE),
        ],
    )
    def test_a_copied_cookie_is_not_read_after_its_max_age(
        self, make_browser: MakeBrowser, config: dict[str, Any], age: timedelta
    ) -> None:
        browser = make_browser(**config)
        header = copied(browser.run(write))

        with time_machine.travel(datetime.now(timezone.utc) + age - timedelta(seconds=5)):
            assert see_with(browser, header) == {"user": "ada"}
        with time_machine.travel(datetime.now(timezone.utc) + age + timedelta(seconds=5)):
            assert see_with(browser, header) == {}

    def test_a_change_moves_it(self, make_browser: MakeBrowser) -> None:
        browser = make_browser(PERMANENT_SESSION_LIFETIME=MINUTE)
        browser.run(write)

        with time_machine.travel(datetime.now(timezone.utc) + timedelta(seconds=50)):
            header = copied(browser.run(lambda: session.update(cart=1)))
        with time_machine.travel(datetime.now(timezone.utc) + timedelta(seconds=100)):
            assert see_with(browser, header) == {"user": "ada", "cart": 1}

    def test_a_session_that_only_differs_in_it_is_not_sent_again(self, ada: Browser) -> None:
        with time_machine.travel(datetime.now(timezone.utc) + timedelta(seconds=50)):
            assert cookie_lines(ada.run(write)) == []

    def test_after_it_a_write_starts_anew(self, make_browser: MakeBrowser) -> None:
        browser = make_browser(PERMANENT_SESSION_LIFETIME=MINUTE)
        header = copied(browser.run(write))

        with time_machine.travel(datetime.now(timezone.utc) + 2 * MINUTE):
            lines = lines_with(browser, header, lambda: session.update(cart=1))
            assert see_with(browser, "; ".join(line.partition(";")[0] for line in lines)) == {
                "cart": 1
            }

    def test_the_express_profile_sends_what_node_sends(self, make_browser: MakeBrowser) -> None:
        browser = make_browser(SESSION_PROFILE="express")

        assert copied(browser.run(write)) == ADA


class TestLazily:
    def test_a_request_that_ignores_its_session_sends_nothing(self, ada: Browser) -> None:
        response = ada.run(lambda: None)

        assert cookie_lines(response) == []
        assert "Vary" not in response.headers

    def test_a_request_that_ignores_its_session_needs_no_secret(
        self, make_browser: MakeBrowser
    ) -> None:
        browser = make_browser(SECRET_KEY=None)

        assert browser.run(lambda: None, headers={"Cookie": ADA}).status_code == 200

    def test_a_request_that_reads_its_session_varies_by_cookie_and_sends_nothing(
        self, ada: Browser
    ) -> None:
        response = ada.run(read)

        assert cookie_lines(response) == []
        assert response.headers["Vary"] == "Cookie"
        assert "Cache-Control" not in response.headers

    def test_assigning_the_same_value_sends_nothing(self, ada: Browser) -> None:
        assert cookie_lines(ada.run(write)) == []

    def test_a_new_session_that_stays_empty_is_not_sent(self, browser: Browser) -> None:
        def write_and_delete() -> None:
            session["user"] = "ada"
            del session["user"]

        assert cookie_lines(browser.run(write_and_delete)) == []

    def test_being_permanent_alone_sends_nothing(self, ada: Browser) -> None:
        def be_permanent() -> None:
            session.permanent = True

        assert cookie_lines(ada.run(be_permanent)) == []


class TestData:
    def test_data_written_in_one_request_are_there_in_the_next(self, ada: Browser) -> None:
        assert ada.data() == {"user": "ada"}

    def test_a_changed_session_sends_both_cookies_and_tells_caches(
        self, make_browser: MakeBrowser
    ) -> None:
        response = make_browser(SESSION_PROFILE="express").run(write)

        value, signature = ADA.split("; ")
        assert cookie_lines(response) == [
            f"{value}; path=/; httponly",
            f"{signature}; path=/; httponly",
        ]
        assert response.headers["Vary"] == "Cookie"
        assert response.headers["Cache-Control"] == 'no-cache="Set-Cookie"'

    def test_the_applications_cache_control_is_kept(self, browser: Browser) -> None:
        def view() -> Response:
            write()
            response = Response()
            response.headers["Cache-Control"] = "no-store"
            return response

        assert browser.run(view).headers["Cache-Control"] == "no-store"

    def test_a_nested_change_is_noticed(self, browser: Browser) -> None:
        browser.run(lambda: session.update(cart=[{"tea": 1}]))
        browser.run(lambda: session["cart"][0].update(tea=2))

        assert browser.data() == {"cart": [{"tea": 2}]}

    def test_python_types_come_back(self, browser: Browser) -> None:
        data = {"pair": (1, {2, 3}), "raw": b"\0\xff", "when": datetime.now(timezone.utc)}
        browser.run(lambda: session.update(data))

        assert browser.data() == data

    def test_it_knows_whether_it_is_new_and_whether_it_was_modified(
        self, browser: Browser
    ) -> None:
        def look() -> tuple[bool, bool, bool]:
            read()
            before = session.modified
            write()
            return session.new, before, session.modified

        assert browser.see(look) == (True, False, True)
        browser.run(write)
        assert browser.see(look) == (False, False, False)

    def test_setting_modified_sends_it_again(self, ada: Browser) -> None:
        def insist() -> None:
            session.modified = True

        assert names(cookie_lines(ada.run(insist))) == ["session", "session.sig"]

    def test_an_emptied_session_is_removed(self, ada: Browser) -> None:
        assert are_removed(ada.run(lambda: session.clear()))
        assert ada.get_cookie("session") is None

    def test_an_emptied_session_is_sent_without_destroy_empty(
        self, make_browser: MakeBrowser
    ) -> None:
        browser = make_browser(SESSION_PROFILE="express")
        browser.run(write)

        [line, _] = cookie_lines(browser.run(lambda: session.clear()))

        assert line == "session=e30=; path=/; httponly"

    def test_flasks_session_transaction_works(self, ada: Browser) -> None:
        with ada.session_transaction() as inside:
            inside["user"] += "!"

        assert ada.data() == {"user": "ada!"}

    def test_a_value_that_cannot_be_stored_raises_before_the_response(
        self, browser: Browser
    ) -> None:
        with pytest.raises(SessionSerializationError, match=r"session\['stream'\]"):
            browser.run(lambda: session.update(stream=object()))


class TestVerbs:
    @pytest.mark.parametrize("verb", ["destroy", "unset"])
    def test_ending_it_removes_both_cookies(self, ada: Browser, verb: str) -> None:
        assert are_removed(ada.run(lambda: getattr(session, verb)()))
        assert ada.data() == {}

    def test_a_message_flashed_after_destroying_starts_a_new_session(self, ada: Browser) -> None:
        def log_out() -> None:
            session.destroy()
            flash("Bye")

        ada.run(log_out)

        assert ada.data().keys() == {"_flashes"}
        assert ada.see(get_flashed_messages) == ["Bye"]
        assert ada.get_cookie("session") is None

    def test_destroying_ignores_what_was_sent(self, browser: Browser) -> None:
        lines = lines_with(browser, f"{ADA}x", lambda: session.destroy())

        assert names(lines) == ["session", "session.sig"]

    def test_regenerating_empties_it(self, ada: Browser) -> None:
        def log_in() -> None:
            session.regenerate()
            session["user"] = "bob"

        ada.run(log_in)

        assert ada.data() == {"user": "bob"}

    def test_regenerating_with_its_data_does_nothing(self, ada: Browser) -> None:
        assert cookie_lines(ada.run(lambda: session.regenerate(keep_data=True))) == []
        assert ada.data() == {"user": "ada"}

    def test_reloading_drops_the_requests_changes(self, ada: Browser) -> None:
        def change_and_reload() -> None:
            session["user"] = "bob"
            session.modified = True
            session.reload()

        assert cookie_lines(ada.run(change_and_reload)) == []

    def test_reloading_a_session_that_was_not_sent_raises_and_changes_nothing(
        self, browser: Browser
    ) -> None:
        def view() -> None:
            write()
            with pytest.raises(SessionGone):
                session.reload()

        browser.run(view)

        assert browser.data() == {"user": "ada"}

    def test_reloading_does_not_bring_back_a_destroyed_session(self, ada: Browser) -> None:
        def view() -> None:
            session.destroy()
            with pytest.raises(SessionGone):
                session.reload()

        assert are_removed(ada.run(view))

    def test_saving_lets_the_response_carry_it(self, browser: Browser) -> None:
        def view() -> None:
            write()
            session.save()

        assert names(cookie_lines(browser.run(view))) == ["session", "session.sig"]

    def test_saving_after_the_response_was_made_raises(self, browser: Browser) -> None:
        def stream() -> Iterator[str]:
            yield "begun"
            with pytest.raises(SessionError, match="before the response starts"):
                session.save()
            yield ", ended"

        def view() -> Response:
            write()
            return Response(stream_with_context(stream()))

        assert browser.run(view).text == "begun, ended"

    @pytest.mark.parametrize(
        "change", [lambda: session.update(late=True), lambda: session.destroy()]
    )
    def test_a_change_after_the_response_was_made_is_lost_and_logged(
        self, browser: Browser, caplog: pytest.LogCaptureFixture, change: Callable[[], None]
    ) -> None:
        with browser:
            browser.run(write)
            change()

        assert "the change is lost" in caplog.text
        assert browser.data() == {"user": "ada"}

    @pytest.mark.parametrize("attribute", ["id", "sid"])
    def test_it_has_no_id(self, ada: Browser, attribute: str) -> None:
        with pytest.raises(SessionError, match="no id"):
            ada.see(lambda: getattr(session, attribute))


class TestLife:
    def test_without_a_max_age_it_ends_with_the_browser(self, browser: Browser) -> None:
        assert all("expires" not in line for line in cookie_lines(browser.run(write)))

    def test_a_permanent_session_expires_as_in_flask(self, make_browser: MakeBrowser) -> None:
        def write_permanently() -> None:
            write()
            session.permanent = True

        browser = make_browser(PERMANENT_SESSION_LIFETIME=MINUTE)
        lines = cookie_lines(browser.run(write_permanently))

        assert all(abs(life_of(line) - MINUTE) < timedelta(seconds=5) for line in lines)
        assert all("max-age" not in line.lower() for line in lines)

    def test_touching_sends_it_again_with_its_full_max_age(
        self, make_browser: MakeBrowser
    ) -> None:
        browser = make_browser(SESSION_COOKIE_MAX_AGE=MINUTE)
        browser.run(write)
        assert cookie_lines(browser.run(read)) == []

        lines = cookie_lines(browser.run(lambda: session.touch()))

        assert names(lines) == ["session", "session.sig"]
        assert all(abs(life_of(line) - MINUTE) < timedelta(seconds=5) for line in lines)

    def test_its_max_age_counts_from_the_response(self, make_browser: MakeBrowser) -> None:
        with time_machine.travel(datetime(2024, 2, 29, tzinfo=timezone.utc), tick=False) as clock:

            def take_an_hour() -> None:
                write()
                session.permanent = True
                clock.shift(timedelta(hours=1))

            browser = make_browser(PERMANENT_SESSION_LIFETIME=MINUTE)

            assert [life_of(line) for line in cookie_lines(browser.run(take_an_hour))] == [
                MINUTE,
                MINUTE,
            ]

    def test_touching_a_new_empty_session_sends_nothing(self, browser: Browser) -> None:
        assert cookie_lines(browser.run(lambda: session.touch())) == []

    def test_rolling_sends_it_whenever_it_is_used(self, make_browser: MakeBrowser) -> None:
        browser = make_browser(SESSION_ROLLING=True, SESSION_COOKIE_MAX_AGE=MINUTE)
        browser.run(write)

        assert names(cookie_lines(browser.run(read))) == ["session", "session.sig"]
        assert cookie_lines(browser.run(lambda: None)) == []


class TestAttributes:
    def test_an_attribute_changed_for_a_response_is_on_both_cookies(
        self, browser: Browser
    ) -> None:
        def write_strictly() -> None:
            write()
            session.cookie.samesite = "strict"
            session.cookie.httponly = False

        lines = cookie_lines(browser.run(write_strictly))

        assert [line.partition("; ")[2] for line in lines] == ["path=/; samesite=strict"] * 2

    def test_it_is_secure_over_https_unless_the_application_says_otherwise(
        self, browser: Browser
    ) -> None:
        def write_insecurely() -> None:
            session["n"] = 1
            session.cookie.secure = False

        assert all("; secure" in line for line in cookie_lines(browser.run(write, **HTTPS)))
        insecure = cookie_lines(browser.run(write_insecurely, **HTTPS))
        assert insecure
        assert all("; secure" not in line for line in insecure)

    def test_a_secure_cookie_is_withheld_from_plain_http_and_the_log_says_why(
        self, make_browser: MakeBrowser, caplog: pytest.LogCaptureFixture
    ) -> None:
        browser = make_browser(SESSION_COOKIE_SECURE=True)

        assert cookie_lines(browser.run(write)) == []
        assert "ProxyFix" in caplog.text

    @pytest.mark.parametrize("profile", ["flask", "express"])
    def test_its_default_name_is_that_of_cookie_session(
        self, make_browser: MakeBrowser, profile: str
    ) -> None:
        browser = make_browser(SESSION_PROFILE=profile)

        assert names(cookie_lines(browser.run(write))) == ["session", "session.sig"]

    def test_its_name_can_be_chosen(self, make_browser: MakeBrowser) -> None:
        browser = make_browser(SESSION_COOKIE_NAME="shop")

        assert names(cookie_lines(browser.run(write))) == ["shop", "shop.sig"]
        assert browser.cookie_name == "shop"
        assert browser.data() == {"user": "ada"}

    def test_outside_its_path_there_is_no_session(self, make_browser: MakeBrowser) -> None:
        browser = make_browser(SESSION_COOKIE_PATH="/shop")

        browser.run(write, path="/shop/cart")
        with pytest.raises(SessionError, match="outside SESSION_COOKIE_PATH"):
            browser.run(write, path="/shopping")


def test_only_as_many_cookies_are_verified_as_are_allowed(make_browser: MakeBrowser) -> None:
    browser = make_browser(SESSION_MAX_COOKIES=1)
    lines = cookie_lines(browser.run(write))
    pair = "; ".join(line.partition(";")[0] for line in lines)
    client = browser.application.test_client(use_cookies=False)
    assert isinstance(client, Browser)

    def user_of(header: str) -> str:
        environ = {"HTTP_COOKIE": header}
        return client.run(lambda: str(session.get("user")), environ_overrides=environ).text

    assert user_of(pair) == "ada"
    assert user_of(f"session=planted; {pair}") == "None"
    assert user_of(f"session.sig=planted; {pair}") == "None"


class TestSize:
    #: With so much text ``{"x":"…"}`` is 4088 bytes of base64.
    FITS = 4088 // 4 * 3 - len('{"x":""}')

    @pytest.mark.parametrize("name", ["session", "exactly8"])
    def test_the_longest_cookie_that_browsers_accept_is_sent(
        self, make_browser: MakeBrowser, name: str
    ) -> None:
        browser = make_browser(SESSION_PROFILE="express", SESSION_COOKIE_NAME=name)

        [line, _] = cookie_lines(browser.run(lambda: session.update(x="x" * self.FITS)))

        assert len(line.partition(";")[0]) == len(name) + len("=") + 4088
        assert browser.data() == {"x": "x" * self.FITS}

    def test_name_and_value_count_together(self, make_browser: MakeBrowser) -> None:
        with pytest.raises(SessionTooLarge, match="4097 bytes"):
            make_browser(SESSION_PROFILE="express", SESSION_COOKIE_NAME="exactly_9").run(
                lambda: session.update(x="x" * self.FITS)
            )

    def test_a_longer_cookie_raises_before_the_response_and_shows_no_data(
        self, browser: Browser
    ) -> None:
        with pytest.raises(SessionTooLarge, match="4096") as caught:
            browser.run(lambda: session.update(x="secret" * 1000))

        assert "secret" not in str(caught.value)

    def test_the_error_page_leaves_the_browsers_cookies_alone(
        self, make_browser: MakeBrowser, caplog: pytest.LogCaptureFixture
    ) -> None:
        browser = make_browser(TESTING=False)
        browser.run(write)

        response = browser.run(lambda: session.update(x="x" * 5000))

        assert response.status_code == 500
        assert cookie_lines(response) == []
        assert "Request finalizing failed" not in caplog.text
        assert browser.data() == {"user": "ada"}


class TestKeys:
    def test_without_a_secret_writing_says_what_to_set(self, make_browser: MakeBrowser) -> None:
        with pytest.raises(ConfigError, match="secret_key"):
            make_browser(SECRET_KEY=None).run(lambda: session.update(user="ada"))

    def test_the_secret_may_be_set_after_the_extension(self, make_browser: MakeBrowser) -> None:
        browser = make_browser(SECRET_KEY=None)
        browser.application.secret_key = SECRET

        assert see_with(browser, ADA) == {"user": "ada"}

    def test_a_session_signed_by_an_older_secret_gets_a_new_signature(
        self, make_browser: MakeBrowser
    ) -> None:
        browser = make_browser(SECRET_KEY="new", SECRET_KEY_FALLBACKS=[SECRET])

        assert see_with(browser, ADA) == {"user": "ada"}
        value = value_of({"user": "ada"})
        renewed = signed(value, "new").split("; ")[1]
        assert lines_with(browser, ADA) == [f"{renewed}; path=/; httponly"]

    def test_a_new_signature_has_the_attributes_of_the_session(
        self, make_browser: MakeBrowser
    ) -> None:
        browser = make_browser(
            SESSION_SECRET=["new", SECRET],
            SESSION_COOKIE_MAX_AGE=MINUTE,
            SESSION_COOKIE_DOMAIN="example.com",
        )

        [line] = lines_with(browser, ADA)

        assert "; domain=example.com" in line
        assert abs(life_of(line) - MINUTE) < timedelta(seconds=5)

    def test_a_new_secure_signature_is_withheld_from_plain_http(
        self, make_browser: MakeBrowser
    ) -> None:
        browser = make_browser(SESSION_SECRET=["new", SECRET], SESSION_COOKIE_SECURE=True)

        assert lines_with(browser, ADA) == []

    def test_in_the_express_profile_a_new_signature_has_the_default_attributes(
        self, make_browser: MakeBrowser
    ) -> None:
        browser = make_browser(
            SESSION_PROFILE="express",
            SESSION_SECRET=["new", SECRET],
            SESSION_COOKIE_MAX_AGE=MINUTE,
            SESSION_COOKIE_DOMAIN="example.com",
        )

        [line] = lines_with(browser, ADA)

        assert line.endswith("; path=/; httponly")

    @pytest.mark.parametrize(
        "header",
        [
            ADA + "x",
            ADA.replace("session=", "session=A"),
            signed(value_of({"user": "ada"}), "a stranger's secret"),
        ],
    )
    def test_a_forged_session_reads_as_empty_and_its_signature_is_removed(
        self, browser: Browser, header: str
    ) -> None:
        assert see_with(browser, header) == {}
        assert lines_with(browser, header) == [f"session.sig=; path=/; {EXPIRED}; httponly"]

    @pytest.mark.parametrize("rest", ["", "; session.sig="])
    def test_an_unsigned_session_reads_as_empty_and_stays(
        self, browser: Browser, rest: str
    ) -> None:
        header = ADA.split("; ")[0] + rest

        assert see_with(browser, header) == {}
        assert lines_with(browser, header) == []

    def test_a_stale_cookie_of_the_name_does_not_hide_the_good_one(self, browser: Browser) -> None:
        stale = signed(value_of({"user": "eve"}), "an old secret")

        assert see_with(browser, f"{stale}; {ADA}") == {"user": "ada"}
        assert lines_with(browser, f"{stale}; {ADA}") == []

    def test_a_flood_of_cookies_of_the_name_is_not_searched(self, browser: Browser) -> None:
        stale = signed(value_of({"user": "eve"}), "an old secret")

        assert see_with(browser, "; ".join([stale] * 50 + [ADA])) == {}

    @pytest.mark.parametrize(
        "value", ["!" + value_of({"user": "ada"}), "e30", value_of([1]), value_of("text"), "eyI="]
    )
    def test_a_signed_value_that_is_not_a_session_is_ignored_and_logged(
        self, browser: Browser, caplog: pytest.LogCaptureFixture, value: str
    ) -> None:
        assert see_with(browser, signed(value)) == {}
        assert "unreadable" in caplog.text


class TestOtherCookies:
    def add_to(self, app: Flask, *lines: str) -> None:
        @app.after_request
        def add(response: Response) -> Response:
            for line in lines:
                response.headers.add("Set-Cookie", line)
            return response

    def test_only_earlier_lines_of_its_names_are_dropped(self, browser: Browser) -> None:
        self.add_to(browser.application, "session=a", "sessions=b", "session.sig=c", "theme=d")

        lines = cookie_lines(browser.run(write))

        assert names(lines) == ["sessions", "theme", "session", "session.sig"]

    @pytest.mark.parametrize("overwrite", [True, False])
    def test_saving_twice_does_not_double_the_lines(
        self, make_browser: MakeBrowser, overwrite: bool
    ) -> None:
        browser = make_browser(SESSION_STORE_OPTIONS={"overwrite": overwrite})
        app = browser.application

        def view() -> Response:
            write()
            response = Response()
            app.session_interface.save_session(app, session, response)
            return response

        assert names(cookie_lines(browser.run(view))) == ["session", "session.sig"]


class TestTheApplication:
    @pytest.mark.parametrize(
        "options", [{"overwrite": "no"}, {"prefix": "x"}, {"overwrite": None}]
    )
    def test_unknown_options_are_refused(
        self, make_browser: MakeBrowser, options: dict[str, Any]
    ) -> None:
        with pytest.raises(ConfigError, match="overwrite"):
            make_browser(SESSION_STORE_OPTIONS=options)

    def test_check_resolves_the_secret_and_passes(self, browser: Browser) -> None:
        result = browser.application.test_cli_runner().invoke(args=["sessions", "check"])

        assert result.exit_code == 0
        assert "The browsers keep the sessions" in result.output

    @pytest.mark.parametrize("command", [name for name in COMMANDS if name != "check"])
    def test_every_command_says_that_the_browsers_keep_the_sessions(
        self, browser: Browser, command: str
    ) -> None:
        words = {
            "show": ["an-id"],
            "destroy": ["--yes", "a-long-id"],
            "clear": ["--yes"],
            "end": ["--yes", "--user", "ada"],
        }
        result = browser.application.test_cli_runner().invoke(
            args=["sessions", command, *words.get(command, [])]
        )

        assert result.exit_code == 1
        assert "SESSION_STORE is 'cookie'" in result.output

    def test_a_list_of_a_users_sessions_says_so_too(self, browser: Browser) -> None:
        result = browser.application.test_cli_runner().invoke(
            args=["sessions", "list", "--user", "ada"]
        )

        assert result.exit_code == 1
        assert "SESSION_STORE is 'cookie'" in result.output

    def test_the_manager_says_that_the_browsers_keep_the_sessions(self, browser: Browser) -> None:
        manager = browser.application.extensions["serversession"]

        with pytest.raises(SessionError, match="browsers"):
            manager.load("an-id")
        with pytest.raises(SessionError, match="browsers"):
            manager.destroy("an-id")

    def test_a_session_that_failed_to_open_causes_no_second_error_when_saved(
        self, make_browser: MakeBrowser, caplog: pytest.LogCaptureFixture
    ) -> None:
        browser = make_browser(TESTING=False, SESSION_COOKIE_OPTIONS=lambda request: {"path": 5})

        assert browser.run(read).status_code == 500
        assert "Request finalizing failed" not in caplog.text

    def test_a_cookie_sent_without_the_session_proxy_also_adds_vary(
        self, browser: Browser
    ) -> None:
        app = browser.application
        interface = app.session_interface
        response = Response()
        with app.test_request_context() as context:
            opened = interface.open_session(app, context.request)
            assert isinstance(opened, CookieSession)
            opened.destroy()
            interface.save_session(app, opened, response)

        assert response.headers["Vary"] == "Cookie"

    def test_it_does_not_warn_of_memory(self, caplog: pytest.LogCaptureFixture) -> None:
        app = Flask(__name__)
        app.config.update(SECRET_KEY=token_hex(), SESSION_STORE="cookie")

        with caplog.at_level(logging.WARNING):
            ServerSession(app)

        assert caplog.text == ""
