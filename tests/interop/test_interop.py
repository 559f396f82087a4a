"""Express and Flask take turns with one browser's session, on every store from npm."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from pymongo import MongoClient

from ..servers.base import report
from ..servers.mongodb import is_nx
from .conftest import npm_version
from .conftest import StartExpress
from .flask_app import serving
from .program import follow
from .program import make_program
from .program import Step
from .walk import look
from .walk import Walk

#: Each store from npm, with a server that it is tested on.
STORES = [
    ("connect-redis", "redis"),
    ("connect-pg-simple", "postgresql"),
    ("express-mysql-session", "mysql"),
    ("connect-session-knex", "postgresql"),
    ("connect-session-knex", "mysql"),
    ("connect-session-knex", "sqlite"),
    ("connect-session-sequelize", "postgresql"),
    ("connect-session-sequelize", "mysql"),
    ("connect-mongo", "mongodb"),
    ("connect-mongo-subdocument", "mongodb"),
    ("session-file-store", "files"),
    ("connect-memcached", "memcached"),
]

#: The stores that create a table or an index.
TABLES = [(store, server) for store, server in STORES if "sql" in server or "mongo" in server]

#: Seconds that a store keeps a session without a max age, where it is not a day.
IDLE = {
    "connect-mongo": 14 * 86400,
    "connect-mongo-subdocument": 14 * 86400,
    "session-file-store": 3600,
}

KINDS = [
    *("read", "write", "nest", "drop", "touch", "save", "regenerate", "destroy"),
    *("cookie", "age", "roll", "eager", "rotate"),
]

OPTIONS = {"secret": ["secret"], "resave": False, "saveUninitialized": False, "rolling": False}

Start = Callable[..., Walk]
Tidy = Callable[[str | None], object]


@pytest.fixture
def start(store: str, place: str, start_express: StartExpress) -> Iterator[Start]:
    """Return a function that starts both apps in the given order and returns a browser."""
    idle = IDLE.get(store, 86400)
    config = {
        "SESSION_PROFILE": "express",
        "SESSION_STORE": place,
        "SESSION_STORE_OPTIONS": {} if store == "connect-redis" else {"layout": store},
        "SESSION_IDLE_TIMEOUT": idle,
    }
    with ExitStack() as stack:

        def start(*sides: str) -> Walk:
            urls = {}
            for side in sides:
                app = start_express(store, place) if side == "express" else serving(config)
                urls[side] = stack.enter_context(app)
                # The first app to be asked creates the table.
                look(urls[side], "nobody")
            return Walk(urls, idle=idle * 1000, flask_tells=store != "connect-memcached")

        yield start


@pytest.fixture
def tidy(server: str, place: str) -> Iterator[Tidy]:
    """Return a function that deletes all other sessions where the server is nx-27017.

    connect-mongo's query has ``$or`` beside ``_id``, and nx-27017 then ignores the id.
    """
    if server != "mongodb" or not is_nx(place):
        yield lambda sid: None
        return
    with MongoClient[dict[str, Any]](place) as client:
        sessions = client.get_default_database()["sessions"]
        yield lambda sid: sessions.delete_many({"_id": {"$ne": sid}})


@pytest.mark.parametrize(("store", "server"), STORES)
def test_express_and_flask_agree_after_every_request(
    store: str, server: str, start: Start, tidy: Tidy, pytestconfig: pytest.Config
) -> None:
    name = f"{store} on {server}"
    steps = pytestconfig.option.interop_steps
    walk = start("express", "flask")

    def take(step: Step) -> None:
        tidy(walk.sid(step))
        walk.take(step)

    follow(make_program(name, steps, KINDS, once=["expire"]), take)
    assert walk.handed_over > steps / 5
    package = npm_version(store.removesuffix("-subdocument"))
    report(name, f"{package}, {steps} requests, {walk.handed_over} handed over")


@pytest.mark.parametrize(("store", "server"), TABLES)
def test_express_uses_a_table_that_flask_created(
    store: str, server: str, start: Start, tidy: Tidy
) -> None:
    walk = start("flask", "express")
    for number, side in enumerate(["flask", "express", "express", "flask"]):
        step = Step(side, OPTIONS, [["push", ["visits"], number]])
        tidy(walk.sid(step))
        found = walk.take(step)
    assert found["data"] == {"visits": [0, 1, 2]}
