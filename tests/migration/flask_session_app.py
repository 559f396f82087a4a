"""An application with Flask-Session, in a process of its own: a JSON line in, a JSON line out.

Its arguments are the SESSION_TYPE, where that is, and the other keys as JSON. It runs with the
Flask-Session, the Flask and the drivers that are first on PYTHONPATH.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from flask import Flask
from flask import session


def main(kind: str, place: str, given: str) -> None:
    app = Flask(__name__)
    app.config.update(json.loads(given), SESSION_TYPE=kind, SECRET_KEY="keyboard cat")
    app.config.update(keys_of(kind, place))
    prepare(app)
    begin(app, app.config.get("SESSION_ADOPT_STEP"))
    if kind == "sqlalchemy":
        with app.app_context():
            app.config["SESSION_SQLALCHEMY"].create_all()
    serve(app)
    client = app.test_client(use_cookies=False)
    for line in sys.stdin:
        path, cookie = json.loads(line)
        headers = {} if cookie is None else {"Cookie": cookie}
        response = client.get(path, headers=headers)
        answer = response.status_code, response.text, response.headers.getlist("Set-Cookie")
        print(json.dumps(answer), flush=True)


def begin(app: Flask, step: str | None) -> None:
    """Make the extensions that the application has at a step of the move."""
    # Only here: the tests import this module without the one, 0.5 runs without the other.
    if step != "switch":
        from flask_session import Session

        Session(app)
    if step is not None:
        from flask_serversession import ServerSession

        ServerSession(app)


def keys_of(kind: str, place: str) -> dict[str, Any]:
    """Return Flask-Session's keys for a type."""
    if kind == "redis":
        import redis

        return {"SESSION_REDIS": redis.Redis.from_url(place)}
    if kind == "memcached":
        import pymemcache

        address = place.removeprefix("memcached://")
        client = pymemcache.PooledClient(
            address,
            timeout=60,
            connect_timeout=60,
            no_delay=True,
            default_noreply=False,  # otherwise another process may read before a write is done
        )
        return {"SESSION_MEMCACHED": client}
    if kind == "mongodb":
        import pymongo

        return {"SESSION_MONGODB": pymongo.MongoClient(place)}
    if kind == "sqlalchemy":
        from flask_sqlalchemy import SQLAlchemy

        return {"SESSION_SQLALCHEMY": SQLAlchemy(), "SQLALCHEMY_DATABASE_URI": place}
    if kind == "cachelib":
        from cachelib import FileSystemCache

        return {"SESSION_CACHELIB": FileSystemCache(place, threshold=0)}
    return {"SESSION_FILE_DIR": place}


def prepare(app: Flask) -> None:
    """Do to an application what Flask-SQLAlchemy needs."""
    if "SESSION_SQLALCHEMY" in app.config:
        app.config["SESSION_SQLALCHEMY"].init_app(app)


def serve(app: Flask) -> None:
    """Add the views that the applications before and after have."""

    @app.get("/see")
    def see() -> dict[str, Any]:
        return {key: session.get(key) for key in ("user", "cart")}

    @app.get("/put/<int:number>")
    def put(number: int) -> str:
        session["cart"] = number
        return ""

    @app.get("/login/<user>")
    def log_in(user: str) -> str:
        session["user"] = user
        return ""

    @app.get("/logout")
    def log_out() -> str:
        session.clear()
        return ""


if __name__ == "__main__":
    main(*sys.argv[1:])
