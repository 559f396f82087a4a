"""Visitors who walk at random through an application before, while and after its store changes."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import field
from random import Random
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from flask_serversession import manager_of

COOKIE = "session"


@dataclass
class Visitor:
    """A browser, what its session has to hold, and the cookies of its sessions that ended."""

    name: str
    user: str | None = None
    count: int = 0
    cookie: str | None = None
    #: Those of the ids that its session had before, which end with it.
    former: list[str] = field(default_factory=list)
    #: Its session is in the new store.
    is_moved: bool = False
    ended: list[str] = field(default_factory=list)


class Walk:
    """Sends random requests of a few visitors, and notes what went wrong.

    :param old: the application with the former store alone.
    :param new: the application that moves sessions.
    """

    def __init__(self, old: Flask, new: Flask, random: Random, *, visitors: int = 6) -> None:
        self.old, self.new = old, new
        self.random = random
        self.visitors = [Visitor(f"visitor{number}") for number in range(visitors)]
        self.wrong: list[str] = []
        self.done = Counter[str]()

    def step(self, *, new_share: float) -> None:
        """Send a request, or a few at once, to one of the two applications.

        The old one gets visitors whose session it still has.
        """
        visitor = self.random.choice(self.visitors)
        is_new = visitor.is_moved or self.random.random() < new_share
        app = self.new if is_new else self.old
        actions = [self._log_in] if visitor.user is None else self._actions
        action = self.random.choice(actions)
        name = action.__name__.strip("_")
        self.done[name] += 1
        action(app, visitor)
        visitor.is_moved = is_new and visitor.user is not None
        self._look(app, visitor, f"after {name}")

    def log_everybody_in(self) -> None:
        """Log all visitors in to the old application."""
        for visitor in self.visitors:
            self._log_in(self.old, visitor)

    def check_everything(self) -> None:
        """Look at every session that is there, and at every one that ended."""
        for visitor in self.visitors:
            self._look(self.new, visitor, "at the end")
            for app in (self.old, self.new):
                for cookie in visitor.ended:
                    if self._seen(app, cookie)["user"] is not None:
                        self.wrong.append(f"logout undone: {visitor.name}")

    @property
    def _actions(self) -> list[Any]:
        return [
            *([self._look_around] * 3),
            *([self._count] * 3),
            *([self._do_much_at_once] * 2),
            *(self._log_in, self._log_out, self._log_out_beside_others, self._end_all),
        ]

    def _log_in(self, app: Flask, visitor: Visitor) -> None:
        if visitor.cookie and visitor.user:
            visitor.former.append(visitor.cookie)
        self._send(app, visitor, f"/login/{visitor.name}")
        visitor.user, visitor.count = visitor.name, 0

    def _look_around(self, app: Flask, visitor: Visitor) -> None:
        self._look(app, visitor, "looking around")

    def _count(self, app: Flask, visitor: Visitor) -> None:
        self._send(app, visitor, "/count")
        visitor.count += 1

    def _do_much_at_once(self, app: Flask, visitor: Visitor) -> None:
        """Send requests in parallel, as a page does; none of their changes may be lost."""
        marks = [f"mark{self.random.randrange(10**9)}" for _ in range(4)]
        with ThreadPoolExecutor(len(marks)) as pool:
            sent = [pool.submit(self._send, app, visitor, f"/mark/{mark}") for mark in marks]
            for each in sent:
                each.result()
        there = self._send(app, visitor, "/mark/mark").get_json()
        if not set(marks) <= set(there or ()):
            self.wrong.append(f"update lost: {visitor.name}")

    def _log_out(self, app: Flask, visitor: Visitor) -> None:
        self._ends(visitor)
        self._send(app, visitor, "/logout")

    def _log_out_beside_others(self, app: Flask, visitor: Visitor) -> None:
        """Log out while other requests of the same session are answered."""
        cookie = visitor.cookie
        self._ends(visitor)
        with ThreadPoolExecutor(4) as pool:
            others = [pool.submit(self._open, app, cookie, f"/mark/m{n}") for n in range(3)]
            self._send(app, visitor, "/logout")
            for each in others:
                self._note_errors(each.result().status_code)

    def _end_all(self, app: Flask, visitor: Visitor) -> None:
        if self._send(app, Visitor("somebody else"), f"/end/{visitor.name}").text == "ended":
            self._ends(visitor)

    def _ends(self, visitor: Visitor) -> None:
        visitor.ended += [*visitor.former, *filter(None, [visitor.cookie])]
        visitor.former.clear()
        visitor.user, visitor.count = None, 0

    def _look(self, app: Flask, visitor: Visitor, when: str) -> None:
        seen = self._seen(app, visitor.cookie)
        if seen["user"] != visitor.user:
            lost = "login lost" if visitor.user else "logout undone"
            self.wrong.append(f"{lost}: {visitor.name} {when}")
        elif seen["count"] != visitor.count:
            self.wrong.append(f"update lost: {visitor.name} {when}")

    def _seen(self, app: Flask, cookie: str | None) -> dict[str, Any]:
        response = self._open(app, cookie, "/", method="GET")
        self._note_errors(response.status_code)
        return response.get_json() or {"user": None, "count": 0}

    def _send(self, app: Flask, visitor: Visitor, path: str) -> Any:
        response = self._open(app, visitor.cookie, path)
        self._note_errors(response.status_code)
        for line in response.headers.getlist("Set-Cookie"):
            name, _, rest = line.partition("=")
            if name == COOKIE:
                visitor.cookie = rest.partition(";")[0] or None
        return response

    def _open(self, app: Flask, cookie: str | None, path: str, method: str = "POST") -> Any:
        client = FlaskClient(app, app.response_class, use_cookies=False)
        headers = {"Cookie": f"{COOKIE}={cookie}"} if cookie else {}
        return client.open(path, method=method, headers=headers)

    def _note_errors(self, status: int) -> None:
        if status >= 500:
            self.wrong.append(f"status {status}")


def close(*apps: Flask) -> None:
    for app in apps:
        manager_of(app).close()
