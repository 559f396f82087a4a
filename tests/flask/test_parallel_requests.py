"""Two requests at once on one session: the second runs while the view of the first does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import flash
from flask import get_flashed_messages

from flask_serversession import SessionConflict
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import cookie_lines
from .browser import session
from .browser import View
from .conftest import LetPass
from .conftest import MakeBrowser
from .counting import CountingStore

Member = Callable[..., Browser]
REMOVAL = "session=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly"


@pytest.fixture
def member(make_browser: MakeBrowser, store: CountingStore) -> Member:
    """Make a browser that has a session."""

    def member(**config: Any) -> Browser:
        browser = make_browser(**config)
        browser.run(lambda: session.update(user="ada", cart=["tea"]))
        store.calls.clear()
        return browser

    return member


def while_another(browser: Browser, other: View, view: View) -> View:
    """Return a view that holds its session open while another request is answered."""

    def slow() -> Any:
        session.get("user")
        browser.twin().run(other)
        return view()

    return slow


def log_out() -> None:
    session.destroy()


class TestMerge:
    def test_changes_of_different_keys_both_survive(self, member: Member) -> None:
        browser = member()

        browser.run(
            while_another(
                browser,
                lambda: session.update(theme="dark"),
                lambda: session.update(language="en"),
            )
        )

        assert browser.data() == {
            "user": "ada",
            "cart": ["tea"],
            "theme": "dark",
            "language": "en",
        }

    def test_of_changes_of_one_key_the_last_wins(self, member: Member) -> None:
        browser = member()

        browser.run(
            while_another(
                browser, lambda: session.update(user="bob"), lambda: session.update(user="eve")
            )
        )

        assert browser.data()["user"] == "eve"

    def test_a_callback_decides_about_a_key_that_both_changed(self, member: Member) -> None:
        asked: list[tuple[object, ...]] = []

        def resolve(key: str, base: Any, theirs: Any, mine: Any) -> Any:
            asked.append((key, base, theirs, mine))
            return theirs + mine[len(base) :]

        browser = member(SESSION_MERGE=resolve)
        browser.run(
            while_another(
                browser,
                lambda: session["cart"].append("milk"),
                lambda: session["cart"].append("bread"),
            )
        )

        assert asked == [("cart", ["tea"], ["tea", "milk"], ["tea", "bread"])]
        assert browser.data()["cart"] == ["tea", "milk", "bread"]

    def test_a_key_that_the_other_deleted_is_not_brought_back(self, member: Member) -> None:
        browser = member()

        browser.run(
            while_another(browser, lambda: session.pop("cart"), lambda: session.update(seen=True))
        )

        assert browser.data() == {"user": "ada", "seen": True}

    def test_a_key_that_this_one_deleted_is_not_brought_back(self, member: Member) -> None:
        browser = member()

        browser.run(
            while_another(browser, lambda: session.update(seen=True), lambda: session.pop("cart"))
        )

        assert browser.data() == {"user": "ada", "seen": True}

    def test_a_reader_takes_nothing_back(self, member: Member) -> None:
        browser = member(SESSION_TOUCH_INTERVAL=0)

        browser.run(while_another(browser, lambda: session.update(user="bob"), lambda: None))

        assert browser.data()["user"] == "bob"

    def test_messages_flashed_at_once_are_all_shown(self, member: Member) -> None:
        browser = member()
        browser.run(lambda: flash("before"))

        browser.run(while_another(browser, lambda: flash("other"), lambda: flash("mine")))

        assert browser.see(get_flashed_messages) == ["before", "other", "mine"]

    def test_a_message_shown_by_the_other_is_not_shown_again(self, member: Member) -> None:
        browser = member()
        browser.run(lambda: flash("before"))

        browser.run(
            while_another(browser, lambda: str(get_flashed_messages()), lambda: flash("mine"))
        )

        assert browser.see(get_flashed_messages) == ["mine"]

    def test_a_cookie_that_the_other_changed_stays_changed(self, member: Member) -> None:
        browser = member()

        browser.run(
            while_another(
                browser,
                lambda: setattr(session, "permanent", True),
                lambda: session.update(seen=True),
            )
        )

        assert browser.see(lambda: session.permanent) is True

    def test_a_cookie_that_this_one_changed_stays_changed(self, member: Member) -> None:
        browser = member()

        browser.run(
            while_another(
                browser,
                lambda: session.update(seen=True),
                lambda: setattr(session, "permanent", True),
            )
        )

        assert browser.see(lambda: (session.permanent, session["seen"])) == (True, True)

    def test_others_that_never_stop_are_given_up_on(self, member: Member) -> None:
        browser = member()

        def resolve(key: str, base: Any, theirs: int, mine: int) -> int:
            browser.twin().run(lambda: session.update(count=theirs + 1))
            return mine

        app_of_merge = member(SESSION_MERGE=resolve)
        app_of_merge.hold(browser.sid or "")

        with pytest.raises(SessionConflict, match="faster than this one could merge"):
            app_of_merge.run(
                while_another(
                    browser,
                    lambda: session.update(count=1),
                    lambda: session.update(count=100),
                )
            )


class TestReject:
    def test_a_conflict_is_raised_and_nothing_stored(self, member: Member) -> None:
        browser = member(SESSION_CONCURRENCY="reject")

        def save() -> None:
            session["user"] = "eve"
            with pytest.raises(SessionConflict, match="SESSION_CONCURRENCY"):
                session.save()
            session.reload()

        browser.run(while_another(browser, lambda: session.update(user="bob"), save))

        assert browser.data()["user"] == "bob"

    def test_at_the_end_of_the_request_it_is_a_500_without_a_cookie(
        self, member: Member, store: CountingStore
    ) -> None:
        browser = member(SESSION_CONCURRENCY="reject", PROPAGATE_EXCEPTIONS=False)

        response = browser.run(
            while_another(
                browser, lambda: session.update(user="bob"), lambda: session.update(user="eve")
            )
        )

        assert (response.status_code, cookie_lines(response)) == (500, [])
        assert store.calls == ["load", "load", "save", "save"]
        assert browser.data()["user"] == "bob"

    def test_without_a_conflict_nothing_is_rejected(self, member: Member) -> None:
        browser = member(SESSION_CONCURRENCY="reject")

        browser.run(lambda: session.update(user="eve"))

        assert browser.data()["user"] == "eve"


class TestOverwrite:
    def test_the_last_one_wins_with_all_it_has(self, member: Member, store: CountingStore) -> None:
        browser = member(SESSION_CONCURRENCY="overwrite")

        browser.run(
            while_another(
                browser, lambda: session.update(theme="dark"), lambda: session.update(user="eve")
            )
        )

        assert store.calls == ["load", "load", "save", "save"]
        assert browser.data() == {"user": "eve", "cart": ["tea"]}

    def test_it_is_what_the_express_profile_does(self, member: Member) -> None:
        browser = member(SESSION_PROFILE="express")

        browser.run(
            while_another(
                browser, lambda: session.update(theme="dark"), lambda: session.update(user="eve")
            )
        )

        assert browser.data() == {"user": "eve", "cart": ["tea"]}


@pytest.mark.parametrize("concurrency", ["merge", "overwrite", "reject"])
class TestLogout:
    def test_a_slow_writer_does_not_undo_it(
        self, member: Member, memory: MemoryStore, concurrency: str
    ) -> None:
        browser = member(SESSION_CONCURRENCY=concurrency)

        response = browser.run(while_another(browser, log_out, lambda: session.update(seen=True)))

        assert memory.count() == 0
        # Not this request ended it, so the cookie may belong to a newer login.
        assert cookie_lines(response) == []

    def test_a_slow_reader_does_not_undo_it(
        self, member: Member, memory: MemoryStore, let_pass: LetPass, concurrency: str
    ) -> None:
        browser = member(SESSION_CONCURRENCY=concurrency)
        let_pass(browser, timedelta(hours=1))

        response = browser.run(while_another(browser, log_out, lambda: None))

        assert memory.count() == 0
        assert cookie_lines(response) == []

    def test_a_slow_login_does_not_undo_it(
        self, member: Member, memory: MemoryStore, concurrency: str
    ) -> None:
        browser = member(SESSION_CONCURRENCY=concurrency)

        browser.run(while_another(browser, log_out, lambda: session.regenerate(keep_data=True)))

        assert memory.count() == 0

    def test_what_is_dropped_is_logged(
        self, member: Member, caplog: pytest.LogCaptureFixture, concurrency: str
    ) -> None:
        browser = member(SESSION_CONCURRENCY=concurrency)

        with caplog.at_level(logging.INFO):
            browser.run(while_another(browser, log_out, lambda: session.update(secret="hidden")))

        [record] = caplog.records
        assert "dropped" in record.getMessage()
        assert "hidden" not in caplog.text


def test_in_the_express_profile_a_logout_is_not_undone_either(
    member: Member, memory: MemoryStore
) -> None:
    browser = member(SESSION_PROFILE="express")

    response = browser.run(while_another(browser, log_out, lambda: session.update(seen=True)))

    assert memory.count() == 0
    assert cookie_lines(response) == []


def test_two_logouts_at_once_are_one(member: Member, memory: MemoryStore) -> None:
    browser = member()

    response = browser.run(while_another(browser, log_out, log_out))

    assert memory.count() == 0
    assert cookie_lines(response) == [REMOVAL]


def test_two_logins_at_once_leave_one_session(member: Member, memory: MemoryStore) -> None:
    browser = member()
    other = browser.twin()

    def log_in_while_the_other_does() -> None:
        session.get("user")
        other.run(lambda: session.regenerate(keep_data=True))
        session.regenerate(keep_data=True)

    response = browser.run(log_in_while_the_other_does)

    assert list(memory.keys()) == [other.sid]
    assert cookie_lines(response) == []
    assert other.data()["user"] == "ada"
