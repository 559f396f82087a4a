"""Flask with the same views and no session, the baseline of the other Flask peers."""

from __future__ import annotations

from flask import Flask
from flask import Request
from flask import Response
from flask.sessions import SecureCookieSession
from flask.sessions import SessionInterface
from flask.sessions import SessionMixin

from ..scenarios import PAYLOADS
from . import Peer


class NoSession(SessionInterface):
    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        return _EMPTY

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        pass


_EMPTY = SecureCookieSession()


def make_app(url: str, touch: bool) -> Flask:
    app = Flask(__name__)
    app.session_interface = NoSession()
    paths = ["/ignore", "/read", "/write", "/login", "/logout"]
    for path in paths + [f"/new/{payload}" for payload in PAYLOADS]:
        app.add_url_rule(path, path, lambda: "ok")
    return app


PEERS = [Peer("bare Flask", make_app, baseline=None)]
