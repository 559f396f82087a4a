"""The views of every Flask peer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flask import Flask
from flask import session

from ...serializer import Data
from ..scenarios import LIFETIME
from ..scenarios import PAYLOADS
from ..scenarios import USER

SECRET = "the benchmark's secret key"


def make_flask(
    *, new_id: Callable[[], object] = lambda: None, end: Callable[[], object] = lambda: None
) -> Flask:
    """Return an application whose session interface can be replaced.

    :param new_id: gives the session a new id and keeps its data.
    :param end: ends the session.
    """
    app = Flask(__name__)
    app.config.update(SECRET_KEY=SECRET, PERMANENT_SESSION_LIFETIME=LIFETIME)

    def new(payload: Data) -> str:
        session.update(payload)
        return "ok"

    def read() -> str:
        user: str = session["_user_id"]
        return user

    def write() -> str:
        session["visits"] += 1
        return "ok"

    def login() -> str:
        new_id()
        session["_user_id"] = USER
        return "ok"

    def logout() -> str:
        end()
        return "ok"

    app.add_url_rule("/ignore", "ignore", lambda: "ok")
    for name, payload in PAYLOADS.items():
        app.add_url_rule(f"/new/{name}", f"new-{name}", partial(new, payload))
    for view in (read, write, login, logout):
        app.add_url_rule(f"/{view.__name__}", view.__name__, view)
    return app
