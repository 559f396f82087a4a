"""``session.log_in()`` and ``session.log_out()``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flask_serversession import ConfigError
from flask_serversession import SessionError
from flask_serversession.stores.base import Record
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import session
from .conftest import MakeBrowser
from .counting import CountingStore

STORES = pytest.mark.parametrize("config", [{}, {"SESSION_STORE": "cookie"}], ids=["", "cookie"])


def login() -> tuple[str | None, str | None, bool]:
    return session.user_id, session.login_level, session.authenticated_at is not None


@STORES
def test_a_login_is_remembered(make_browser: MakeBrowser, config: dict[str, Any]) -> None:
    browser = make_browser(**config)

    assert browser.see(login) == (None, None, False)
    browser.run(lambda: session.log_in("ada", level="mfa"))
    assert browser.see(login) == ("ada", "mfa", True)


@STORES
def test_the_data_of_a_visitor_stay(make_browser: MakeBrowser, config: dict[str, Any]) -> None:
    browser = make_browser(**config)
    browser.run(lambda: session.update(cart="apple"))
    browser.run(lambda: session.log_in("ada"))

    assert browser.data()["cart"] == "apple"


@STORES
def test_the_data_of_another_user_are_dropped(
    make_browser: MakeBrowser, config: dict[str, Any]
) -> None:
    browser = make_browser(**config)
    browser.run(lambda: session.log_in("ada"))
    browser.run(lambda: session.update(cart="apple"))
    browser.run(lambda: session.log_in("ada"))
    assert browser.data()["cart"] == "apple"

    browser.run(lambda: session.log_in("bob"))

    assert browser.see(lambda: session.user_id) == "bob"
    assert "cart" not in browser.data()


def test_a_login_takes_a_new_id_and_three_trips(
    browser: Browser, store: CountingStore, memory: MemoryStore
) -> None:
    browser.run(lambda: session.update(cart="apple"))
    before = browser.sid
    store.calls.clear()

    browser.run(lambda: session.log_in("ada"))

    assert store.calls == ["load", "create", "save"]
    assert browser.sid != before


@STORES
def test_a_remembered_user_has_proved_nothing(
    make_browser: MakeBrowser, config: dict[str, Any]
) -> None:
    browser = make_browser(**config)
    browser.run(lambda: session.log_in("ada", remembered=True))
    assert browser.see(login) == ("ada", None, False)

    browser.run(lambda: session.log_in("ada"))
    browser.run(lambda: session.log_in("ada", remembered=True))

    assert browser.see(login) == ("ada", None, True)


@STORES
def test_a_logout_ends_the_session(make_browser: MakeBrowser, config: dict[str, Any]) -> None:
    browser = make_browser(**config)
    browser.run(lambda: session.log_in("ada"))
    response = browser.run(lambda: session.log_out())

    assert browser.data() == {}
    assert "Clear-Site-Data" not in response.headers


@STORES
def test_a_logout_tells_the_browser_what_to_forget(
    make_browser: MakeBrowser, config: dict[str, Any]
) -> None:
    browser = make_browser(SESSION_CLEAR_SITE_DATA=["cache", "storage"], **config)
    login_answer = browser.run(lambda: session.log_in("ada"))
    answer = browser.run(lambda: session.log_out())

    def switch_users() -> None:
        session.log_out()
        session.log_in("bob")

    assert "Clear-Site-Data" not in browser.run(switch_users).headers
    assert "Clear-Site-Data" not in login_answer.headers
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'


@pytest.mark.parametrize("kinds", [["cash"], "cache, storage", None, 1])
def test_what_no_browser_forgets_is_refused(make_browser: MakeBrowser, kinds: object) -> None:
    with pytest.raises(ConfigError, match="SESSION_CLEAR_SITE_DATA"):
        make_browser(SESSION_CLEAR_SITE_DATA=kinds)


@pytest.mark.parametrize("user_id", ["", None, 42, b"ada"])
def test_a_user_id_is_text(browser: Browser, user_id: Any) -> None:
    with pytest.raises(SessionError, match="non-empty str"):
        browser.run(lambda: session.log_in(user_id))


@pytest.mark.parametrize("member", [None, "ada", [], {}, {"user": 42}, {"user": None, "at": 1}])
def test_a_malformed_login_logs_nobody_in(
    browser: Browser, memory: MemoryStore, member: object
) -> None:
    document = {"cookie": {"path": "/"}, "_login": member}
    memory.create("some-id", Record(json.dumps(document).encode(), None))
    browser.hold("some-id")

    assert browser.see(login) == (None, None, False)


@pytest.mark.parametrize("at", ["now", 10**18, -1, True])
def test_a_malformed_time_or_level_reads_as_none(
    browser: Browser, memory: MemoryStore, at: object
) -> None:
    document = {"cookie": {"path": "/"}, "_login": {"user": "ada", "at": at, "level": 3}}
    memory.create("some-id", Record(json.dumps(document).encode(), None))
    browser.hold("some-id")

    assert browser.see(login) == ("ada", None, False)
