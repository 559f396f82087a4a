"""Sends requests to an application that runs in its own server."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection
from time import perf_counter


class HttpDriver:
    """Sends requests to a port of this machine."""

    def __init__(self, port: int) -> None:
        self._port = port

    def get(self, path: str, cookie: str | None = None) -> str | None:
        return ask(self._port, path, cookie)

    def time(self, path: str, cookies: Sequence[str | None]) -> list[float]:
        times = []
        for cookie in cookies:
            start = perf_counter()
            ask(self._port, path, cookie)
            times.append(perf_counter() - start)
        return times


def ask(port: int, path: str, cookie: str | None = None) -> str | None:
    """Make a request, and return the cookie that it sets."""
    headers = {"Cookie": cookie} if cookie else {}
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        response.read()
    if response.status != 200:
        raise RuntimeError(f"{path} was answered with {response.status}.")
    cookies = response.headers.get_all("Set-Cookie", [])
    return "; ".join(line.partition(";")[0] for line in cookies) or None
