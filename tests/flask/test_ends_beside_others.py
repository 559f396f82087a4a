"""A session that is emptied or gets a new id while another request writes to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import flash
from flask import get_flashed_messages

from flask_serversession import ConfigError
from flask_serversession import SessionConflict
from flask_serversession import SessionGone
from flask_serversession import SessionSuperseded
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import cookie_lines
from .browser import session
from .conftest import LetPass
from .conftest import MakeBrowser
from .counting import CountingStore
from .test_parallel_requests import log_out
from .test_parallel_requests import while_another

Member = Callable[..., Browser]


@pytest.fixture
def member(make_browser: MakeBrowser) -> Member:
    """Make a browser that has a session."""

    def member(**config: Any) -> Browser:
        browser = make_browser(**config)
        browser.run(lambda: session.update(user="ada"))
        return browser

    return member


def log_in() -> None:
    session.regenerate(keep_data=True)
    session["user"] = "eve"


def write() -> None:
    session["theme"] = "dark"


class TestEmptied:
    def test_by_its_last_key_it_spares_what_another_stored(self, member: Member) -> None:
        browser = member()

        response = browser.run(while_another(browser, write, lambda: session.pop("user")))

        assert browser.data() == {"theme": "dark"}
        assert cookie_lines(response) == []

    def test_by_showing_the_only_message_it_spares_another_message(
        self, make_browser: MakeBrowser
    ) -> None:
        browser = make_browser()
        browser.run(lambda: flash("first"))

        browser.run(
            while_another(browser, lambda: flash("second"), lambda: str(get_flashed_messages()))
        )

        assert browser.see(get_flashed_messages) == ["second"]

    def test_after_another_took_a_part_it_ends(self, member: Member, memory: MemoryStore) -> None:
        def take_both() -> None:
            del session["theme"], session["user"]

        browser = member()
        browser.run(write)

        browser.run(while_another(browser, lambda: session.pop("theme"), take_both))

        assert memory.count() == 0
        assert browser.sid is None

    def test_after_another_ended_it_it_stays_ended(
        self, member: Member, memory: MemoryStore
    ) -> None:
        browser = member()
        cookie = browser.sid

        browser.run(while_another(browser, log_out, lambda: session.pop("user")))

        assert memory.count() == 0
        # Not this request ended it, so the cookie may belong to a newer login.
        assert browser.sid == cookie

    def test_by_clear_it_ends_whatever_another_stored(
        self, member: Member, memory: MemoryStore
    ) -> None:
        browser = member()

        browser.run(while_another(browser, write, lambda: session.clear()))

        assert memory.count() == 0
        assert browser.sid is None

    def test_it_is_not_ended_where_conflicts_are_rejected(self, member: Member) -> None:
        browser = member(SESSION_CONCURRENCY="reject")

        with pytest.raises(SessionConflict):
            browser.run(while_another(browser, write, lambda: session.pop("user")))

        assert browser.data() == {"user": "ada", "theme": "dark"}


class TestANewId:
    def test_takes_along_what_another_stored_under_the_old_one(
        self, member: Member, memory: MemoryStore
    ) -> None:
        browser = member()
        old = str(browser.sid)

        browser.run(while_another(browser, write, log_in))

        assert browser.sid != old
        assert memory.load(old) is None
        assert browser.data() == {"user": "eve", "theme": "dark"}

    def test_takes_it_along_even_if_it_is_stored_at_the_last_moment(
        self, member: Member, memory: MemoryStore, store: CountingStore
    ) -> None:
        browser = member()
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

    def test_is_not_given_where_conflicts_are_rejected(
        self, member: Member, memory: MemoryStore
    ) -> None:
        browser = member(SESSION_CONCURRENCY="reject")

        with pytest.raises(SessionConflict):
            browser.run(while_another(browser, write, log_in))

        assert memory.count() == 1
        assert browser.data() == {"user": "ada", "theme": "dark"}

    @pytest.mark.parametrize("grace", [0, 10])
    def test_is_given_once_by_two_requests_at_once(
        self, member: Member, memory: MemoryStore, grace: int
    ) -> None:
        browser = member(SESSION_REGENERATE_GRACE=grace)
        old = str(browser.sid)

        late = browser.run(while_another(browser, log_in, log_in))

        assert cookie_lines(late) == []
        memory.delete(old)
        assert memory.count() == 1

    @pytest.mark.parametrize("grace", [0, 10])
    def test_and_a_slow_writer_with_the_old_one_changes_nothing(
        self, member: Member, memory: MemoryStore, grace: int
    ) -> None:
        browser = member(SESSION_REGENERATE_GRACE=grace)
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


class TestGrace:
    def test_without_one_the_old_id_finds_nothing(self, member: Member) -> None:
        browser = member()
        twin = browser.twin()
        browser.run(log_in)

        assert twin.data() == {}

    def test_the_old_id_reads_what_it_read_before_and_nothing_newer(self, member: Member) -> None:
        browser = member(SESSION_REGENERATE_GRACE=10)
        twin = browser.twin()
        browser.run(log_in)
        browser.run(lambda: session.update(secret="new"))

        assert twin.data() == {"user": "ada"}
        assert twin.see(lambda: session.id) == twin.sid

    def test_reading_with_it_leaves_cookie_and_store_alone(
        self, member: Member, store: CountingStore
    ) -> None:
        browser = member(SESSION_REGENERATE_GRACE=10, SESSION_TOUCH_INTERVAL=0)
        twin = browser.twin()
        browser.run(log_in)
        store.calls.clear()

        response = twin.run(lambda: session.get("user"))

        assert response.text == "ada"
        assert cookie_lines(response) == []
        assert store.calls == ["load"]

    def test_what_it_writes_is_dropped_and_the_cookie_left_alone(self, member: Member) -> None:
        browser = member(SESSION_REGENERATE_GRACE=10)
        twin = browser.twin()
        browser.run(log_in)

        response = twin.run(write)

        assert cookie_lines(response) == []
        assert browser.data() == {"user": "eve"}

    def test_a_slow_writer_keeps_the_newer_cookie_of_its_browser(self, member: Member) -> None:
        browser = member(SESSION_REGENERATE_GRACE=10)

        response = browser.run(while_another(browser, log_in, write))

        assert cookie_lines(response) == []

    def test_saving_with_it_says_why_not(self, member: Member) -> None:
        browser = member(SESSION_REGENERATE_GRACE=10)
        twin = browser.twin()
        browser.run(log_in)

        def save() -> None:
            write()
            with pytest.raises(SessionSuperseded):
                session.save()
            with pytest.raises(SessionGone):
                session.reload()

        assert twin.run(save).status_code == 200

    def test_a_second_login_with_it_does_not_fork_the_session(
        self, member: Member, memory: MemoryStore
    ) -> None:
        browser = member(SESSION_REGENERATE_GRACE=10)
        twin = browser.twin()
        old = str(browser.sid)
        browser.run(log_in)

        response = twin.run(log_in)

        assert cookie_lines(response) == []
        memory.delete(old)
        assert memory.count() == 1

    def test_an_empty_session_begins_anew_with_it(self, member: Member) -> None:
        browser = member(SESSION_REGENERATE_GRACE=10)
        twin = browser.twin()
        old = browser.sid
        browser.run(log_in)

        twin.run(lambda: (session.regenerate(), write())[1])

        assert twin.sid not in (None, old, browser.sid)
        assert twin.data() == {"theme": "dark"}
        assert browser.data() == {"user": "eve"}

    def test_a_logout_with_it_does_not_end_the_new_session(self, member: Member) -> None:
        browser = member(SESSION_REGENERATE_GRACE=10)
        twin = browser.twin()
        browser.run(log_in)

        twin.run(log_out)

        assert twin.sid is None
        assert browser.data() == {"user": "eve"}

    def test_it_ends_by_itself(
        self, member: Member, let_pass: LetPass, memory: MemoryStore
    ) -> None:
        browser = member(SESSION_REGENERATE_GRACE=10)
        twin = browser.twin()
        browser.run(log_in)
        let_pass(twin, timedelta(seconds=11))

        assert memory.load(str(twin.sid)) is None
        assert twin.data() == {}

    def test_it_ends_in_time_even_if_a_slow_reader_extended_its_record(
        self, member: Member, memory: MemoryStore
    ) -> None:
        browser = member(SESSION_REGENERATE_GRACE=timedelta(milliseconds=1))
        twin = browser.twin()
        browser.run(while_another(browser, log_in, lambda: session.touch()))
        assert memory.count() >= 1

        while twin.data() == {"user": "ada"}:
            pass

        assert twin.data() == {}

    def test_it_takes_along_what_another_stored_meanwhile(self, member: Member) -> None:
        browser = member(SESSION_REGENERATE_GRACE=10)
        twin = browser.twin()

        browser.run(while_another(browser, write, log_in))

        assert browser.data() == {"user": "eve", "theme": "dark"}
        assert twin.data() == {"user": "ada", "theme": "dark"}

    def test_it_is_refused_where_a_slow_request_would_overwrite_it(
        self, make_browser: MakeBrowser
    ) -> None:
        with pytest.raises(ConfigError, match="SESSION_CONCURRENCY"):
            make_browser(SESSION_REGENERATE_GRACE=10, SESSION_CONCURRENCY="overwrite")
