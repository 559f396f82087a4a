"""A blueprint that tells a page when its session ends, and extends it on demand."""

from __future__ import annotations

from flask import Blueprint
from flask import jsonify
from flask import Response

from .decorators import session_peek
from .interface import session


def session_timeout(url: str = "/session-timeout") -> Blueprint:
    """Return a blueprint that tells a page when its session ends.

    ``GET`` answers ``{"expires_in": 1199, "limit": "idle"}`` without extending the session:
    the seconds that are left, and ``"absolute"`` if only a new login extends it. ``POST``
    extends the session and answers the same. Without a stored session both members are null.

    .. code-block:: python

        app.register_blueprint(session_timeout())

    :param url: the path of both methods.
    """
    blueprint = Blueprint("session_timeout", __name__)
    blueprint.add_url_rule(url, view_func=session_peek(_tell), methods=["GET"], endpoint="tell")
    blueprint.add_url_rule(url, view_func=_extend, methods=["POST"], endpoint="extend")
    return blueprint


def _extend() -> Response:
    if not session.new:
        session.touch()
    return _tell()


def _tell() -> Response:
    left = None if session.new else session.expires_in
    response = jsonify(
        expires_in=None if left is None else int(left.seconds),
        limit=None if left is None else left.limit,
    )
    response.headers["Cache-Control"] = "no-store"
    return response
