"""This project, on the store of a URL."""

from __future__ import annotations

from flask_serversession import ServerSession

from .flask_app import make_app
from .surface import given
from .surface import serve

if __name__ == "__main__":
    url, options = given()
    app = make_app(log_out=lambda session: session.destroy())
    app.config.update(SESSION_STORE=url, **options)
    ServerSession(app)
    serve(app)
