"""``session.lock()`` in a request that has already used its session."""

from __future__ import annotations

from typing import Any

import flask
import pytest

from flask_serversession import SessionConflict
from flask_serversession import SessionSerializationError
from flask_serversession import signals
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import cookie_lines
from .browser import session
from .conftest import MakeBrowser


def add(number: int) -> None:
    with session.lock():
        session["n"] += number


def log_in() -> None:
    session.regenerate(keep_data=True)
    session["user"] = "ada"


@pytest.fixture
def browser(browser: Browser) -> Browser:
    browser.run(lambda: session.update(n=5, cart=["tea"]))
    return browser


def test_a_value_set_back_to_what_was_read_before_the_lock_is_stored(browser: Browser) -> None:
    def look_and_take_one_away() -> None:
        assert session["n"] == 5
        browser.twin().run(lambda: add(1))
        add(-1)

    browser.run(look_and_take_one_away)

    assert browser.data()["n"] == 5


def test_a_value_set_back_after_a_save_in_the_block_is_stored(browser: Browser) -> None:
    def save_and_set_back() -> None:
        with session.lock():
            session["n"] = 100
            session.save()
            session["n"] = 5
        assert browser.twin().data()["n"] == 5

    browser.run(save_and_set_back)

    assert browser.data()["n"] == 5


def test_a_block_after_a_save_does_not_undo_later_changes_of_other_requests(
    browser: Browser,
) -> None:
    def save_and_lock() -> None:
        session["n"] = 7
        session.save()
        add(-2)
        browser.twin().run(lambda: session.update(n=50))

    browser.run(save_and_lock)

    assert browser.data()["n"] == 50


def test_a_block_after_a_login_keeps_the_data_and_ends_the_old_id(
    make_browser: MakeBrowser, memory: MemoryStore
) -> None:
    browser = make_browser(SESSION_REGENERATE_GRACE=0)
    browser.run(lambda: session.update(n=5, cart=["tea"]))

    def log_in_and_lock() -> None:
        log_in()
        browser.twin().run(lambda: session.update(theme="dark"))
        add(1)

    old = browser.sid
    browser.run(log_in_and_lock)

    assert browser.data() == {"n": 6, "cart": ["tea"], "user": "ada", "theme": "dark"}
    assert browser.sid != old
    assert [*memory.keys()] == [browser.sid]


def test_a_block_keeps_the_data_of_a_session_that_is_not_stored_yet(
    make_browser: MakeBrowser,
) -> None:
    visitor = make_browser()

    def start() -> None:
        session["n"] = 1
        add(1)

    visitor.run(start)

    assert visitor.data() == {"n": 2}


@pytest.mark.parametrize("grace", [0, 60])
def test_changes_dropped_because_of_a_login_elsewhere_send_session_conflict(
    make_browser: MakeBrowser, grace: int
) -> None:
    browser = make_browser(SESSION_REGENERATE_GRACE=grace)
    browser.run(lambda: session.update(n=5))
    outcomes: list[str] = []

    def hear(sender: flask.Flask, outcome: str, **extra: Any) -> None:
        outcomes.append(outcome)

    def change_and_lock() -> None:
        session["n"] = 6
        browser.run(log_in)
        with session.lock():
            pass

    slow = browser.twin()
    with signals.session_conflict.connected_to(hear):
        response = slow.run(change_and_lock)

    assert outcomes == ["gone"]
    assert cookie_lines(response) == []
    assert browser.data() == {"n": 5, "user": "ada"}


def test_a_conflict_with_changes_before_the_block_is_rejected_if_configured(
    make_browser: MakeBrowser,
) -> None:
    browser = make_browser(SESSION_CONCURRENCY="reject")
    browser.run(lambda: session.update(n=5))

    def change_and_lock() -> None:
        session["n"] = 6
        browser.twin().run(lambda: session.update(n=50))
        with pytest.raises(SessionConflict):
            add(1)
        session.reload()
        add(2)

    browser.run(change_and_lock)

    assert browser.data() == {"n": 52}


@pytest.mark.parametrize("look_first", [True, False])
def test_a_serialization_error_that_the_view_handled_is_not_raised_again(
    browser: Browser, look_first: bool
) -> None:
    def lock_and_apologise() -> str:
        if look_first:
            assert session["n"] == 5
        with pytest.raises(SessionSerializationError), session.lock():
            session["bad"] = object()
        return "sorry"

    assert browser.run(lock_and_apologise).text == "sorry"

    assert browser.data() == {"n": 5, "cart": ["tea"]}


def test_a_reload_in_the_block_keeps_the_cookie_of_a_new_session(
    make_browser: MakeBrowser,
) -> None:
    visitor = make_browser()

    def begin_and_read_again() -> None:
        session["n"] = 1
        session.save()
        with session.lock():
            session.reload()

    visitor.run(begin_and_read_again)

    assert visitor.data() == {"n": 1}


def test_a_conflict_that_the_view_handled_is_not_raised_again(make_browser: MakeBrowser) -> None:
    browser = make_browser(SESSION_CONCURRENCY="reject")
    browser.run(lambda: session.update(n=5))

    def change_and_lock() -> str:
        session["n"] = 6
        browser.twin().run(lambda: session.update(n=50))
        with pytest.raises(SessionConflict):
            add(1)
        return "try again"

    assert browser.run(change_and_lock).text == "try again"

    assert browser.data() == {"n": 50}
