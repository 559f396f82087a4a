"""Calls an application as a server would, without a server."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from io import BytesIO
from time import perf_counter
from typing import Any
from typing import Protocol


class Driver(Protocol):
    """Sends requests to one application."""

    def get(self, path: str, cookie: str | None = None) -> str | None:
        """Make a request, and return the cookie it sets as a browser would send it."""

    def time(self, path: str, cookies: Sequence[str | None]) -> list[float]:
        """Make one request per cookie, and return the seconds that each took."""


class WsgiDriver:
    """Calls a WSGI application. The environs are created before the clock starts."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._answer: tuple[str, list[tuple[str, str]]] = ("", [])

    def get(self, path: str, cookie: str | None = None) -> str | None:
        self._call(_environ(path, cookie))
        status, headers = self._answer
        _check(path, status)
        return _cookie_of(value for name, value in headers if name.lower() == "set-cookie")

    def time(self, path: str, cookies: Sequence[str | None]) -> list[float]:
        environs = [_environ(path, cookie) for cookie in cookies]
        times = []
        for environ in environs:
            start = perf_counter()
            self._call(environ)
            times.append(perf_counter() - start)
            _check(path, self._answer[0])
        return times

    def _call(self, environ: dict[str, Any]) -> None:
        body = self._app(environ, self._start_response)
        for _ in body:
            pass
        if hasattr(body, "close"):
            body.close()

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> None:
        self._answer = (status, headers)


class AsgiDriver:
    """Calls an ASGI application in its own event loop."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._loop = asyncio.new_event_loop()
        self._start: dict[str, Any] = {}

    def get(self, path: str, cookie: str | None = None) -> str | None:
        self._loop.run_until_complete(self._call(_scope(path, cookie)))
        _check(path, str(self._start["status"]))
        headers = self._start["headers"]
        return _cookie_of(value.decode() for name, value in headers if name == b"set-cookie")

    def time(self, path: str, cookies: Sequence[str | None]) -> list[float]:
        return self._loop.run_until_complete(self._time(path, cookies))

    async def _time(self, path: str, cookies: Sequence[str | None]) -> list[float]:
        scopes = [_scope(path, cookie) for cookie in cookies]
        times = []
        for scope in scopes:
            start = perf_counter()
            await self._call(scope)
            times.append(perf_counter() - start)
            _check(path, str(self._start["status"]))
        return times

    async def _call(self, scope: dict[str, Any]) -> None:
        await self._app(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._start = message


def _environ(path: str, cookie: str | None) -> dict[str, Any]:
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_ACCEPT": "*/*",
        "HTTP_USER_AGENT": "benchmark",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if cookie:
        environ["HTTP_COOKIE"] = cookie
    return environ


def _scope(path: str, cookie: str | None) -> dict[str, Any]:
    headers = [(b"host", b"127.0.0.1"), (b"accept", b"*/*"), (b"user-agent", b"benchmark")]
    if cookie:
        headers.append((b"cookie", cookie.encode()))
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }


def _cookie_of(lines: Any) -> str | None:
    return "; ".join(line.partition(";")[0] for line in lines) or None


def _check(path: str, status: str) -> None:
    if not status.startswith("200"):
        raise RuntimeError(f"{path} was answered with {status}.")
