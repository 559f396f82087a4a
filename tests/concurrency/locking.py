"""What the test processes do with the session lock."""

from __future__ import annotations

import os
import signal
import time

from flask import Flask

from flask_serversession import session_lock

from ..flask.browser import browser_of
from ..flask.browser import session

#: The lock of a killed process expires after this many seconds.
TTL = 2


def count(app: Flask, sid: str, times: int) -> None:
    """Increment the session's counter ``times`` times, each time under the lock."""
    browser = browser_of(app)
    browser.hold(sid)
    for _ in range(times):
        browser.run(_count)


def die_holding_the_lock(app: Flask, sid: str) -> None:
    """Take the lock, and kill this process with SIGKILL."""
    browser = browser_of(app)
    browser.hold(sid)
    browser.run(_die)


def is_locked(app: Flask, sid: str) -> bool:
    """Whether another request holds the lock."""
    browser = browser_of(app)
    browser.hold(sid)
    return browser.run(_look).status_code == 429


def write_beside_others(app: Flask, sid: str) -> bool:
    """Write under the lock while another request writes without it.

    Return whether the lock was still held after that.
    """
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
