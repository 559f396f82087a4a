"""A browser that can hold one request open while it sends another."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextlib import contextmanager
from email.utils import mktime_tz
from email.utils import parsedate_tz
from http.client import HTTPConnection
from http.client import HTTPException
from socket import create_server
from typing import Any
from typing import NamedTuple
from urllib.parse import urlencode

#: Seconds after which a request counts as hanging.
PATIENCE = 30


class NotPlayed(Exception):
    """A system could not be asked; the message says why."""


class Answer(NamedTuple):
    status: int
    body: bytes
    set_cookie: list[str]

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.body)
        return data


class Browser:
    """The tabs of one user, which share cookies.

    :param address: the host and port of the app.
    :param cookies: the browser's first cookies: another browser's, or invented ones.
    """

    def __init__(self, address: str, cookies: Mapping[str, str] | None = None) -> None:
        self._address = address
        self.cookies = dict(cookies or {})

    def send(self, action: str, **arguments: str) -> Answer:
        """Send a request, which must succeed."""
        answer = self._send(action, arguments)
        if answer.status != 200:
            raise NotPlayed(f"{action} was answered with {answer.status}")
        return answer

    @contextmanager
    def holding(self, action: str, **arguments: str) -> Iterator[None]:
        """Hold a request open during the block, in its view, after it loaded its session.

        The view connects to a port when it is that far, and continues when the connection is
        closed. The request may then be refused.
        """
        with create_server(("127.0.0.1", 0)) as gate, ThreadPoolExecutor(1) as tab:
            gate.settimeout(PATIENCE)
            arguments["gate"] = str(gate.getsockname()[1])
            answer = tab.submit(self._send, action, arguments)
            try:
                inside, _ = gate.accept()
            except TimeoutError as error:
                raise NotPlayed(f"{action} did not come to its session") from error
            with inside:
                yield
            if answer.result().status >= 500:
                raise NotPlayed(f"{action}, held open, was answered with {answer.result().status}")

    def _send(self, action: str, arguments: Mapping[str, str]) -> Answer:
        with closing(HTTPConnection(self._address, timeout=PATIENCE)) as connection:
            cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            try:
                connection.request(
                    "GET" if action == "read" else "POST",
                    f"/{action}?{urlencode(arguments)}",
                    headers={"Cookie": cookie} if cookie else {},
                )
                response = connection.getresponse()
                answer = Answer(
                    response.status, response.read(), response.headers.get_all("Set-Cookie", [])
                )
            except (OSError, HTTPException) as error:
                raise NotPlayed(f"{action} was not answered") from error
        for line in answer.set_cookie:
            self._keep(line)
        return answer

    def _keep(self, line: str) -> None:
        pair, *others = line.split(";")
        name, _, value = pair.strip().partition("=")
        if _is_over(dict(_attribute(text) for text in others)):
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value


def _attribute(text: str) -> tuple[str, str]:
    name, _, value = text.strip().partition("=")
    return name.lower(), value


def _is_over(attributes: Mapping[str, str]) -> bool:
    if "max-age" in attributes:
        return int(attributes["max-age"]) <= 0
    expires = parsedate_tz(attributes.get("expires"))
    return expires is not None and mktime_tz(expires) <= time.time()
