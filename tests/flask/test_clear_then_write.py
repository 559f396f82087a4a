"""``session.clear()`` followed by a write: a new session that takes the old one's place.

It is how many applications log a user in. The id that the browser had before is worthless
afterwards, as after ``regenerate()``.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from flask import flash
from flask import Flask

from flask_serversession import session_created
from flask_serversession import session_destroyed
from flask_serversession import session_regenerated
from flask_serversession import session_saved
from flask_serversession import SessionError
from flask_serversession import SessionGone
from flask_serversession import StoreUnavailable
from flask_serversession.sessions.login import handle_of
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import cookie_lines
from .browser import session
from .browser import sid_of
from .conftest import MakeBrowser
from .counting import CountingStore
from .overlap import log_out
from .overlap import while_another

Member = Callable[..., Browser]


@pytest.fixture
def member(make_member: MakeBrowser) -> Member:
    return partial(make_member, {"user": "ada", "cart": ["tea"]})


def log_in() -> None:
    session.clear()
    session["user"] = "eve"


def write() -> None:
    session["theme"] = "dark"


class TestTheNewSession:
    def test_it_has_a_new_id_and_only_the_new_data(
        self, member: Member, memory: MemoryStore
    ) -> None:
        browser = member()
        old = browser.sid

        [line] = cookie_lines(browser.run(log_in))

        assert sid_of(line) == browser.sid != old
        assert list(memory.keys()) == [browser.sid]
        assert browser.data() == {"user": "eve"}

    def test_it_costs_three_store_calls(self, member: Member, store: CountingStore) -> None:
        member().run(log_in)

        assert store.calls == ["load", "create", "save"]

    @pytest.mark.parametrize(
        "fill",
        [
            lambda: session.update(user="ada", cart=["tea"]),
            lambda: session.setdefault("user", "eve"),
            lambda: flash("Hello"),
        ],
    )
    def test_any_write_begins_it_even_one_of_the_same_data(
        self, member: Member, memory: MemoryStore, fill: Callable[[], object]
    ) -> None:
        def view() -> None:
            session.clear()
            fill()

        browser = member()
        old = browser.sid
        browser.run(view)

        assert list(memory.keys()) == [browser.sid] != [old]

    def test_all_writes_of_a_request_go_to_one_new_id(self, member: Member) -> None:
        def view() -> set[str]:
            session.clear()
            ids = set()
            for key in "abc":
                session[key] = key
                ids.add(session.id)
            return ids

        browser = member()
        ids = browser.see(view)

        assert ids == {browser.sid}

    def test_it_keeps_its_id_when_it_is_saved_and_written_again(
        self, member: Member, memory: MemoryStore
    ) -> None:
        def view() -> str:
            log_in()
            session.save()
            saved = session.id
            session["theme"] = "dark"
            return saved

        browser = member()
        saved = browser.see(view)

        assert browser.sid == saved
        assert list(memory.keys()) == [saved]
        assert browser.data() == {"user": "eve", "theme": "dark"}

    def test_what_another_request_adds_to_it_after_a_save_is_spared(self, member: Member) -> None:
        """Emptying it key by key is not the ``clear()`` that came before it was stored."""

        def view() -> str:
            log_in()
            session.save()
            saved = session.id
            twin = browser.twin()
            twin.hold(saved)
            twin.run(write)
            del session["user"]
            return saved

        browser = member()
        browser.hold(browser.see(view))

        assert browser.data() == {"theme": "dark"}

    def test_a_second_clear_and_write_takes_one_more_id(
        self, member: Member, memory: MemoryStore
    ) -> None:
        def view() -> list[str]:
            log_in()
            first = session.id
            session.save()
            log_in()
            return [first, session.id]

        browser = member()
        first, second = browser.see(view)

        assert first != second
        assert list(memory.keys()) == [second]
        assert browser.sid == second

    def test_it_takes_another_id_if_the_first_one_is_taken(
        self, member: Member, memory: MemoryStore
    ) -> None:
        ids = iter(["first", "first", "second"])
        browser = member(SESSION_GENID=lambda request: next(ids))

        browser.run(log_in)

        assert browser.sid == "second"
        assert list(memory.keys()) == ["second"]

    def test_a_generator_that_only_repeats_itself_leaves_the_old_one(
        self, member: Member, memory: MemoryStore
    ) -> None:
        browser = member(SESSION_GENID=lambda request: "always the same")

        with pytest.raises(SessionError, match="SESSION_GENID"):
            browser.run(log_in)

        assert browser.data() == {"user": "ada", "cart": ["tea"]}

    def test_signals_tell_of_both_ids(
        self, app: Flask, member: Member, heard: list[tuple[str, Any]]
    ) -> None:
        browser = member()
        old = browser.sid
        heard.clear()

        browser.run(log_in)

        handle = handle_of(str(old))
        assert heard == [("regenerated", handle), ("created", None), ("destroyed", handle)]


@pytest.fixture
def heard() -> Iterator[list[tuple[str, Any]]]:
    """The signals about a session's id, each with the handle that it carries."""
    heard: list[tuple[str, Any]] = []

    def regenerated(sender: Flask, old_handle: str, **extra: Any) -> None:
        heard.append(("regenerated", old_handle))

    def created(sender: Flask, **extra: Any) -> None:
        heard.append(("created", None))

    def destroyed(sender: Flask, **extra: Any) -> None:
        heard.append(("destroyed", extra["handle"]))

    def saved(sender: Flask, **extra: Any) -> None:
        heard.append(("saved", None))

    with (
        session_regenerated.connected_to(regenerated),
        session_created.connected_to(created),
        session_destroyed.connected_to(destroyed),
        session_saved.connected_to(saved),
    ):
        yield heard


class NothingIsDeleted(CountingStore):
    """A store whose server does not answer a delete."""

    def delete(self, key: str) -> bool:
        raise StoreUnavailable("no answer")


class TestBesideOthers:
    def test_a_slow_writer_neither_brings_the_old_one_back_nor_reaches_the_new_one(
        self, member: Member, memory: MemoryStore
    ) -> None:
        browser = member()
        slow = browser.twin()

        def write_late() -> None:
            session.get("user")
            browser.run(log_in)
            session["late"] = True

        response = slow.run(write_late)

        assert cookie_lines(response) == []
        assert list(memory.keys()) == [browser.sid]
        assert browser.data() == {"user": "eve"}

    def test_what_another_request_wrote_meanwhile_is_not_taken_over(
        self, member: Member, memory: MemoryStore
    ) -> None:
        browser = member()

        browser.run(while_another(browser, write, log_in))

        assert browser.data() == {"user": "eve"}
        assert memory.count() == 1

    def test_it_is_stored_even_if_another_request_ended_the_old_one(
        self, member: Member, memory: MemoryStore
    ) -> None:
        """Nothing of the session that was logged out is in it."""
        browser = member()

        browser.run(while_another(browser, log_out, log_in))

        assert list(memory.keys()) == [browser.sid]
        assert browser.data() == {"user": "eve"}

    @pytest.mark.parametrize("concurrency", ["merge", "reject"])
    def test_nor_is_it_taken_over_if_the_clear_is_saved_first(
        self, member: Member, concurrency: str
    ) -> None:
        browser = member(SESSION_CONCURRENCY=concurrency)

        def clear_save_and_write() -> None:
            session.clear()
            session.save()
            session["user"] = "eve"

        browser.run(while_another(browser, write, clear_save_and_write))

        assert browser.data() == {"user": "eve"}

    def test_the_end_of_the_old_one_is_signalled_once(
        self, member: Member, heard: list[tuple[str, Any]]
    ) -> None:
        browser = member()
        old = browser.sid
        heard.clear()

        browser.run(while_another(browser, log_out, log_in))

        handle = handle_of(str(old))
        assert heard == [("destroyed", handle), ("regenerated", handle), ("created", None)]

    def test_an_outage_before_the_old_one_ends_leaves_it_to_the_browser(
        self, member: Member, memory: MemoryStore
    ) -> None:
        browser = member(SESSION_STORE=NothingIsDeleted(memory), SESSION_REGENERATE_GRACE=0)

        with pytest.raises(StoreUnavailable):
            browser.run(log_in)

        assert browser.data() == {"user": "ada", "cart": ["tea"]}

    def test_it_conflicts_with_nothing_where_conflicts_are_rejected(self, member: Member) -> None:
        browser = member(SESSION_CONCURRENCY="reject")

        browser.run(while_another(browser, write, log_in))

        assert browser.data() == {"user": "eve"}


class TestUnderALock:
    def test_it_is_stored_when_the_block_ends(self, member: Member, memory: MemoryStore) -> None:
        def view() -> list[str]:
            with session.lock():
                log_in()
            return list(memory.keys())

        browser = member()
        old = browser.sid
        stored = browser.see(view)

        assert stored == [browser.sid] != [old]
        assert browser.data() == {"user": "eve"}

    def test_a_write_after_the_block_goes_to_the_same_id(
        self, member: Member, memory: MemoryStore
    ) -> None:
        def view() -> list[str]:
            with session.lock():
                log_in()
            session["theme"] = "dark"
            return list(memory.keys())

        browser = member()

        assert browser.see(view) == [browser.sid]
        assert browser.data() == {"user": "eve", "theme": "dark"}

    def test_a_login_before_the_block_outlives_the_end_of_the_old_session(
        self, member: Member, memory: MemoryStore
    ) -> None:
        def view() -> None:
            log_in()
            browser.twin().run(log_out)
            with session.lock():
                session["theme"] = "dark"

        browser = member()
        browser.run(view)

        assert list(memory.keys()) == [browser.sid]
        assert browser.data() == {"user": "eve", "theme": "dark"}

    @pytest.mark.parametrize("begin", [lambda: None, log_in])
    def test_what_was_cleared_before_the_block_stays_cleared(
        self, member: Member, memory: MemoryStore, begin: Callable[[], None]
    ) -> None:
        """Also what another request added since."""

        def view() -> None:
            session.clear()
            begin()
            with session.lock():
                session["user"] = "eve"

        browser = member()
        browser.run(while_another(browser, write, view))

        assert browser.data() == {"user": "eve"}
        assert list(memory.keys()) == [browser.sid]


class TestOtherVerbs:
    def test_clear_alone_ends_the_session(self, member: Member, memory: MemoryStore) -> None:
        browser = member()

        browser.run(lambda: session.clear())

        assert memory.count() == 0
        assert browser.sid is None

    def test_removing_the_new_data_again_ends_the_session(
        self, member: Member, memory: MemoryStore
    ) -> None:
        def view() -> None:
            log_in()
            del session["user"]

        browser = member()
        browser.run(view)

        assert memory.count() == 0
        assert browser.sid is None

    def test_unset_leaves_the_old_session_as_it_was(self, member: Member) -> None:
        def view() -> None:
            log_in()
            session.unset()

        browser = member()
        old = browser.sid
        response = browser.run(view)

        assert cookie_lines(response) == []
        assert browser.sid == old
        assert browser.data() == {"user": "ada", "cart": ["tea"]}

    def test_unset_ends_the_old_session_where_it_destroys(
        self, member: Member, memory: MemoryStore
    ) -> None:
        def view() -> None:
            log_in()
            session.unset()

        browser = member(SESSION_UNSET="destroy")
        browser.run(view)

        assert memory.count() == 0
        assert browser.sid is None

    def test_reload_finds_nothing_to_reload(self, member: Member) -> None:
        def view() -> None:
            log_in()
            with pytest.raises(SessionGone):
                session.reload()

        browser = member()
        browser.run(view)

        assert browser.data() == {"user": "eve"}

    def test_a_reload_between_the_two_undoes_the_clear(self, member: Member) -> None:
        def view() -> None:
            session.clear()
            session.reload()
            session["theme"] = "dark"

        browser = member()
        old = browser.sid
        browser.run(view)

        assert browser.sid == old
        assert browser.data() == {"user": "ada", "cart": ["tea"], "theme": "dark"}

    @pytest.mark.parametrize("keep_data", [True, False])
    def test_regenerate_after_it_ends_the_old_session_too(
        self, member: Member, memory: MemoryStore, *, keep_data: bool
    ) -> None:
        def view() -> None:
            log_in()
            session.regenerate(keep_data=keep_data)
            session["theme"] = "dark"

        browser = member()
        browser.run(view)

        assert list(memory.keys()) == [browser.sid]
        assert browser.data() == ({"user": "eve"} if keep_data else {}) | {"theme": "dark"}

    def test_a_login_before_it_ends_the_old_session_too(
        self, member: Member, memory: MemoryStore
    ) -> None:
        def view() -> None:
            session.regenerate(keep_data=True)
            log_in()

        browser = member()
        old = browser.sid
        browser.run(view)

        assert list(memory.keys()) == [browser.sid] != [old]
        assert browser.data() == {"user": "eve"}

    def test_a_visitor_without_a_session_gets_one(
        self, browser: Browser, store: CountingStore
    ) -> None:
        browser.run(log_in)

        assert store.calls == ["create"]
        assert browser.data() == {"user": "eve"}


class TestWhereEmptySessionsAreKept:
    @pytest.mark.parametrize(
        "config", [{"SESSION_PROFILE": "express"}, {"SESSION_DESTROY_EMPTY": False}]
    )
    def test_it_keeps_its_id(
        self, member: Member, memory: MemoryStore, config: dict[str, Any]
    ) -> None:
        browser = member(**config)
        old = browser.sid

        browser.run(log_in)

        assert list(memory.keys()) == [browser.sid] == [old]
        assert browser.data() == {"user": "eve"}
