"""Flask-Login's logins and logouts: what they do to the session."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any

import flask_login
import pytest
import time_machine
from flask import Flask
from flask_login import LoginManager
from flask_login import UserMixin

from flask_serversession import fresh_login_required
from flask_serversession import SessionError
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import session
from .conftest import MakeApp
from .counting import CountingStore


class User(UserMixin):  # type: ignore[misc] # Flask-Login has no annotations
    #: The application's own id of the user; Flask-Login has another.
    key = 7

    def __init__(self, user_id: str) -> None:
        self.id = user_id


@pytest.fixture
def make_member_app(make_app: MakeApp) -> MakeApp:
    def make_member_app(**config: Any) -> Flask:
        app = make_app(**config)
        LoginManager(app).user_loader(User)
        return app

    return make_member_app


@pytest.fixture
def browser(make_member_app: MakeApp) -> Browser:
    return browser_of(make_member_app())


def log_in(user_id: str = "ada", **options: Any) -> None:
    flask_login.login_user(User(user_id), **options)


def who() -> str:
    return f"{flask_login.current_user.get_id()} {session.user_id}"


def test_a_login_takes_a_new_id_and_names_the_user(browser: Browser) -> None:
    browser.run(lambda: session.update(cart="apple"))
    before = browser.sid

    browser.run(log_in)

    assert browser.sid != before
    assert browser.run(who).text == "ada ada"
    assert browser.see(lambda: session["cart"]) == "apple"
    assert browser.run(fresh_login_required(lambda: "paid")).text == "paid"


def test_a_request_that_uses_neither_user_nor_session_costs_no_call(
    make_member_app: MakeApp, store: CountingStore
) -> None:
    browser = browser_of(make_member_app(SESSION_STORE=store))
    browser.run(lambda: log_in(remember=True))
    store.calls.clear()

    browser.run(lambda: None)
    browser.get("/static/conftest.py").close()
    browser.get("/no")

    assert store.calls == []


def test_another_user_finds_nothing_of_the_first(browser: Browser) -> None:
    browser.run(log_in)
    browser.run(lambda: session.update(cart="apple"))

    browser.run(lambda: log_in("bob"))

    assert browser.run(who).text == "bob bob"
    assert browser.see(lambda: "cart" in session) is False


def test_a_logout_ends_the_session(browser: Browser, memory: MemoryStore) -> None:
    browser.run(log_in)
    browser.run(lambda: session.update(cart="apple"))
    browser.run(lambda: flask_login.logout_user() and None)

    assert memory.count() == 0
    assert browser.run(who).text == "None None"


def test_a_remembered_user_gets_a_new_session_and_has_proved_nothing(
    browser: Browser, memory: MemoryStore
) -> None:
    browser.run(lambda: log_in(remember=True))
    memory.clear()

    assert browser.run(who).text == "ada ada"
    assert browser.run(who).text == "ada ada"
    assert browser.run(fresh_login_required(lambda: "paid")).status_code == 401
    assert browser.run(lambda: flask_login.current_user.get_id()).text == "ada"


def test_a_remembered_user_is_forgotten_at_a_logout(browser: Browser) -> None:
    browser.run(lambda: log_in(remember=True))
    browser.run(lambda: flask_login.logout_user() and None)

    assert browser.get_cookie("remember_token") is None
    assert browser.run(who).text == "None None"


def test_a_confirmed_login_is_fresh_again(browser: Browser) -> None:
    browser.run(lambda: log_in(fresh=False))
    assert browser.run(fresh_login_required(lambda: "paid")).status_code == 401

    browser.run(lambda: flask_login.confirm_login())

    assert browser.run(fresh_login_required(lambda: "paid")).text == "paid"


def test_basic_protection_takes_the_freshness(browser: Browser) -> None:
    browser.run(log_in)

    answer = browser.run(who, headers={"User-Agent": "another"})

    assert answer.text == "ada ada"
    assert browser.run(fresh_login_required(lambda: "paid")).status_code == 401


@pytest.mark.parametrize("mode", ["basic", "strong"])
def test_protection_does_not_move_the_absolute_timeout_back(
    make_member_app: MakeApp, mode: str
) -> None:
    twelve_hours = timedelta(hours=12)
    browser = browser_of(
        make_member_app(SESSION_PROTECTION=mode, SESSION_ABSOLUTE_TIMEOUT=twelve_hours)
    )
    start = datetime.now(timezone.utc)
    with time_machine.travel(start, tick=False) as clock:
        browser.run(lambda: session.update(cart="apple"))
        clock.move_to(start + timedelta(hours=11))
        browser.run(log_in)
        clock.move_to(start + timedelta(hours=13))
        browser.run(who, headers={"User-Agent": "another"})

        assert browser.see(lambda: session["cart"]) == "apple"


def test_strong_protection_ends_the_login(make_member_app: MakeApp) -> None:
    browser = browser_of(make_member_app(SESSION_PROTECTION="strong"))
    browser.run(log_in)
    browser.run(lambda: session.update(cart="apple"))

    answer = browser.run(who, headers={"User-Agent": "another"})

    assert answer.text == "None None"
    assert browser.data() == {"cart": "apple"}


def test_a_confirmation_without_a_login_changes_nothing(browser: Browser) -> None:
    browser.run(lambda: flask_login.confirm_login())

    assert browser.see(lambda: session.user_id) is None


def test_protection_of_a_visitor_changes_nothing(browser: Browser) -> None:
    browser.run(lambda: session.update(cart="apple"))
    browser.run(who, headers={"User-Agent": "another"})

    assert browser.see(lambda: session["cart"]) == "apple"


def test_flashed_messages_survive_a_logout(browser: Browser) -> None:
    browser.run(log_in)

    def log_out() -> None:
        session["_flashes"] = [("message", "Bye")]
        flask_login.logout_user()

    browser.run(log_out)

    assert browser.data() == {"_flashes": [("message", "Bye")]}


def test_a_key_turns_it_off(make_member_app: MakeApp) -> None:
    browser = browser_of(make_member_app(SESSION_FLASK_LOGIN=False))
    browser.run(lambda: session.update(cart="apple"))
    before = browser.sid

    browser.run(log_in)

    assert browser.sid == before
    assert browser.run(who).text == "ada None"


def test_a_function_names_the_user(make_member_app: MakeApp) -> None:
    browser = browser_of(make_member_app(SESSION_FLASK_LOGIN=lambda user: user.key))
    browser.run(lambda: log_in("token 1", remember=True))
    browser.run(lambda: session.update(cart="apple"))

    browser.run(lambda: log_in("token 2", remember=True))

    assert browser.run(who).text == "token 2 7"
    assert browser.see(lambda: session["cart"]) == "apple"
    browser.run(lambda: flask_login.confirm_login())
    assert browser.run(who).text == "token 2 7"
    browser.delete_cookie(browser.cookie_name)
    assert browser.run(who).text == "token 2 7"


@pytest.mark.parametrize(
    ("function", "error"),
    [(lambda user: None, SessionError), (lambda user: user.missing, AttributeError)],
)
def test_a_user_who_cannot_be_named_is_not_logged_in(
    make_member_app: MakeApp, function: Callable[[User], Any], error: type[Exception]
) -> None:
    browser = browser_of(make_member_app(SESSION_FLASK_LOGIN=function))

    def try_to_log_in() -> str:
        with pytest.raises(error):
            log_in(remember=True)
        return who()

    assert browser.run(try_to_log_in).text == "None None"
    assert browser.run(who).text == "None None"
    assert browser.get_cookie("remember_token") is None


def test_a_logout_outside_the_cookies_path_changes_nothing(make_member_app: MakeApp) -> None:
    browser = browser_of(make_member_app(SESSION_COOKIE_PATH="/shop"))
    browser.run(log_in, path="/shop")

    browser.run(lambda: flask_login.logout_user() and None, path="/")

    assert browser.run(who, path="/shop").text == "ada ada"


def test_without_flask_login_an_application_starts_as_always(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "flask_login", None)

    assert browser_of(make_app()).see(lambda: session.user_id) is None
