"""The error pages."""

from __future__ import annotations

from flask import Flask
from flask import render_template
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import InternalServerError
from werkzeug.exceptions import ServiceUnavailable

from flask_serversession import StoreError


def register(app: Flask) -> None:
    app.register_error_handler(HTTPException, _explain)
    # A handler for StoreError is not called for errors raised while the session is saved.
    app.register_error_handler(InternalServerError, _explain_failure)


def _explain(error: HTTPException) -> tuple[str, int]:
    return render_template("error.html", error=error), error.code or 500


def _explain_failure(error: InternalServerError) -> tuple[str, int]:
    if isinstance(error.original_exception, StoreError):
        return _explain(ServiceUnavailable("Our store room does not answer. Try again soon."))
    return _explain(error)
