"""Flask's own sessions: signed, and kept by the browser."""

from __future__ import annotations

from .flask_app import make_app
from .surface import serve

if __name__ == "__main__":
    serve(make_app(log_out=lambda session: session.clear()))
