"""This project, with its defaults and without merging."""

from __future__ import annotations

from functools import partial
from typing import cast

from flask import Flask
from flask import session

from flask_serversession import ServerSession
from flask_serversession import Session

from . import Peer
from .views import make_flask


def make_app(url: str, touch: bool, *, concurrency: str = "merge") -> Flask:
    app = make_flask(new_id=_new_id, end=_end)
    app.config.update(SESSION_STORE=url, SESSION_CONCURRENCY=concurrency)
    if touch:
        app.config["SESSION_TOUCH_INTERVAL"] = 0
    ServerSession(app)
    return app


def _new_id() -> None:
    cast("Session", session).regenerate(keep_data=True)


def _end() -> None:
    cast("Session", session).destroy()


PEERS = [
    Peer("Flask-ServerSession", make_app),
    Peer("Flask-ServerSession, overwrite", partial(make_app, concurrency="overwrite")),
]
