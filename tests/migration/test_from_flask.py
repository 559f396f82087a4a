"""Browsers go from an application with Flask's own sessions to one with this extension."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from flask import Flask

from flask_serversession import manager_of
from flask_serversession import ServerSession

from .processes import asked
from .visitor import arrival
from .visitor import Ask
from .visitor import take_a_step
from .visitor import Visitor

BROWSERS, REQUESTS = 12, 200


@pytest.fixture
def before() -> Ask:
    app = Flask(__name__)
    app.config["SECRET_KEY"] = "keyboard cat"
    return asked(app)


@pytest.fixture(params=["memory", "redis", "postgresql", "mysql"])
def after(request: pytest.FixtureRequest) -> Iterator[Ask]:
    kind = request.param
    store = kind if kind == "memory" else request.getfixturevalue(f"{kind}_url")
    app = Flask(__name__)
    app.config.update(SECRET_KEY="keyboard cat", SESSION_ADOPT=["flask"], SESSION_STORE=store)
    ServerSession(app)
    yield asked(app)
    manager_of(app).clear()
    manager_of(app).close()


@pytest.mark.parametrize("seed", range(3))
def test_no_login_is_lost_and_no_logout_undone(before: Ask, after: Ask, seed: int) -> None:
    chance = random.Random(seed)

    def arrive() -> Visitor:
        visitor = arrival(before, chance, once=False)
        # A logout forbids the last one of Flask's cookies, which is all that the browser has.
        visitor.held = visitor.held[-1:] if visitor.cookie else []
        visitor.spent.clear()
        # Of the first requests at once each takes the old session over, and the last cookie
        # wins, as it did with Flask's own.
        visitor.look(after)
        return visitor

    visitors = [arrive() for _ in range(BROWSERS)]
    for number in range(REQUESTS):
        take_a_step(chance.choice(visitors), after, chance)
        if number % 5 == 0:
            visitors[chance.randrange(BROWSERS)] = arrive()

    for visitor in visitors:
        visitor.look(after)
