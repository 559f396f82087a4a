"""A login that is saved in mid-request: the browser gets the new id, and the old one ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask
import pytest
from flask import stream_with_context

from flask_serversession import SessionError
from flask_serversession import signals
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import session
from .conftest import MakeApp


def log_in() -> None:
    session.regenerate(keep_data=True)
    session["user"] = "ada"


@pytest.fixture
def browser(make_app: MakeApp) -> Browser:
    """A browser with a session, whose old ids end at once."""
    browser = browser_of(make_app(SESSION_REGENERATE_GRACE=0))
    browser.run(lambda: session.update(cart=["tea"]))
    return browser


def test_data_saved_before_a_new_id_is_there_under_the_new_id(
    browser: Browser, memory: MemoryStore
) -> None:
    def view() -> None:
        session["user"] = "ada"
        session.save()
        session.regenerate(keep_data=True)

    old = browser.sid
    browser.run(view)

    assert browser.data() == {"cart": ["tea"], "user": "ada"}
    assert list(memory.keys()) == [browser.sid] != [old]


@pytest.mark.parametrize(
    "after",
    [
        lambda: session.destroy(),
        lambda: session.clear(),
        lambda: session.regenerate(),
        lambda: session.regenerate(keep_data=True),
        lambda: session.save(),
    ],
    ids=["destroy", "clear", "regenerate", "regenerate again", "save again"],
)
def test_the_old_id_has_ended_once_the_new_one_is_saved(
    browser: Browser, memory: MemoryStore, after: Callable[[], None]
) -> None:
    def view() -> None:
        log_in()
        session.save()
        after()

    old = browser.sid
    browser.run(view)

    assert old not in list(memory.keys())
    assert memory.count() <= 1


def test_unset_after_a_login_leaves_the_session_as_it_was(
    browser: Browser, memory: MemoryStore
) -> None:
    def view() -> None:
        log_in()
        session.unset()

    browser.run(view)

    assert browser.data() == {"cart": ["tea"]}


def test_a_new_id_cannot_be_saved_once_the_response_has_begun(browser: Browser) -> None:
    old = browser.sid

    def stream() -> flask.Response:
        def generate() -> Any:
            yield "x"
            session.regenerate(keep_data=True)
            with pytest.raises(SessionError, match="response"):
                session.save()

        assert session["cart"] == ["tea"]
        return flask.Response(stream_with_context(generate()))

    browser.run(stream)

    assert browser.sid == old
    assert browser.data() == {"cart": ["tea"]}


class TestALoginSavedByTheView:
    @pytest.fixture
    def browser(self, make_app: MakeApp) -> Browser:
        browser = browser_of(make_app(TESTING=False, PROPAGATE_EXCEPTIONS=False))
        browser.run(lambda: session.update(cart=["tea"]))
        return browser

    def test_reaches_the_browser_although_the_request_fails_at_its_end(
        self, browser: Browser
    ) -> None:
        def save_and_fail() -> None:
            log_in()
            session.save()
            session["bad"] = object()

        assert browser.run(save_and_fail).status_code == 500

        assert browser.data() == {"cart": ["tea"], "user": "ada"}

    def test_reaches_the_browser_although_a_later_save_failed(self, browser: Browser) -> None:
        def save_twice() -> None:
            log_in()
            session.save()
            session["bad"] = object()
            with pytest.raises(SessionError):
                session.save()

        assert browser.run(save_twice).status_code == 200

        assert browser.data() == {"cart": ["tea"], "user": "ada"}

    def test_reaches_the_browser_although_a_receiver_of_its_signal_fails(
        self, browser: Browser
    ) -> None:
        def fail(sender: flask.Flask, **values: Any) -> None:
            raise RuntimeError("a receiver of the application")

        with signals.session_created.connected_to(fail, browser.application):
            assert browser.run(log_in).status_code == 500

        assert browser.data() == {"cart": ["tea"], "user": "ada"}

    def test_sends_no_secure_cookie_over_plain_http(self, make_app: MakeApp) -> None:
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
