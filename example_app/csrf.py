"""Rejects forms from other sites: each form carries a token that the session stores."""

from __future__ import annotations

import secrets

from flask import abort
from flask import Flask
from flask import request

from flask_serversession import session

FIELD = "csrf_token"


def protect(app: Flask) -> None:
    """Reject every POST without the token. Templates call ``csrf_token()`` to get it."""
    app.before_request(_check)
    app.add_template_global(_token, FIELD)


def renew() -> None:
    """Drop the token, so that one from before a login does not work after it."""
    session.pop(FIELD, None)


def _token() -> str:
    token: str = session.setdefault(FIELD, secrets.token_urlsafe())
    return token


def _check() -> None:
    if request.method != "POST":
        return
    expected = session.get(FIELD, "")
    given = request.form.get(FIELD, "")
    if not expected or not secrets.compare_digest(expected.encode(), given.encode()):
        abort(400, "This form has been open for too long. Go back, reload the page and try again.")
