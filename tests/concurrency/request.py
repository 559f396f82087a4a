"""A request that stays open until it is told to end, in the process that answers it."""

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
    """What a request came to."""

    #: The id in the cookie that the response set; None if it set none or removed it.
    sid: str | None
    #: The signals that were sent, in order, a conflict with its outcome.
    signals: list[str]
    log: list[str]


def take_orders(app: Flask, connection: Connection, sid: str | None) -> Answer:
    """Answer a request whose view does to its session what it is told, until told None."""
    browser = browser_of(app)
    if sid is not None:
        browser.hold(sid)

    def view() -> None:
        while (order := connection.recv()) is not None:
            connection.send(outcome_of(partial(_use_session, *order)))

    with _signals_of(app) as heard, _log() as log:
        response = browser.run(view)
    sids = [sid_of(line) for line in cookie_lines(response)]
    return Answer(sids[0] or None if sids else None, heard, log)


def outcome_of(work: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """Return what came of it, as it travels: a value or an error."""
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
        self.lines.append(record.getMessage())
