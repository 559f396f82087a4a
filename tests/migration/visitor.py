"""A browser that goes from one application to another, and what it has to see there."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from http.cookies import SimpleCookie
from itertools import count
from typing import Any

#: Two of Flask's own cookies with the same data may be equal.
_numbers = count()

Answer = tuple[int, str, list[str]]
Ask = Callable[[str, "str | None"], Answer]


@dataclass
class Visitor:
    """A browser, and what it has to see."""

    cookie: str | None = None
    user: str | None = None
    cart: int | None = None
    #: Every cookie it had since the last logout, and those before.
    held: list[str] = field(default_factory=list)
    spent: list[str] = field(default_factory=list)

    @property
    def has_shared_session(self) -> bool:
        """Whether its requests share one session, which is not in the cookie itself."""
        return True

    def ask(self, ask: Ask, path: str) -> str:
        """Send a request and return the page."""
        return self.keep(ask(path, self.cookie))

    def send_at_once(self, ask: Ask, paths: list[str]) -> dict[str, Answer]:
        """Send requests with the same cookie and return their answers."""
        return {path: ask(path, self.cookie) for path in paths}

    def keep(self, answer: Answer) -> str:
        """Take the cookies of an answer as a browser does, and return its page."""
        status, page, lines = answer
        assert status == 200, page
        for line in lines:
            [(name, morsel)] = SimpleCookie(line).items()
            is_removed = morsel["max-age"] == "0" or "1970" in morsel["expires"]
            self.cookie = None if is_removed else f"{name}={morsel.coded_value}"
            self.held += [self.cookie] if self.cookie else []
        return page

    def log_in(self, ask: Ask, user: str) -> None:
        self.ask(ask, f"/login/{user}")
        self.user = user

    def put(self, ask: Ask, number: int) -> None:
        self.ask(ask, f"/put/{number}")
        self.cart = number

    def log_out(self, ask: Ask) -> None:
        self.ask(ask, "/logout")
        if self.has_data:  # without any, Flask-Session 0.5 may use the id of its cookie later
            self.spent += self.held
        self.held.clear()
        self.user = self.cart = None

    def replay(self, ask: Ask) -> None:
        """Check that no cookie from before a logout is of use."""
        for cookie in self.spent:
            assert json.loads(ask("/see", cookie)[1]) == {"user": None, "cart": None}

    @property
    def has_data(self) -> bool:
        return bool(self.user) or self.cart is not None

    @property
    def expected(self) -> dict[str, Any]:
        return {"user": self.user, "cart": self.cart}

    def look(self, ask: Ask) -> None:
        assert json.loads(self.ask(ask, "/see")) == self.expected


def arrival(before: Ask, chance: random.Random, *, once: bool) -> Visitor:
    """Return a browser that was at the application before, and usually logged in.

    :param once: its session is written once.
    """
    visitor, number = Visitor(), next(_numbers)
    if number % 5:
        visitor.log_in(before, f"user{number}")
    if number % 3 and not (once and visitor.user):
        visitor.put(before, number)
    if number % 10 == 9:
        visitor.log_out(before)
    visitor.look(before)
    return visitor


def take_a_step(visitor: Visitor, ask: Ask, chance: random.Random) -> None:
    """Send one request, or two at once, and check what comes back."""
    step = chance.choice(
        ["look", "look", "put", "at once", "at once", "log in", "log out", "replay"]
    )
    if step == "look":
        visitor.look(ask)
    elif step == "put":
        visitor.put(ask, next(_numbers))
    elif step == "at once":
        # The answers arrive in either order.
        number = next(_numbers)
        paths = chance.sample(["/see", f"/put/{number}"], 2)
        answers = visitor.send_at_once(ask, paths)
        is_first = paths[0] == "/see" or not visitor.has_shared_session
        seen = visitor.expected if is_first else {**visitor.expected, "cart": number}
        if visitor.has_data:  # others have no session to share
            assert json.loads(answers["/see"][1]) == seen
        for path in chance.sample(paths, 2):
            visitor.keep(answers[path])
        visitor.cart = number
    elif step == "log in":
        visitor.log_in(ask, f"user{next(_numbers)}")
    elif step == "log out":
        visitor.log_out(ask)
    else:
        visitor.replay(ask)
