"""Every order of the verbs around a login leaves one session, and the id given up dead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from flask_serversession import ConfigError
from flask_serversession import Record
from flask_serversession import SessionConflict
from flask_serversession import SessionSerializationError
from flask_serversession.stores.base import utc_now
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import session
from .conftest import MakeApp
from .conftest import MakeBrowser


def log_in() -> None:
    session.regenerate(keep_data=True)
    session["user"] = "ada"


@pytest.fixture
def browser(app: Flask) -> Browser:
    """A browser with a session."""
    browser = browser_of(app)
    browser.run(lambda: session.update(cart=["tea"]))
    return browser


def test_a_session_saved_before_its_id_changes_is_there_under_the_new_one(
    browser: Browser, memory: MemoryStore
) -> None:
    def view() -> None:
        session["user"] = "ada"
        session.save()
        session.regenerate(keep_data=True)

    old = browser.sid
    browser.run(view)

    assert browser.data() == {"cart": ["tea"], "user": "ada"}
    assert list(memory.keys()) == [browser.sid] != [old]


@pytest.mark.parametrize(
    "after",
    [
        lambda: session.destroy(),
        lambda: session.clear(),
        lambda: session.regenerate(),
        lambda: session.regenerate(keep_data=True),
        lambda: session.save(),
    ],
    ids=["destroy", "clear", "regenerate", "regenerate again", "save again"],
)
def test_the_id_given_up_is_dead_once_the_new_one_is_saved(
    browser: Browser, memory: MemoryStore, after: Callable[[], None]
) -> None:
    def view() -> None:
        log_in()
        session.save()
        after()

    old = browser.sid
    browser.run(view)

    assert old not in list(memory.keys())
    assert memory.count() <= 1


def test_letting_go_of_a_login_leaves_the_session_as_it_was(
    browser: Browser, memory: MemoryStore
) -> None:
    def view() -> None:
        log_in()
        session.unset()

    browser.run(view)

    assert browser.data() == {"cart": ["tea"]}


def test_a_saved_login_that_finds_its_session_ended_is_undone(
    browser: Browser, memory: MemoryStore
) -> None:
    from flask_serversession import SessionGone

    def view() -> None:
        session.get("cart")
        memory.clear()
        log_in()
        with pytest.raises(SessionGone):
            session.save()

    response = browser.run(view)

    assert memory.count() == 0
    assert cookie_lines(response) == []


@pytest.mark.parametrize("again", ["destroy", "regenerate"])
def test_the_line_that_removes_a_cookie_has_the_attributes_it_was_set_with(
    app: Flask, again: str
) -> None:
    browser = browser_of(app)

    def begin() -> None:
        session["user"] = "ada"
        session.cookie.path = "/shop"
        session.cookie.domain = "localhost.example"

    [line] = cookie_lines(browser.run(begin, path="/shop"))
    browser.hold(browser.sid or line.partition("=s%3A")[2].partition(".")[0])

    def end() -> None:
        session.get("user")
        getattr(session, again)()
        session.destroy()

    [removal] = cookie_lines(browser.run(end, path="/shop"))

    assert "Path=/shop;" in removal
    assert "Domain=localhost.example;" in removal


def test_destroying_ends_a_record_that_could_not_be_read(
    browser: Browser, memory: MemoryStore
) -> None:
    sid = browser.sid
    assert sid is not None
    memory.save(sid, Record(b"unreadable", utc_now() + timedelta(hours=1)))

    def view() -> None:
        session.get("user")
        session.destroy()

    browser.run(view)

    assert memory.count() == 0


def test_a_conflict_that_the_view_answered_stays_answered(
    make_browser: MakeBrowser, memory: MemoryStore
) -> None:
    browser = make_browser(SESSION_CONCURRENCY="reject")
    browser.run(lambda: session.update(cart=[]))
    twin = browser.twin()

    def view() -> tuple[str, int]:
        session["user"] = "ada"
        twin.run(lambda: session.update(cart=["tea"]))
        try:
            session.save()
        except SessionConflict:
            return "try again", 409
        return "", 200

    assert browser.run(view).status_code == 409


def test_a_value_that_the_view_was_told_of_is_no_second_error(browser: Browser) -> None:
    def view() -> tuple[str, int]:
        session["user"] = object()
        try:
            session.save()
        except SessionSerializationError:
            return "", 400
        return "", 200

    assert browser.run(view).status_code == 400
    assert browser.data() == {"cart": ["tea"]}


@pytest.mark.parametrize("fallbacks", [[""], "old", [None], [b""]])
def test_an_old_secret_that_is_none_is_refused(make_app: MakeApp, fallbacks: object) -> None:
    browser = browser_of(make_app(SECRET_KEY_FALLBACKS=fallbacks))

    with pytest.raises(ConfigError, match="SECRET_KEY_FALLBACKS"):
        browser.run(lambda: session.get("user"))


def test_a_record_shows_no_session_in_its_repr() -> None:
    assert "secret" not in repr(Record(b'{"password":"secret"}', utc_now()))
