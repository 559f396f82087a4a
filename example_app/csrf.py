"""Forms of other sites are refused: ours carry a token that the session knows."""

from __future__ import annotations

import secrets

from flask import abort
from flask import Flask
from flask import request
from flask import session

FIELD = "csrf_token"


def protect(app: Flask) -> None:
    """Refuse every POST without the token; templates get it from ``csrf_token()``."""
    app.before_request(_check)
    app.add_template_global(_token, FIELD)


def renew() -> None:
    """Forget the token: one from before a login must not work after it."""
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
        abort(400, "This form has been open for too long. Go back, reload the page, try again.")
