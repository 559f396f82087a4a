"""A request keeps what another request stored in the same session meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from flask import flash
from flask import get_flashed_messages

from flask_serversession import Record
from flask_serversession import SessionConflict

from .browser import Browser
from .browser import cookie_lines
from .browser import session
from .conftest import MakeBrowser
from .counting import CountingStore
from .overlap import while_another

Member = Callable[..., Browser]


@pytest.fixture
def member(make_member: MakeBrowser) -> Member:
    return partial(make_member, {"user": "ada", "cart": ["tea"]})


class TestMerge:
    def test_changes_to_different_keys_are_both_stored(self, member: Member) -> None:
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

    def test_the_later_of_two_changes_to_a_key_wins(self, member: Member) -> None:
        browser = member()

        browser.run(
            while_another(
                browser, lambda: session.update(user="bob"), lambda: session.update(user="eve")
            )
        )

        assert browser.data()["user"] == "eve"

    def test_session_merge_resolves_a_key_that_both_requests_changed(self, member: Member) -> None:
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

    def test_a_key_that_the_other_request_deleted_stays_deleted(self, member: Member) -> None:
        browser = member()

        browser.run(
            while_another(browser, lambda: session.pop("cart"), lambda: session.update(seen=True))
        )

        assert browser.data() == {"user": "ada", "seen": True}

    def test_a_key_that_this_request_deleted_stays_deleted(self, member: Member) -> None:
        browser = member()

        browser.run(
            while_another(browser, lambda: session.update(seen=True), lambda: session.pop("cart"))
        )

        assert browser.data() == {"user": "ada", "seen": True}

    def test_a_request_that_only_reads_overwrites_nothing(self, member: Member) -> None:
        browser = member(SESSION_TOUCH_INTERVAL=0)

        browser.run(while_another(browser, lambda: session.update(user="bob"), lambda: None))

        assert browser.data()["user"] == "bob"

    def test_messages_flashed_by_both_requests_are_all_shown(self, member: Member) -> None:
        browser = member()
        browser.run(lambda: flash("before"))

        browser.run(while_another(browser, lambda: flash("other"), lambda: flash("mine")))

        assert browser.see(get_flashed_messages) == ["before", "other", "mine"]

    def test_a_message_shown_by_the_other_request_is_not_shown_again(self, member: Member) -> None:
        browser = member()
        browser.run(lambda: flash("before"))

        browser.run(
            while_another(browser, lambda: str(get_flashed_messages()), lambda: flash("mine"))
        )

        assert browser.see(get_flashed_messages) == ["mine"]

    def test_a_cookie_that_the_other_request_changed_stays_changed(self, member: Member) -> None:
        browser = member()

        browser.run(
            while_another(
                browser,
                lambda: setattr(session, "permanent", True),
                lambda: session.update(seen=True),
            )
        )

        assert browser.see(lambda: session.permanent) is True

    def test_a_cookie_that_this_request_changed_stays_changed(self, member: Member) -> None:
        browser = member()

        browser.run(
            while_another(
                browser,
                lambda: session.update(seen=True),
                lambda: setattr(session, "permanent", True),
            )
        )

        assert browser.see(lambda: (session.permanent, session["seen"])) == (True, True)

    def test_a_request_that_keeps_losing_the_race_raises_a_conflict(self, member: Member) -> None:
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

    def test_a_value_read_before_a_save_that_merges_can_still_be_changed(
        self, member: Member
    ) -> None:
        browser = member()

        def save_and_go_on() -> None:
            cart = session["cart"]
            session["language"] = "en"
            browser.twin().run(lambda: session.update(theme="dark"))
            session.save()
            cart.append("milk")

        browser.run(save_and_go_on)

        assert browser.data() == {
            "user": "ada",
            "cart": ["tea", "milk"],
            "theme": "dark",
            "language": "en",
        }


class TestReject:
    def test_save_raises_a_conflict_and_stores_nothing(self, member: Member) -> None:
        browser = member(SESSION_CONCURRENCY="reject")

        def save() -> None:
            session["user"] = "eve"
            with pytest.raises(SessionConflict, match="SESSION_CONCURRENCY"):
                session.save()
            session.reload()

        browser.run(while_another(browser, lambda: session.update(user="bob"), save))

        assert browser.data()["user"] == "bob"

    def test_a_conflict_at_the_end_of_a_request_is_a_500_without_a_cookie(
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

    def test_a_write_without_a_conflict_is_stored(self, member: Member) -> None:
        browser = member(SESSION_CONCURRENCY="reject")

        browser.run(lambda: session.update(user="eve"))

        assert browser.data()["user"] == "eve"

    def test_a_second_conflict_after_a_reload_is_raised(self, make_browser: MakeBrowser) -> None:
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

    def test_a_conflict_that_the_view_handled_is_not_raised_again(self, member: Member) -> None:
        browser = member(SESSION_CONCURRENCY="reject")
        twin = browser.twin()

        def view() -> tuple[str, int]:
            session["user"] = "eve"
            twin.run(lambda: session.update(user="bob"))
            try:
                session.save()
            except SessionConflict:
                return "try again", 409
            return "", 200

        assert browser.run(view).status_code == 409


class TestSpelling:
    """Another program stored the same data in its own spelling, as a JSON column does."""

    def test_the_next_write_does_not_conflict(self, member: Member, store: CountingStore) -> None:
        browser = member(SESSION_CONCURRENCY="reject")

        def write_twice() -> None:
            session["user"] = "eve"
            session.save()
            respell(store, session.id)
            session["user"] = "bob"

        browser.run(write_twice)

        assert browser.data() == {"user": "bob", "cart": ["tea"]}

    def test_a_lock_does_not_conflict_or_write(self, member: Member, store: CountingStore) -> None:
        browser = member(SESSION_CONCURRENCY="reject")

        def save_and_lock() -> None:
            session["user"] = "eve"
            session.save()
            respelled = respell(store, session.id)
            with session.lock():
                pass
            assert store.load(str(session.id)) == respelled

        browser.run(save_and_lock)

        assert browser.data() == {"user": "eve", "cart": ["tea"]}

    def test_a_merge_asks_about_no_key_that_is_only_spelled_differently(
        self, make_browser: MakeBrowser, store: CountingStore
    ) -> None:
        def resolve(key: str, base: Any, theirs: Any, mine: Any) -> Any:
            raise AssertionError(key)

        browser = make_browser(SESSION_MERGE=resolve)
        browser.run(lambda: session.update(cart=[{"tea": 1, "jam": 2.0}]))

        def change() -> None:
            session["cart"] = []

        def respell_and_change() -> None:
            respell(store, session.id)
            session["theme"] = "dark"

        browser.run(while_another(browser, respell_and_change, change))

        assert browser.data() == {"cart": [], "theme": "dark"}


def respell(store: CountingStore, sid: str | None) -> Record:
    """Store a session's record as another program spells it; return that record."""
    assert sid is not None
    record = store.load(sid)
    assert record is not None
    payload = json.dumps(
        json.loads(record.payload, parse_float=lambda text: round(float(text))), sort_keys=True
    ).encode()
    assert payload != record.payload
    respelled = Record(payload, record.expires_at)
    assert store.save(sid, respelled) is None
    return respelled


class TestOverwrite:
    def test_the_later_request_replaces_the_whole_session(
        self, member: Member, store: CountingStore
    ) -> None:
        browser = member(SESSION_CONCURRENCY="overwrite")

        browser.run(
            while_another(
                browser, lambda: session.update(theme="dark"), lambda: session.update(user="eve")
            )
        )

        assert store.calls == ["load", "load", "save", "save"]
        assert browser.data() == {"user": "eve", "cart": ["tea"]}

    def test_the_express_profile_replaces_the_whole_session(self, member: Member) -> None:
        browser = member(SESSION_PROFILE="express")

        browser.run(
            while_another(
                browser, lambda: session.update(theme="dark"), lambda: session.update(user="eve")
            )
        )

        assert browser.data() == {"user": "eve", "cart": ["tea"]}
