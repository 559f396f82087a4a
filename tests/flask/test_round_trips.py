"""How many store calls each kind of request makes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import flash
from flask import Flask
from flask import get_flashed_messages

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import session
from .browser import View
from .conftest import LetPass
from .conftest import MakeBrowser
from .counting import CountingStore


@pytest.fixture
def browser(app: Flask, store: CountingStore) -> Browser:
    """A browser with a session, whose cost is not counted."""
    browser = browser_of(app)
    browser.run(lambda: session.update(user="ada", cart=[]))
    store.calls.clear()
    return browser


def test_a_request_that_ignores_its_session_costs_nothing(
    browser: Browser, store: CountingStore
) -> None:
    browser.run(lambda: "hello")

    assert store.calls == []


def test_a_request_without_a_cookie_that_ignores_its_session_costs_nothing(
    app: Flask, store: CountingStore
) -> None:
    browser_of(app).run(lambda: "hello")

    assert store.calls == []


def test_a_request_without_a_cookie_that_reads_its_session_costs_nothing(
    app: Flask, store: CountingStore
) -> None:
    browser_of(app).run(lambda: session.get("user"))

    assert store.calls == []


def test_a_static_file_costs_nothing(browser: Browser, store: CountingStore) -> None:
    with browser.get("/static/__init__.py") as response:
        assert (response.status_code, store.calls) == (200, [])
        assert cookie_lines(response) == []


def test_a_missing_page_costs_nothing(browser: Browser, store: CountingStore) -> None:
    response = browser.get("/nowhere")

    assert (response.status_code, store.calls) == (404, [])


def test_an_options_request_costs_nothing(browser: Browser, store: CountingStore) -> None:
    response = browser.options("/")

    assert (response.status_code, store.calls) == (200, [])


def test_reading_costs_one_call_and_sends_no_cookie(
    browser: Browser, store: CountingStore
) -> None:
    response = browser.run(lambda: session["user"])

    assert store.calls == ["load"]
    assert cookie_lines(response) == []


def test_reading_repeatedly_costs_one_call(browser: Browser, store: CountingStore) -> None:
    browser.see(lambda: ("user" in session, session["user"], len(session), session.id))

    assert store.calls == ["load"]


def test_reading_a_nested_value_costs_one_call(browser: Browser, store: CountingStore) -> None:
    browser.run(lambda: str(session["cart"].count("tea")))

    assert store.calls == ["load"]


def test_assigning_an_equal_value_costs_one_call(browser: Browser, store: CountingStore) -> None:
    browser.run(lambda: session.update(user="ada"))

    assert store.calls == ["load"]


def test_reading_and_changing_costs_two_calls(browser: Browser, store: CountingStore) -> None:
    browser.run(lambda: session.update(user="bob"))

    assert store.calls == ["load", "save"]


def test_changing_a_nested_value_costs_two_calls(browser: Browser, store: CountingStore) -> None:
    browser.run(lambda: session["cart"].append("tea"))

    assert store.calls == ["load", "save"]


def test_reading_when_a_touch_is_due_costs_two_calls(
    browser: Browser, store: CountingStore, let_pass: LetPass
) -> None:
    let_pass(browser, timedelta(seconds=61))

    browser.run(lambda: session["user"])

    assert store.calls == ["load", "touch"]


def test_ignoring_a_session_whose_touch_is_due_costs_nothing(
    browser: Browser, store: CountingStore, let_pass: LetPass
) -> None:
    let_pass(browser, timedelta(hours=1))

    browser.run(lambda: "hello")

    assert store.calls == []


def test_changing_when_a_touch_is_due_costs_two_calls(
    browser: Browser, store: CountingStore, let_pass: LetPass
) -> None:
    let_pass(browser, timedelta(seconds=61))

    browser.run(lambda: session.update(user="bob"))

    assert store.calls == ["load", "save"]


def test_creating_costs_one_call(app: Flask, store: CountingStore) -> None:
    browser_of(app).run(lambda: session.update(user="ada"))

    assert store.calls == ["create"]


def test_a_conflict_costs_one_more_save(browser: Browser, store: CountingStore) -> None:
    def change_while_another_does() -> None:
        session["user"] = "bob"
        browser.twin().run(lambda: session.update(theme="dark"))
        store.calls.clear()

    browser.run(change_while_another_does)

    assert store.calls == ["save", "save"]


def test_a_login_that_keeps_the_data_costs_three_calls(
    browser: Browser, store: CountingStore
) -> None:
    browser.run(lambda: session.regenerate(keep_data=True))

    assert store.calls == ["load", "create", "save"]


def test_destroying_without_reading_costs_two_calls(
    browser: Browser, store: CountingStore
) -> None:
    browser.run(lambda: session.destroy())

    assert store.calls == ["load", "save"]


def test_reading_and_destroying_costs_two_calls(browser: Browser, store: CountingStore) -> None:
    browser.run(lambda: session["user"] and session.destroy())

    assert store.calls == ["load", "save"]


def test_destroying_without_reading_costs_one_call_without_a_grace(
    make_member: MakeBrowser, store: CountingStore
) -> None:
    make_member(SESSION_REGENERATE_GRACE=0).run(lambda: session.destroy())

    assert store.calls == ["delete"]


def test_clearing_costs_two_calls(browser: Browser, store: CountingStore) -> None:
    browser.run(lambda: session.clear())

    assert store.calls == ["load", "save"]


def test_a_logout_that_flashes_a_message_costs_three_calls(
    browser: Browser, store: CountingStore
) -> None:
    def log_out() -> None:
        session.destroy()
        flash("Bye")

    browser.run(log_out)

    assert store.calls == ["load", "save", "create"]


def test_showing_the_only_message_costs_two_calls(app: Flask, store: CountingStore) -> None:
    browser = browser_of(app)
    browser.run(lambda: flash("Hello"))
    store.calls.clear()

    browser.run(lambda: str(get_flashed_messages()))

    assert store.calls == ["load", "save"]
    assert store.load(browser.sid) is None


def test_an_unknown_id_costs_one_call(app: Flask, store: CountingStore) -> None:
    stranger = browser_of(app)
    stranger.hold("nobody-knows-this-id")

    stranger.run(lambda: session.get("user"))

    assert store.calls == ["load"]


def test_an_explicit_save_is_not_repeated_at_the_end(
    browser: Browser, store: CountingStore
) -> None:
    def change_and_save() -> None:
        session["user"] = "bob"
        session.save()

    browser.run(change_and_save)

    assert store.calls == ["load", "save"]


@pytest.mark.parametrize(
    ("view", "calls"),
    [
        pytest.param(lambda: None, ["load", "save"], id="ignoring"),
        pytest.param(lambda: session.get("user"), ["load", "save"], id="reading"),
        pytest.param(lambda: session.update(user="bob"), ["load", "save"], id="changing"),
    ],
)
def test_every_request_costs_two_calls_in_the_express_profile(
    make_browser: MakeBrowser, store: CountingStore, view: View, calls: list[str]
) -> None:
    browser = make_browser(SESSION_PROFILE="express")
    browser.run(lambda: session.update(user="ada"))
    store.calls.clear()

    browser.run(view)

    assert store.calls == calls
