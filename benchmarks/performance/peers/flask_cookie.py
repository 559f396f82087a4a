"""Flask's own session, which is in the cookie and has no store."""

from __future__ import annotations

from flask import Flask
from flask import session

from . import Peer
from .views import make_flask


def make_app(url: str, touch: bool) -> Flask:
    app = make_flask(end=lambda: session.clear())
    if touch:
        # A permanent session is sent again with every response.
        @app.before_request
        def make_permanent() -> None:
            session.permanent = True

    return app


# A browser drops a cookie of more than 4096 bytes.
PEERS = [Peer("Flask's cookie", make_app, payloads=("200", "4k"), uses_store=False)]
