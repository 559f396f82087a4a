"""Requests without a response of their own: WebSockets, and the events of Flask-SocketIO."""

from __future__ import annotations

from collections.abc import Callable

import flask
import pytest

from flask_serversession import SessionError
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import session

Event = Callable[[Browser, Callable[[], None]], None]


def websocket(browser: Browser, handle: Callable[[], None]) -> None:
    browser.run(handle, headers={"Upgrade": "websocket"})


def socketio_event(browser: Browser, handle: Callable[[], None]) -> None:
    def handle_event() -> None:
        flask.request.namespace, flask.request.event = "/", {}  # type: ignore[attr-defined]
        handle()

    browser.run(handle_event)


@pytest.fixture(params=[websocket, socketio_event])
def event(request: pytest.FixtureRequest) -> Event:
    handle: Event = request.param
    return handle


def write() -> None:
    session["theme"] = "dark"


def test_a_new_session_leaves_no_record_that_no_cookie_names(
    browser: Browser, event: Event, memory: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        event(browser, write)

    assert memory.count() == 0
    assert [record.message for record in caplog.records if "Socket.IO" in record.message] != []


def test_saving_a_new_session_says_that_it_cannot_be_kept(browser: Browser, event: Event) -> None:
    def save() -> None:
        write()
        with pytest.raises(SessionError, match="ordinary request"):
            session.save()

    event(browser, save)


def test_changes_of_a_stored_session_are_stored(browser: Browser, event: Event) -> None:
    browser.run(lambda: session.update(user="ada"))

    event(browser, write)

    assert browser.data() == {"user": "ada", "theme": "dark"}


def test_a_new_id_that_the_browser_would_not_learn_is_not_taken(
    browser: Browser, event: Event
) -> None:
    browser.run(lambda: session.update(user="ada"))

    event(browser, lambda: session.regenerate(keep_data=True))

    assert browser.data() == {"user": "ada"}


def destroy() -> None:
    session.destroy()


def clear_and_write() -> None:
    session.clear()
    session["message"] = "Bye"


@pytest.mark.parametrize("log_out", [destroy, clear_and_write])
def test_a_logout_counts(
    browser: Browser, event: Event, memory: MemoryStore, log_out: Callable[[], None]
) -> None:
    browser.run(lambda: session.update(user="ada"))

    event(browser, log_out)

    assert memory.count() == 0
