"""What deliberately differs from express-session: each rule turns its trace into ours.

A comparison applies every rule to express's trace and then wants equality: nothing else
may differ. The rules, and the differences that no scenario of the comparison can meet,
are rows of ``docs/explanation/express-differences`` by the names given here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask_serversession.stores.base import epoch_milliseconds
from flask_serversession.stores.base import from_epoch_milliseconds

Trace = dict[str, Any]
Op = list[Any]

#: SESSION_IDLE_TIMEOUT, in milliseconds.
DAY = 86_400_000


def owed(scenario: Mapping[str, Any], express: Trace) -> Trace:
    """Return the trace this package owes, given express-session's."""
    if "refused" in express:
        return {"refused": True}
    store = _StoreOfExpress(touches=scenario.get("storeTouches", True))
    now: int = scenario["start"]
    requests = []
    pairs = zip(scenario["requests"], express["requests"], strict=True)
    for number, (sent, request) in enumerate(pairs):
        now += sent.get("advance", 0)
        if sent.get("clearFirst"):
            store.cookies.clear()
        ops = store.ops_owed(request["ops"], sent["actions"], number, now)
        requests.append({**_comparable(request), "ops": ops})
    return {"requests": requests}


def given(trace: Trace) -> Trace:
    """Return this package's trace as it is compared."""
    if "refused" in trace:
        return {"refused": True}
    return {"requests": [_comparable(request) for request in trace["requests"]]}


class _StoreOfExpress:
    """What express's store holds: it tells which of its calls are not made here, and why."""

    def __init__(self, *, touches: bool) -> None:
        #: id -> the attributes of the stored cookie.
        self.cookies: dict[str, dict[str, Any]] = {}
        self._documents: dict[str, str] = {}
        self._touches = touches

    def ops_owed(self, ops: list[Op], actions: list[Any], number: int, now: int) -> list[Op]:
        kept: list[Op] = []
        for verb, sid, *rest in ops:
            if verb == "get" and sid.startswith(f"r{number}-") and sid not in self.cookies:
                continue  # never-stored-never-asked-for
            if verb == "destroy" and self.cookies.pop(sid, None) is None:
                continue  # never-stored-never-asked-for, destroyed-once
            again = [verb, sid, *rest] == _last_set(kept, sid)
            if again and _was_regenerated(ops, sid):
                continue  # regenerated-saved-once
            if verb == "touch":
                kept.append(self._touch_owed(sid, rest[0], now))
                continue
            if verb == "set":
                self.cookies[sid] = _attributes(rest[0])
                self._documents[sid] = rest[0]
            kept.append([verb, sid, *rest])
        if not self._touches and [op[0] for op in kept] == ["get"]:
            kept += self._ops_without_touch(kept[0][1], actions, now)
        return kept

    def _touch_owed(self, sid: str, document: str, now: int) -> Op:
        if self.cookies.get(sid) == _attributes(document):
            return ["touch", sid, _ends(document, now)]  # touch-moves-the-expiry
        self.cookies[sid] = _attributes(document)
        return ["set", sid, document]  # cookie-change-is-saved

    def _ops_without_touch(self, sid: str, actions: list[Any], now: int) -> list[Op]:
        """Return what is owed where express's store cannot touch, and so does nothing."""
        if ["touch"] in actions:
            return [["touch", sid, now + (self.cookies[sid]["originalMaxAge"] or DAY)]]
        for verb, *change in actions:
            if verb == "cookie":
                return [["set", sid, self._with_max_age(sid, change[1], now)]]
        return []

    def _with_max_age(self, sid: str, max_age: int, now: int) -> str:
        document = json.loads(self._documents[sid])
        moment = from_epoch_milliseconds(now + max_age).isoformat(timespec="milliseconds")
        document["cookie"]["originalMaxAge"] = max_age
        document["cookie"]["expires"] = moment.replace("+00:00", "Z")
        return json.dumps(document, separators=(",", ":"))


def _comparable(request: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the wording of an error page, which is the framework's."""
    kept = dict(request)
    if kept["status"] == 500:
        del kept["body"]
    return kept


def _last_set(ops: list[Op], sid: str) -> Op | None:
    return next((op for op in reversed(ops) if op[:2] == ["set", sid]), None)


def _was_regenerated(ops: list[Op], sid: str) -> bool:
    return any(op[0] == "destroy" and op[1] != sid for op in ops)


def _attributes(document: str) -> dict[str, Any]:
    """Return the attributes of a stored cookie, without its moving expiry."""
    cookie: dict[str, Any] = json.loads(document)["cookie"]
    return {name: value for name, value in cookie.items() if name != "expires"}


def _ends(document: str, now: int) -> int:
    expires = json.loads(document)["cookie"].get("expires")
    if not expires:
        return now + DAY
    return epoch_milliseconds(datetime.fromisoformat(expires.replace("Z", "+00:00")))
