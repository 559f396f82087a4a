"""A process that forks after using its store, and keeps using it alongside its children."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from ctypes import PyDLL
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from flask import Flask

from ..flask.browser import browser_of
from ..flask.browser import session

#: Seconds after which a hanging child ends itself.
LONGEST_LIFE = 60


def use_beside_children(
    app: Flask, sids: list[str], times: int, *, unnoticed: bool = False
) -> list[str]:
    """Use one session in this process and one in each child, all through the same client.

    Return a text for each process: its error, or "" if there was none.

    :param unnoticed: fork as a server written in C does, which Python does not notice.
    """
    own, *others = sids
    _use(app, own, 0, 1)  # connects before the fork
    fork = PyDLL(None).fork if unnoticed else os.fork
    ends = [_fork(fork, app, sid, times) for sid in others]
    return [_use(app, own, 1, times), *(end.recv() for end in ends)]


def _fork(fork: Callable[[], int], app: Flask, sid: str, times: int) -> Connection:
    end, childs_end = Pipe(duplex=False)
    if fork() == 0:
        signal.alarm(LONGEST_LIFE)
        childs_end.send(_use(app, sid, 0, times))
        os._exit(0)
    childs_end.close()
    return end


def _use(app: Flask, sid: str, start: int, end: int) -> str:
    browser = browser_of(app)
    browser.hold(sid)

    def count(number: int) -> None:
        assert session.copy() == {"owner": sid, "count": number}
        session["count"] = number + 1

    try:
        for number in range(start, end):
            browser.run(partial(count, number))
    except Exception as error:
        return repr(error)
    return ""
