"""Flask-Session 0.8, with its defaults and tuned for speed."""

from __future__ import annotations

import warnings
from functools import partial
from typing import cast
from urllib.parse import urlsplit

from flask import current_app
from flask import Flask
from flask import session
from flask_session import Session
from flask_session.base import ServerSideSessionInterface
from flask_sqlalchemy import SQLAlchemy
from pymemcache import Client
from redis import Redis

from . import Peer
from .views import make_flask


def make_app(url: str, touch: bool, *, tuned: bool) -> Flask:
    app = make_flask(new_id=_new_id, end=lambda: session.clear())
    _use_store(app, url, tuned)
    if tuned:
        app.config["SESSION_PERMANENT"] = False
        # Otherwise every request writes the whole session again.
        app.config["SESSION_REFRESH_EACH_REQUEST"] = touch
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its file store is deprecated in favour of cachelib
        Session(app)
    return app


def _new_id() -> None:
    cast("ServerSideSessionInterface", current_app.session_interface).regenerate(session)


def _use_store(app: Flask, url: str, tuned: bool) -> None:
    parts = urlsplit(url)
    if parts.scheme == "redis":
        app.config.update(SESSION_TYPE="redis", SESSION_REDIS=Redis.from_url(url))
    elif parts.scheme == "memcached":
        server = (parts.hostname or "127.0.0.1", parts.port or 11211)
        # Without no_delay a write waits some 40 ms for an acknowledgement.
        client = Client(server, no_delay=tuned)
        app.config.update(SESSION_TYPE="memcached", SESSION_MEMCACHED=client)
    elif parts.scheme == "file":
        app.config.update(SESSION_TYPE="filesystem", SESSION_FILE_DIR=parts.path)
        if tuned:
            # By default it deletes live sessions once there are more than 500.
            app.config["SESSION_FILE_THRESHOLD"] = 0
    else:
        app.config.update(SESSION_TYPE="sqlalchemy", SQLALCHEMY_DATABASE_URI=url)
        if tuned:
            # Without this, BEGIN and ROLLBACK surround a statement.
            app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"isolation_level": "AUTOCOMMIT"}
        app.config["SESSION_SQLALCHEMY"] = SQLAlchemy(app)
        app.config["SESSION_SQLALCHEMY_TABLE"] = "flask_session"


PEERS = [
    Peer("Flask-Session, tuned", partial(make_app, tuned=True)),
    Peer("Flask-Session", partial(make_app, tuned=False)),
]
