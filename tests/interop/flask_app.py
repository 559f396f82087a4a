"""The Flask app, which does what ``express_app.js`` does on Node, line by line."""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from datetime import timedelta
from threading import Thread
from typing import Any
from typing import cast

import flask
from flask import Flask
from flask import request
from flask.typing import ResponseReturnValue
from werkzeug.serving import make_server
from werkzeug.serving import WSGIRequestHandler

from flask_serversession import ServerSession
from flask_serversession import Session
from flask_serversession.cookie_session.session import CookieSession
from flask_serversession.format.serializer import TypedJSON
from flask_serversession.stores.base import milliseconds_left

from .browser import hang_up

#: ``flask.session`` with the type that it has in these apps.
session = cast(Session, flask.session)

_OPTIONS = {
    "secret": "SESSION_SECRET",
    "resave": "SESSION_RESAVE",
    "saveUninitialized": "SESSION_SAVE_UNINITIALIZED",
    "rolling": "SESSION_ROLLING",
}

_ATTRIBUTES = {
    "maxAge": "max_age",
    "secure": "secure",
    "httpOnly": "httponly",
    "sameSite": "samesite",
    "priority": "priority",
    "partitioned": "partitioned",
}


@contextmanager
def serving(config: Mapping[str, Any]) -> Iterator[str]:
    """Serve an app with this config until the block ends; yield its URL."""
    apps = _Apps(config)
    server = make_server("127.0.0.1", 0, apps, request_handler=_Silent)
    thread = Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.port}"
    try:
        yield url
    finally:
        hang_up(url)
        server.shutdown()
        thread.join()
        server.server_close()
        apps.close()


class _Silent(WSGIRequestHandler):
    #: Keeps the connection open, as Node does.
    protocol_version = "HTTP/1.1"

    def log_request(self, *args: object) -> None:
        pass


class _Apps:
    """A WSGI app that passes each request to the app with the options that the request names."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._apps: dict[str, Flask] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        options = environ["HTTP_OPTIONS"]
        if options not in self._apps:
            self._apps[options] = _make_app({**self._config, **_translated(json.loads(options))})
        return self._apps[options](environ, start_response)

    def close(self) -> None:
        for app in self._apps.values():
            app.extensions["serversession"].close()


def _make_app(config: Mapping[str, Any]) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.config.update(config)
    ServerSession(app)
    app.add_url_rule("/look/<sid>", view_func=_look)
    app.add_url_rule("/", view_func=_act, methods=["POST"])
    return app


def _translated(options: Mapping[str, Any]) -> dict[str, Any]:
    return {_OPTIONS[name]: value for name, value in options.items()}


def _look(sid: str) -> ResponseReturnValue:
    """Return what the store holds under an id, as this package reads it."""
    manager = flask.current_app.extensions["serversession"]
    stored, record = manager.load(sid), manager.store.load(sid)
    if stored is None or record is None:
        return flask.jsonify(None)
    left = record.expires_at and milliseconds_left(record.expires_at)
    return {**_see(stored), "left": left}


def _act() -> ResponseReturnValue:
    before = _see(session)
    for verb, *arguments in request.get_json():
        _ACTIONS[verb](*arguments)
    # After these, Express has no session and Flask has an empty one.
    ended = request.get_json()[-1:] in ([["destroy"]], [["unset"]])
    return {"before": before, "after": None if ended else _see(session)}


def _see(session: Session) -> dict[str, Any]:
    data = json.loads(TypedJSON().dumps(session.copy()))
    if isinstance(session, CookieSession):
        return {"data": data}
    return {"id": session.id, "data": data, "cookie": session.cookie.to_document()}


def _put(path: list[str], value: Any) -> None:
    place, last = _find(path)
    place[last] = value


def _push(path: list[str], value: Any) -> None:
    place, last = _find(path)
    if not isinstance(place.get(last), list):
        place[last] = []
    place[last].append(value)


def _drop(path: list[str]) -> None:
    place, last = _find(path)
    place.pop(last, None)


def _find(path: list[str]) -> tuple[Any, str]:
    place: Any = session
    *names, last = path
    for name in names:
        if not isinstance(place.get(name), dict):
            place[name] = {}
        place = place[name]
    return place, last


def _cookie(attribute: str, value: Any) -> None:
    if attribute == "maxAge" and value is not None:
        value = timedelta(milliseconds=value)
    setattr(session.cookie, _ATTRIBUTES[attribute], value)


_ACTIONS: dict[str, Callable[..., None]] = {
    "put": _put,
    "push": _push,
    "drop": _drop,
    "cookie": _cookie,
    "touch": lambda: session.touch(),
    "save": lambda: session.save(),
    "regenerate": lambda: session.regenerate(),
    "destroy": lambda: session.destroy(),
    "unset": lambda: session.unset(),
}
