"""A browser that keeps cookies as RFC 6265 says, and sends them to both apps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPConnection
from http.client import HTTPResponse
from http.cookiejar import Cookie
from http.cookiejar import CookieJar
from typing import Any
from typing import cast
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import Request

from .program import Actions

#: An app's origin -> the connection to it.
_CONNECTIONS: dict[str, HTTPConnection] = {}


class Answer(NamedTuple):
    """An app's answer, and whether it sets a cookie."""

    body: Any
    sets_cookie: bool


class Browser:
    """One user's browser."""

    def __init__(self) -> None:
        self._jar = CookieJar()

    def send(self, url: str, options: Mapping[str, Any], actions: Actions) -> Answer:
        """Have an app, configured with these options, carry out the actions."""
        request = _request(url, options, actions)
        self._jar.add_cookie_header(request)
        answer, response = _answer_of(request)
        self._jar.extract_cookies(response, request)
        return answer

    def peek(self, url: str, options: Mapping[str, Any]) -> Answer:
        """Ask an app what it finds in the session, and ignore the cookies that it sets."""
        request = _request(url, options, actions=[])
        self._jar.add_cookie_header(request)
        return _answer_of(request)[0]

    def cookie(self, name: str) -> Cookie | None:
        """Return a cookie that has not expired."""
        kept = {cookie.name: cookie for cookie in self._jar if not cookie.is_expired()}
        return kept.get(name)

    def stop_the_clock(self) -> None:
        """Keep sending cookies after they expire."""
        for cookie in self._jar:
            cookie.expires = None


def get(url: str, options: Mapping[str, Any]) -> Any:
    """Return an app's answer to a request without cookies."""
    return _answer_of(Request(url, headers=_headers(options)))[0].body


def hang_up(url: str) -> None:
    """Close the connection to an app."""
    connection = _CONNECTIONS.pop(urlsplit(url).netloc, None)
    if connection is not None:
        connection.close()


def _request(url: str, options: Mapping[str, Any], actions: Actions) -> Request:
    headers = {**_headers(options), "Content-Type": "application/json"}
    return Request(f"{url}/", json.dumps(actions).encode(), headers)


def _headers(options: Mapping[str, Any]) -> dict[str, str]:
    return {"Options": json.dumps(options)}


def _answer_of(request: Request) -> tuple[Answer, HTTPResponse]:
    if request.host not in _CONNECTIONS:
        _CONNECTIONS[request.host] = HTTPConnection(request.host, timeout=30)
    connection = _CONNECTIONS[request.host]
    body = cast("bytes | None", request.data)
    headers = dict(request.header_items())
    connection.request(request.get_method(), request.selector, body, headers)
    response = connection.getresponse()
    text = response.read()
    if response.status != 200:
        raise AssertionError(f"{request.full_url} answered {response.status}: {text.decode()}")
    return Answer(json.loads(text), "Set-Cookie" in response.headers), response
