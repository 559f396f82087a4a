"""``SESSION_TYPES``: a session holds values of the application's own types."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from typing import Any

import pytest

from flask_serversession import ConfigError
from flask_serversession import SessionSerializationError
from flask_serversession import SessionType
from flask_serversession import UnknownValue
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import session
from .conftest import MakeBrowser
from .overlap import while_another


class Theme(enum.Enum):
    DARK = 1
    LIGHT = 2


@dataclass
class Cart:
    items: list[str]


TYPES: list[SessionType[Any]] = [
    SessionType("theme", Theme, lambda theme: theme.name, lambda name: Theme[name]),
    SessionType("shop-cart", Cart, lambda cart: cart.items, Cart),
]
KINDS = pytest.mark.parametrize(
    "kind",
    [
        {},
        {"SESSION_PROFILE": "express"},
        {"SESSION_STORE": "cookie"},
        {"SESSION_STORE": "cookie", "SESSION_PROFILE": "express"},
    ],
    ids=["store", "express", "cookie", "cookie express"],
)


def fill() -> None:
    session.update(user="ada", theme=Theme.DARK, cart=Cart(["tea"]))


def take_over(browser: Browser, other: Browser) -> None:
    """Give a browser the cookies of another."""
    for name in ("session", "session.sig", "connect.sid"):
        cookie = other.get_cookie(name)
        if cookie is not None:
            browser.set_cookie(name, cookie.value)


@KINDS
class TestSessionTypes:
    def test_values_come_back_in_the_next_request(
        self, make_browser: MakeBrowser, kind: dict[str, Any]
    ) -> None:
        browser = make_browser(SESSION_TYPES=TYPES, **kind)
        browser.run(fill)

        assert browser.data() == {"user": "ada", "theme": Theme.DARK, "cart": Cart(["tea"])}

    def test_a_change_inside_a_value_is_stored(
        self, make_browser: MakeBrowser, kind: dict[str, Any]
    ) -> None:
        browser = make_browser(SESSION_TYPES=TYPES, **kind)
        browser.run(fill)

        browser.run(lambda: session["cart"].items.append("milk"))

        assert browser.data()["cart"] == Cart(["tea", "milk"])

    def test_without_the_type_a_value_is_refused(
        self, make_browser: MakeBrowser, kind: dict[str, Any]
    ) -> None:
        browser = make_browser(**kind)

        with pytest.raises(
            SessionSerializationError, match=r"session\['theme'\] is of type .*\.Theme"
        ):
            browser.run(fill)

    def test_a_version_without_the_type_reads_and_writes_the_rest(
        self, make_browser: MakeBrowser, kind: dict[str, Any]
    ) -> None:
        newer, older = make_browser(SESSION_TYPES=TYPES, **kind), make_browser(**kind)
        newer.run(fill)
        take_over(older, newer)

        older.run(lambda: session.update(user="bob"))

        assert type(older.data()["cart"]) is UnknownValue
        take_over(newer, older)
        assert newer.data() == {"user": "bob", "theme": Theme.DARK, "cart": Cart(["tea"])}


def test_changes_of_two_requests_are_merged(make_browser: MakeBrowser) -> None:
    browser = make_browser(SESSION_TYPES=TYPES)
    browser.run(fill)

    def light() -> None:
        session["theme"] = Theme.LIGHT

    browser.run(while_another(browser, light, lambda: session["cart"].items.append("milk")))

    assert browser.data() == {"user": "ada", "theme": Theme.LIGHT, "cart": Cart(["tea", "milk"])}


def test_two_requests_that_read_a_value_do_not_conflict(make_browser: MakeBrowser) -> None:
    browser = make_browser(SESSION_TYPES=TYPES, SESSION_CONCURRENCY="reject")
    browser.run(fill)

    browser.run(while_another(browser, lambda: str(session["cart"]), lambda: str(session["cart"])))

    assert browser.data()["cart"] == Cart(["tea"])


def test_node_reads_plain_json(make_browser: MakeBrowser, memory: MemoryStore) -> None:
    browser = make_browser(SESSION_TYPES=TYPES)
    browser.run(fill)

    record = memory.load(browser.sid or "")

    assert record is not None
    stored = json.loads(record.payload)
    assert stored["theme"] == {" theme": "DARK"}
    assert stored["cart"] == {" shop-cart": ["tea"]}


def test_two_types_of_one_class_are_refused_at_start(make_browser: MakeBrowser) -> None:
    with pytest.raises(ConfigError, match=r"^SESSION_TYPES is "):
        make_browser(SESSION_TYPES=[*TYPES, SessionType("other", Cart, vars, Cart)])
