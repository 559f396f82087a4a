"""The Flask app for systems that run in Flask."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import MutableMapping
from typing import Any

from flask import Flask
from flask import request
from flask import session

from .surface import act
from .surface import wait_at_gate

Session = MutableMapping[str, Any]


def make_app(
    log_out: Callable[[Any], object], find_session: Callable[[], Session] = lambda: session
) -> Flask:
    """Create the app.

    :param log_out: ends a session.
    :param find_session: returns the request's session.
    """
    app = Flask(__name__)
    app.secret_key = "the battery's secret key"

    @app.route("/<action>", methods=["GET", "POST"])
    def answer(action: str) -> dict[str, Any]:
        session = find_session()
        session.get("user")
        wait_at_gate(request.args)
        return act(session, action, request.args, lambda: log_out(session))

    return app
