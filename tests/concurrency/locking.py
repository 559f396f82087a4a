"""What processes do under a session's lock."""

from __future__ import annotations

import os
import signal
import time

from flask import Flask

from flask_serversession import session_lock

from ..flask.browser import browser_of
from ..flask.browser import session

#: Seconds for which a killed holder's lock may outlive it.
TTL = 2


def count(app: Flask, sid: str, times: int) -> None:
    """Count so many times, each from what is there."""
    browser = browser_of(app)
    browser.hold(sid)
    for _ in range(times):
        browser.run(_count)


def die_with_it(app: Flask, sid: str) -> None:
    """Take the lock and be killed."""
    browser = browser_of(app)
    browser.hold(sid)
    browser.run(_die)


def is_locked(app: Flask, sid: str) -> bool:
    """Tell whether somebody holds the lock."""
    browser = browser_of(app)
    browser.hold(sid)
    return browser.run(_look).status_code == 429


def write_beside_others(app: Flask, sid: str) -> bool:
    """Write under the lock, and without it from another request; tell whether it held."""
    browser = browser_of(app)
    browser.hold(sid)

    @session_lock
    def write() -> str:
        session["counted"] = 1
        browser.twin().run(lambda: session.update(seen=True))
        return str(is_locked(app, sid))

    return browser.run(write).text == "True"


@session_lock(timeout=60)
def _count() -> None:
    seen = session.get("counted", 0)
    time.sleep(0.001)
    session["counted"] = seen + 1


@session_lock(ttl=TTL)
def _die() -> None:
    session["counted"] = "by a process that died"
    os.kill(os.getpid(), signal.SIGKILL)


@session_lock(timeout=0)
def _look() -> None:
    session.get("counted")
