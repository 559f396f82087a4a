"""Plays a scenario on Flask with this package, in the express profile."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from functools import reduce
from typing import Any

import time_machine
from flask import Flask
from flask import Request
from flask import session
from flask import stream_with_context

from flask_serversession import ConfigError
from flask_serversession import Record
from flask_serversession import Refusal
from flask_serversession import ServerSession
from flask_serversession import Session
from flask_serversession import SessionError
from flask_serversession import StoreError
from flask_serversession.cookies.cookie import system_clock
from flask_serversession.stores.base import ENDED
from flask_serversession.stores.base import EPOCH
from flask_serversession.stores.base import epoch_milliseconds
from flask_serversession.stores.memory import MemoryStore

INSTANCE = tempfile.gettempdir()  # unused; Flask would look for one
NO_SESSION = "no session"
#: The error by which some Node stores say that there is no such session.
ABSENT = "ENOENT"
RELOAD_FAILED = "failed to load session"
#: A touch interval longer than any scenario, so that no session is touched.
NEVER = 10**9

VERBS = ["get", "set", "touch", "destroy"]

Op = list[Any]
View = tuple[Any, int, list[tuple[str, str]]]


def play(scenario: Mapping[str, Any]) -> dict[str, Any]:
    """Return this package's trace of a scenario."""
    with time_machine.travel(_moment(scenario["start"]), tick=False) as clock:
        try:
            player = _Player(scenario, clock)
        except ConfigError as error:
            return {"refused": str(error)}
        return {
            "requests": [player.send(*numbered) for numbered in enumerate(scenario["requests"])]
        }


class RecordingStore:
    """A real store that records each call under the name that Express gives it."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.ops: list[Op] = []
        self.fails: Mapping[str, str] = {}

    def load(self, key: str) -> Record | None:
        if self.fails.get("get") == ABSENT:
            self.ops.append(["get", key])
            return None
        self._note("get", key)
        return self._store.load(key)

    def create(self, key: str, record: Record) -> bool:
        self._note("set", key, record.payload.decode())
        return self._store.create(key, record)

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        if record is ENDED:
            self._note("destroy", key)
        else:
            self._note("set", key, record.payload.decode())
        return self._store.save(key, record, replacing=replacing)

    def touch(self, key: str, expires_at: datetime) -> bool:
        self._note("touch", key, epoch_milliseconds(expires_at))
        return self._store.touch(key, expires_at)

    def delete(self, key: str) -> bool:
        self._note("destroy", key)
        return self._store.delete(key)

    def clear(self) -> None:
        self._store.clear()

    def overwrite(self, rows: Mapping[str, Any]) -> None:
        """Replace stored sessions by rows. A row that is not a text is stored as its JSON."""
        for key, row in rows.items():
            text = row if isinstance(row, str) else json.dumps(row)
            record = self._store.load(key)
            assert record is not None
            self._store.save(key, replace(record, payload=text.encode()))

    def _note(self, verb: str, *parts: Any) -> None:
        self.ops.append([verb, *parts])
        if verb in self.fails:
            raise StoreError(self.fails[verb])


class _Player:
    def __init__(self, scenario: Mapping[str, Any], clock: time_machine.Traveller) -> None:
        self._scenario = scenario
        self._clock = clock
        self._cookie: str | None = None
        self._number = self._ids = self._all_ids = 0
        self._request: Mapping[str, Any] = {}
        self._saw: list[Any] = []
        self._ended = False
        self._store = RecordingStore(MemoryStore())
        servers = {"": {}, **scenario.get("otherServers", {})}
        self._apps = {name: self._make_app(options) for name, options in servers.items()}
        self._name = self._apps[""].extensions["serversession"].config.cookie_name

    def send(self, number: int, given: Mapping[str, Any]) -> dict[str, Any]:
        self._clock.shift(timedelta(milliseconds=given.get("advance", 0)))
        self._number, self._ids, self._request = number, 0, given
        self._saw, self._store.ops, self._ended = [], [], False
        down = dict.fromkeys(VERBS, "down") if given.get("disconnected") else {}
        self._store.fails = given.get("fails", down)
        if given.get("clearFirst"):
            self._store.clear()
        self._store.overwrite(given.get("rows", {}))
        client = self._apps[given.get("server", "")].test_client(use_cookies=False)
        response = client.open(
            given.get("path", "/"),
            method=given.get("method", "GET"),
            headers=self._headers(given),
            environ_overrides=_scheme(given.get("secure", False)),
        )
        lines = response.headers.getlist("Set-Cookie")
        for line in lines:
            if line.startswith(f"{self._name}="):
                self._cookie = line.partition(";")[0]
        return {
            "status": response.status_code,
            "cookies": lines,
            "body": response.text,
            "ops": self._store.ops,
            "saw": self._saw,
            **_asked(given, response.headers),
        }

    def _headers(self, given: Mapping[str, Any]) -> list[tuple[str, str]]:
        headers = list(given.get("headers", {}).items())
        cookie = given.get("cookie", self._cookie)
        if "cookieBefore" in given:
            cookie = f"{given['cookieBefore']}; {cookie}"
        return [*headers, ("Cookie", cookie)] if cookie else headers

    def _make_app(self, others: Mapping[str, Any]) -> Flask:
        app = Flask("conformance", static_folder=None, root_path=".", instance_path=INSTANCE)
        app.config.update(_config(self._scenario, others), SESSION_STORE=self._store)
        app.config["SESSION_GENID"] = self._generate_id
        ServerSession(app)
        if self._scenario.get("ticks"):
            manager = app.extensions["serversession"]
            manager.settings = replace(manager.settings, clock=self._tick)
        # Not a route: to compile one takes longer than most scenarios.
        app.before_request(self._view)
        return app

    def _generate_id(self, request: Request) -> str:
        genid: Any = self._scenario.get("genid")
        if isinstance(genid, list):
            self._all_ids += 1
            return genid[self._all_ids - 1]
        if genid is not None:
            return request.path if genid == "url" else genid
        self._ids += 1
        return f"r{self._number}-{self._ids}"

    def _tick(self) -> int:
        """Return the time. A millisecond passes with each call."""
        self._clock.shift(timedelta(milliseconds=1))
        return system_clock()

    def _view(self) -> View:
        body: Any = self._request.get("body", "")
        if "stream" in self._request:
            body = stream_with_context(self._stream())
        else:
            self._do(self._request.get("actions", ()))
        return (
            body,
            self._request.get("status", 200),
            [tuple(pair) for pair in self._request.get("responseHeaders", ())],
        )

    def _stream(self) -> Iterator[str]:
        yield self._request["stream"]
        self._do(self._request.get("actions", ()))

    def _do(self, actions: Iterable[Op]) -> None:
        for verb, *args in actions:
            self._act(verb, args)

    def _act(self, verb: str, args: list[Any]) -> None:
        if verb == "see":
            self._saw.append(self._see(*args))
        elif verb == "clear store":
            self._store.clear()
        elif verb == "meanwhile":
            self._meanwhile(args)
        elif verb == "write":
            self.set(*args)
        elif self._is_absent():
            self._saw.append(NO_SESSION)
        else:
            said = _ACTIONS[verb](self, *args)
            if isinstance(said, str):
                self._saw.append(said)

    def _is_absent(self) -> bool:
        # After an end Express has no req.session, and this package has a new session.
        return self._ended or not isinstance(session._get_current_object(), Session)

    def _meanwhile(self, actions: list[Op]) -> None:
        """Play another request of the same browser before this one continues."""
        request, ended = self._request, self._ended
        self._request = {"actions": actions}
        client = self._apps[""].test_client(use_cookies=False)
        client.open("/", headers=self._headers({}))
        self._request, self._ended = request, ended

    def _see(self, *members: str) -> Any:
        if self._is_absent():
            return NO_SESSION
        cookie = session.cookie.to_document()
        max_age = session.cookie.max_age
        seen: Any = {
            "id": session.id,
            "data": json.loads(json.dumps(dict(session))),
            "cookie": cookie,
            "maxAge": False if cookie["expires"] is False else max_age and round(max_age * 1000),
        }
        return reduce(lambda value, member: value.get(member), members, seen)

    def set(self, key: str, value: Any) -> None:
        session[key] = value

    def circle(self, key: str) -> None:
        ring: list[Any] = []
        ring.append(ring)
        session[key] = ring

    def assign(self, value: Mapping[str, Any]) -> None:
        # flask.session cannot be assigned to. This is the equivalent.
        session.clear()
        session.update(value)

    def identify(self, sid: str) -> None:
        session.id = sid  # type: ignore[attr-defined]

    def delete(self, key: str) -> None:
        session.pop(key, None)

    def count(self, key: str) -> None:
        session[key] = (session.get(key) or 0) + 1

    def push(self, key: str, value: Any) -> None:
        if isinstance(session.get(key), list):
            session[key].append(value)
        else:
            session[key] = [value]

    def cookie(self, attribute: str, value: Any) -> None:
        name = _ATTRIBUTES[attribute]
        if attribute == "maxAge" and value is not None:
            value = timedelta(milliseconds=value)
        if attribute == "expires" and isinstance(value, str):
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        setattr(session.cookie, name, value)

    def regenerate(self) -> None:
        session.regenerate()

    def destroy(self) -> None:
        session.destroy()
        self._ended = True

    def reload(self) -> str | None:
        try:
            session.reload()
        except SessionError:
            return RELOAD_FAILED
        return None

    def save(self) -> None:
        session.save()

    def touch(self) -> None:
        session.touch()

    def unset(self) -> None:
        session.unset()
        self._ended = True

    def wait(self, milliseconds: int) -> None:
        self._clock.shift(timedelta(milliseconds=milliseconds))


_ACTIONS: dict[str, Callable[..., str | None]] = {
    "set": _Player.set,
    "circle": _Player.circle,
    "assign": _Player.assign,
    "identify": _Player.identify,
    "delete": _Player.delete,
    "count": _Player.count,
    "push": _Player.push,
    "cookie": _Player.cookie,
    "regenerate": _Player.regenerate,
    "destroy": _Player.destroy,
    "reload": _Player.reload,
    "save": _Player.save,
    "touch": _Player.touch,
    "unset": _Player.unset,
    "wait": _Player.wait,
}

_ATTRIBUTES = {
    "maxAge": "max_age",
    "expires": "expires",
    "secure": "secure",
    "httpOnly": "httponly",
    "path": "path",
    "domain": "domain",
    "sameSite": "samesite",
    "priority": "priority",
    "partitioned": "partitioned",
}

_OPTIONS = {
    "secret": "SESSION_SECRET",
    "name": "SESSION_COOKIE_NAME",
    "proxy": "SESSION_PROXY",
    "resave": "SESSION_RESAVE",
    "saveUninitialized": "SESSION_SAVE_UNINITIALIZED",
    "rolling": "SESSION_ROLLING",
    "unset": "SESSION_UNSET",
}


def _config(scenario: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = {"SESSION_PROFILE": "express"}
    for option, value in {**scenario["options"], **others}.items():
        if option == "cookie":
            config["SESSION_COOKIE_OPTIONS"] = _cookie_options(value)
        elif option == "secret" and isinstance(value, dict):
            config["SESSION_SECRET"] = bytes.fromhex(value["hex"])
        else:
            config[_OPTIONS[option]] = value
    if scenario.get("storeTouches") is False:
        config["SESSION_TOUCH_INTERVAL"] = NEVER
    return {**config, **scenario.get("config", {})}


def _cookie_options(given: Mapping[str, Any]) -> Callable[[Request], dict[str, Any]]:
    if "function" in given:
        static = _cookie_options(given["function"])
        return lambda request: {"path": request.path, **static(request)}
    options = {_ATTRIBUTES[name]: value for name, value in given.items()}
    if options.get("max_age") is not None:
        options["max_age"] = timedelta(milliseconds=options["max_age"])
    if isinstance(options.get("expires"), str):
        options["expires"] = datetime.fromisoformat(options["expires"].replace("Z", "+00:00"))
    return lambda _: options


def _scheme(secure: bool) -> dict[str, Any]:
    """Return what a trusted proxy adds to the environ if the browser came over HTTPS."""
    if not secure:
        return {}
    return {"wsgi.url_scheme": "https", "werkzeug.proxy_fix.orig": {"wsgi.url_scheme": "http"}}


def _asked(given: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    names = given.get("headersOf")
    return {} if names is None else {"headers": [headers.get(name) for name in names]}


def _moment(milliseconds: int) -> datetime:
    return (EPOCH + timedelta(milliseconds=milliseconds)).astimezone(timezone.utc)
