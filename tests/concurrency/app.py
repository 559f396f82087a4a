"""The app that each test process creates."""

from __future__ import annotations

from typing import Any

from flask import Flask

from flask_serversession import ServerSession

from ..flask.browser import serve_browsers
from .places import Place


def make_app(place: Place, **config: Any) -> Flask:
    """Create an app whose sessions are in a place's store. It does not connect yet."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY="keyboard cat",
        SESSION_STORE=place.store,
        SESSION_STORE_OPTIONS=place.options,
        SESSION_MERGE=add_up,
        # An error while the session is saved reaches the test instead of becoming a 500 page.
        PROPAGATE_EXCEPTIONS=True,
    )
    app.config.update(config)
    ServerSession(app)
    serve_browsers(app)
    return app


def add_up(key: str, base: Any, theirs: Any, mine: Any) -> Any:
    """Add up what two requests added to the same number."""
    return (theirs or 0) + mine - (base or 0)
