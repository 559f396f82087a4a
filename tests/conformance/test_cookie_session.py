"""Sessions in the cookie are compatible with npm's cookie-session, in both directions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from email.utils import parsedate_to_datetime
from functools import cache
from itertools import product
from typing import Any
from typing import cast

import flask
import pytest
from flask import Flask
from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis import strategies as st

from flask_serversession import ServerSession
from flask_serversession.cookie_session.session import CookieSession
from flask_serversession.format.merge import FLASHES

from .node_side import Program

session = cast(CookieSession, flask.session)

EXPIRED = "expires=Thu, 01 Jan 1970 00:00:00 GMT"
GONE = f"path=/; {EXPIRED}; httponly"
HI = "session=eyJtZXNzYWdlIjoiaGkifQ=="
BY_A = f"{HI}; session.sig=vdp2-kj-91tgzbWcV1QzofT3hu0"
BY_B = f"{HI}; session.sig=SiRRAEncekXEzVdvey_7SkWaMM4"
FORGED = f"{HI}; session.sig=SiRRAEncekXEzVdvey_7SkWaMM5"
KEYS = ["a", "b"]

#: Requests, and the lines that cookie-session 2.1.1 sent on Node 20.
VECTORS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "an unused session": ({"cookie": BY_B}, []),
    "a session that is read": ({"cookie": BY_A, "actions": [["read"]]}, []),
    "a new session that stays empty": ({"actions": [["read"]]}, []),
    "a new session with data": (
        {"actions": [["set", "message", "hi"]]},
        [f"{HI}; path=/; httponly", "session.sig=vdp2-kj-91tgzbWcV1QzofT3hu0; path=/; httponly"],
    ),
    "a session with unchanged data": (
        {"cookie": BY_A, "actions": [["set", "message", "hi"]]},
        [],
    ),
    "text that is not ASCII": (
        {"actions": [["set", "user", {"name": "Zoë"}], ["set", "views", 3]]},
        [
            "session=eyJ1c2VyIjp7Im5hbWUiOiJab8OrIn0sInZpZXdzIjozfQ==; path=/; httponly",
            "session.sig=czbPEg_gI2RCWV68itURSVKIGaY; path=/; httponly",
        ],
    ),
    "emptied": (
        {"cookie": BY_A, "actions": [["clear"]]},
        [
            "session=e30=; path=/; httponly",
            "session.sig=8ryvNgg8q6BXGIAl3pmG2syWtWo; path=/; httponly",
        ],
    ),
    "unset": (
        {"cookie": BY_A, "actions": [["unset"]]},
        [f"session=; {GONE}", f"session.sig=S5xzvvfka05Z8JWDc8Tqj40wqBw; {GONE}"],
    ),
    "signed with the older key": (
        {"cookie": BY_B, "actions": [["read"]]},
        ["session.sig=vdp2-kj-91tgzbWcV1QzofT3hu0; path=/; httponly"],
    ),
    "forged": ({"cookie": FORGED, "actions": [["read"]]}, [f"session.sig=; {GONE}"]),
    "unsigned": ({"cookie": HI, "actions": [["read"]]}, []),
    "another Set-Cookie line before it": (
        {"before": ["session=old", "theme=dark"], "actions": [["set", "message", "hi"]]},
        [
            "theme=dark",
            f"{HI}; path=/; httponly",
            "session.sig=vdp2-kj-91tgzbWcV1QzofT3hu0; path=/; httponly",
        ],
    ),
    "another Set-Cookie line before it, without overwrite": (
        {
            "before": ["session=old"],
            "cookie": BY_B,
            "options": {"overwrite": False},
            "actions": [["set", "a", 1]],
        },
        [
            "session=old",
            "session.sig=vdp2-kj-91tgzbWcV1QzofT3hu0; path=/; httponly",
            "session=eyJtZXNzYWdlIjoiaGkiLCJhIjoxfQ==; path=/; httponly",
            "session.sig=cGHV-0-WW8_wJGouQtVEqJzfvoQ; path=/; httponly",
        ],
    ),
    "every attribute": (
        {
            "secure": True,
            "options": {
                "path": "/x",
                "domain": "example.com",
                "priority": "high",
                "sameSite": True,
                "partitioned": True,
            },
            "actions": [["set", "message", "hi"]],
        },
        [
            f"{cookie}; path=/x; domain=example.com; priority=high; samesite=strict; secure;"
            " httponly; partitioned"
            for cookie in BY_A.split("; ")
        ],
    ),
}

#: cookie-session's name of an option -> this package's.
ATTRIBUTES = {
    "path": "path",
    "domain": "domain",
    "priority": "priority",
    "sameSite": "samesite",
    "secure": "secure",
    "httpOnly": "httponly",
    "partitioned": "partitioned",
}

_EXPIRES = re.compile(r"expires=(?!Thu, 01 Jan 1970)([^;]+)")


@pytest.fixture(scope="session")
def cookie_session(node: str) -> Iterator[Program]:
    """cookie-session on Node, ready for requests."""
    with Program(node, "cookie_session_judge.js") as program:
        yield program


def ask_node(node: Program, **request: Any) -> dict[str, Any]:
    answer: dict[str, Any] = node.ask({"keys": KEYS, **request})
    assert "broken" not in answer, answer
    return answer


def ask_flask(**request: Any) -> dict[str, Any]:
    """Return this package's answer to the same request."""
    options = request.get("options", {})
    saw: list[Any] = []
    response = (
        app_of(json.dumps([request.get("keys", KEYS), options]))
        .test_client(use_cookies=False)
        .get(
            options.get("path", "/"),
            base_url="https://localhost" if request.get("secure") else None,
            headers={"Cookie": request["cookie"]} if request.get("cookie") else {},
            environ_overrides={"tests.asked": request, "tests.saw": saw},
        )
    )
    assert response.status_code == 200
    return {"cookies": response.headers.getlist("Set-Cookie"), "saw": saw}


@cache
def app_of(given: str) -> Flask:
    """Return the app with these keys and options, written as JSON."""
    keys, options = json.loads(given)
    app = Flask(__name__, static_folder=None)
    attributes = {ATTRIBUTES[name]: options[name] for name in ATTRIBUTES if name in options}
    if "maxAge" in options:
        attributes["max_age"] = options["maxAge"] / 1000
    app.config.update(
        TESTING=True,
        SESSION_PROFILE="express",
        SESSION_STORE="cookie",
        SESSION_STORE_OPTIONS={"overwrite": options.get("overwrite", True)},
        SESSION_SECRET=keys,
        SESSION_COOKIE_OPTIONS=lambda request: attributes,
    )
    ServerSession(app)
    # Not a route: to compile one takes longer than most requests.
    app.before_request(view)
    return app


def view() -> flask.Response:
    asked = flask.request.environ["tests.asked"]
    for verb, *args in asked.get("actions", []):
        act(verb, args, flask.request.environ["tests.saw"])
    response = flask.Response()
    for line in asked.get("before", []):
        response.headers.add("Set-Cookie", line)
    return response


def act(verb: str, args: list[Any], saw: list[Any]) -> None:
    if verb == "see":
        saw.append({"data": session.copy(), "isNew": session.new})
    elif verb == "read":
        list(session)
    elif verb == "set":
        session[args[0]] = args[1]
    elif verb == "delete":
        session.pop(args[0], None)
    elif verb == "clear":
        session.clear()
    else:
        session.unset()


def timeless(lines: list[str], max_age: int | None = None) -> list[str]:
    """Return the lines without their expiry, after checking that it is right."""
    for line in lines:
        for text in _EXPIRES.findall(line):
            expected = datetime.now(timezone.utc) + timedelta(milliseconds=max_age or 0)
            assert abs(parsedate_to_datetime(text) - expected) < timedelta(seconds=5)
    return [_EXPIRES.sub("expires=…", line) for line in lines]


@pytest.mark.parametrize("name", VECTORS)
def test_flask_sends_the_recorded_lines(name: str) -> None:
    request, expected = VECTORS[name]

    assert ask_flask(**request)["cookies"] == expected


@pytest.mark.parametrize("name", VECTORS)
def test_cookie_session_sends_the_recorded_lines(cookie_session: Program, name: str) -> None:
    request, expected = VECTORS[name]

    assert ask_node(cookie_session, **request)["cookies"] == expected


NAMES = ("path", "domain", "secure", "sameSite", "httpOnly", "maxAge")
OPTIONS: list[dict[str, Any]] = [
    {name: value for name, value in zip(NAMES, values, strict=True) if value is not None}
    for values in product(
        [None, "/admin"],
        [None, "example.com"],
        [None, True, False],
        [None, "lax", "Strict"],
        [None, False],
        [None, 60_000],
    )
]
OPTIONS += [
    {"priority": priority, "sameSite": same_site, "partitioned": partitioned, "maxAge": max_age}
    for priority, same_site, partitioned, max_age in product(
        ["low", "Medium", "HIGH"], [True, False, "none"], [True, False], [1, -60_000]
    )
]
REQUESTS = [
    {"actions": [["set", "message", "hi"]]},
    {"actions": [["unset"]]},
    {"cookie": BY_B, "actions": [["clear"]]},
    {"cookie": BY_B, "actions": [["read"]]},
    {"cookie": FORGED, "actions": [["read"]]},
]


@pytest.mark.slow
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_flask_sends_the_same_lines_as_cookie_session_with_any_options(
    cookie_session: Program, secure: bool
) -> None:
    for options, request in product(OPTIONS, REQUESTS):
        asked: dict[str, Any] = {**request, "options": options, "secure": secure}
        theirs = ask_node(cookie_session, **asked)["cookies"]
        ours = ask_flask(**asked)["cookies"]

        max_age = options.get("maxAge")
        assert timeless(ours, max_age) == timeless(theirs, max_age), asked


#: Members of JavaScript objects and of cookie-session's sessions. It drops keys of that name.
_JAVASCRIPTS = {"isNew", "isChanged", "isPopulated", "_ctx", "constructor", "__proto__"}
#: All that UTF-8 can encode. With ``codec="utf-8"`` hypothesis takes seconds to list them.
characters = st.characters(exclude_categories=["Cs"])
#: Neither a tag of this package nor a number, which JavaScript moves to the front.
keys = st.text(characters, max_size=8).filter(
    lambda key: (
        not key.startswith(" ")
        and not key.isdecimal()
        and key not in ("cookie", FLASHES)
        and key not in _JAVASCRIPTS
    )
)
#: Both sides write these numbers alike, so that neither has to send the session again.
safe_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.integers(-(10**6), 10**6).map(lambda number: number + 0.25)
    | st.text(characters, max_size=12)
)
safe_values: st.SearchStrategy[Any] = st.recursive(
    safe_scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)
safe_sessions = st.dictionaries(keys, safe_values, min_size=1, max_size=4)
#: Equal numbers that Python and Node may write differently.
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)

live = settings(
    max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)


def cookie_header(lines: list[str]) -> str:
    """Return the Cookie header of a browser that received only these lines."""
    return "; ".join(line.partition(";")[0] for line in lines)


def write(data: dict[str, Any]) -> list[list[Any]]:
    return [["set", key, value] for key, value in data.items()]


@pytest.mark.slow
def test_express_reads_what_flask_writes_and_sends_no_cookie(
    cookie_session: Program,
) -> None:
    @live
    @given(safe_sessions)
    def run(data: dict[str, Any]) -> None:
        cookie = cookie_header(ask_flask(actions=write(data))["cookies"])

        answer = ask_node(cookie_session, cookie=cookie, actions=[["see"]])

        assert answer["saw"] == [{"data": data, "isNew": False, "isChanged": False}]
        assert answer["cookies"] == []

    run()


@pytest.mark.slow
def test_flask_reads_what_express_writes_and_sends_no_cookie(
    cookie_session: Program,
) -> None:
    @live
    @given(safe_sessions)
    def run(data: dict[str, Any]) -> None:
        cookie = cookie_header(ask_node(cookie_session, actions=write(data))["cookies"])

        answer = ask_flask(cookie=cookie, actions=[["see"]])

        assert answer["saw"] == [{"data": data, "isNew": False}]
        assert answer["cookies"] == []

    run()


def test_flask_does_not_send_a_number_again_that_express_writes_differently(
    cookie_session: Program,
) -> None:
    @live
    @given(st.lists(numbers, max_size=8))
    def run(values: list[float]) -> None:
        theirs = ask_node(cookie_session, actions=[["set", "numbers", values]])["cookies"]

        answer = ask_flask(cookie=cookie_header(theirs), actions=[["see"]])

        # JavaScript has only floats: beyond 2**53, a whole number is the nearest float.
        assert list(map(float, answer["saw"][0]["data"]["numbers"])) == values
        assert answer["cookies"] == []

    run()


def test_types_that_only_python_has_survive_a_request_to_express(cookie_session: Program) -> None:
    data = {
        "when": datetime(2024, 2, 29, 12, tzinfo=timezone.utc),
        "day": date(2024, 2, 29),
        "pair": (1, (b"\x00\xff", {2, 3})),
        "by number": {1: "one"},
    }
    written = ask_flask(actions=write(data))["cookies"]
    changed = ask_node(
        cookie_session, cookie=cookie_header(written), actions=[["set", "views", 1]]
    )["cookies"]

    [seen] = ask_flask(cookie=cookie_header(changed), actions=[["see"]])["saw"]

    assert seen["data"] == {**data, "views": 1}


steps = st.fixed_dictionaries(
    {
        "keys": st.sampled_from([["a"], ["a", "b"], ["b", "a"], ["c", "b", "a"]]),
        "secure": st.booleans(),
        "options": st.sampled_from([{}, {"overwrite": False}, {"maxAge": 60_000}]),
        "actions": st.tuples(
            st.lists(
                st.tuples(st.just("set"), keys, safe_values)
                | st.tuples(st.just("set"), st.sampled_from("xyz"), st.integers(0, 2))
                | st.tuples(st.just("delete"), st.sampled_from("xyz"))
                | st.sampled_from([("read",), ("clear",), ("see",)]),
                max_size=4,
            ),
            # Last, since Express has no session after it.
            st.sampled_from([[], [], [], [("unset",)]]),
        ).map(lambda parts: parts[0] + parts[1]),
    }
)
#: How the cookie is changed on its way, mostly not at all.
tampering = st.sampled_from(["", "", "", "", "one letter", "no signature", "twice"])


def tampered(jar: dict[str, str], how: str) -> str:
    cookies = [f"{name}={value}" for name, value in jar.items()]
    if how == "no signature":
        cookies = cookies[:1]
    if how == "one letter" and cookies:
        cookies[0] = cookies[0][:-1] + ("A" if cookies[0][-1] != "A" else "B")
    if how == "twice":
        cookies *= 2
    return "; ".join(cookies)


def put(lines: list[str], jar: dict[str, str]) -> None:
    """Update a jar with these lines, as a browser does."""
    for line in lines:
        name, _, value = line.partition(";")[0].partition("=")
        jar.pop(name, None)
        if EXPIRED not in line:
            jar[name] = value


@pytest.mark.slow
def test_both_sides_with_one_cookie_jar_send_the_same_lines_and_see_the_same_session(
    cookie_session: Program,
) -> None:
    @live
    @given(st.lists(st.tuples(steps, tampering, st.booleans()), min_size=2, max_size=8))
    def run(requests: list[tuple[dict[str, Any], str, bool]]) -> None:
        jar: dict[str, str] = {}
        for request, how, express_answers in requests:
            asked = {**json.loads(json.dumps(request)), "cookie": tampered(jar, how)}
            theirs = ask_node(cookie_session, **asked)
            ours = ask_flask(**asked)

            max_age = request["options"].get("maxAge")
            assert timeless(ours["cookies"], max_age) == timeless(theirs["cookies"], max_age)
            for seen in theirs["saw"]:
                del seen["isChanged"]
            assert ours["saw"] == theirs["saw"]
            put((theirs if express_answers else ours)["cookies"], jar)

    run()
