"""Browsers of several users whose sessions end in every way, at random."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from random import Random

from flask import Flask

from flask_serversession import manager_of
from flask_serversession import SessionError

from ..flask.browser import browser_of
from ..flask.browser import session

USERS = [f"user {number}" for number in range(6)]
#: The browsers of each process.
_BROWSERS = 4
#: Seconds after which a process is killed, at most.
_LONGEST_LIFE = 0.3


def end_sessions(app: Flask, seed: int, endings: int) -> Counter[str]:
    """Begin sessions and end as many of them; return how often each way was taken."""
    visitors = _Visitors(app, Random(seed))
    while visitors.endings.total() < endings:
        visitors.visit()
    return visitors.endings


def die_ending_sessions(app: Flask, seed: int) -> None:
    """Do the same until this process is killed with SIGKILL, in the middle of whatever it does."""
    end_sessions(app, seed, 1)  # connects
    life = Random(seed).uniform(0, _LONGEST_LIFE)
    threading.Timer(life, os.kill, (os.getpid(), signal.SIGKILL)).start()
    end_sessions(app, seed, 1_000_000)


class _Visitors:
    """Several browsers, and how the sessions of their users ended."""

    def __init__(self, app: Flask, random: Random) -> None:
        self._app = app
        self._manager = manager_of(app)
        self._random = random
        self._browsers = [browser_of(app) for _ in range(_BROWSERS)]
        self.endings: Counter[str] = Counter()
        self._ways: dict[str, Callable[[], object]] = {
            "logout": lambda: session.log_out(),
            "logout everywhere": lambda: session.log_out(everywhere=True),
            "destroy": lambda: session.destroy(),
            "clear": lambda: session.clear(),
            "unset": lambda: session.unset(),
            "regenerate": lambda: session.regenerate(),
            "another user": self._log_in,
            "expiry": self._expire,
            "end": self._end_one,
            "end others": lambda: self._manager.end_others(session.user_id or ""),
            "end all": lambda: self._manager.end_all(self._user(), reason="tests"),
        }
        self._changes: list[Callable[[], object]] = [
            lambda: session.update(count=self._random.random()),
            lambda: session.regenerate(keep_data=True),
            lambda: session.log_in(session.user_id or ""),
            lambda: session.touch(),
        ]

    def visit(self) -> None:
        """Send a request of one browser: it logs in, or changes or ends its session."""
        number = self._random.randrange(_BROWSERS)
        # Another request may end the session first, as a SessionGone then says.
        with suppress(SessionError):
            self._browsers[number].run(self._view)
        if self._random.random() < 0.05:
            self._browsers[number] = browser_of(self._app)  # its session expires

    def _view(self) -> None:
        if session.user_id is None:
            self._log_in()
        elif self._random.random() < 0.3:
            self._random.choice(self._changes)()
        else:
            way = self._random.choice(list(self._ways))
            self._ways[way]()
            self.endings[way] += 1

    def _user(self) -> str:
        return self._random.choice(USERS)

    def _log_in(self) -> None:
        before = session.user_id
        session.log_in(self._random.choice([user for user in USERS if user != before]))
        session["since"] = self._random.random()

    def _expire(self) -> None:
        session.cookie.max_age = 0.1

    def _end_one(self) -> None:
        found = self._manager.sessions_of(self._user())
        if found:
            self._manager.end(self._random.choice(found).handle, reason="tests")
