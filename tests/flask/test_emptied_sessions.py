"""A session that one request empties while another request changes it."""

from __future__ import annotations

import pytest
from flask import flash
from flask import get_flashed_messages

from flask_serversession import SessionConflict
from flask_serversession.stores.memory import MemoryStore

from .browser import cookie_lines
from .browser import session
from .conftest import MakeBrowser
from .overlap import log_out
from .overlap import while_another


def write() -> None:
    session["theme"] = "dark"


def test_removing_the_last_key_keeps_what_another_request_stored(make_member: MakeBrowser) -> None:
    browser = make_member()

    response = browser.run(while_another(browser, write, lambda: session.pop("user")))

    assert browser.data() == {"theme": "dark"}
    assert cookie_lines(response) == []


def test_showing_the_only_message_keeps_one_flashed_meanwhile(make_browser: MakeBrowser) -> None:
    browser = make_browser()
    browser.run(lambda: flash("first"))

    browser.run(
        while_another(browser, lambda: flash("second"), lambda: str(get_flashed_messages()))
    )

    assert browser.see(get_flashed_messages) == ["second"]


def test_removing_all_keys_ends_a_session_that_another_request_had_reduced(
    make_member: MakeBrowser, memory: MemoryStore
) -> None:
    def take_both() -> None:
        del session["theme"], session["user"]

    browser = make_member()
    browser.run(write)

    browser.run(while_another(browser, lambda: session.pop("theme"), take_both))

    assert memory.count() == 0
    assert browser.sid is None


def test_removing_the_last_key_after_a_logout_elsewhere_removes_no_cookie(
    make_member: MakeBrowser, memory: MemoryStore
) -> None:
    browser = make_member()
    cookie = browser.sid

    browser.run(while_another(browser, log_out, lambda: session.pop("user")))

    assert memory.count() == 0
    # This request did not end the session, so the cookie may belong to a newer login.
    assert browser.sid == cookie


def test_clear_ends_a_session_whatever_another_request_stored(
    make_member: MakeBrowser, memory: MemoryStore
) -> None:
    browser = make_member()

    browser.run(while_another(browser, write, lambda: session.clear()))

    assert memory.count() == 0
    assert browser.sid is None


def test_removing_the_last_key_is_rejected_where_conflicts_are(make_member: MakeBrowser) -> None:
    browser = make_member(SESSION_CONCURRENCY="reject")

    with pytest.raises(SessionConflict):
        browser.run(while_another(browser, write, lambda: session.pop("user")))

    assert browser.data() == {"user": "ada", "theme": "dark"}
