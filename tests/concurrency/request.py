"""Runs in a test process: a request that stays open until the test tells it to end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from flask import Flask

from flask_serversession import signals

from ..flask.browser import browser_of
from ..flask.browser import cookie_lines
from ..flask.browser import session
from ..flask.browser import sid_of

_HEARD = {
    "created": signals.session_created,
    "saved": signals.session_saved,
    "touched": signals.session_touched,
    "destroyed": signals.session_destroyed,
    "conflict": signals.session_conflict,
}


@dataclass(frozen=True)
class Answer:
    """How a request ended."""

    #: The id in the cookie that the response set; None if it set none or removed it.
    sid: str | None
    #: The signals that were sent, in order. A conflict is followed by its outcome.
    signals: list[str]
    log: list[str]


def obey_commands(app: Flask, connection: Connection, sid: str | None) -> Answer:
    """Run a request whose view obeys the test's commands until it receives None."""
    browser = browser_of(app)
    if sid is not None:
        browser.hold(sid)

    def view() -> None:
        while (command := connection.recv()) is not None:
            connection.send(outcome_of(partial(_use_session, *command)))

    with _signals_of(app) as heard, _log() as log:
        response = browser.run(view)
    sids = [sid_of(line) for line in cookie_lines(response)]
    return Answer(sids[0] or None if sids else None, heard, log)


def outcome_of(work: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """Return the value or the error of ``work``, so that either can be sent to the test."""
    try:
        return work(), None
    except Exception as error:
        return None, error


def _use_session(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    found = getattr(session, name)
    return found(*args, **kwargs) if callable(found) else found


@contextmanager
def _signals_of(app: Flask) -> Iterator[list[str]]:
    heard: list[str] = []

    def note(name: str, sender: Flask, outcome: str = "", **extra: object) -> None:
        heard.append(f"{name} {outcome}".rstrip())

    with ExitStack() as stack:
        for name, signal in _HEARD.items():
            stack.enter_context(signal.connected_to(partial(note, name), sender=app))
        yield heard


@contextmanager
def _log() -> Iterator[list[str]]:
    logger = logging.getLogger("flask_serversession")
    handler = _Lines()
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "flask_serversession":
            self.lines.append(record.getMessage())
