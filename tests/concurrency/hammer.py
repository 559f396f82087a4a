"""One of several writers that send many requests for the same session at the same time."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any
from typing import NamedTuple

from flask import flash
from flask import Flask

from flask_serversession import SessionConflict
from flask_serversession.signals import session_conflict

from ..flask.browser import browser_of
from ..flask.browser import session

WRITERS = [f"writer-{number}" for number in range(8)]

#: A view waits at most this many seconds between reading the session and changing it.
LONGEST_VIEW = 0.002

#: Changes the session; given the writer's name, the request's number and a pause in seconds.
Write = Callable[[str, int, float], None]


class Task(NamedTuple):
    """What every writer does in a request, and how many requests it sends."""

    write: Write
    times: int


@dataclass(frozen=True)
class Tally:
    """How the requests of one writer, or of several, ended."""

    #: How often another request had written first, and both changes were kept.
    merged: int
    #: The same, for the one request that was merged most often.
    most: int
    #: How many requests lost too many races and raised SessionConflict.
    given_up: int

    @classmethod
    def of(cls, tallies: Iterable[Tally]) -> Tally:
        """Combine several tallies into one."""
        merged, most, given_up = zip(
            *((tally.merged, tally.most, tally.given_up) for tally in tallies), strict=True
        )
        return cls(sum(merged), max(most), sum(given_up))


def hammer(app: Flask, sid: str, task: str, writer: str) -> Tally:
    """Send one writer's requests one after the other, without a pause."""
    browser = browser_of(app)
    browser.hold(sid)
    random = Random(writer)
    write, times = TASKS[task]
    tallies = []
    for number in range(times):
        view = partial(write, writer, number, random.uniform(0, LONGEST_VIEW))
        tallies.append(_send(app, partial(browser.run, view)))
    return Tally.of(tallies)


def left(task: str, data: dict[str, Any]) -> int:
    """Count the changes that a session holds, of all writers."""
    if task == "messages":
        return len({message for _, message in data.get("_flashes", [])})
    keys = WRITERS if task == "own keys" else ["shared"]
    return sum(data.get(key, 0) for key in keys)


def _send(app: Flask, send: Callable[[], object]) -> Tally:
    outcomes: list[object] = []
    given_up = 0

    def note(sender: Flask, outcome: str, **extra: object) -> None:
        outcomes.append(outcome)

    with session_conflict.connected_to(note, sender=app):
        try:
            send()
        except SessionConflict:
            given_up = 1
    merged = outcomes.count("merged")
    return Tally(merged, merged, given_up)


def _count(key: str, pause: float) -> None:
    seen = session.get(key, 0)
    time.sleep(pause)
    session[key] = seen + 1


def _flash(message: str, pause: float) -> None:
    assert "user" in session
    time.sleep(pause)
    flash(message)


TASKS = {
    "own keys": Task(lambda writer, number, pause: _count(writer, pause), 20),
    "one key": Task(lambda writer, number, pause: _count("shared", pause), 20),
    "messages": Task(lambda writer, number, pause: _flash(f"{writer} {number}", pause), 5),
}
