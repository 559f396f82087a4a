"""Flask-WTF keeps its CSRF token in the session: when it stays, when it changes, when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask import g

from flask_serversession import Session
from flask_serversession import session_logged_in
from flask_serversession import session_peek
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import session
from .conftest import MakeApp
from .counting import CountingStore
from .overlap import while_another

flask_wtf = pytest.importorskip("flask_wtf")
csrf = pytest.importorskip("flask_wtf.csrf")

NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)
MISSING = "The CSRF session token is missing."
UNEQUAL = "The CSRF tokens do not match."


@pytest.fixture
def make_protected(make_app: MakeApp) -> MakeApp:
    def make_protected(**config: Any) -> Flask:
        app = make_app(SESSION_IDLE_TIMEOUT=timedelta(minutes=30), **config)
        flask_wtf.CSRFProtect(app)
        return app

    return make_protected


@pytest.fixture
def renewer(make_protected: MakeApp) -> Iterator[Browser]:
    """A browser of an application that renews the token at each login."""
    app = make_protected()
    with session_logged_in.connected_to(renew_token, app):
        yield browser_of(app)


@pytest.fixture
def browser(make_protected: MakeApp) -> Browser:
    return browser_of(make_protected())


def form(browser: Browser) -> str:
    """Return the token of a form that the browser opens."""
    token: str = browser.see(csrf.generate_csrf)
    return token


def answer(browser: Browser, token: str) -> str:
    """Return what a form with this token is answered."""
    return browser.run(lambda: "accepted", method="POST", data={"csrf_token": token}).text


def forms_at_once(browser: Browser) -> list[str]:
    """Return the tokens of two forms: one is opened and answered while the other is being made."""
    tokens: list[str] = []

    def open_form() -> None:
        g.pop("csrf_token", None)  # that of the other request, which has the same context here
        tokens.append(csrf.generate_csrf())

    browser.run(while_another(browser, open_form, open_form))
    return tokens


def renew_token(sender: Flask, session: Session, **extra: Any) -> None:
    session.pop("csrf_token", None)
    g.pop("csrf_token", None)
    csrf.generate_csrf()


def test_a_form_stores_a_session_for_every_visitor(browser: Browser, memory: MemoryStore) -> None:
    browser.run(lambda: "no form")
    assert memory.count() == 0

    token = form(browser)

    assert memory.count() == 1
    assert answer(browser, token) == "accepted"


def test_a_second_form_writes_nothing(browser: Browser, store: CountingStore) -> None:
    form(browser)
    store.calls.clear()

    form(browser)

    assert store.calls == ["load"]


def test_a_login_keeps_the_token(browser: Browser) -> None:
    token = form(browser)

    browser.run(lambda: session.log_in("ada"))

    assert answer(browser, token) == "accepted"


def test_a_token_that_is_renewed_at_the_login_refuses_the_forms_before(renewer: Browser) -> None:
    token = form(renewer)

    def log_in() -> str:
        csrf.generate_csrf()
        session.log_in("ada")
        return str(csrf.generate_csrf())

    renewed = renewer.run(log_in, method="POST", data={"csrf_token": token}).text

    assert UNEQUAL in answer(renewer, token)
    assert answer(renewer, renewed) == "accepted"
    assert answer(renewer, form(renewer)) == "accepted"


def test_a_login_of_another_user_and_a_logout_end_the_token(browser: Browser) -> None:
    browser.run(lambda: session.log_in("ada"))
    adas = form(browser)

    browser.run(lambda: session.log_in("bob"))
    assert MISSING in answer(browser, adas)
    bobs = form(browser)
    assert UNEQUAL in answer(browser, adas)

    browser.run(lambda: session.log_out())
    assert MISSING in answer(browser, bobs)


def test_the_shorter_of_the_two_limits_ends_a_form(make_protected: MakeApp) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        shorter = browser_of(make_protected(WTF_CSRF_TIME_LIMIT=600))
        endless = browser_of(make_protected(WTF_CSRF_TIME_LIMIT=None))
        tokens = form(shorter), form(endless)

        clock.shift(timedelta(minutes=20))
        assert "The CSRF token has expired." in answer(shorter, tokens[0])
        assert answer(endless, tokens[1]) == "accepted"

        clock.shift(timedelta(minutes=40))
        assert MISSING in answer(endless, tokens[1])


def test_of_two_first_visits_at_once_the_session_of_the_later_response_counts(
    browser: Browser,
) -> None:
    other = browser.twin()
    first, second = form(browser), form(other)
    cookie = other.get_cookie("session")
    assert cookie is not None
    browser.set_cookie("session", cookie.value)

    assert UNEQUAL in answer(browser, first)
    assert answer(browser, second) == "accepted"


def test_of_two_first_forms_of_a_session_the_later_one_counts(browser: Browser) -> None:
    browser.run(lambda: session.log_in("ada"))

    first, second = forms_at_once(browser)

    assert UNEQUAL in answer(browser, first)
    assert answer(browser, second) == "accepted"


def test_a_token_that_the_login_made_is_that_of_all_tabs(renewer: Browser) -> None:
    renewer.run(lambda: session.log_in("ada"))

    answers = [answer(renewer, token) for token in forms_at_once(renewer)]
    assert answers == ["accepted", "accepted"]


def test_a_poll_with_a_token_leaves_the_lifetime_alone(
    browser: Browser, store: CountingStore
) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        token = form(browser)
        clock.shift(timedelta(minutes=10))
        store.calls.clear()

        poll = session_peek(lambda: "accepted")
        polled = browser.run(poll, method="POST", data={"csrf_token": token}).text

    assert polled == "accepted"
    assert store.calls == ["load"]


def test_a_poll_with_an_expired_token_extends_the_session(
    make_protected: MakeApp, store: CountingStore
) -> None:
    browser = browser_of(make_protected(WTF_CSRF_TIME_LIMIT=60))
    with time_machine.travel(NOW, tick=False) as clock:
        token = form(browser)
        clock.shift(timedelta(minutes=10))
        store.calls.clear()

        poll = session_peek(lambda: "accepted")
        polled = browser.run(poll, method="POST", data={"csrf_token": token}).text

    assert "The CSRF token has expired." in polled
    assert store.calls == ["load", "touch"]


def test_caches_are_told_that_a_page_with_a_form_depends_on_the_cookie(browser: Browser) -> None:
    first, second = (browser.run(csrf.generate_csrf) for _ in range(2))

    assert (first.vary.as_set(), second.vary.as_set()) == ({"cookie"}, {"cookie"})
    assert first.headers["Cache-Control"] == 'no-cache="Set-Cookie"'
    assert "Cache-Control" not in second.headers


def test_a_new_secret_key_refuses_the_forms_before_it(browser: Browser) -> None:
    token, config = form(browser), browser.application.config

    config.update(SECRET_KEY="new", SECRET_KEY_FALLBACKS=[config["SECRET_KEY"]])

    assert "The CSRF token is invalid." in answer(browser, token)
    assert answer(browser, form(browser)) == "accepted"


def test_a_secret_of_the_sessions_alone_is_not_enough(make_protected: MakeApp) -> None:
    browser = browser_of(make_protected(SECRET_KEY=None, SESSION_SECRET="its own"))

    with pytest.raises(RuntimeError, match="A secret key is required"):
        form(browser)
