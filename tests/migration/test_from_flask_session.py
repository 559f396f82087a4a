"""Browsers go from an application with Flask-Session to the same one with this extension.

The one before is the real Flask-Session, in a process of its own, on the store's real server.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask

from flask_serversession import ServerSession

from . import flask_session_app
from .processes import adopted
from .processes import application
from .processes import asked
from .processes import Case
from .processes import named
from .processes import TYPES
from .processes import VERSIONS
from .visitor import Answer
from .visitor import arrival
from .visitor import Ask
from .visitor import take_a_step
from .visitor import Visitor

pytestmark = pytest.mark.slow

#: A version, where its records are, and whether ids are signed. In MongoDB 0.6 stands for 0.5,
#: which works with PyMongo 3 only.
CASES = [
    (version, kind, is_signed)
    for version, kinds in {
        "0.8.0": ["redis", "memcached", "mongodb", *TYPES, "filesystem", "cachelib"],
        "0.7.0": ["redis"],
        "0.6.0": ["redis", "mongodb"],
        "0.5.0": ["redis", "memcached", *TYPES, "filesystem"],
    }.items()
    for kind in kinds
    for is_signed in (False, True)
]
BROWSERS, REQUESTS = 12, 200


@pytest.fixture
def before(
    case: Case, place: str, keys: dict[str, Any], packages: Callable[[list[str]], str]
) -> Iterator[Ask]:
    """Return a function that sends requests to the application before."""
    with application(packages(VERSIONS[case[0]]), case, place, keys) as ask:
        yield ask


@pytest.fixture
def after(case: Case, place: str, keys: dict[str, Any]) -> Iterator[Ask]:
    """Return a function that sends requests to the application as it is now."""
    kind = TYPES.get(case[1], case[1])
    app = Flask(__name__)
    app.config.update(keys, SESSION_TYPE=kind, SECRET_KEY="keyboard cat")
    app.config.update(flask_session_app.keys_of(kind, place), SESSION_ADOPT=[adopted(case)])
    flask_session_app.prepare(app)
    with pytest.warns(UserWarning, match="SESSION_STORE is not set"):
        ServerSession(app)
    yield asked(app)
    for key in ("SESSION_REDIS", "SESSION_MEMCACHED", "SESSION_MONGODB"):
        if key in app.config:
            app.config[key].close()
    if "SESSION_SQLALCHEMY" in app.config:
        with app.app_context():
            app.config["SESSION_SQLALCHEMY"].engine.dispose()


@pytest.mark.parametrize("case", CASES, ids=named, indirect=True)
def test_no_login_is_lost_and_no_logout_undone(case: Case, before: Ask, after: Ask) -> None:
    chance, is_nx = random.Random(0), case[1] == "mongodb"
    visitors = [arrival(before, chance, once=is_nx) for _ in range(BROWSERS)]

    for number in range(REQUESTS):
        visitor = chance.choice(visitors)
        take_a_step(visitor, after, chance)
        if number % 5 == 0:  # another one comes, so that sessions are taken over all the time
            visitor.look(after)
            visitors[visitors.index(visitor)] = arrival(before, chance, once=is_nx)

    for visitor in visitors:
        visitor.look(after)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case[1] == "redis"], ids=named, indirect=True
)
def test_what_a_browser_finds_that_goes_back_to_flask_session_and_returns(
    case: Case, before: Ask, after: Ask
) -> None:
    version, _, is_signed = case
    # 0.5 stores a session for every visitor. Before 0.7 any unsigned id is accepted.
    keeps_the_cookie = version != "0.5.0" or not is_signed
    takes_the_cookie = version < "0.7" and not is_signed
    visitor = Visitor()
    visitor.log_in(before, "ada")
    visitor.look(after)

    # Flask-Session does not know it, and does not end it.
    assert json.loads(visitor.ask(before, "/see")) == {"user": None, "cart": None}
    found = json.loads(visitor.ask(after, "/see"))["user"]
    assert found == ("ada" if keeps_the_cookie else None)

    # A login there is taken over like any other, if it gets a cookie of its own.
    visitor.ask(before, "/login/bob")
    found = json.loads(visitor.ask(after, "/see"))["user"]
    assert found == ("ada" if takes_the_cookie else "bob")


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case[0] == "0.8.0" and not case[2]],
    ids=named,
    indirect=True,
)
def test_requests_at_the_same_time_get_one_session(before: Ask, after: Ask) -> None:
    for number in range(5):
        visitor = Visitor()
        visitor.log_in(before, f"user{number}")
        together = Barrier(8)

        def ask(together: Barrier = together, cookie: str | None = visitor.cookie) -> Answer:
            together.wait(30)
            return after("/see", cookie)

        with ThreadPoolExecutor(8) as threads:
            answers = [each.result() for each in [threads.submit(ask) for _ in range(8)]]

        assert [json.loads(page)["user"] for _, page, _ in answers] == [visitor.user] * 8
        assert len({line.partition(";")[0] for _, _, lines in answers for line in lines}) == 1
