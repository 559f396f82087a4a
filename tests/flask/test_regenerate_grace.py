"""``SESSION_REGENERATE_GRACE``: how long the id from before a login can still be read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flask_serversession import ConfigError
from flask_serversession import SessionGone
from flask_serversession import SessionSuperseded
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


def test_without_a_grace_the_old_id_finds_nothing(make_member: MakeBrowser) -> None:
    browser = make_member(SESSION_REGENERATE_GRACE=0)
    twin = browser.twin()
    browser.run(log_in)

    assert twin.data() == {}


def test_the_old_id_reads_the_data_from_before_the_login(make_member: MakeBrowser) -> None:
    browser = make_member(SESSION_REGENERATE_GRACE=10)
    twin = browser.twin()
    browser.run(log_in)
    browser.run(lambda: session.update(secret="new"))

    assert twin.data() == {"user": "ada"}
    assert twin.see(lambda: session.id) == twin.sid


def test_reading_under_the_old_id_writes_nothing_and_sends_no_cookie(
    make_member: MakeBrowser, store: CountingStore
) -> None:
    browser = make_member(SESSION_REGENERATE_GRACE=10, SESSION_TOUCH_INTERVAL=0)
    twin = browser.twin()
    browser.run(log_in)
    store.calls.clear()

    response = twin.run(lambda: session.get("user"))

    assert response.text == "ada"
    assert cookie_lines(response) == []
    assert store.calls == ["load", "load"]  # the second one looks for the new id


def test_a_write_under_the_old_id_is_dropped_without_a_cookie(make_member: MakeBrowser) -> None:
    browser = make_member(SESSION_REGENERATE_GRACE=10)
    twin = browser.twin()
    browser.run(log_in)

    response = twin.run(write)

    assert cookie_lines(response) == []
    assert browser.data() == {"user": "eve"}


def test_a_slow_writer_does_not_replace_the_cookie_of_the_login(make_member: MakeBrowser) -> None:
    browser = make_member(SESSION_REGENERATE_GRACE=10)

    response = browser.run(while_another(browser, log_in, write))

    assert cookie_lines(response) == []


def test_save_and_reload_under_the_old_id_raise(make_member: MakeBrowser) -> None:
    browser = make_member(SESSION_REGENERATE_GRACE=10)
    twin = browser.twin()
    browser.run(log_in)

    def save() -> None:
        write()
        with pytest.raises(SessionSuperseded):
            session.save()
        with pytest.raises(SessionGone):
            session.reload()

    assert twin.run(save).status_code == 200


def test_a_login_under_the_old_id_does_not_fork_the_session(
    make_member: MakeBrowser, memory: MemoryStore
) -> None:
    browser = make_member(SESSION_REGENERATE_GRACE=10)
    twin = browser.twin()
    old = str(browser.sid)
    browser.run(log_in)

    response = twin.run(log_in)

    assert cookie_lines(response) == []
    memory.delete(old)
    assert memory.count() == 1


def test_the_old_id_expires_after_the_grace(
    make_member: MakeBrowser, let_pass: LetPass, memory: MemoryStore
) -> None:
    browser = make_member(SESSION_REGENERATE_GRACE=10)
    twin = browser.twin()
    browser.run(log_in)
    let_pass(twin, timedelta(seconds=11))

    assert memory.load(str(twin.sid)) is None
    assert twin.data() == {}


def test_a_slow_touch_does_not_prolong_the_grace(
    make_member: MakeBrowser, memory: MemoryStore
) -> None:
    browser = make_member(SESSION_REGENERATE_GRACE=timedelta(milliseconds=1))
    twin = browser.twin()
    browser.run(while_another(browser, log_in, lambda: session.touch()))
    assert memory.count() >= 1

    while twin.data() == {"user": "ada"}:
        pass

    assert twin.data() == {}


def test_a_login_with_a_grace_keeps_what_another_request_stored(make_member: MakeBrowser) -> None:
    browser = make_member(SESSION_REGENERATE_GRACE=10)
    twin = browser.twin()

    browser.run(while_another(browser, write, log_in))

    assert browser.data() == {"user": "eve", "theme": "dark"}
    assert twin.data() == {"user": "ada", "theme": "dark"}


def test_a_grace_is_refused_where_requests_overwrite_each_other(make_browser: MakeBrowser) -> None:
    with pytest.raises(ConfigError, match="SESSION_CONCURRENCY"):
        make_browser(SESSION_REGENERATE_GRACE=10, SESSION_CONCURRENCY="overwrite")


def test_taking_the_last_key_under_the_old_id_removes_no_cookie(make_member: MakeBrowser) -> None:
    browser = make_member(SESSION_REGENERATE_GRACE=60)
    slow = browser.twin()
    browser.run(log_in)

    response = slow.run(lambda: str(session.pop("user")))

    assert response.text == "ada"
    assert cookie_lines(response) == []


@pytest.mark.parametrize("look_first", [True, False], ids=["read before", "not read before"])
def test_a_change_in_a_lock_block_of_the_old_id_is_dropped(
    make_member: MakeBrowser, memory: MemoryStore, look_first: bool
) -> None:
    browser = make_member(SESSION_REGENERATE_GRACE=60)
    old = str(browser.sid)
    slow = browser.twin()

    def write_under_a_lock() -> None:
        if look_first:
            assert session["user"] == "ada"
        browser.run(log_in)
        with session.lock():
            write()

    response = slow.run(write_under_a_lock)

    assert response.status_code == 200
    assert cookie_lines(response) == []
    left = memory.load(old)
    assert left is not None
    assert b"retiredUntil" in left.payload
    assert browser.data() == {"user": "eve"}


def test_a_lock_block_entered_after_the_grace_finds_an_empty_session(
    make_member: MakeBrowser, memory: MemoryStore
) -> None:
    browser = make_member(SESSION_REGENERATE_GRACE=60)
    old = str(browser.sid)
    slow = browser.twin()

    def outlast_the_grace() -> int:
        assert session["user"] == "ada"
        browser.run(log_in)
        left = memory.load(old)
        assert left is not None
        over = left.payload.replace(b'"retiredUntil":', b'"retiredUntil":1,"was":')
        assert memory.save(old, type(left)(over, left.expires_at)) is None
        with session.lock():
            return len(session)

    assert slow.see(outlast_the_grace) == 0
