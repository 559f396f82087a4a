"""A small shop with server-side sessions and Flask-Login.

.. code-block:: text

    pip install Flask-Login
    flask --app example_app run
    SESSION_STORE=redis://localhost:6379/0 flask --app example_app run
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from flask import Flask

from flask_serversession import ServerSession
from flask_serversession import session_timeout

from . import account
from . import csrf
from . import devices
from . import errors
from . import shop
from .secret import persisted_secret


def create_app(instance_path: str | None = None) -> Flask:
    """Return the shop, configured by the environment.

    ``SESSION_STORE`` and ``SECRET_KEY`` default to a SQLite file and a random key in the
    instance folder, so carts and logins survive a restart. ``TWIN_URL`` is the address of
    the same shop in Express, if it runs: see ``scripts/example-with-express``.
    """
    app = Flask(__name__, instance_path=instance_path)
    app.config.update(
        SECRET_KEY=os.environ.get("SECRET_KEY")
        or persisted_secret(_instance_file(app, "secret_key")),
        SESSION_STORE=os.environ.get("SESSION_STORE")
        or f"sqlite:///{_instance_file(app, 'shop.db')}",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE="auto",
        SESSION_IDLE_TIMEOUT=timedelta(hours=1),
        PERMANENT_SESSION_LIFETIME=timedelta(days=30),
        # A fourth login of a user ends the first.
        SESSION_LIMIT_PER_USER=3,
        SESSION_ON_LIMIT="end_oldest",
        # Express, which may share the sessions, would write to the records of old ids.
        SESSION_REGENERATE_GRACE=0,
        # Express logs users in without the hash of the browser that Flask-Login would compare.
        SESSION_PROTECTION=None,
        TWIN_URL=os.environ.get("TWIN_URL"),
    )
    ServerSession(app)
    csrf.protect(app)
    errors.register(app)
    account.register(app)
    app.register_blueprint(devices.blueprint)
    app.register_blueprint(shop.blueprint)
    app.register_blueprint(session_timeout())
    return app


def _instance_file(app: Flask, name: str) -> Path:
    folder = Path(app.instance_path)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / name
