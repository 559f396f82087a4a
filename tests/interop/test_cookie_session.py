"""Express with npm's cookie-session and Flask with ``cookie`` as its store share a session."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from ..servers.base import report
from .browser import Browser
from .conftest import npm_version
from .conftest import StartExpress
from .flask_app import serving
from .program import follow
from .program import make_program
from .program import Step
from .walk import end_of

CONFIG = {"SESSION_PROFILE": "express", "SESSION_STORE": "cookie"}
KINDS = ["read", "write", "nest", "drop", "age", "rotate", "unset"]

#: Longer cookies are emptied, since browsers keep none of more than 4096 bytes.
LONG = 2500


def test_express_and_flask_agree_after_every_request(
    start_express: StartExpress, pytestconfig: pytest.Config
) -> None:
    steps = pytestconfig.option.interop_steps
    with ExitStack() as stack:
        express = stack.enter_context(start_express("cookie-session", ""))
        walk = CookieWalk({"express": express, "flask": stack.enter_context(serving(CONFIG))})
        follow(make_program("cookie-session", steps, KINDS), walk.take)
    assert walk.handed_over > steps / 5
    package = npm_version("cookie-session")
    report("cookie-session", f"{package}, {steps} requests, {walk.handed_over} handed over")


class CookieWalk:
    """A browser whose cookie holds the session, and both apps."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls
        self._browser = Browser()
        self._side: str | None = None
        #: How many requests found a session that the other app had left.
        self.handed_over = 0

    def take(self, step: Step) -> None:
        known = self._agreed(step.options)
        started = time.time()
        answer = self._browser.send(self._urls[step.side], step.options, step.actions)
        found, left = answer.body["before"]["data"], answer.body["after"]
        assert found == known
        self.handed_over += bool(found) and step.side != self._side
        self._side = step.side
        assert self._agreed(step.options, settled=True) == (left["data"] if left else {})
        for verb, *arguments in step.actions:
            if verb == "cookie":
                self._check_expiry(arguments[1], started)
        self._make_room(step)

    def _agreed(self, options: Mapping[str, Any], *, settled: bool = False) -> Any:
        """Return the data that both apps read in the cookie. Fails if they differ.

        cookie-session sends the cookie again if it would have encoded a single byte otherwise.

        :param settled: whether an app with these options wrote the cookie, so that neither app
            has a reason to send it again.
        """
        express, flask = (self._browser.peek(url, options) for url in self._urls.values())
        data = express.body["before"]["data"]
        assert data == flask.body["before"]["data"]
        if settled:
            assert not flask.sets_cookie
            # Only JavaScript moves a key like "1" before all others.
            assert not express.sets_cookie or '"1"' in json.dumps(data)
        return data

    def _check_expiry(self, age: int | None, started: float) -> None:
        for name in ("session", "session.sig"):
            cookie = self._browser.cookie(name)
            assert cookie is not None
            assert cookie.expires == end_of(age, started)

    def _make_room(self, step: Step) -> None:
        cookie = self._browser.cookie("session")
        if cookie and len(cookie.value or "") > LONG:
            self._browser.send(self._urls[step.side], step.options, [["unset"]])
