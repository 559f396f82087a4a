"""A pytest plugin that gives every application its sessions as soon as it is made.

``SUITES_STORE`` is the URL of the store. Without it, applications keep Flask's sessions.
"""

from __future__ import annotations

import os
from functools import wraps
from typing import Any

import flask

from flask_serversession import ServerSession
from flask_serversession.stores import open_store


def pytest_configure() -> None:
    url = os.environ.get("SUITES_STORE")
    if url:
        _swap(url)


def _swap(url: str) -> None:
    store = open_store(url, {}, shared=False)
    make = flask.Flask.__init__

    @wraps(make)
    def make_with_sessions(app: flask.Flask, *args: Any, **kwargs: Any) -> None:
        make(app, *args, **kwargs)
        app.config["SESSION_STORE"] = store
        ServerSession(app)

    flask.Flask.__init__ = make_with_sessions  # type: ignore[assignment, method-assign]
