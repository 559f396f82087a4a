"""A browser that keeps cookies as RFC 6265 says, and sends them to both apps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.cookiejar import Cookie
from http.cookiejar import CookieJar
from typing import Any
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import build_opener
from urllib.request import HTTPCookieProcessor
from urllib.request import OpenerDirector
from urllib.request import Request

from .program import Actions


class Answer(NamedTuple):
    """An app's answer, and whether it sets a cookie."""

    body: Any
    sets_cookie: bool


class Browser:
    """One user's browser."""

    def __init__(self) -> None:
        self._jar = CookieJar()
        self._opener = build_opener(HTTPCookieProcessor(self._jar))

    def send(self, url: str, options: Mapping[str, Any], actions: Actions) -> Answer:
        """Have an app, configured with these options, carry out the actions."""
        return _open(self._opener, _request(url, options, actions))

    def peek(self, url: str, options: Mapping[str, Any]) -> Answer:
        """Ask an app what it finds in the session, and ignore the cookies that it sets."""
        request = _request(url, options, actions=[])
        self._jar.add_cookie_header(request)
        return _open(build_opener(), request)

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
    return _open(build_opener(), Request(url, headers=_headers(options))).body


def _request(url: str, options: Mapping[str, Any], actions: Actions) -> Request:
    headers = {**_headers(options), "Content-Type": "application/json"}
    return Request(f"{url}/", json.dumps(actions).encode(), headers)


def _headers(options: Mapping[str, Any]) -> dict[str, str]:
    return {"Options": json.dumps(options)}


def _open(opener: OpenerDirector, request: Request) -> Answer:
    try:
        with opener.open(request, timeout=30) as response:
            return Answer(json.load(response), "Set-Cookie" in response.headers)
    except HTTPError as error:
        said = f"{request.full_url} answered {error.code}: {error.read().decode()}"
        raise AssertionError(said) from None
