"""What code that was written for Flask's own session, a dict, does with this one."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from flask import Flask

from flask_serversession import Record
from flask_serversession import StoreUnavailable
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import session
from .conftest import MakeBrowser
from .counting import CountingStore

KINDS = pytest.mark.parametrize(
    "kind", [{}, {"SESSION_STORE": "cookie"}], ids=["stored", "in the cookie"]
)
CART: dict[str, Any] = {"user": "ada", "cart": {"tea": [1, 2]}}


@pytest.fixture
def make_shopper(make_browser: MakeBrowser) -> MakeBrowser:
    def make_shopper(**config: Any) -> Browser:
        browser = make_browser(**config)
        browser.run(lambda: session.update(copy.deepcopy(CART)))
        return browser

    return make_shopper


@KINDS
class TestCopies:
    @pytest.mark.parametrize(
        "duplicate",
        [
            copy.copy,
            copy.deepcopy,
            lambda one: one | {},
            lambda one: {} | one,
            lambda one: one.copy(),
        ],
        ids=["copy.copy", "copy.deepcopy", "|", "| from the right", ".copy()"],
    )
    def test_a_copy_is_a_dict_that_does_not_change_the_session(
        self, make_shopper: MakeBrowser, kind: dict[str, Any], duplicate: Any
    ) -> None:
        def change_a_copy() -> dict[str, Any]:
            twin: dict[str, Any] = duplicate(session)
            twin["user"] = "bob"
            return twin

        browser = make_shopper(**kind)

        assert browser.see(change_a_copy) == CART | {"user": "bob"}
        assert browser.data() == CART

    def test_a_deep_copy_shares_nothing(
        self, make_shopper: MakeBrowser, kind: dict[str, Any]
    ) -> None:
        browser = make_shopper(**kind)

        browser.run(lambda: copy.deepcopy(session)["cart"]["tea"].append(3))

        assert browser.data() == CART

    def test_a_union_has_the_values_of_the_right_side(
        self, make_shopper: MakeBrowser, kind: dict[str, Any]
    ) -> None:
        browser = make_shopper(**kind)

        both = browser.see(lambda: (session | {"user": "bob"}, {"user": "bob"} | session))

        assert [each["user"] for each in both] == ["bob", "ada"]

    def test_a_union_with_something_else_is_a_type_error(
        self, make_shopper: MakeBrowser, kind: dict[str, Any]
    ) -> None:
        browser = make_shopper(**kind)

        for join in (lambda: session | [], lambda: [] | session):  # type: ignore[operator]
            with pytest.raises(TypeError, match="unsupported operand"):
                browser.see(join)

    def test_it_is_iterated_in_either_direction(
        self, make_shopper: MakeBrowser, kind: dict[str, Any]
    ) -> None:
        browser = make_shopper(**kind)

        assert browser.see(lambda: list(reversed(session))) == ["cart", "user"]
        assert browser.see(lambda: list(session)) == ["user", "cart"]

    def test_its_dict_is_json(self, make_shopper: MakeBrowser, kind: dict[str, Any]) -> None:
        browser = make_shopper(**kind)

        assert json.loads(browser.see(lambda: json.dumps(dict(session)))) == CART


def shown() -> str:
    return repr(session)


def shown_after_reading() -> str:
    session.get("user")
    return repr(session)


class StoreThatIsDown(CountingStore):
    """A store that raises when it is read."""

    def load(self, key: str) -> Record | None:
        raise StoreUnavailable("down")


class TestRepr:
    def test_it_does_not_read_the_session(
        self, make_shopper: MakeBrowser, store: CountingStore
    ) -> None:
        browser = make_shopper()
        store.calls.clear()

        assert browser.see(shown) == "<StoredSession unread>"
        assert store.calls == []

    def test_of_a_found_one_it_counts_the_keys_and_shows_the_handle(
        self, make_shopper: MakeBrowser
    ) -> None:
        browser = make_shopper()

        one, other = browser.see(shown_after_reading), make_shopper().see(shown_after_reading)

        handle = browser.see(lambda: session.handle)
        assert one.startswith(f"<StoredSession found, {handle}, ")
        assert one.endswith(", 2 keys>")
        assert one == browser.see(shown_after_reading) != other
        assert "ada" not in one
        assert str(browser.sid) not in one

    def test_without_a_cookie_it_says_so(self, browser: Browser) -> None:
        assert browser.see(shown_after_reading).endswith("0 keys: the browser sent no cookie>")

    def test_of_a_cookie_with_another_signature_it_says_so(
        self, make_shopper: MakeBrowser
    ) -> None:
        browser = make_shopper()
        browser.application.secret_key = "another"

        assert "not signed with a known secret" in browser.see(shown_after_reading)

    def test_of_a_session_that_is_gone_it_says_so(
        self, make_shopper: MakeBrowser, memory: MemoryStore
    ) -> None:
        browser = make_shopper()
        memory.clear()

        assert "is not in the store" in browser.see(shown_after_reading)

    def test_of_a_record_that_cannot_be_read_it_says_so(
        self, make_shopper: MakeBrowser, memory: MemoryStore
    ) -> None:
        browser = make_shopper()
        [sid] = memory.keys()
        record = memory.load(sid)
        assert record is not None
        memory.save(sid, type(record)(b"[]", record.expires_at))

        assert "record is unreadable" in browser.see(shown_after_reading)

    @pytest.mark.parametrize("end", ["destroy", "regenerate", "clear"])
    def test_of_one_that_ended_in_this_request_it_says_so(
        self, make_shopper: MakeBrowser, end: str
    ) -> None:
        def see_the_end() -> str:
            session.get("user")
            getattr(session, end)()
            return repr(session)

        assert (
            make_shopper()
            .see(see_the_end)
            .endswith(("ended in this request>", "emptied or stored empty>"))
        )

    def test_of_one_whose_store_failed_it_says_so(self, make_browser: MakeBrowser) -> None:
        def look() -> str:
            with pytest.raises(StoreUnavailable):
                session.get("user")
            return repr(session)

        browser = make_browser(SESSION_STORE=StoreThatIsDown(MemoryStore()))
        browser.hold("an id")

        assert browser.see(look) == "<StoredSession unavailable: the store failed>"

    def test_of_one_in_the_cookie_it_counts_the_keys(self, make_shopper: MakeBrowser) -> None:
        browser = make_shopper(SESSION_STORE="cookie")

        assert browser.see(shown) == "<CookieSession unread>"
        assert browser.see(shown_after_reading) == "<CookieSession found, 2 keys>"
        new = browser_of(browser.application)
        assert new.see(shown_after_reading) == "<CookieSession new, 0 keys>"

    def test_outside_the_cookies_path_its_repr_says_why(self, app: Flask) -> None:
        app.secret_key = None

        assert "Set app.secret_key" in browser_of(app).see(shown)
