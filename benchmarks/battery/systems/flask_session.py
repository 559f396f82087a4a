"""Flask-Session."""

from __future__ import annotations

from flask_session import Session
from redis import Redis

from .flask_app import make_app
from .surface import given
from .surface import serve

if __name__ == "__main__":
    app = make_app(log_out=lambda session: session.clear())
    app.config.update(SESSION_TYPE="redis", SESSION_REDIS=Redis.from_url(given().url))
    Session(app)
    serve(app)
