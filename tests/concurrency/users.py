"""What test processes do as the browsers of a user who is logged in on many devices."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import NamedTuple

from flask import Flask

from flask_serversession import manager_of
from flask_serversession.signals import session_created

from ..flask.browser import Browser
from ..flask.browser import browser_of
from ..flask.browser import session

#: A device reads its session by its latest ids, up to this many.
_KNOWN_IDS = 3
#: The longest pause between two requests of a device, and between two calls that end sessions,
#: in seconds.
_LONGEST_PAUSE = 0.05


class Attempt(NamedTuple):
    """How a login ended."""

    #: The name of the error that it raised; "" if there was none.
    error: str
    #: The id that the browser has since then.
    sid: str | None
    #: How often the browser tried, because others took too long.
    tries: int
    seconds: float


@dataclass
class Login:
    """A login, and how long it was seen. Moments are those of the machine's monotonic clock."""

    #: When the browser had its answer.
    done: float
    #: When the last request began that found its user logged in.
    last_seen: float


class Ending(NamedTuple):
    """A call that ends the sessions of a user."""

    began: float
    returned: float
    #: How many sessions ended.
    ended: int


def log_in_at_once(app: Flask, user_id: str, start: float, times: int) -> list[Attempt]:
    """Log in from several new browsers, each in a thread of its own, at this moment."""
    browsers = [browser_of(app) for _ in range(times)]

    def log_in(browser: Browser) -> Attempt:
        time.sleep(max(start - time.monotonic(), 0))
        tries, error = 0, "SessionLocked"
        while error == "SessionLocked":
            error = browser.run(partial(_try_to_log_in, user_id)).text
            tries += 1
        return Attempt(error, browser.sid, tries, time.monotonic() - start)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(log_in, browsers))


def die_logging_in(app: Flask, user_id: str) -> None:
    """Kill this process with SIGKILL while it holds up the other logins of a user."""

    def die(sender: object, **extra: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with session_created.connected_to(die):
        browser_of(app).run(lambda: session.log_in(user_id))


def see(app: Flask, sid: str) -> tuple[str | None, str | None]:
    """Return the user of a session and why it ended, as its browser reads them."""
    browser = browser_of(app)
    browser.hold(sid)
    return browser.see(lambda: (session.user_id, session.ended_reason))


def handles(app: Flask, user_id: str) -> list[str]:
    """Return the handles of a user's sessions."""
    return [found.handle for found in manager_of(app).sessions_of(user_id)]


def work(app: Flask, user_id: str, seed: int, until: float) -> list[Login]:
    """Read, write, change the id and log in again until this moment; return the logins."""
    device = _Device(app, user_id, Random(seed))
    while time.monotonic() < until:
        device.act()
        time.sleep(device.random.uniform(0, _LONGEST_PAUSE))
    return device.logins


def end_all(app: Flask, user_id: str, seed: int, until: float) -> list[Ending]:
    """End all sessions of a user at random moments."""
    manager = manager_of(app)
    endings = []
    for began in _moments(seed, until):
        count = manager.end_all(user_id) or 0
        endings.append(Ending(began, time.monotonic(), count))
    return endings


def end_others(app: Flask, user_id: str, seed: int, until: float) -> list[Ending]:
    """End the sessions of a user except one at random moments, and check that it stays."""
    manager, browser = manager_of(app), browser_of(app)
    browser.run(lambda: session.log_in(user_id))
    sid = browser.sid
    endings = []
    for began in _moments(seed, until):
        count = browser.see(lambda: manager.end_others(user_id))
        endings.append(Ending(began, time.monotonic(), count))
        assert browser.see(lambda: session.user_id) == user_id
        assert browser.sid == sid
    return endings


class _Device:
    """A browser of a user who logs in as soon as they are not logged in."""

    def __init__(self, app: Flask, user_id: str, random: Random) -> None:
        self._app = app
        self._browser = browser_of(app)
        self._user_id = user_id
        self.random = random
        self._sids: list[str] = []
        self.logins: list[Login] = []

    def act(self) -> None:
        """Send a request: one in three by another browser, with an id that may be older."""
        if self._sids and self.random.random() < 0.3:
            browser = browser_of(self._app)
            browser.hold(self.random.choice(self._sids))
            self._send(browser, self.random.choice(["read", "write"]))
            return
        self._send(self._browser, self.random.choice(["read", "write", "regenerate", "log in"]))
        if self._browser.sid is not None and self._browser.sid not in self._sids:
            self._sids = [*self._sids, self._browser.sid][-_KNOWN_IDS:]

    def _send(self, browser: Browser, action: str) -> None:
        began, known = time.monotonic(), len(self.logins)

        def view() -> None:
            if session.user_id is not None:
                self.logins[session["login"]].last_seen = began
                self._use_session(action)
            elif browser is self._browser:
                self._log_in()

        browser.run(view)
        for login in self.logins[known:]:
            login.done = time.monotonic()

    def _use_session(self, action: str) -> None:
        if action == "write":
            session["count"] = session.get("count", 0) + 1
        elif action == "regenerate":
            session.regenerate(keep_data=True)
        elif action == "log in":
            self._log_in()

    def _log_in(self) -> None:
        session.log_in(self._user_id)
        session["login"] = len(self.logins)
        self.logins.append(Login(done=math.inf, last_seen=-math.inf))


def _moments(seed: int, until: float) -> Iterator[float]:
    """Wait for one random moment after the other; yield it."""
    random = Random(seed)
    while (moment := time.monotonic() + random.uniform(0, _LONGEST_PAUSE)) < until:
        time.sleep(max(moment - time.monotonic(), 0))
        yield time.monotonic()


def _try_to_log_in(user_id: str) -> str:
    try:
        session.log_in(user_id)
    except Exception as error:
        return type(error).__name__
    return ""
