"""Starsessions: a Starlette application, called through ASGI."""

from __future__ import annotations

from functools import partial

from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.responses import Response
from starlette.routing import Route
from starsessions import load_session
from starsessions import SessionMiddleware
from starsessions.session import regenerate_session_id
from starsessions.stores.redis import RedisStore

from ...serializer import Data
from ..drive import AsgiDriver
from ..scenarios import LIFETIME
from ..scenarios import PAYLOADS
from ..scenarios import USER
from . import Peer


async def _ok(request: Request) -> Response:
    return PlainTextResponse("ok")


async def _new(request: Request, payload: Data) -> Response:
    await load_session(request)
    request.session.update(payload)
    return PlainTextResponse("ok")


async def _read(request: Request) -> Response:
    await load_session(request)
    return PlainTextResponse(request.session["_user_id"])


async def _write(request: Request) -> Response:
    await load_session(request)
    request.session["visits"] += 1
    return PlainTextResponse("ok")


async def _login(request: Request) -> Response:
    await load_session(request)
    regenerate_session_id(request)
    request.session["_user_id"] = USER
    return PlainTextResponse("ok")


async def _logout(request: Request) -> Response:
    await load_session(request)
    request.session.clear()
    return PlainTextResponse("ok")


def make_app(url: str, touch: bool) -> Starlette:
    store = RedisStore(connection=Redis.from_url(url))
    middleware = Middleware(
        SessionMiddleware,
        store=store,
        lifetime=LIFETIME,
        rolling=touch,
        cookie_https_only=False,
    )
    news = [Route(f"/new/{name}", partial(_new, payload=data)) for name, data in PAYLOADS.items()]
    views = {"/ignore": _ok, "/read": _read, "/write": _write, "/login": _login}
    routes = [*news, *(Route(path, view) for path, view in (views | {"/logout": _logout}).items())]
    return Starlette(routes=routes, middleware=[middleware])


def make_bare(url: str, touch: bool) -> Starlette:
    paths = ["/ignore", "/read", "/write", "/login", "/logout"]
    return Starlette(routes=[Route(path, _ok) for path in [f"/new/{n}" for n in PAYLOADS] + paths])


PEERS = [
    Peer("bare Starlette", make_bare, baseline=None, driver=AsgiDriver),
    Peer(
        "Starsessions",
        make_app,
        baseline="bare Starlette",
        stores=("redis", "valkey"),
        driver=AsgiDriver,
    ),
]
