"""A browser that moves between the two apps, and the checks after each request."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from urllib.parse import unquote

import pytest

from flask_serversession.cookies.signing import CookieSigner

from .browser import Browser
from .browser import get
from .program import SHORT
from .program import Step

#: Milliseconds by which a time may be off, besides those that a slow machine takes to look at it.
TOLERANCE = 2000
#: The idle time of a session without a max age may count from its last save, not its last use.
LONGEST_WALK = 300_000

#: Options of an app that only looks into the store and changes nothing.
_QUIET = {"secret": ["any"], "resave": False, "saveUninitialized": False, "rolling": False}

#: Attributes that are stored under another name.
_STORED_AS = {"maxAge": "originalMaxAge"}

Seen = dict[str, Any]


class Walk:
    """One browser, and both apps.

    :param urls: where the apps answer.
    :param idle: milliseconds after which an unused session without a max age expires.
    :param flask_tells: whether Flask's store tells how long a session has left.
    """

    def __init__(self, urls: Mapping[str, str], *, idle: int, flask_tells: bool) -> None:
        self._urls = urls
        self._idle = idle
        self._flask_tells = flask_tells
        self._browser = Browser()
        self._side: str | None = None
        #: How many requests found a session that the other app had left.
        self.handed_over = 0

    def sid(self, step: Step) -> str | None:
        """Return the id in the browser's cookie, if the app of a step accepts its signature."""
        return self._sent_id(step.options["secret"])

    def take(self, step: Step) -> Seen:
        """Send a request, and compare what it found and left with what both apps then read.

        Return what it found.
        """
        sent = self.sid(step)
        known = self._agreed(sent)
        started = time.time()
        answer = self._browser.send(self._urls[step.side], step.options, step.actions)
        found, left = _seen(answer.body["before"]), _seen(answer.body["after"])
        assert found is not None
        _check_found(sent, known, found)
        self.handed_over += known is not None and step.side != self._side
        self._side = step.side
        if left is None or left["id"] != found["id"]:
            assert self._agreed(found["id"]) is None
        if left is not None:
            self._check_stored(known, left, step, started)
            self._check_cookie(left, step, started, is_sent=answer.sets_cookie)
        if step.ages and left is not None:
            self._age(left["id"], step.options)
        return found

    def _agreed(self, sid: str | None) -> Seen | None:
        """Return what both apps read under an id. Fails if they differ."""
        if sid is None:
            return None
        started = time.time()
        express, flask = look(self._urls["express"], sid), look(self._urls["flask"], sid)
        if express is None or flask is None:
            assert express == flask
            return None
        left = pytest.approx(express["left"], abs=slack(started)) if self._flask_tells else None
        assert flask == {**express, "left": left}
        return express

    def _check_stored(self, known: Seen | None, left: Seen, step: Step, started: float) -> None:
        """Check that the store holds what the request left, with the right lifetime."""
        stored = self._agreed(left["id"])
        if stored is None:
            assert not any([known, left["data"], step.options["saveUninitialized"]])
            return
        assert stored["data"] == left["data"]
        for verb, *arguments in step.actions:
            if verb == "cookie":
                attribute, value = arguments
                assert stored["cookie"].get(_STORED_AS.get(attribute, attribute)) == value
        assert self.sid(step) == stored["id"] or stored["cookie"].get("secure")
        self._check_life(stored, started)

    def _check_life(self, stored: Seen, started: float) -> None:
        age = stored["cookie"]["originalMaxAge"]
        longest, used = (self._idle, LONGEST_WALK) if age is None else (age, slack(started))
        assert longest - used <= stored["left"] <= longest + TOLERANCE

    def _check_cookie(self, left: Seen, step: Step, started: float, *, is_sent: bool) -> None:
        """Check that the browser's cookie has the attributes that the session says."""
        attributes = left["cookie"]
        if not is_sent:
            assert not step.options["rolling"] or attributes.get("secure")
            return
        cookie = self._browser.cookie("connect.sid")
        assert cookie is not None
        assert self._sent_id(step.options["secret"][:1]) == left["id"]
        assert not attributes.get("secure")
        assert cookie.path == attributes["path"]
        assert cookie.has_nonstandard_attr("HttpOnly") is attributes["httpOnly"]
        assert cookie.has_nonstandard_attr("Partitioned") is bool(attributes.get("partitioned"))
        assert cookie.get_nonstandard_attr("Priority") == _word(attributes.get("priority"))
        assert cookie.get_nonstandard_attr("SameSite") == _word(attributes.get("sameSite"))
        age = attributes["originalMaxAge"]
        assert cookie.expires == end_of(age, started)

    def _age(self, sid: str, options: dict[str, Any]) -> None:
        """Check that a read in either app extends the session, and that it expires for both."""
        # The browser must send the cookie even after it has expired.
        self._browser.stop_the_clock()
        for side in self._urls:
            time.sleep(SHORT / 2000)
            assert self.take(Step(side, options, []))["id"] == sid
        self._await_the_end_of(sid)
        for side in self._urls:
            assert self.take(Step(side, options, []))["id"] != sid

    def _await_the_end_of(self, sid: str) -> None:
        latest = time.monotonic() + (SHORT + TOLERANCE) / 1000
        asked = time.monotonic()
        while any(look(url, sid) for url in self._urls.values()):
            assert asked < latest, "the session outlives its max age"
            time.sleep(0.05)
            asked = time.monotonic()

    def _sent_id(self, secrets: list[str]) -> str | None:
        cookie = self._browser.cookie("connect.sid")
        if cookie is None:
            return None
        return CookieSigner(secrets).unsign(unquote(cookie.value or ""))


def slack(started: float) -> float:
    """Return the milliseconds by which a time may be off that was read since ``started``."""
    return TOLERANCE + (time.time() - started) * 1000


def end_of(age: int | None, started: float) -> Any:
    """Return what the expiry equals of a cookie that was sent since ``started``."""
    return age and pytest.approx(started + age / 1000, abs=slack(started) / 1000)


def look(url: str, sid: str) -> Seen | None:
    """Return what an app finds in its store under an id."""
    return _seen(get(f"{url}/look/{quote(sid, safe='')}", _QUIET))


def _seen(said: Seen | None) -> Seen | None:
    """Leave out what may differ: the expiry in the document, which a touch may not rewrite.

    The max age is rounded to seconds, because express-session sometimes stores it a millisecond
    shorter.
    """
    if said is None:
        return None
    cookie = {name: value for name, value in said["cookie"].items() if value is not None}
    cookie.pop("expires", None)
    age = cookie.get("originalMaxAge")
    return {**said, "cookie": {**cookie, "originalMaxAge": age and round(age, -3)}}


def _check_found(sent: str | None, known: Seen | None, found: Seen) -> None:
    """Check that a request finds what the one before it left, in whichever app."""
    if known is None:
        assert found["id"] != sent
        assert found["data"] == {}
    else:
        assert found["id"] == known["id"]
        assert found["data"] == known["data"]
        assert found["cookie"] == known["cookie"]


def _word(attribute: str | bool | None) -> str | None:
    if attribute is True:
        return "Strict"
    return attribute.capitalize() if attribute else None
