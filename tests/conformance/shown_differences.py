"""Every deliberate difference from express-session, and a scenario that shows it.

A difference has the outcome on each side, one line per request, in the form that
:func:`outcome` gives a trace. ``docs/explanation/express-differences`` has a section of the
same name for each, with the text that :func:`written` returns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from .upstream import ABSENT
from .upstream import get
from .upstream import NO_COOKIE
from .upstream import Scenario
from .upstream import SECRET
from .upstream import START

#: The options of a scenario that names no others.
OPTIONS = {"secret": SECRET, "resave": False, "saveUninitialized": False}
#: The keys of a scenario that are not options.
BESIDE = ("genid", "otherServers", "cookieParser", "storeServesExpired", "storeTouches", "ticks")

ADA = ["set", "user", "ada"]
BOB = ["set", "user", "bob"]
DATA = ["see", "data"]
AGE = ["see", "cookie", "originalMaxAge"]
PAST = "2026-11-21T00:00:00.000Z"
#: Milliseconds to wait for an answer that never comes.
HANGS = {"patience": 300}

#: Where a line of actions or outcomes may be broken.
_BETWEEN = re.compile(r"(?<=\)), |, (?=(?:get|set|touch|destroy|sees|Set-Cookie|headers) )")
_LABEL = 11
_WIDTH = 88


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One deliberate difference."""

    scenario: Scenario
    express: list[str]
    here: list[str]
    #: The configuration key that selects the behaviour.
    key: str | None = None
    #: Whether the outcomes include cookie attributes and the argument of a touch.
    whole: bool = False


def scenario(*requests: dict[str, Any], **options: Any) -> Scenario:
    """Return a scenario; :data:`OPTIONS` are the defaults of its options."""
    beside = {name: options.pop(name) for name in ("config", *BESIDE) if name in options}
    options = {name: value for name, value in (OPTIONS | options).items() if value is not ABSENT}
    return {"start": START, "options": options, "requests": list(requests), **beside}


def outcome(trace: Mapping[str, Any], *, whole: bool = False) -> list[str]:
    """Return a trace as one line per request."""
    if "refused" in trace:
        return ["refused"]
    return [_short(", ".join(_told(request, whole))) for request in trace["requests"]]


def written(name: str) -> str:
    """Return the scenario of a difference and its outcomes, as the page shows them."""
    shown = SHOWN[name]
    rows = list(_options(shown.scenario))
    for number, request in enumerate(shown.scenario["requests"]):
        rows.append((f"request {number}", _request(request)))
        express, here = (outcomes[number] for outcomes in (shown.express, shown.here))
        rows += [("both", here)] if express == here else [("express", express), ("here", here)]
    return "\n".join(_row(label, _short(text)) for label, text in rows)


def _told(request: Mapping[str, Any], whole: bool) -> Iterator[str]:
    yield str(request["status"])
    for op in request["ops"]:
        yield _op(op, whole)
    for value in request["saw"]:
        yield f"sees {_json(value)}"
    for line in request["cookies"]:
        yield f"Set-Cookie {_cookie(line, whole)}"
    if "headers" in request:
        yield f"headers {_json(request['headers'])}"


def _op(op: list[Any], whole: bool) -> str:
    verb, sid, *rest = op
    if verb == "set":
        return f"set {sid} {_data(rest[0])}"
    return f"{verb} {sid} {rest[0]}" if rest and whole else f"{verb} {sid}"


def _data(document: str) -> str:
    """Return a stored document as it is written, without its cookie."""
    return re.sub(r'"cookie":\{[^}]*\},?', "", document).replace(",}", "}")


def _cookie(line: str, whole: bool) -> str:
    """Return a Set-Cookie line with the bare id in place of its signed value."""
    value, semicolon, attributes = line.partition("=")[2].partition(";")
    sid = unquote(value).removeprefix("s:").rpartition(".")[0]
    return (sid or "(none)") + (semicolon + attributes if whole else "")


def _options(scenario: Scenario) -> Iterator[tuple[str, str]]:
    options = scenario["options"]
    chosen = {name: value for name, value in options.items() if OPTIONS.get(name) != value}
    chosen |= {name: scenario[name] for name in BESIDE if name in scenario}
    if chosen:
        yield "options", _fields(chosen)
    if left_out := [name for name in OPTIONS if name not in options]:
        yield "without", " ".join(left_out)
    if "config" in scenario:
        yield "config", _fields(scenario["config"])


def _request(request: Mapping[str, Any]) -> str:
    fields = _fields({name: value for name, value in request.items() if name != "actions"})
    actions = ", ".join(_action(*action) for action in request["actions"])
    return "; ".join(part for part in (fields, actions) if part) or "nothing"


def _action(verb: str, *args: Any) -> str:
    told = (_action(*arg) if verb == "meanwhile" else _json(arg) for arg in args)
    return f"{verb}({', '.join(told)})"


def _fields(fields: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={_json(value)}" for name, value in fields.items())


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _short(text: str) -> str:
    """Shorten long runs of one character."""
    return re.sub(r"(.)\1{80,}", r"\1…\1", text)


def _row(label: str, text: str) -> str:
    if len(text) > _WIDTH:
        text = _BETWEEN.sub(",\n" + " " * _LABEL, text)
    return f"{label:<{_LABEL}}{text}"


SHOWN: dict[str, Difference] = {
    # When something fails.
    "saved-before-the-first-byte": Difference(
        scenario=scenario(get(ADA, body="moved", hurried=True, slow={"set": 100}), get(DATA)),
        express=['200, set r0-1 {"user":"ada"}, Set-Cookie r0-1', "200, get r0-1, sees {}"],
        here=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            '200, get r0-1, touch r0-1, sees {"user":"ada"}',
        ],
    ),
    "failures-are-500": Difference(
        scenario=scenario(
            get(ADA, fails={"set": "boom"}),
            get(ADA),
            get(fails={"touch": "boom"}),
            get(["regenerate"], fails={"destroy": "boom"}),
            get(BOB, ["save"], fails={"set": "boom"}),
        ),
        express=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            '200, get r0-1, set r1-1 {"user":"ada"}, Set-Cookie r1-1',
            "200, get r1-1, touch r1-1",
            "500, get r1-1, destroy r1-1, set r3-1 {}, Set-Cookie r3-1",
            '500, get r3-1, set r3-1 {"user":"bob"}, touch r3-1',
        ],
        here=[
            '500, set r0-1 {"user":"ada"}',
            '200, set r1-1 {"user":"ada"}, Set-Cookie r1-1',
            "500, get r1-1, touch r1-1",
            "500, get r1-1, destroy r1-1",
            '500, get r1-1, set r1-1 {"user":"bob"}',
        ],
    ),
    "disconnected-stores": Difference(
        scenario=scenario(get(ADA), get(DATA, disconnected=True)),
        express=['200, set r0-1 {"user":"ada"}, Set-Cookie r0-1', '200, sees "no session"'],
        here=['200, set r0-1 {"user":"ada"}, Set-Cookie r0-1', "500, get r0-1"],
    ),
    "unserialisable-is-an-error": Difference(
        scenario=scenario(get(["circle", "ring"], **HANGS)),
        express=["no answer"],
        here=["500"],
    ),
    "broken-rows": Difference(
        scenario=scenario(
            get(ADA),
            get(DATA, rows={"r0-1": {"user": "ada"}}),
            get(DATA, rows={"r0-1": "not JSON"}),
            get(DATA, rows={"r0-1": {"cookie": {"originalMaxAge": "60000"}}}, **HANGS),
        ),
        express=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            "500, get r0-1",
            "500, get r0-1",
            "no answer, get r0-1, sees {}",
        ],
        here=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            "200, get r0-1, sees {}",
            "200, get r0-1, sees {}",
            "200, get r0-1, touch r0-1, sees {}",
        ],
    ),
    "streams": Difference(
        scenario=scenario(
            get(ADA, stream="a"), get(ADA, **NO_COOKIE), get(BOB, stream="a"), get(DATA)
        ),
        express=[
            '200, set r0-1 {"user":"ada"}',
            '200, set r1-1 {"user":"ada"}, Set-Cookie r1-1',
            '200, get r1-1, set r1-1 {"user":"bob"}',
            '200, get r1-1, touch r1-1, sees {"user":"bob"}',
        ],
        here=[
            "200",
            '200, set r1-1 {"user":"ada"}, Set-Cookie r1-1',
            "200, get r1-1, touch r1-1",
            '200, get r1-1, touch r1-1, sees {"user":"ada"}',
        ],
    ),
    # When a session has ended.
    "gone-means-gone": Difference(
        scenario=scenario(
            get(ADA),
            get(["meanwhile", ["destroy"]], ["set", "seen", 1]),
            get(DATA),
            rolling=True,
        ),
        express=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            (
                '200, get r0-1, get r0-1, destroy r0-1, set r0-1 {"user":"ada","seen":1}, '
                "Set-Cookie r0-1"
            ),
            '200, get r0-1, touch r0-1, sees {"user":"ada","seen":1}, Set-Cookie r0-1',
        ],
        here=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            '200, get r0-1, get r0-1, destroy r0-1, set r0-1 {"user":"ada","seen":1}',
            "200, get r0-1, sees {}",
        ],
    ),
    "saved-as-expired": Difference(
        scenario=scenario(
            get(["cookie", "expires", PAST], ADA, ["save"], ["cookie", "maxAge", 60_000], BOB),
            get(DATA),
        ),
        express=[
            '200, set r0-1 {"user":"ada"}, set r0-1 {"user":"bob"}, Set-Cookie r0-1',
            '200, get r0-1, touch r0-1, sees {"user":"bob"}',
        ],
        here=['200, set r0-1 {"user":"ada"}, set r0-1 {"user":"bob"}', "200, sees {}"],
    ),
    "expired-means-absent": Difference(
        scenario=scenario(
            get(ADA), get(DATA, advance=70_000), cookie={"maxAge": 60_000}, storeServesExpired=True
        ),
        express=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            '200, get r0-1, touch r0-1, sees {"user":"ada"}',
        ],
        here=['200, set r0-1 {"user":"ada"}, Set-Cookie r0-1', "200, get r0-1, sees {}"],
    ),
    "idle-timeout": Difference(
        scenario=scenario(get(ADA), get(DATA, advance=90_000_000)),
        express=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            '200, get r0-1, touch r0-1, sees {"user":"ada"}',
        ],
        here=['200, set r0-1 {"user":"ada"}, Set-Cookie r0-1', "200, get r0-1, sees {}"],
        key="SESSION_IDLE_TIMEOUT",
    ),
    "session-after-destroy": Difference(
        scenario=scenario(
            get(ADA),
            get(["unset"], ["write", "bye", True]),
            get(["destroy"], ["write", "bye", True]),
        ),
        express=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            "500, get r0-1",
            "500, get r0-1, destroy r0-1",
        ],
        here=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            "200, get r0-1",
            '200, get r0-1, destroy r0-1, set r2-1 {"bye":true}, Set-Cookie r2-1',
        ],
    ),
    # Cookies.
    "path-match": Difference(
        scenario=scenario(get(ADA, path="/administrator"), cookie={"path": "/admin"}),
        express=['200, set r0-1 {"user":"ada"}, Set-Cookie r0-1'],
        here=['200, sees "no session"'],
    ),
    "duplicate-cookies": Difference(
        scenario=scenario(get(ADA), get(DATA, cookieBefore="connect.sid=s%3Astale.signature")),
        express=['200, set r0-1 {"user":"ada"}, Set-Cookie r0-1', "200, sees {}"],
        here=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            '200, get r0-1, touch r0-1, sees {"user":"ada"}',
        ],
    ),
    "long-cookies": Difference(
        scenario=scenario(get(ADA), get(DATA), genid=["x" * 5000, "y"]),
        express=[
            '200, set x…x {"user":"ada"}, Set-Cookie x…x',
            '200, get x…x, touch x…x, sees {"user":"ada"}',
        ],
        here=["500", "500"],
    ),
    "cookie-header-only": Difference(
        scenario=scenario(
            get(ADA, server="other"),
            get(DATA),
            cookieParser="nyan cat",
            otherServers={"other": {"secret": "nyan cat"}},
        ),
        express=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            '200, get r0-1, touch r0-1, sees {"user":"ada"}',
        ],
        here=['200, set r0-1 {"user":"ada"}, Set-Cookie r0-1', "200, sees {}"],
    ),
    "auto-in-a-function": Difference(
        scenario=scenario(get(ADA), cookie={"function": {"path": "/", "sameSite": "auto"}}),
        express=['200, set r0-1 {"user":"ada"}'],
        here=['200, set r0-1 {"user":"ada"}, Set-Cookie r0-1; Path=/; HttpOnly; SameSite=Lax'],
        whole=True,
    ),
    "options-per-application": Difference(
        scenario=scenario(
            get(ADA),
            cookie={"sameSite": "lax"},
            otherServers={"other": {"cookie": {"sameSite": "strict"}}},
        ),
        express=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1; Path=/; HttpOnly; SameSite=Strict'
        ],
        here=['200, set r0-1 {"user":"ada"}, Set-Cookie r0-1; Path=/; HttpOnly; SameSite=Lax'],
        whole=True,
    ),
    "caching-headers": Difference(
        scenario=scenario(get(ADA, headersOf=["vary", "cache-control"])),
        express=['200, set r0-1 {"user":"ada"}, Set-Cookie r0-1, headers [null,null]'],
        here=[
            (
                '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1, '
                'headers ["Cookie","no-cache=\\"Set-Cookie\\""]'
            )
        ],
    ),
    # Ids.
    "ids-are-unique": Difference(
        scenario=scenario(get(ADA), get(BOB, **NO_COOKIE), genid=["apple", "apple", "pear"]),
        express=[
            '200, set apple {"user":"ada"}, Set-Cookie apple',
            '200, set apple {"user":"bob"}, Set-Cookie apple',
        ],
        here=[
            '200, set apple {"user":"ada"}, Set-Cookie apple',
            '200, set apple {"user":"bob"}, set pear {"user":"bob"}, Set-Cookie pear',
        ],
    ),
    "ids-are-strings": Difference(
        scenario=scenario(get(ADA), genid=5),
        express=["200"],
        here=["500"],
    ),
    "ids-are-read-only": Difference(
        scenario=scenario(get(["identify", "mine"], ADA)),
        express=['200, set r0-1 {"user":"ada"}, Set-Cookie mine'],
        here=["500"],
    ),
    # What may be assigned.
    "options-are-checked": Difference(
        scenario=scenario(get(ADA), name="my sid"),
        express=['200, set r0-1 {"user":"ada"}'],
        here=["refused"],
    ),
    "no-expires-option": Difference(
        scenario=scenario(get(ADA), cookie={"expires": "2026-11-22T00:00:00.000Z"}),
        express=['200, set r0-1 {"user":"ada"}, Set-Cookie r0-1'],
        here=["500"],
    ),
    "invalid-attributes-are-refused": Difference(
        scenario=scenario(
            get(["cookie", "sameSite", "sometimes"], ADA),
            get(["cookie", "maxAge", 10**16], ADA, **NO_COOKIE),
        ),
        express=['200, set r0-1 {"user":"ada"}', '200, set r1-1 {"user":"ada"}'],
        here=["500", "500"],
    ),
    "session-is-not-assignable": Difference(
        scenario=scenario(get(["assign", {"user": "ada"}], **HANGS)),
        express=["no answer"],
        here=['200, set r0-1 {"user":"ada"}, Set-Cookie r0-1'],
    ),
    "cookie-is-reserved": Difference(
        scenario=scenario(get(["set", "cookie", {"flavour": "oatmeal"}], ADA)),
        express=['200, set r0-1 {"user":"ada"}, Set-Cookie r0-1'],
        here=["500"],
        whole=True,
    ),
    "reserved-names": Difference(
        scenario=scenario(get(["set", "constructor", "Foster"]), get(DATA)),
        express=[
            '200, set r0-1 {"constructor":"Foster"}, Set-Cookie r0-1',
            "200, get r0-1, set r0-1 {}, sees {}",
        ],
        here=[
            '200, set r0-1 {"constructor":"Foster"}, Set-Cookie r0-1',
            '200, get r0-1, touch r0-1, sees {"constructor":"Foster"}',
        ],
    ),
    # What is stored.
    "numbers": Difference(
        scenario=scenario(get(["set", "one", 1.0], ["set", "odd", 2**53 + 1])),
        express=['200, set r0-1 {"one":1,"odd":9007199254740992}, Set-Cookie r0-1'],
        here=['200, set r0-1 {"one":1.0,"odd":9007199254740993}, Set-Cookie r0-1'],
    ),
    "insertion-order": Difference(
        scenario=scenario(get(ADA, ["set", "1", "one"])),
        express=['200, set r0-1 {"1":"one","user":"ada"}, Set-Cookie r0-1'],
        here=['200, set r0-1 {"user":"ada","1":"one"}, Set-Cookie r0-1'],
    ),
    "constant-max-age": Difference(
        scenario=scenario(get(ADA), get(AGE), get(AGE), cookie={"maxAge": 60_000}, ticks=True),
        express=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            "200, get r0-1, touch r0-1, sees 59998",
            "200, get r0-1, touch r0-1, sees 59997",
        ],
        here=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            "200, get r0-1, touch r0-1, sees 60000",
            "200, get r0-1, touch r0-1, sees 60000",
        ],
    ),
    # Calls to the store.
    "no-calls-for-unstored-sessions": Difference(
        scenario=scenario(get(["reload"]), get(["destroy"])),
        express=['200, get r0-1, sees "failed to load session"', "200, destroy r1-1"],
        here=['200, sees "failed to load session"', "200"],
    ),
    "destroyed-once": Difference(
        scenario=scenario(get(ADA), get(["destroy"]), unset="destroy"),
        express=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            "200, get r0-1, destroy r0-1, destroy r0-1",
        ],
        here=['200, set r0-1 {"user":"ada"}, Set-Cookie r0-1', "200, get r0-1, destroy r0-1"],
    ),
    "regenerated-saved-once": Difference(
        scenario=scenario(get(ADA), get(["regenerate"], BOB, ["save"])),
        express=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            (
                '200, get r0-1, destroy r0-1, set r1-1 {"user":"bob"}, set r1-1 {"user":"bob"}, '
                "Set-Cookie r1-1"
            ),
        ],
        here=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            '200, get r0-1, destroy r0-1, set r1-1 {"user":"bob"}, Set-Cookie r1-1',
        ],
    ),
    "touch-moves-the-expiry": Difference(
        scenario=scenario(get(ADA), get(advance=1000), cookie={"maxAge": 60_000}),
        express=[
            (
                '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1; Path=/; '
                "Expires=Sat, 21 Nov 2026 00:14:20 GMT; HttpOnly"
            ),
            (
                '200, get r0-1, touch r0-1 {"cookie":{"originalMaxAge":60000,'
                '"expires":"2026-11-21T00:14:21.000Z","httpOnly":true,"path":"/"},"user":"ada"}'
            ),
        ],
        here=[
            (
                '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1; Path=/; '
                "Expires=Sat, 21 Nov 2026 00:14:20 GMT; HttpOnly"
            ),
            "200, get r0-1, touch r0-1 1795220061000",
        ],
        whole=True,
    ),
    "cookie-change-is-saved": Difference(
        scenario=scenario(get(ADA), get(["cookie", "maxAge", 5000]), cookie={"maxAge": 60_000}),
        express=['200, set r0-1 {"user":"ada"}, Set-Cookie r0-1', "200, get r0-1, touch r0-1"],
        here=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            '200, get r0-1, set r0-1 {"user":"ada"}',
        ],
    ),
    "every-store-touches": Difference(
        scenario=scenario(
            get(ADA),
            get(["touch"], advance=1000),
            cookie={"maxAge": 60_000},
            storeTouches=False,
        ),
        express=['200, set r0-1 {"user":"ada"}, Set-Cookie r0-1', "200, get r0-1"],
        here=['200, set r0-1 {"user":"ada"}, Set-Cookie r0-1', "200, get r0-1, touch r0-1"],
    ),
    # What a key chooses.
    "defaults": Difference(
        scenario=scenario(
            get(), resave=ABSENT, saveUninitialized=ABSENT, config={"SESSION_PROFILE": "flask"}
        ),
        express=["200, set r0-1 {}, Set-Cookie r0-1"],
        here=["200"],
        key="SESSION_PROFILE",
    ),
    "cookie-changes-count": Difference(
        scenario=scenario(
            get(ADA),
            get(["cookie", "maxAge", 60_000]),
            config={"SESSION_PROFILE": "flask"},
        ),
        express=['200, set r0-1 {"user":"ada"}, Set-Cookie r0-1', "200, get r0-1, touch r0-1"],
        here=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            '200, get r0-1, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
        ],
        key="SESSION_PROFILE",
    ),
    "touched-on-access": Difference(
        scenario=scenario(get(ADA), get(), get(DATA), config={"SESSION_TOUCH": "accessed"}),
        express=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            "200, get r0-1, touch r0-1",
            '200, get r0-1, touch r0-1, sees {"user":"ada"}',
        ],
        here=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            "200",
            '200, get r0-1, touch r0-1, sees {"user":"ada"}',
        ],
        key="SESSION_TOUCH",
    ),
    "secret-only-when-needed": Difference(
        scenario=scenario(get(), get(DATA), secret=ABSENT, config={"SESSION_TOUCH": "accessed"}),
        express=["500", "500"],
        here=["200", '200, sees "no session"'],
        key="SESSION_TOUCH",
    ),
    "throttled-touches": Difference(
        scenario=scenario(
            get(ADA),
            get(DATA, advance=1000),
            get(DATA, advance=60_000),
            config={"SESSION_TOUCH_INTERVAL": 60},
        ),
        express=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            '200, get r0-1, touch r0-1, sees {"user":"ada"}',
            '200, get r0-1, touch r0-1, sees {"user":"ada"}',
        ],
        here=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            '200, get r0-1, sees {"user":"ada"}',
            '200, get r0-1, touch r0-1, sees {"user":"ada"}',
        ],
        key="SESSION_TOUCH_INTERVAL",
    ),
    "cookie-is-extended-too": Difference(
        scenario=scenario(
            get(ADA),
            get(DATA, advance=1000),
            cookie={"maxAge": 60_000},
            config={"SESSION_ROLLING": None},
        ),
        express=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            '200, get r0-1, touch r0-1, sees {"user":"ada"}',
        ],
        here=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            '200, get r0-1, touch r0-1, sees {"user":"ada"}, Set-Cookie r0-1',
        ],
        key="SESSION_ROLLING",
    ),
    "empty-is-destroyed": Difference(
        scenario=scenario(
            get(ADA), get(["delete", "user"]), config={"SESSION_DESTROY_EMPTY": True}
        ),
        express=['200, set r0-1 {"user":"ada"}, Set-Cookie r0-1', "200, get r0-1, set r0-1 {}"],
        here=['200, set r0-1 {"user":"ada"}, Set-Cookie r0-1', "200, get r0-1, destroy r0-1"],
        key="SESSION_DESTROY_EMPTY",
    ),
    "the-cookie-is-removed": Difference(
        scenario=scenario(get(ADA), get(["destroy"]), config={"SESSION_CLEAR_COOKIE": True}),
        express=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1; Path=/; HttpOnly',
            "200, get r0-1, destroy r0-1",
        ],
        here=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1; Path=/; HttpOnly',
            (
                "200, get r0-1, destroy r0-1, Set-Cookie (none); Path=/; "
                "Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly"
            ),
        ],
        key="SESSION_CLEAR_COOKIE",
        whole=True,
    ),
    "both-changes-are-kept": Difference(
        scenario=scenario(
            get(ADA),
            get(["meanwhile", ["set", "language", "en"]], ["set", "seen", 1]),
            config={"SESSION_CONCURRENCY": "merge"},
        ),
        express=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            (
                '200, get r0-1, get r0-1, set r0-1 {"user":"ada","language":"en"}, '
                'set r0-1 {"user":"ada","seen":1}'
            ),
        ],
        here=[
            '200, set r0-1 {"user":"ada"}, Set-Cookie r0-1',
            (
                '200, get r0-1, get r0-1, set r0-1 {"user":"ada","language":"en"}, '
                'set r0-1 {"user":"ada","seen":1}, '
                'set r0-1 {"user":"ada","language":"en","seen":1}'
            ),
        ],
        key="SESSION_CONCURRENCY",
    ),
}
