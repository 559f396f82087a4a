"""A test client that takes the view along with the request, so a test reads top to bottom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from typing import cast
from typing import TypeVar
from urllib.parse import quote

import flask
from flask import Flask
from flask import request
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue
from werkzeug.test import TestResponse

from flask_serversession import Session
from flask_serversession.cookies.signing import cookie_values

#: ``flask.session``, typed as this package's session.
session = cast(Session, flask.session)

T = TypeVar("T")
View = Callable[[], ResponseReturnValue | None]

#: The paths the application serves. Any other path is a 404.
PATHS = ["/", "/shop", "/shop/cart", "/shopping"]

_VIEW = "tests.view"


class Browser(FlaskClient):
    """One user's browser."""

    def run(self, view: View, path: str = "/", **options: Any) -> TestResponse:
        """Send a request that ``view`` answers, with an empty page if it returns None.

        Reads the whole response, even if it is streamed.
        """
        environ = {_VIEW: view, **options.pop("environ_overrides", {})}
        return self.open(path, environ_overrides=environ, buffered=True, **options)

    def see(self, look: Callable[[], T]) -> T:
        """Return what ``look`` returns when called during a request."""
        found: list[T] = []
        self.run(lambda: found.append(look()))
        return found[0]

    def data(self) -> dict[str, Any]:
        """Return the data of this browser's session."""
        return self.see(lambda: session.copy())

    @property
    def cookie_name(self) -> str:
        return self.application.session_interface.get_cookie_name(self.application)

    @property
    def sid(self) -> str | None:
        """The session id in this browser's cookie, or None if it has no cookie."""
        cookie = self.get_cookie(self.cookie_name)
        return sid_of(f"{self.cookie_name}={cookie.value}") if cookie else None

    def hold(self, sid: str) -> None:
        """Store a cookie with a valid signature for an id."""
        self.set_cookie(self.cookie_name, signed(self.application, sid))

    def twin(self) -> Browser:
        """Return another browser with the same session: a second tab or a parallel request."""
        twin = browser_of(self.application)
        if self.sid is not None:
            twin.hold(self.sid)
        return twin


def browser_of(app: Flask) -> Browser:
    client = app.test_client()
    assert isinstance(client, Browser)
    return client


def logged_in(app: Flask, user_id: str = "ada", **options: Any) -> Browser:
    """Return a browser that a user is logged in with; ``log_in()`` gets the options."""
    browser = browser_of(app)
    browser.run(lambda: session.log_in(user_id, **options))
    return browser


def is_logged_in(browser: Browser) -> bool:
    return browser.see(lambda: session.user_id) is not None


def serve_browsers(app: Flask) -> None:
    """Make an application answer with the views that browsers bring along."""
    app.test_client_class = Browser
    for path in PATHS:
        app.add_url_rule(path, path, _answer, methods=["GET", "POST"])


def _answer() -> ResponseReturnValue:
    answer: ResponseReturnValue | None = request.environ[_VIEW]()
    return "" if answer is None else answer


def signed(app: Flask, sid: str) -> str:
    """Return the signed, percent-encoded cookie value for an id."""
    return quote(app.extensions["serversession"].signer.sign(sid), safe="")


def cookie_lines(response: TestResponse) -> list[str]:
    """Return the Set-Cookie lines of a response."""
    return response.headers.getlist("Set-Cookie")


def sid_of(line: str) -> str:
    """Return the id in a Set-Cookie line."""
    name, _, _ = line.partition("=")
    [value] = cookie_values(line.partition(";")[0], name)
    return value.removeprefix("s:").rpartition(".")[0]
