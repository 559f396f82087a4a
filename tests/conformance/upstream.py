"""The test cases of express-session, by their position in its ``test/session.js``.

``CASES`` has those that are scenarios. ``ELSEWHERE`` says why each of the others is not one, and
what tests it instead. Together they are all 142 cases, and the 18 of ``test/cookie.js``.
"""

from __future__ import annotations

from typing import Any

Scenario = dict[str, Any]

SECRET = "keyboard cat"
START = 1_795_220_000_000
HTTPS = {"x-forwarded-proto": "https"}
SEE = ["see"]
COUNT = ["count", "n"]
ACTIVE = ["set", "active", True]


def case(*requests: dict[str, Any], **options: Any) -> Scenario:
    """Return a scenario with the default options of express-session's tests."""
    defaults = {"secret": SECRET, "resave": True, "saveUninitialized": True}
    options = {**defaults, "cookie": {"maxAge": 60_000}, **options}
    extra = {name: options.pop(name) for name in ("genid", "otherServers") if name in options}
    options = {name: value for name, value in options.items() if value is not ABSENT}
    return {"start": START, "options": options, "requests": list(requests), **extra}


def get(*actions: list[Any], **request: Any) -> dict[str, Any]:
    """Return a request. It sends the cookie of the last response unless it names another."""
    return {"actions": [list(action) for action in actions], **request}


class _Absent:
    """Leaves an option out."""


ABSENT = _Absent()
NO_COOKIE = {"cookie": ""}

_auto = {"secure": "auto", "sameSite": "auto"}


CASES: dict[int, Scenario] = {
    3: case(get(), secret=ABSENT),
    5: case(get(ACTIVE)),
    6: case(get(["set", "num", 1], SEE), get(["set", "num", 1], SEE)),
    7: case(get(), get(fails={"get": "boom!"})),
    8: case(get(COUNT, SEE), get(COUNT, SEE, fails={"get": "ENOENT"})),
    9: case(get(SEE), get(SEE, **NO_COOKIE)),
    12: case(get(body="")),
    14: case(get(["set", "test1", 1], ["set", "test2", "b"], SEE), get(SEE)),
    16: case(get(body="hello, world"), get(advance=1200), rolling=True),
    17: case(get(ACTIVE, body="session saved")),
    18: case(get(ACTIVE)),
    19: case(get(ACTIVE, body="hello, world")),
    20: case(get(ACTIVE, body="session saved")),
    21: case(get(SEE), get(SEE, advance=1000)),
    22: case(get(COUNT, SEE), get(COUNT, SEE, clearFirst=True)),
    23: case(get(COUNT), get(COUNT, clearFirst=True)),
    24: case(get(COUNT, SEE, cookie="sessid=unsigned"), name="sessid"),
    25: case(get(ACTIVE), get(SEE, cookie="connect.sid=s%3Ar.tampered")),
    26: case(get(COUNT, SEE), get(COUNT, SEE, advance=20), cookie={"maxAge": 5}),
    27: case(get(COUNT), get(COUNT, advance=15), cookie={"maxAge": 5}),
    28: case(get(COUNT), get(SEE, advance=10), cookie={"maxAge": 5}),
    30: case(get(headers=HTTPS), proxy=True, cookie={"secure": True, "maxAge": 5}),
    31: case(
        get(headers={"x-forwarded-proto": "https,http"}),
        proxy=True,
        cookie={"secure": True, "maxAge": 5},
    ),
    32: case(get(), proxy=True, cookie={"secure": True, "maxAge": 5}),
    33: case(get(headers=HTTPS), proxy=False, cookie={"secure": True}),
    34: case(get(headers=HTTPS, secure=True), proxy=False, cookie={"secure": True}),
    35: case(get(headers=HTTPS), cookie={"secure": True}),
    36: case(get(headers=HTTPS, secure=True), cookie={"secure": True}),
    37: case(get(ACTIVE), cookie={"path": "/foo/bar"}),
    38: case(get(ACTIVE, headers={"host": "foo.test"}), cookie={"path": "/foo/bar"}),
    39: case(get(ACTIVE, path="/foo/bar/baz"), cookie={"path": "/foo/bar"}),
    40: case(get(ACTIVE, path="/foo/bar/baz"), cookie={"path": "/foo/bar"}),
    43: case(get(headers=HTTPS), proxy=True, cookie={"maxAge": 5, "secure": "auto"}),
    44: case(get(headers=HTTPS), proxy=False, cookie={"maxAge": 5, "secure": "auto"}),
    45: case(get(secure=True), cookie={"maxAge": 5, "secure": "auto"}),
    46: case(get(), cookie={"maxAge": 5, "secure": "auto"}),
    47: case(
        get(path="/test"),
        cookie={"function": {"path": "/test", "httpOnly": True, "secure": False}},
    ),
    48: case(get(path="/test"), cookie={"function": {"httpOnly": True}}),
    49: case(get(secure=True), cookie={"sameSite": "auto"}),
    50: case(get(), cookie={"sameSite": "auto"}),
    51: case(get(headers=HTTPS), proxy=True, cookie={"sameSite": "auto"}),
    52: case(get(headers={"x-forwarded-proto": "http"}), proxy=True, cookie={"sameSite": "auto"}),
    53: case(get(headers=HTTPS), proxy=False, cookie={"sameSite": "auto"}),
    54: case(get(secure=True), cookie=_auto),
    55: case(get(), cookie=_auto),
    56: case(get(secure=True), cookie={"secure": False, "sameSite": "auto"}),
    57: case(get(), cookie={"secure": False, "sameSite": "auto"}),
    58: case(get(secure=True), cookie={"secure": True, "sameSite": "auto"}),
    59: case(get(), cookie={"secure": True, "sameSite": "auto"}),
    62: case(get(), genid="apple"),
    63: case(get(), genid="%"),
    64: case(get(path="/foo"), genid="url"),
    65: case(get()),
    66: case(get(), name="session_id"),
    67: case(get()),
    68: case(get(), name="session_id"),
    69: case(get(["set", "user", "bob"]), get(["set", "user", "bob"])),
    70: case(get(["set", "user", "bob"]), get(["set", "user", "bob"]), rolling=True),
    71: case(get(), rolling=True, saveUninitialized=False),
    72: case(get(), rolling=True, saveUninitialized=True),
    73: case(get(["set", "user", "bob"]), rolling=True, saveUninitialized=False),
    74: case(get(["set", "user", "bob"]), get()),
    75: case(get(["set", "user", "bob"]), get(), resave=True),
    76: case(get(["set", "user", "bob"]), get(), resave=False),
    77: case(
        get(["set", "token", "1"], SEE, method="PUT"),
        get(SEE),
        get(["set", "token", "2"], SEE, method="PUT"),
        resave=False,
    ),
    78: case(
        get(["set", "user", {"cookie": 1}]), get(["set", "user", {"cookie": 2}]), resave=False
    ),
    80: case(get()),
    81: case(get(), saveUninitialized=True),
    82: case(get(), saveUninitialized=False),
    83: case(get(COUNT), saveUninitialized=False),
    85: case(get(), saveUninitialized=False),
    86: case(get(), secret=[]),
    87: case(get(["set", "user", "bob"]), get(SEE)),
    88: case(get(["set", "user", "bob"]), get(SEE), secret={"hex": "8f1e" * 16}),
    89: case(get(["set", "user", "bob"]), get(SEE), secret=["keyboard cat", "nyan cat"]),
    90: case(
        get(["set", "user", "bob"]),
        get(SEE, server="other"),
        secret=["keyboard cat", "nyan cat"],
        otherServers={"other": {"secret": "nyan cat"}},
    ),
    91: case(
        get(["set", "user", "bob"]),
        get(SEE, server="other"),
        secret="nyan cat",
        otherServers={"other": {"secret": ["keyboard cat", "nyan cat"]}},
    ),
    92: case(get(), unset="bogus!"),
    93: case(get(COUNT), get(COUNT, ["unset"]), get(SEE)),
    94: case(get(COUNT), get(COUNT, ["unset"]), get(SEE), unset="destroy"),
    95: case(get(["unset"]), unset="destroy"),
    100: case(get(COUNT, SEE), get(COUNT, SEE)),
    101: case(get(COUNT, SEE), get(SEE), get(COUNT, SEE)),
    102: case(get(["set", "foo", "bar"], ["set", "bar", "baz"], SEE)),
    105: case(get(["destroy"], SEE)),
    106: case(get(SEE), get(["regenerate"], SEE)),
    108: case(get(ACTIVE), get(["clear store"], ["reload"])),
    110: case(get(["save"], SEE)),
    111: case(get(COUNT, ["save"]), get(COUNT, ["save"])),
    112: case(get(COUNT, ["reload"], ["save"]), get(["reload"], COUNT, ["save"])),
    113: case(get(COUNT, ["save"]), get(COUNT, ["save"]), saveUninitialized=False),
    114: case(get(), get(["touch"], SEE, advance=100), get(SEE), resave=False),
    115: case(
        get(["cookie", "httpOnly", False], ["cookie", "secure", True], headers=HTTPS), proxy=True
    ),
    116: case(get(path="/admin"), cookie={"path": "/admin"}),
    117: case(get(path="/admin/foo"), get(path="/admin"), cookie={"path": "/admin"}),
    118: case(
        get(["cookie", "secure", False], path="/admin"),
        cookie={
            "httpOnly": False,
            "maxAge": 5000,
            "path": "/admin",
            "priority": "high",
            "secure": True,
        },
    ),
    120: case(get(COUNT, responseHeaders=[["Set-Cookie", "previous=cookieValue"]])),
    121: case(get(COUNT, responseHeaders=[["Set-Cookie", "previous=cookieValue"]])),
    122: case(get(SEE), cookie={"maxAge": 2000}),
    123: case(get(SEE), get(SEE, advance=100), cookie={"maxAge": 2000}),
    124: case(get(SEE), get(SEE, advance=100), cookie={"maxAge": 2000}),
    125: case(get(secure=True), cookie={"secure": True}),
    126: case(get(), cookie={"secure": True}),
    127: case(get(COUNT), cookie={"maxAge": 2000}),
    128: case(get(COUNT), get(COUNT, ["cookie", "maxAge", 5000]), cookie={"maxAge": 2000}),
    129: case(
        get(COUNT), get(COUNT, ["cookie", "maxAge", 3_000_000_000]), cookie={"maxAge": 2000}
    ),
    130: case(get(["cookie", "expires", "1970-01-01T00:00:00.000Z"])),
    131: case(get(["cookie", "expires", None])),
    132: case(get(["cookie", "expires", None]), get()),
    133: case(get(["cookie", "expires", None]), get(COUNT)),
    134: case(get()),
    135: case(get(), cookie={"partitioned": False}),
    136: case(get(), cookie={"partitioned": True}),
    137: case(get(COUNT, SEE)),
    138: case(get(COUNT, SEE), get(COUNT, SEE, ["unset"]), unset="destroy"),
}

_OBJECT = "tests/unit/test_cookie.py tests SessionCookie the same way"
_WSGI = "a Node response is written in pieces; a WSGI response is complete"

ELSEWHERE: dict[str, str] = {
    "1": "exports; tests/docs checks every public name of this package",
    "2": "two middlewares on one request; a Flask app has one session interface",
    "4": "req.secret of cookie-parser; here SECRET_KEY (tests/flask)",
    "10": "an empty request line, which a WSGI server does not pass on",
    "11": _WSGI,
    "13": "a data key with a method's name; in Python keys and methods are separate",
    "15": "assigns req.sessionID; session.id is read-only",
    "29": "difference broken-rows: a row without a cookie is a new session, not a 500",
    "41": "a mounted app: tests/flask, with SCRIPT_NAME",
    "42": "a mounted app: tests/flask, with SCRIPT_NAME",
    "60": "genid must be a function: tests/unit/test_config.py",
    "61": "a random id; tests/unit/test_ids.py tests its form",
    "79": "difference failures-are-500: store.touch fails",
    "84": "difference failures-are-500: store.set fails",
    "96": "difference failures-are-500: store.destroy fails",
    "97": _WSGI,
    "98": _WSGI,
    "99": _WSGI,
    "103": "stores have no disconnect event; a store's failure is raised",
    "104": "stores have no connect event",
    "107": "two requests at once: tests/flask/test_lost_updates.py",
    "109": "nested callbacks; reload() is synchronous",
    "119": "an invalid date cannot be assigned: ValueError (tests/unit/test_cookie.py)",
    "139": "difference cookie-header-only: req.cookies of cookie-parser",
    "140": "difference cookie-header-only: req.cookies of cookie-parser",
    "141": "difference cookie-header-only: req.cookies of cookie-parser",
    "142": "difference cookie-header-only: req.signedCookies of cookie-parser",
    **{f"C{number}": _OBJECT for number in range(1, 19)},
}
