"""Starsessions, in a Starlette app served by uvicorn."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from socket import create_server

import uvicorn
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starsessions import load_session
from starsessions import SessionMiddleware
from starsessions.stores.redis import RedisStore

from ..browser import PATIENCE
from .surface import act
from .surface import given


async def answer(request: Request) -> JSONResponse:
    await load_session(request)
    arguments = request.query_params
    await wait_at_gate(arguments)
    session = request.session
    return JSONResponse(act(session, request.path_params["action"], arguments, session.clear))


async def wait_at_gate(arguments: Mapping[str, str]) -> None:
    """Wait as in surface.py, without blocking the event loop."""
    if "gate" in arguments:
        gate, end = await asyncio.open_connection("127.0.0.1", int(arguments["gate"]))
        await asyncio.wait_for(gate.read(), PATIENCE)
        end.close()


def make_app(url: str) -> Starlette:
    store = RedisStore(connection=Redis.from_url(url))
    sessions = Middleware(SessionMiddleware, store=store, cookie_https_only=False)
    routes = [Route("/{action}", answer, methods=["GET", "POST"])]
    return Starlette(routes=routes, middleware=[sessions])


if __name__ == "__main__":
    with create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        uvicorn.Server(uvicorn.Config(make_app(given().url))).run(sockets=[listener])
