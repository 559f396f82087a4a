"""This project, on a cache from cachelib."""

from __future__ import annotations

from cachelib import RedisCache
from redis import Redis

from flask_serversession import ServerSession

from .flask_app import make_app
from .surface import given
from .surface import serve

if __name__ == "__main__":
    app = make_app(log_out=lambda session: session.destroy())
    app.config["SESSION_STORE"] = RedisCache(Redis.from_url(given().url))
    ServerSession(app)
    serve(app)
