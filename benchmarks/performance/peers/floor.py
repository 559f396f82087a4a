"""The floor: the least that a session can cost, written by hand for one application.

It checks the cookie with ``hmac``, calls the store once and decodes the payload. It does not
notice nested changes, parallel requests overwrite each other, and nothing can be configured.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from collections.abc import Iterator
from functools import cached_property
from typing import Any
from typing import cast
from typing import Protocol

import orjson
from flask import Flask
from flask import Request
from flask import Response
from flask import session
from flask.sessions import SessionInterface
from flask.sessions import SessionMixin

from . import floor_files
from . import floor_memcached
from . import floor_redis
from . import floor_sql
from . import Peer
from .views import make_flask
from .views import SECRET


class Backend(Protocol):
    """One kind of server, called as rarely as possible."""

    def load(self, sid: str) -> bytes | None: ...
    def load_and_touch(self, sid: str) -> bytes | None: ...
    def create(self, sid: str, payload: bytes) -> None: ...
    def save(self, sid: str, payload: bytes) -> None: ...
    def move(self, old_sid: str, sid: str, payload: bytes) -> None: ...
    def delete(self, sid: str) -> None: ...


class FloorSession(SessionMixin):
    modified = accessed = ended = False
    new_id: str | None = None

    def __init__(self, request: Request, load: Callable[[str], bytes | None]) -> None:
        self._request = request
        self._load = load

    @cached_property
    def sid(self) -> str | None:
        sid, _, signature = self._request.cookies.get("session", "").partition(".")
        return sid if hmac.compare_digest(signature, _signature(sid)) else None

    @cached_property
    def data(self) -> dict[str, Any]:
        self.accessed = True
        payload = self._load(self.sid) if self.sid else None
        if payload is None:
            self.sid = None
            return {}
        data: dict[str, Any] = orjson.loads(payload)
        return data

    def __getitem__(self, key: str) -> Any:
        return self.data[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.data[key] = value
        self.modified = True

    def __delitem__(self, key: str) -> None:
        del self.data[key]
        self.modified = True

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)


class FloorInterface(SessionInterface):
    def __init__(self, backend: Backend, touch: bool) -> None:
        self._backend = backend
        self._load = backend.load_and_touch if touch else backend.load

    def open_session(self, app: Flask, request: Request) -> FloorSession:
        return FloorSession(request, self._load)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        session = cast("FloorSession", session)
        if session.ended and session.sid:
            self._backend.delete(session.sid)
            response.delete_cookie("session")
        elif session.modified:
            self._save(session, response)
        if session.accessed or session.ended:
            response.vary.add("Cookie")

    def _save(self, session: FloorSession, response: Response) -> None:
        payload = orjson.dumps(session.data)
        if session.sid and not session.new_id:
            self._backend.save(session.sid, payload)
            return
        sid = session.new_id or secrets.token_urlsafe(24)
        if session.sid:
            self._backend.move(session.sid, sid, payload)
        else:
            self._backend.create(sid, payload)
        response.set_cookie("session", f"{sid}.{_signature(sid)}", httponly=True)


def _signature(sid: str) -> str:
    return hmac.digest(_KEY, sid.encode(), "sha256").hex()


def _new_id() -> None:
    cast("FloorSession", session).new_id = secrets.token_urlsafe(24)


def _end() -> None:
    cast("FloorSession", session).ended = True


def make_app(url: str, touch: bool) -> Flask:
    app = make_flask(new_id=_new_id, end=_end)
    backend: Backend = _BACKENDS[url.partition(":")[0]](url)
    app.session_interface = FloorInterface(backend, touch)
    return app


_KEY = SECRET.encode()
_BACKENDS: dict[str, Callable[[str], Backend]] = {
    "redis": floor_redis.Backend,
    "postgresql+psycopg": floor_sql.PostgreSQL,
    "mysql+pymysql": floor_sql.MariaDB,
    "sqlite": floor_sql.SQLite,
    "memcached": floor_memcached.Backend,
    "file": floor_files.Backend,
}
PEERS = [Peer("floor", make_app)]
