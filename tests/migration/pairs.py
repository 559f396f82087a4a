"""The pairs of stores between which the tests move sessions, and applications on them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask import jsonify
from flask import session
from flask.typing import ResponseReturnValue

from flask_serversession import manager_of
from flask_serversession import ServerSession
from flask_serversession import session as typed_session
from flask_serversession import SessionError

Options = dict[str, Any]


@dataclass(frozen=True)
class Place:
    store: str
    options: Options = field(default_factory=dict)


@dataclass(frozen=True)
class Pair:
    former: Place
    new: Place

    def config(self) -> dict[str, Any]:
        """Return the configuration of the application that moves sessions."""
        return {
            "SESSION_STORE": self.new.store,
            "SESSION_STORE_OPTIONS": self.new.options,
            "SESSION_STORE_BEFORE": self.former.store,
            "SESSION_STORE_BEFORE_OPTIONS": self.former.options,
        }

    def former_config(self) -> dict[str, Any]:
        """Return the configuration before the change."""
        return {
            "SESSION_STORE": self.former.store,
            "SESSION_STORE_OPTIONS": self.former.options,
        }


def _redis(request: pytest.FixtureRequest, name: str) -> Place:
    return Place(request.getfixturevalue("redis_url"), {"prefix": name})


def _postgresql(request: pytest.FixtureRequest, name: str) -> Place:
    return Place(request.getfixturevalue("postgresql_url"), {"table": name})


def _pg_simple(request: pytest.FixtureRequest, name: str) -> Place:
    url = request.getfixturevalue("postgresql_url")
    return Place(url, {"table": name, "layout": "connect-pg-simple"})


def _mongodb(request: pytest.FixtureRequest, name: str) -> Place:
    return Place(request.getfixturevalue("mongodb_url"), {"collection": name})


def _sqlite(request: pytest.FixtureRequest, name: str) -> Place:
    path: Path = request.getfixturevalue("tmp_path")
    return Place(f"sqlite:///{path}/{name}.db")


def _files(request: pytest.FixtureRequest, name: str) -> Place:
    path: Path = request.getfixturevalue("tmp_path")
    return Place(f"file://{path}/{name}")


def _sqlite_table(request: pytest.FixtureRequest, name: str) -> Place:
    return Place(f"sqlite:///{request.getfixturevalue('tmp_path')}/one.db", {"table": name})


Make = Callable[[pytest.FixtureRequest, str], Place]

PAIRS: dict[str, tuple[Make, Make]] = {
    "redis to postgresql": (_redis, _postgresql),
    "postgresql to redis": (_postgresql, _redis),
    "files to sqlite": (_files, _sqlite),
    "sqlite to mongodb": (_sqlite, _mongodb),
    "sqlite to another table": (_sqlite_table, _sqlite_table),
    "redis to another prefix": (_redis, _redis),
    "native to connect-pg-simple in postgresql": (_postgresql, _pg_simple),
    "connect-pg-simple to native in postgresql": (_pg_simple, _postgresql),
}


def pair_named(request: pytest.FixtureRequest, name: str) -> Pair:
    """Return two empty stores."""
    make_former, make_new = PAIRS[name]
    tag = f"moving_{uuid4().hex[:8]}"
    return Pair(make_former(request, f"{tag}_a"), make_new(request, f"{tag}_b"))


def make_app(config: dict[str, Any]) -> Flask:
    """Return an application whose views do what a visitor can do to a session."""
    app = Flask(__name__)
    app.config.update(config, SECRET_KEY="only for the tests of a migration")
    ServerSession(app)

    @app.get("/")
    def look() -> ResponseReturnValue:
        return jsonify(user=typed_session.user_id, count=session.get("count", 0))

    @app.post("/login/<user>")
    def log_in(user: str) -> ResponseReturnValue:
        typed_session.log_in(user)
        session["count"] = 0
        return ""

    @app.post("/count")
    def count() -> ResponseReturnValue:
        session["count"] += 1
        return ""

    @app.post("/mark/<key>")
    def mark(key: str) -> ResponseReturnValue:
        session[key] = True
        return jsonify(sorted(key for key in session if key.startswith("mark")))

    @app.post("/logout")
    def log_out() -> ResponseReturnValue:
        typed_session.log_out()
        return ""

    @app.post("/end/<user>")
    def end(user: str) -> ResponseReturnValue:
        with suppress(SessionError):  # a store that cannot find the sessions of a user
            manager_of(app).end_all(user)
            return "ended"
        return "cannot"

    return app
