"""What an application in the strict profile does, as its browsers see it."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
from flask import Flask

from flask_serversession import ConfigError
from flask_serversession import manager_of
from flask_serversession import ServerSession
from flask_serversession.security import Running
from flask_serversession.security import SUBJECTS
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import serve_browsers
from .browser import session
from .browser import sid_of
from .browser import signed
from .conftest import Go
from .conftest import MakeApp
from .conftest import MakeBrowser

HOUR = timedelta(hours=1)
SECRET = "f1d29c04" * 8
STRICT: dict[str, Any] = {"SESSION_PROFILE": "strict", "SECRET_KEY": SECRET}
HTTPS = "https://localhost"


@pytest.fixture
def make_strict(make_app: MakeApp) -> MakeBrowser:
    return lambda **config: browser_of(make_app(**STRICT | config))


@pytest.fixture
def browser(make_strict: MakeBrowser) -> Browser:
    return make_strict()


@pytest.fixture
def user(browser: Browser) -> Browser:
    """A browser that Ada is logged in with."""
    browser.run(log_in, base_url=HTTPS)
    return browser


def log_in() -> None:
    session.log_in("ada")


def user_of(browser: Browser) -> str:
    return browser.run(lambda: str(session.user_id), base_url=HTTPS).text


class TestTheCookie:
    def test_its_line_is_this(self, browser: Browser) -> None:
        response = browser.run(log_in, base_url=HTTPS)

        value = signed(browser.application, sid_of(cookie_lines(response)[0]))
        assert cookie_lines(response) == [
            f"__Host-session={value}; Path=/; HttpOnly; Secure; SameSite=Lax"
        ]

    def test_over_http_no_cookie_is_sent(self, browser: Browser) -> None:
        assert cookie_lines(browser.run(log_in)) == []

    def test_it_is_removed_with_the_same_attributes(self, user: Browser) -> None:
        response = user.run(lambda: session.log_out(), base_url=HTTPS)

        assert cookie_lines(response) == [
            "__Host-session=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure;"
            " SameSite=Lax"
        ]

    def test_a_session_that_was_stored_without_secure_gets_it(
        self, make_browser: MakeBrowser, make_strict: MakeBrowser
    ) -> None:
        before = make_browser(SECRET_KEY=SECRET, SESSION_HASH_IDS=True)
        before.run(log_in)
        after = make_strict()
        after.hold(str(before.sid))

        [line] = cookie_lines(after.run(lambda: str(session.user_id), base_url=HTTPS))
        assert line.endswith("; HttpOnly; Secure; SameSite=Lax")


def test_no_cache_keeps_the_page_of_a_user(user: Browser) -> None:
    response = user.run(lambda: str(session.user_id), base_url=HTTPS)

    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Vary"] == "Cookie"


def test_the_store_has_no_id(user: Browser, memory: MemoryStore) -> None:
    assert user.sid
    assert memory.count() == 1
    assert memory.load(user.sid) is None


class TestTime:
    def test_a_session_ends_after_an_hour_without_use(self, user: Browser, go: Go) -> None:
        go(HOUR - timedelta(minutes=1))
        assert user_of(user) == "ada"
        go(2 * HOUR)
        assert user_of(user) == "None"

    def test_a_permanent_session_does_so_too(self, browser: Browser, go: Go) -> None:
        def log_in_for_long() -> None:
            log_in()
            session.permanent = True

        browser.run(log_in_for_long, base_url=HTTPS)
        twin = browser.twin()
        go(HOUR + timedelta(seconds=1))

        assert user_of(twin) == "None"

    def test_a_visitor_who_does_not_return_leaves_a_session_for_ten_minutes(
        self, make_strict: MakeBrowser, memory: MemoryStore, go: Go
    ) -> None:
        make_strict().run(lambda: session.update(cart=["tea"]), base_url=HTTPS)

        go(timedelta(minutes=9))
        assert memory.count() == 1
        go(timedelta(minutes=11))
        assert memory.count() == 0

    def test_a_session_ends_after_twelve_hours_however_busy(self, user: Browser, go: Go) -> None:
        for minutes in range(30, 12 * 60, 30):
            go(timedelta(minutes=minutes))
            assert user_of(user) == "ada"
        go(12 * HOUR)

        assert user_of(user) == "None"


class TestWhatIsWeaker:
    @pytest.mark.parametrize("mode", ["DEBUG", "TESTING", "neither"])
    def test_it_is_refused_in_every_mode(self, mode: str) -> None:
        app = Flask(__name__)
        app.config.update(STRICT, SESSION_COOKIE_SECURE="auto")
        if mode != "neither":
            app.config[mode] = True

        with pytest.raises(ConfigError, match="SESSION_COOKIE_SECURE is 'auto'"):
            ServerSession(app)

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("SESSION_COOKIE_SECURE", "auto"),
            ("SESSION_COOKIE_HTTPONLY", False),
            ("SESSION_COOKIE_DOMAIN", "example.com"),
            ("SESSION_COOKIE_NAME", "sid"),
            ("SESSION_COOKIE_PATH", "/shop"),
            ("SESSION_COOKIE_SAMESITE", "None"),
            ("PERMANENT_SESSION_LIFETIME", 2 * HOUR),
        ],
    )
    def test_a_key_of_flask_that_changes_later_is_refused_in_each_request(
        self, user: Browser, key: str, value: object
    ) -> None:
        before = user.application.config[key]
        user.application.config[key] = value

        for _ in range(2):
            with pytest.raises(ConfigError, match=f"^{key} is "):
                user_of(user)

        user.application.config[key] = before
        assert user_of(user) == "ada"

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("SESSION_COOKIE_SECURE", False),
            ("SESSION_COOKIE_SAMESITE", None),
            ("SESSION_COOKIE_NAME", "session"),
            ("APPLICATION_ROOT", "/shop"),
        ],
    )
    def test_a_value_that_flask_gives_changes_nothing(
        self, make_strict: MakeBrowser, key: str, value: object
    ) -> None:
        browser = make_strict(**{key: value})
        browser.run(log_in, base_url=HTTPS)
        browser.application.config.update({key: value, "SESSION_COOKIE_PARTITIONED": True})

        [line] = cookie_lines(browser.run(log_in, base_url=HTTPS))
        assert line.startswith("__Host-session=")
        assert line.endswith("; Path=/; HttpOnly; Secure; Partitioned; SameSite=Lax")

    def test_a_lifetime_of_the_applications_class_is_refused(self) -> None:
        class Shop(Flask):
            permanent_session_lifetime = timedelta(days=7)

        app = Shop(__name__)
        app.config.update(STRICT, SESSION_STORE=MemoryStore(), TESTING=True)
        ServerSession(app)
        serve_browsers(app)

        with pytest.raises(ConfigError, match=r"^PERMANENT_SESSION_LIFETIME is "):
            browser_of(app).run(log_in, base_url=HTTPS)


#: Sessions in the cookie itself have no ids and no absolute timeout.
IN_THE_COOKIE = {
    "SESSION_STORE": "cookie",
    "SESSION_EXCEPTIONS": ["SESSION_STORE", "SESSION_HASH_IDS", "SESSION_ABSOLUTE_TIMEOUT"],
}
KINDS = pytest.mark.parametrize("kind", [{}, IN_THE_COOKIE], ids=["stored", "in the cookie"])


@KINDS
class TestTheSecret:
    @pytest.mark.parametrize("key", ["SECRET_KEY", "SESSION_SECRET"])
    def test_a_short_one_is_refused_at_start_up(
        self, make_strict: MakeBrowser, kind: dict[str, Any], key: str
    ) -> None:
        with pytest.raises(ConfigError, match=f"{key} has a secret of 31 bytes, fewer than 32"):
            make_strict(**kind | {key: "x" * 31})

    def test_a_short_fallback_is_refused_too(
        self, make_strict: MakeBrowser, kind: dict[str, Any]
    ) -> None:
        with pytest.raises(ConfigError, match="SECRET_KEY_FALLBACKS has a secret of 5 bytes"):
            make_strict(**kind, SECRET_KEY_FALLBACKS=["short"])

    def test_a_short_one_that_is_set_later_is_refused_when_it_is_used(
        self, make_strict: MakeBrowser, kind: dict[str, Any]
    ) -> None:
        browser = make_strict(**kind | {"SECRET_KEY": None})
        browser.application.secret_key = "short"

        for _ in range(2):
            with pytest.raises(ConfigError, match="SECRET_KEY has a secret of 5 bytes"):
                browser.run(log_in, base_url=HTTPS)

        browser.application.secret_key = SECRET
        browser.run(log_in, base_url=HTTPS)
        assert user_of(browser) == "ada"


def test_sessions_in_cookies_are_an_exception(make_strict: MakeBrowser) -> None:
    browser = make_strict(**IN_THE_COOKIE)

    lines = cookie_lines(browser.run(log_in, base_url=HTTPS))

    assert [line.partition("=")[0] for line in lines] == ["__Host-session", "__Host-session.sig"]
    assert all(line.endswith("; samesite=lax; secure; httponly") for line in lines)


def test_without_https_in_development_two_exceptions_are_enough(make_strict: MakeBrowser) -> None:
    browser = make_strict(SESSION_EXCEPTIONS=["SESSION_COOKIE_SECURE", "SESSION_COOKIE_NAME"])

    [line] = cookie_lines(browser.run(log_in))

    assert line.startswith("session=")
    assert line.endswith("; Path=/; HttpOnly; SameSite=Lax")


def test_one_exception_is_refused_since_browsers_would_drop_the_cookie(
    make_strict: MakeBrowser,
) -> None:
    with pytest.raises(
        ConfigError, match="'__Host-session' needs SESSION_COOKIE_SECURE"
    ) as caught:
        make_strict(SESSION_EXCEPTIONS=["SESSION_COOKIE_SECURE"])

    assert str(caught.value).endswith(
        "SESSION_EXCEPTIONS = ['SESSION_COOKIE_SECURE', 'SESSION_COOKIE_NAME'] permits it."
    )
    with pytest.raises(ConfigError, match="Partitioned needs") as caught:
        make_strict(SESSION_EXCEPTIONS=["SESSION_COOKIE_SECURE"], SESSION_COOKIE_PARTITIONED=True)
    assert "permits" not in str(caught.value)  # no other name would mend that


def test_no_statement_about_security_is_to_be_fixed_but_those_about_encryption(
    make_strict: MakeBrowser,
) -> None:
    def to_be_fixed(**config: Any) -> set[int]:
        running = Running.of(
            manager_of(make_strict(**config, SESSION_STORE="sqlite:///x.db").application)
        )
        statements = chain.from_iterable(SUBJECTS.values())
        return {each.number for each in statements if each.answer(running).mark == "fix"}

    assert to_be_fixed() == {53, 54}
    assert to_be_fixed(SESSION_ENCRYPTION_KEYS=["0123456789abcdef" * 4]) == set()


class TestTheCheckCommand:
    def test_it_names_the_profile_the_level_and_the_exceptions(
        self, make_strict: MakeBrowser
    ) -> None:
        names = ["SESSION_COOKIE_SECURE", "SESSION_COOKIE_NAME"]
        app = make_strict(SESSION_EXCEPTIONS=names, SESSION_ASSURANCE_LEVEL=2).application

        output = app.test_cli_runner().invoke(args=["sessions", "check"]).output

        assert (
            "The profile is 'strict' at assurance level 2, except for SESSION_COOKIE_SECURE,"
            " SESSION_COOKIE_NAME.\n"
        ) in output

    def test_it_names_a_level_in_another_profile(self, make_app: MakeApp) -> None:
        app = make_app(SESSION_ASSURANCE_LEVEL=3)

        output = app.test_cli_runner().invoke(args=["sessions", "check"]).output

        assert "The profile is 'flask' at assurance level 3.\n" in output

    def test_it_fails_for_a_short_secret(self, make_strict: MakeBrowser) -> None:
        app = make_strict(SECRET_KEY=None).application
        app.config["SECRET_KEY"] = "short"

        result = app.test_cli_runner().invoke(args=["sessions", "check"])

        assert result.exit_code == 1
        assert "SECRET_KEY has a secret of 5 bytes, fewer than 32" in result.output


@pytest.mark.parametrize("level", [1, 2, 3])
def test_an_assurance_level_needs_sessions_on_the_server(make_app: MakeApp, level: int) -> None:
    with pytest.raises(
        ConfigError, match="SESSION_ABSOLUTE_TIMEOUT, like SESSION_ASSURANCE_LEVEL"
    ):
        make_app(SESSION_STORE="cookie", SESSION_ASSURANCE_LEVEL=level)


def test_an_assurance_level_limits_the_sessions_of_the_flask_profile(
    make_browser: MakeBrowser, go: Go
) -> None:
    browser = make_browser(SESSION_ASSURANCE_LEVEL=3)
    browser.run(log_in)

    go(timedelta(minutes=14))
    assert user_of(browser) == "ada"
    go(timedelta(minutes=30))
    assert user_of(browser) == "None"


def test_an_assurance_level_limits_what_each_request_may_choose(make_browser: MakeBrowser) -> None:
    ages = [900.0, 900.001, 2_592_000.0]
    browser = make_browser(
        SESSION_ASSURANCE_LEVEL=3,
        SESSION_COOKIE_OPTIONS=lambda request: {"max_age": ages[0]},
    )

    browser.run(log_in)
    assert browser.see(lambda: session.cookie.max_age) <= 900
    for shown in (r"900\.001", "2592000"):
        del ages[0]
        with pytest.raises(
            ConfigError, match=f"a max_age of {shown} seconds; .* 3 allows up to 900"
        ):
            browser.run(log_in)


def test_an_exception_permits_a_longer_age_of_a_request(make_browser: MakeBrowser) -> None:
    browser = make_browser(
        SESSION_ASSURANCE_LEVEL=3,
        SESSION_EXCEPTIONS=["SESSION_COOKIE_MAX_AGE"],
        SESSION_COOKIE_OPTIONS=lambda request: {"max_age": 1800},
    )

    browser.run(log_in)

    assert browser.see(lambda: session.cookie.max_age) > 900
