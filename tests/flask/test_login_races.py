"""A login while another request reads, writes or logs in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flask_serversession import SessionConflict
from flask_serversession.stores.memory import MemoryStore

from .browser import cookie_lines
from .browser import session
from .conftest import LetPass
from .conftest import MakeBrowser
from .counting import CountingStore
from .overlap import while_another


def log_in() -> None:
    session.regenerate(keep_data=True)
    session["user"] = "eve"


def write() -> None:
    session["theme"] = "dark"


def test_a_login_keeps_what_another_request_stored_under_the_old_id(
    make_member: MakeBrowser, memory: MemoryStore
) -> None:
    browser = make_member(SESSION_REGENERATE_GRACE=0)
    old = str(browser.sid)

    browser.run(while_another(browser, write, log_in))

    assert browser.sid != old
    assert memory.load(old) is None
    assert browser.data() == {"user": "eve", "theme": "dark"}


def test_a_login_keeps_what_is_stored_after_its_new_record_was_created(
    make_member: MakeBrowser, memory: MemoryStore, store: CountingStore
) -> None:
    browser = make_member(SESSION_REGENERATE_GRACE=0)
    create = store.create
    manager = browser.application.extensions["serversession"]

    def create_and_let_another_in(key: str, record: Any) -> bool:
        created = create(key, record)
        other = manager.load(old)
        other["theme"] = "dark"
        other.save()
        return created

    old = str(browser.sid)
    store.create = create_and_let_another_in  # type: ignore[method-assign]
    browser.run(log_in)

    assert browser.data() == {"user": "eve", "theme": "dark"}
    assert memory.count() == 1


def test_a_login_that_conflicts_is_rejected_if_configured(
    make_member: MakeBrowser, memory: MemoryStore
) -> None:
    browser = make_member(SESSION_CONCURRENCY="reject")

    with pytest.raises(SessionConflict):
        browser.run(while_another(browser, write, log_in))

    assert memory.count() == 1
    assert browser.data() == {"user": "ada", "theme": "dark"}


@pytest.mark.parametrize("grace", [0, 10])
def test_the_later_of_two_logins_sends_no_cookie_and_leaves_no_record(
    make_member: MakeBrowser, memory: MemoryStore, grace: int
) -> None:
    browser = make_member(SESSION_REGENERATE_GRACE=grace)
    old = str(browser.sid)

    late = browser.run(while_another(browser, log_in, log_in))

    assert cookie_lines(late) == []
    memory.delete(old)
    assert memory.count() == 1


@pytest.mark.parametrize("grace", [0, 10])
def test_a_slow_writer_changes_nothing_after_a_login(
    make_member: MakeBrowser, memory: MemoryStore, grace: int
) -> None:
    browser = make_member(SESSION_REGENERATE_GRACE=grace)
    old = str(browser.sid)
    logged_in = browser.twin()

    def slow() -> None:
        session.get("user")
        logged_in.run(log_in)
        write()

    browser.run(slow)

    assert logged_in.data() == {"user": "eve"}
    memory.delete(old)
    assert memory.count() == 1


def test_two_overlapping_logins_leave_one_session(
    make_member: MakeBrowser, memory: MemoryStore
) -> None:
    browser = make_member(SESSION_REGENERATE_GRACE=0)
    other = browser.twin()

    def log_in_while_the_other_does() -> None:
        session.get("user")
        other.run(lambda: session.regenerate(keep_data=True))
        session.regenerate(keep_data=True)

    response = browser.run(log_in_while_the_other_does)

    assert list(memory.keys()) == [other.sid]
    assert cookie_lines(response) == []
    assert other.data()["user"] == "ada"


def test_a_request_that_only_reads_leaves_the_cookie_of_a_login_alone(
    make_member: MakeBrowser, let_pass: LetPass
) -> None:
    browser = make_member()
    let_pass(browser, timedelta(hours=1))
    tab = browser.twin()

    def read_during_a_login() -> str:
        user = str(session["user"])
        browser.run(log_in)
        return user

    response = tab.run(read_during_a_login)

    assert response.text == "ada"
    assert cookie_lines(response) == []
    assert browser.data() == {"user": "eve"}
