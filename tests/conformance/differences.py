"""The deliberate differences from express-session, as rules that rewrite its traces.

Applied to express-session's trace, the rules give the trace expected of this package. The
two must then be equal. :mod:`.shown_differences` shows each rule under the name it has
here, and also the differences that no compared scenario reaches.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from typing import Any

from flask_serversession.stores.base import epoch_milliseconds
from flask_serversession.stores.base import from_epoch_milliseconds

Trace = dict[str, Any]
Op = list[Any]

#: SESSION_IDLE_TIMEOUT, in milliseconds.
DAY = 86_400_000
#: Follows express's last call in a request.
END: Op = ["end", None]


@dataclass
class Store:
    """What the store holds after the expected calls."""

    touches: bool
    #: id -> the document.
    documents: dict[str, str] = field(default_factory=dict)
    #: The ids that were destroyed.
    ended: set[str] = field(default_factory=set)

    def cookie(self, sid: str) -> dict[str, Any] | None:
        """Return the attributes of a stored cookie, without its expiry."""
        return _attributes(self.documents[sid]) if sid in self.documents else None

    def follow(self, op: Op) -> None:
        """Apply a call."""
        verb, sid, *rest = op
        if verb == "set":
            self.documents[sid] = rest[0]
            self.ended.discard(sid)
        elif verb == "destroy":
            self.documents.pop(sid, None)
            self.ended.add(sid)


@dataclass
class Request:
    """One request, with the calls compared so far."""

    number: int
    now: int
    actions: list[Any]
    ops: list[Op]
    owed: list[Op] = field(default_factory=list)


#: Returns the calls expected in place of one of express's; None if the rule does not apply.
Rule = Callable[[Store, Request, Op], "list[Op] | None"]
#: For each call, the first rule that applies decides.
RULES: dict[str, Rule] = {}


def rule(name: str) -> Callable[[Rule], Rule]:
    """Register a rule under the name of its difference."""

    def register(rule: Rule) -> Rule:
        RULES[name] = rule
        return rule

    return register


def owed(scenario: Mapping[str, Any], express: Trace, rules: Mapping[str, Rule] = RULES) -> Trace:
    """Return the trace expected of this package, given express-session's."""
    if "refused" in express:
        return {"refused": True}
    store = Store(touches=scenario.get("storeTouches", True))
    now: int = scenario["start"]
    requests = []
    pairs = zip(scenario["requests"], express["requests"], strict=True)
    for number, (sent, answered) in enumerate(pairs):
        now += sent.get("advance", 0)
        if sent.get("clearFirst"):
            store.documents.clear()
        request = Request(number, now, sent["actions"], answered["ops"])
        for op in [*request.ops, END]:
            _apply(rules, store, request, op)
        requests.append({**_comparable(answered), "ops": request.owed})
    return {"requests": requests}


def given(trace: Trace) -> Trace:
    """Return the part of this package's trace that is compared."""
    if "refused" in trace:
        return {"refused": True}
    return {"requests": [_comparable(request) for request in trace["requests"]]}


def _apply(rules: Mapping[str, Rule], store: Store, request: Request, op: Op) -> None:
    answers = (rule(store, request, op) for rule in rules.values())
    unchanged = [] if op is END else [op]
    for one in next((ops for ops in answers if ops is not None), unchanged):
        store.follow(one)
        request.owed.append(one)


@rule("destroyed-once")
def _destroyed_once(store: Store, request: Request, op: Op) -> list[Op] | None:
    verb, sid, *_ = op
    return [] if verb == "destroy" and sid in store.ended else None


@rule("no-calls-for-unstored-sessions")
def _no_calls_for_unstored_sessions(store: Store, request: Request, op: Op) -> list[Op] | None:
    verb, sid, *_ = op
    asks = verb == "destroy" or (verb == "get" and sid.startswith(f"r{request.number}-"))
    return [] if asks and sid not in store.documents and sid not in store.ended else None


@rule("regenerated-saved-once")
def _regenerated_saved_once(store: Store, request: Request, op: Op) -> list[Op] | None:
    verb, sid, *_ = op
    if verb != "set" or op is not request.ops[-1]:
        return None  # an explicit save, and there may be several
    if not any(one[0] == "destroy" and one[1] != sid for one in request.ops):
        return None
    saved = next((one for one in reversed(request.owed) if one[:2] == ["set", sid]), None)
    return [] if op == saved else None


@rule("touch-moves-the-expiry")
def _touch_moves_the_expiry(store: Store, request: Request, op: Op) -> list[Op] | None:
    verb, sid, *rest = op
    if verb != "touch" or store.cookie(sid) != _attributes(rest[0]):
        return None
    return [["touch", sid, _ends(rest[0], request.now)]]


@rule("cookie-change-is-saved")
def _cookie_change_is_saved(store: Store, request: Request, op: Op) -> list[Op] | None:
    verb, sid, *rest = op
    if verb != "touch" or store.cookie(sid) == _attributes(rest[0]):
        return None
    return [["set", sid, rest[0]]]


@rule("every-store-touches")
def _every_store_touches(store: Store, request: Request, op: Op) -> list[Op] | None:
    if op is not END or store.touches or [one[0] for one in request.owed] != ["get"]:
        return None
    sid = request.owed[0][1]
    if ["touch"] in request.actions:
        age = json.loads(store.documents[sid])["cookie"]["originalMaxAge"]
        return [["touch", sid, request.now + (age or DAY)]]
    for verb, *change in request.actions:
        if verb == "cookie":
            document = _with_max_age(store.documents[sid], change[1], request.now)
            return [["set", sid, document]]
    return None


def _with_max_age(document: str, max_age: int, now: int) -> str:
    changed = json.loads(document)
    moment = from_epoch_milliseconds(now + max_age).isoformat(timespec="milliseconds")
    changed["cookie"]["originalMaxAge"] = max_age
    changed["cookie"]["expires"] = moment.replace("+00:00", "Z")
    return json.dumps(changed, separators=(",", ":"))


def _comparable(request: Mapping[str, Any]) -> dict[str, Any]:
    """Remove the body of an error page, whose wording comes from the framework."""
    kept = dict(request)
    if kept["status"] == 500:
        del kept["body"]
    return kept


def _attributes(document: str) -> dict[str, Any]:
    """Return the attributes of a stored cookie, without its expiry."""
    cookie: dict[str, Any] = json.loads(document)["cookie"]
    return {name: value for name, value in cookie.items() if name != "expires"}


def _ends(document: str, now: int) -> int:
    expires = json.loads(document)["cookie"].get("expires")
    if not expires:
        return now + DAY
    return epoch_milliseconds(datetime.fromisoformat(expires.replace("Z", "+00:00")))
