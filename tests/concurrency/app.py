"""The app that every process makes for itself."""

from __future__ import annotations

from typing import Any

from flask import Flask

from flask_serversession import ServerSession

from ..flask.browser import serve_browsers
from .places import Place


def make_app(place: Place, **config: Any) -> Flask:
    """Return an app on a place's store; nothing is connected yet."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY="keyboard cat",
        SESSION_STORE=place.store,
        SESSION_STORE_OPTIONS=place.options,
        SESSION_MERGE=add_up,
        # What fails while a response is made is for the test to see, not for a browser.
        PROPAGATE_EXCEPTIONS=True,
    )
    app.config.update(config)
    ServerSession(app)
    serve_browsers(app)
    return app


def add_up(key: str, base: Any, theirs: Any, mine: Any) -> Any:
    """Keep both sides' share of a number that both changed."""
    return (theirs or 0) + mine - (base or 0)
