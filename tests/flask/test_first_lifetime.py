"""A session that nobody uses a second time is not kept for long."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from datetime import timedelta
from datetime import timezone

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from flask_serversession import session_peek
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import cookie_lines
from .browser import session
from .conftest import Go
from .conftest import MakeBrowser
from .counting import CountingStore

MINUTE = timedelta(minutes=1)
HOUR = 60 * MINUTE
DAY = 24 * HOUR
FIRST = 10 * MINUTE


@pytest.fixture
def make(make_browser: MakeBrowser, go: Go) -> MakeBrowser:
    """Make a browser of an application whose clock stands still."""
    options = {"SESSION_FIRST_LIFETIME": FIRST, "SESSION_IDLE_TIMEOUT": DAY}
    return lambda **config: make_browser(**{**options, **config})


@pytest.fixture
def browser(make: MakeBrowser) -> Browser:
    return make()


def visit() -> None:
    session["theme"] = "dark"


def use() -> str:
    return str(session.get("theme"))


def left(memory: MemoryStore, browser: Browser) -> timedelta:
    """Return how long the store keeps the browser's session."""
    record = memory.load(browser.sid or "")
    assert record
    assert record.expires_at
    return record.expires_at - datetime.now(timezone.utc)


def is_about(one: timedelta, other: timedelta) -> bool:
    return abs(one - other) < timedelta(seconds=1)


def test_a_visitor_who_does_not_return_costs_one_call_and_a_short_life(
    browser: Browser, memory: MemoryStore, store: CountingStore, go: Go
) -> None:
    browser.run(visit)

    assert store.calls == ["create"]
    assert is_about(left(memory, browser), FIRST)
    go(FIRST)
    assert memory.count() == 0


def test_a_second_use_extends_it_with_one_call(
    browser: Browser, memory: MemoryStore, store: CountingStore, go: Go
) -> None:
    browser.run(visit)
    store.calls.clear()
    go(9 * MINUTE)

    assert browser.run(use).text == "dark"

    assert store.calls == ["load", "touch"]
    assert is_about(left(memory, browser), DAY)
    go(12 * HOUR)
    assert browser.run(use).text == "dark"


def test_a_second_use_extends_it_at_once(
    browser: Browser, memory: MemoryStore, store: CountingStore
) -> None:
    """A browser follows a redirect in the same second."""
    browser.run(visit)
    browser.run(use)
    store.calls.clear()

    browser.run(use)

    assert store.calls == ["load"]
    assert is_about(left(memory, browser), DAY)


@pytest.mark.parametrize("saves", [True, False])
def test_a_second_request_that_writes_extends_it_too(
    browser: Browser, memory: MemoryStore, *, saves: bool
) -> None:
    browser.run(visit)

    def write() -> None:
        session["theme"] = "light"
        if saves:
            session.save()
            assert is_about(left(memory, browser), DAY)

    browser.run(write)

    assert is_about(left(memory, browser), DAY)


def test_a_request_that_only_peeks_is_no_second_use(browser: Browser, memory: MemoryStore) -> None:
    browser.run(visit)

    assert browser.see(session_peek(lambda: session.expires_in)) == (600, "idle")
    assert is_about(left(memory, browser), FIRST)


def test_a_login_gives_it_its_whole_life(browser: Browser, memory: MemoryStore) -> None:
    browser.run(lambda: session.log_in("ada"))

    assert is_about(left(memory, browser), DAY)


def nothing() -> None:
    pass


def reload() -> None:
    session.reload()


def lock() -> None:
    with session.lock():
        pass


@pytest.mark.parametrize("then", [nothing, reload, lock])
def test_saving_in_the_first_request_is_no_second_use(
    browser: Browser, memory: MemoryStore, store: CountingStore, then: Callable[[], None]
) -> None:
    def write_twice() -> None:
        visit()
        session.save()
        then()
        session["theme"] = "light"

    browser.run(write_twice)

    assert store.calls[:: len(store.calls) - 1] == ["create", "save"]
    assert is_about(left(memory, browser), FIRST)


def test_what_a_page_is_told_of_its_end_is_right(make: MakeBrowser) -> None:
    browser = make(SESSION_TIMEOUT_HEADER=True)

    def visit_and_look() -> str:
        visit()
        return str(session.expires_in.seconds)

    first, second = browser.run(visit_and_look), browser.run(lambda: str(session.expires_in))

    assert (first.text, first.headers["Session-Timeout"]) == ("600.0", "600")
    assert second.text == "ExpiresIn(seconds=86400.0, limit='idle')"
    assert second.headers["Session-Timeout"] == "86400"


def test_the_absolute_timeout_still_ends_it(
    make: MakeBrowser, memory: MemoryStore, go: Go
) -> None:
    browser = make(SESSION_ABSOLUTE_TIMEOUT=HOUR)
    browser.run(visit)
    assert browser.see(session_peek(lambda: session.expires_in)) == (600, "idle")

    go(5 * MINUTE)
    browser.run(use)

    assert is_about(left(memory, browser), 55 * MINUTE)
    assert browser.see(lambda: session.expires_in) == (3300, "absolute")


def test_a_lifetime_that_is_shorter_stays(make: MakeBrowser, memory: MemoryStore) -> None:
    browser = make(SESSION_IDLE_TIMEOUT=MINUTE)

    browser.run(visit)

    assert is_about(left(memory, browser), MINUTE)


class TestPermanent:
    @pytest.fixture
    def browser(self, make: MakeBrowser) -> Browser:
        browser = make(SESSION_COOKIE_MAX_AGE=31 * DAY)
        [line] = cookie_lines(browser.run(visit))
        ends = datetime.now(timezone.utc) + 31 * DAY
        assert f"Expires={ends:%a, %d %b %Y %H:%M:%S} GMT" in line
        return browser

    def test_its_cookie_is_as_usual_and_its_record_ends_soon(
        self, browser: Browser, memory: MemoryStore
    ) -> None:
        assert is_about(left(memory, browser), FIRST)

    def test_a_second_use_extends_both(
        self, browser: Browser, memory: MemoryStore, go: Go
    ) -> None:
        go(5 * MINUTE)

        def look() -> str:
            return f"{session.cookie.max_age:.0f}"

        response = browser.run(look)

        assert response.text == f"{(31 * DAY - 5 * MINUTE).total_seconds():.0f}"
        ends = datetime.now(timezone.utc) + 31 * DAY
        assert f"Expires={ends:%a, %d %b %Y %H:%M:%S} GMT" in cookie_lines(response)[0]
        assert is_about(left(memory, browser), 31 * DAY)

    def test_saving_in_a_second_request_extends_it(
        self, browser: Browser, memory: MemoryStore
    ) -> None:
        def save() -> None:
            session["theme"] = "light"
            session.save()
            assert is_about(left(memory, browser), 31 * DAY)

        browser.run(save)

    def test_later_uses_move_its_cookie_on(self, browser: Browser, go: Go) -> None:
        browser.run(use)
        go(20 * DAY)
        browser.run(use)
        go(20 * DAY + MINUTE / 2)

        age = browser.see(lambda: session.cookie.max_age)

        assert age == (31 * DAY - MINUTE / 2).total_seconds()


def test_a_session_that_was_taken_over_has_its_whole_life(
    make: MakeBrowser, memory: MemoryStore
) -> None:
    flasks = Flask(__name__)
    flasks.secret_key = "keyboard cat"
    serializer = SecureCookieSessionInterface().get_signing_serializer(flasks)
    assert serializer is not None
    browser = make(SESSION_ADOPT=["flask"])
    browser.set_cookie("session", str(serializer.dumps({"theme": "dark"})))

    assert browser.run(use).text == "dark"

    assert is_about(left(memory, browser), DAY)


def test_without_the_key_the_first_life_is_the_whole_one(
    make: MakeBrowser, memory: MemoryStore
) -> None:
    browser = make(SESSION_FIRST_LIFETIME=None)

    browser.run(visit)

    assert is_about(left(memory, browser), DAY)
