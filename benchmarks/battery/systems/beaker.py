"""Beaker's sessions around a Flask app, saved at the end of each request that used them."""

from __future__ import annotations

from beaker.middleware import SessionMiddleware
from flask import request

from .flask_app import make_app
from .surface import given
from .surface import serve


def store_options(url: str) -> dict[str, str]:
    if url.startswith("file:"):
        return {"session.type": "file", "session.data_dir": url.removeprefix("file://")}
    return {"session.type": "ext:redis", "session.url": url}


if __name__ == "__main__":
    app = make_app(
        log_out=lambda session: session.delete(),
        find_session=lambda: request.environ["beaker.session"],
    )
    serve(SessionMiddleware(app, {"session.auto": True, **store_options(given().url)}))
