"""``session.permanent``, as Flask defines it, and the expiry of the cookie."""

from __future__ import annotations

from datetime import datetime
from datetime import timedelta
from datetime import timezone
from email.utils import parsedate_to_datetime

import pytest
from flask import Flask

from flask_serversession.stores.base import utc_now
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import session
from .conftest import LetPass
from .conftest import MakeApp
from .conftest import MakeBrowser
from .counting import CountingStore

WEEK = timedelta(days=7)


def make_permanent() -> None:
    session.permanent = True


def log_in() -> None:
    session.permanent = True
    session["user"] = "ada"


def end_of(line: str) -> datetime:
    """Return the expiry in a Set-Cookie line."""
    return parsedate_to_datetime(line.partition("Expires=")[2].partition(";")[0])


@pytest.fixture
def member(make_app: MakeApp, store: CountingStore) -> Browser:
    """A browser with a permanent session that lasts a week."""
    browser = browser_of(make_app(PERMANENT_SESSION_LIFETIME=WEEK))
    browser.run(log_in)
    store.calls.clear()
    return browser


def test_a_session_is_not_permanent_by_default(browser: Browser) -> None:
    [line] = cookie_lines(browser.run(lambda: session.update(user="ada")))

    assert "Expires" not in line
    assert browser.see(lambda: session.permanent) is False


@pytest.mark.parametrize("lifetime", [WEEK, int(WEEK.total_seconds())])
def test_the_cookie_of_a_permanent_session_lasts_its_lifetime(
    make_browser: MakeBrowser, lifetime: object
) -> None:
    before = datetime.now(timezone.utc).replace(microsecond=0)

    [line] = cookie_lines(make_browser(PERMANENT_SESSION_LIFETIME=lifetime).run(log_in))

    assert before <= end_of(line) - WEEK <= datetime.now(timezone.utc)


def test_a_permanent_session_lasts_its_lifetime_in_the_store(
    member: Browser, memory: MemoryStore
) -> None:
    record = memory.load(member.sid or "")

    assert record is not None
    assert record.expires_at is not None
    assert WEEK - timedelta(minutes=1) < record.expires_at - utc_now() <= WEEK


def test_a_permanent_session_is_still_permanent_in_the_next_request(member: Browser) -> None:
    assert member.see(lambda: session.permanent) is True
    assert member.see(lambda: session.cookie.original_max_age) == WEEK.total_seconds()


def test_permanent_is_not_a_key_of_the_data(member: Browser) -> None:
    assert member.data() == {"user": "ada"}


def test_setting_permanent_to_false_removes_the_expiry(member: Browser) -> None:
    [line] = cookie_lines(member.run(lambda: setattr(session, "permanent", False)))

    assert "Expires" not in line
    assert member.see(lambda: session.permanent) is False


def test_a_configured_max_age_makes_every_session_permanent(make_browser: MakeBrowser) -> None:
    browser = make_browser(SESSION_COOKIE_MAX_AGE=60)
    browser.run(lambda: session.update(user="ada"))

    assert browser.see(lambda: session.permanent) is True


def test_setting_permanent_alone_stores_no_session(app: Flask, store: CountingStore) -> None:
    app.before_request(make_permanent)

    response = browser_of(app).run(lambda: "hello")

    assert (cookie_lines(response), store.calls) == ([], [])


def test_setting_permanent_again_writes_nothing(member: Browser, store: CountingStore) -> None:
    response = member.run(make_permanent)

    assert (cookie_lines(response), store.calls) == ([], ["load"])


def test_making_a_stored_session_permanent_sends_its_cookie_again(browser: Browser) -> None:
    browser.run(lambda: session.update(user="ada"))

    [line] = cookie_lines(browser.run(make_permanent))

    assert "Expires" in line
    assert browser.see(lambda: session.permanent) is True


def test_the_cookie_is_sent_whenever_the_session_is_extended(
    member: Browser, let_pass: LetPass
) -> None:
    assert cookie_lines(member.run(lambda: session.get("user"))) == []
    let_pass(member, timedelta(minutes=2))
    assert len(cookie_lines(member.run(lambda: session.get("user")))) == 1


def test_a_request_that_ignores_its_session_sends_no_cookie(
    member: Browser, let_pass: LetPass
) -> None:
    let_pass(member, timedelta(days=1))

    assert cookie_lines(member.run(lambda: "hello")) == []


def test_the_cookie_expires_with_the_record_after_a_touch(
    member: Browser, let_pass: LetPass, memory: MemoryStore
) -> None:
    let_pass(member, timedelta(days=1))
    member.run(lambda: session.get("user"))
    record = memory.load(member.sid or "")

    assert record is not None
    assert member.see(lambda: session.cookie.expires) == record.expires_at


def test_an_explicit_save_sends_the_cookie_once(member: Browser) -> None:
    def save_by_hand() -> None:
        session["user"] = "bob"
        session.save()

    assert len(cookie_lines(member.run(save_by_hand))) == 1


def test_the_cookie_is_sent_only_after_a_change_unless_refreshed_each_request(
    make_browser: MakeBrowser, let_pass: LetPass
) -> None:
    browser = make_browser(SESSION_REFRESH_EACH_REQUEST=False)
    browser.run(log_in)
    let_pass(browser, timedelta(days=1))

    assert cookie_lines(browser.run(lambda: session.get("user"))) == []
    assert len(cookie_lines(browser.run(lambda: session.update(user="bob")))) == 1


def test_permanent_works_in_the_express_profile(make_browser: MakeBrowser) -> None:
    browser = make_browser(SESSION_PROFILE="express")

    [line] = cookie_lines(browser.run(log_in))

    assert "Expires" in line
    assert browser.see(lambda: session.permanent) is True
