"""Verbs in the middle of a request, while another request uses the same session."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import flask
import pytest
from flask import stream_with_context

from flask_serversession import SessionConflict
from flask_serversession import SessionError
from flask_serversession import SessionSerializationError
from flask_serversession import signals
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import session
from .conftest import LetPass
from .conftest import MakeApp
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


class TestALock:
    def test_stores_a_value_that_is_what_it_was_before_the_lock(self, browser: Browser) -> None:
        def look_and_take_one_away() -> None:
            assert session["n"] == 5
            browser.twin().run(lambda: add(1))
            add(-1)

        browser.run(look_and_take_one_away)

        assert browser.data()["n"] == 5

    def test_stores_at_its_end_what_was_set_back_after_a_save_in_it(
        self, browser: Browser
    ) -> None:
        def save_and_set_back() -> None:
            with session.lock():
                session["n"] = 100
                session.save()
                session["n"] = 5
            assert browser.twin().data()["n"] == 5

        browser.run(save_and_set_back)

        assert browser.data()["n"] == 5

    def test_begins_with_what_a_save_before_it_left_to_others(self, browser: Browser) -> None:
        def save_and_lock() -> None:
            session["n"] = 7
            session.save()
            add(-2)
            browser.twin().run(lambda: session.update(n=50))

        browser.run(save_and_lock)

        assert browser.data()["n"] == 50

    def test_after_a_new_id_keeps_the_data_and_ends_the_old_one(
        self, browser: Browser, memory: MemoryStore
    ) -> None:
        def log_in_and_lock() -> None:
            log_in()
            browser.twin().run(lambda: session.update(theme="dark"))
            add(1)

        old = browser.sid
        browser.run(log_in_and_lock)

        assert browser.data() == {"n": 6, "cart": ["tea"], "user": "ada", "theme": "dark"}
        assert browser.sid != old
        assert [*memory.keys()] == [browser.sid]

    def test_of_a_session_that_is_not_stored_yet_keeps_its_data(
        self, make_browser: MakeBrowser
    ) -> None:
        visitor = make_browser()

        def start() -> None:
            session["n"] = 1
            add(1)

        visitor.run(start)

        assert visitor.data() == {"n": 2}

    @pytest.mark.parametrize("grace", [0, 60])
    def test_tells_of_the_changes_before_it_that_a_login_meanwhile_made_void(
        self, make_browser: MakeBrowser, grace: int
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

    def test_refuses_changes_before_it_where_changes_are_not_merged(
        self, make_browser: MakeBrowser
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
    def test_that_cannot_store_a_value_leaves_its_answer_to_the_application(
        self, browser: Browser, look_first: bool
    ) -> None:
        def lock_and_apologise() -> str:
            if look_first:
                assert session["n"] == 5
            with pytest.raises(SessionSerializationError), session.lock():
                session["bad"] = object()
            return "sorry"

        assert browser.run(lock_and_apologise).text == "sorry"

        assert browser.data() == {"n": 5, "cart": ["tea"]}

    def test_of_a_new_session_that_is_read_again_sends_its_cookie(
        self, make_browser: MakeBrowser
    ) -> None:
        visitor = make_browser()

        def begin_and_read_again() -> None:
            session["n"] = 1
            session.save()
            with session.lock():
                session.reload()

        visitor.run(begin_and_read_again)

        assert visitor.data() == {"n": 1}

    def test_that_refused_leaves_its_answer_to_the_application(
        self, make_browser: MakeBrowser
    ) -> None:
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


class TestALockOfAnIdGivenUp:
    @pytest.fixture
    def member(self, make_browser: MakeBrowser) -> Browser:
        member = make_browser(SESSION_REGENERATE_GRACE=60)
        member.run(lambda: session.update(n=5))
        return member

    @pytest.mark.parametrize("look_first", [True, False])
    def test_drops_what_is_written_under_it_and_revives_nothing(
        self, member: Browser, memory: MemoryStore, look_first: bool
    ) -> None:
        old = str(member.sid)
        slow = member.twin()

        def count() -> None:
            if look_first:
                assert session["n"] == 5
            member.run(log_in)
            add(1)

        response = slow.run(count)

        assert response.status_code == 200
        assert cookie_lines(response) == []
        left = memory.load(old)
        assert left is not None
        assert b"retiredUntil" in left.payload
        assert member.data() == {"n": 5, "user": "ada"}

    def test_finds_nothing_once_the_last_look_is_over(
        self, member: Browser, memory: MemoryStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = str(member.sid)
        slow = member.twin()

        def outlast_the_grace() -> int:
            assert session["n"] == 5
            member.run(log_in)
            left = memory.load(old)
            assert left is not None
            over = left.payload.replace(b'"retiredUntil":', b'"retiredUntil":1,"was":')
            assert memory.save(old, type(left)(over, left.expires_at)) is None
            with session.lock():
                return len(session)

        assert slow.see(outlast_the_grace) == 0

    def test_is_not_ended_by_taking_its_last_key(self, member: Browser) -> None:
        slow = member.twin()
        member.run(log_in)

        response = slow.run(lambda: str(session.pop("n")))

        assert response.text == "5"
        assert cookie_lines(response) == []


class TestASaveThatMerged:
    def test_leaves_the_values_that_the_view_holds_to_be_changed(self, browser: Browser) -> None:
        def save_and_go_on() -> None:
            cart = session["cart"]
            session["n"] += 1
            browser.twin().run(lambda: session.update(theme="dark"))
            session.save()
            cart.append("milk")

        browser.run(save_and_go_on)

        assert browser.data() == {"n": 6, "cart": ["tea", "milk"], "theme": "dark"}

    def test_a_second_conflict_after_a_reload_is_told(self, make_browser: MakeBrowser) -> None:
        browser = make_browser(SESSION_CONCURRENCY="reject")
        browser.run(lambda: session.update(n=0))

        def plus() -> None:
            session["n"] += 1

        def try_twice() -> None:
            plus()
            browser.twin().run(plus)
            with pytest.raises(SessionConflict):
                session.save()
            session.reload()
            plus()
            browser.twin().run(plus)

        with pytest.raises(SessionConflict):
            browser.run(try_twice)

        assert browser.data() == {"n": 2}


class TestALoginThatIsStored:
    @pytest.fixture
    def browser(self, make_app: MakeApp) -> Browser:
        browser = browser_of(make_app(TESTING=False, PROPAGATE_EXCEPTIONS=False))
        browser.run(lambda: session.update(cart=["tea"]))
        return browser

    def test_reaches_the_browser_though_the_request_fails_at_its_end(
        self, browser: Browser
    ) -> None:
        def save_and_fail() -> None:
            log_in()
            session.save()
            session["bad"] = object()

        assert browser.run(save_and_fail).status_code == 500

        assert browser.data() == {"cart": ["tea"], "user": "ada"}

    def test_reaches_the_browser_though_the_view_was_told_of_a_later_failure(
        self, browser: Browser
    ) -> None:
        def save_twice() -> None:
            log_in()
            session.save()
            session["bad"] = object()
            with pytest.raises(SessionError):
                session.save()

        assert browser.run(save_twice).status_code == 200

        assert browser.data() == {"cart": ["tea"], "user": "ada"}

    def test_reaches_the_browser_though_a_receiver_of_its_signal_fails(
        self, browser: Browser
    ) -> None:
        def fail(sender: flask.Flask, **values: Any) -> None:
            raise RuntimeError("a receiver of the application")

        with signals.session_created.connected_to(fail, browser.application):
            assert browser.run(log_in).status_code == 500

        assert browser.data() == {"cart": ["tea"], "user": "ada"}

    def test_keeps_its_cookie_from_a_connection_that_may_not_carry_it(
        self, make_app: MakeApp
    ) -> None:
        app = make_app(TESTING=False, PROPAGATE_EXCEPTIONS=False, SESSION_COOKIE_SECURE=True)
        browser = browser_of(app)
        browser.run(lambda: session.update(cart=["tea"]), base_url="https://localhost")

        def save_and_fail() -> None:
            log_in()
            session.save()
            session["bad"] = object()

        response = browser.run(save_and_fail)

        assert response.status_code == 500
        assert cookie_lines(response) == []


def test_a_page_that_only_reads_leaves_the_cookie_of_a_login_meanwhile(
    browser: Browser, let_pass: LetPass
) -> None:
    let_pass(browser, timedelta(hours=1))
    tab = browser.twin()

    def log_in_while_read() -> str:
        n = str(session["n"])
        browser.run(log_in)
        return n

    response = tab.run(log_in_while_read)

    assert response.text == "5"
    assert cookie_lines(response) == []
    assert browser.data()["user"] == "ada"


def test_a_new_id_cannot_be_saved_once_no_cookie_can_carry_it(browser: Browser) -> None:
    old = browser.sid

    def stream() -> flask.Response:
        def generate() -> Any:
            yield "x"
            session.regenerate(keep_data=True)
            with pytest.raises(SessionError, match="response"):
                session.save()

        assert session["n"] == 5
        return flask.Response(stream_with_context(generate()))

    browser.run(stream)

    assert browser.sid == old
    assert browser.data() == {"n": 5, "cart": ["tea"]}


def test_a_session_is_updated_in_place_as_flasks_own(browser: Browser) -> None:
    def update() -> None:
        current = session
        current |= {"theme": "dark"}

    browser.run(update)

    assert browser.data()["theme"] == "dark"
