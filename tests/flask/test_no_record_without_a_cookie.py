"""Once the response is made no cookie can carry a new id, so no new record is stored."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator

import flask
import pytest
from flask import stream_with_context
from flask.typing import ResponseReturnValue

from flask_serversession import SessionError
from flask_serversession import SessionSerializationError
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import session
from .conftest import MakeBrowser


def streamed(change: Callable[[], object]) -> ResponseReturnValue:
    """Return a response that changes its session while it is sent, and saves it."""

    def pages() -> Iterator[str]:
        yield "one"
        change()
        with pytest.raises(SessionError, match="once its response has been made"):
            session.save()

    return flask.Response(stream_with_context(pages()))


@pytest.fixture
def member(browser: Browser) -> Browser:
    browser.run(lambda: session.update(user="ada"))
    return browser


def test_not_by_a_stream_whose_session_was_ended_by_another_request(
    member: Browser, memory: MemoryStore
) -> None:
    def view() -> ResponseReturnValue:
        session["page"] = 0
        member.twin().run(lambda: session.destroy())
        return streamed(lambda: session.update(page=1))

    assert member.run(view).text == "one"

    assert memory.count() == 0


def test_not_by_a_stream_whose_session_could_not_be_stored(
    browser: Browser, memory: MemoryStore
) -> None:
    def view() -> ResponseReturnValue:
        session["page"] = object()
        with pytest.raises(SessionSerializationError):
            session.save()
        return streamed(lambda: session.update(page=1))

    assert browser.run(view).text == "one"

    assert memory.count() == 0


def test_not_by_a_stream_that_destroys_its_session_and_writes(
    member: Browser, memory: MemoryStore
) -> None:
    def log_out_and_write() -> None:
        session.destroy()
        session["page"] = 1

    assert member.run(lambda: streamed(log_out_and_write)).text == "one"

    assert memory.count() == 0


def test_a_stream_that_clears_its_session_and_writes_leaves_the_stored_one(
    member: Browser, memory: MemoryStore
) -> None:
    def clear_and_write() -> None:
        session.clear()
        session["page"] = 1

    assert member.run(lambda: streamed(clear_and_write)).text == "one"

    assert memory.count() == 1
    assert member.data() == {"user": "ada"}


@pytest.mark.parametrize("profile", ["flask", "express"])
def test_not_by_saving_a_session_that_was_destroyed(
    make_browser: MakeBrowser, memory: MemoryStore, profile: str
) -> None:
    browser = make_browser(SESSION_PROFILE=profile)
    browser.run(lambda: session.update(user="ada"))

    def log_out_and_save() -> None:
        session.destroy()
        session.save()

    browser.run(log_out_and_save)

    assert memory.count() == 0
