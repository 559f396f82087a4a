"""Flask's own sessions, which are signed and kept in the browser's cookie."""

from __future__ import annotations

from .flask_app import make_app
from .surface import serve

if __name__ == "__main__":
    serve(make_app(log_out=lambda session: session.clear()))
