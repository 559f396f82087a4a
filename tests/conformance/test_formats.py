"""Cookie lines, signatures and stored documents are compatible with Node's packages."""

from __future__ import annotations

import json
import math
from datetime import datetime
from datetime import timedelta
from itertools import product
from typing import Any
from urllib.parse import quote
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis import strategies as st

from flask_serversession.cookies.cookie import SessionCookie
from flask_serversession.cookies.cookie import system_clock
from flask_serversession.cookies.header import set_cookie_line
from flask_serversession.cookies.options import CookieOptions
from flask_serversession.cookies.signing import CookieSigner
from flask_serversession.format.serializer import TypedJSON

from .node_side import Words

#: The characters that encodeURIComponent does not escape.
UNRESERVED = "-_.!~*'()"

live = settings(
    max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
#: All that UTF-8 can encode. With ``codec="utf-8"`` hypothesis takes seconds to list them.
characters = st.characters(exclude_categories=["Cs"])
ids = st.text(characters, min_size=1, max_size=40)
secrets = st.one_of(st.text(characters, min_size=1), st.binary(min_size=1))


def _for_node(secret: str | bytes) -> Any:
    return {"hex": secret.hex()} if isinstance(secret, bytes) else secret


@pytest.mark.slow
def test_signatures_are_equal_to_those_of_cookie_signature(words: Words) -> None:
    @live
    @given(ids, secrets)
    def run(sid: str, secret: str | bytes) -> None:
        ours = quote(CookieSigner([secret]).sign(sid), safe=UNRESERVED)
        theirs = words.ask({"ask": "sign", "value": sid, "secret": _for_node(secret)})

        assert ours == theirs
        assert CookieSigner(["newer", secret]).unsign(unquote(theirs)) == sid
        assert words.ask({"ask": "unsign", "text": ours, "secret": _for_node(secret)}) == sid

    run()


def test_both_sides_refuse_the_same_tampered_cookies(words: Words) -> None:
    @settings(live, max_examples=300)
    @given(ids, secrets, st.integers(0, 200), st.sampled_from("aB0+/=.-"))
    def run(sid: str, secret: str | bytes, position: int, other: str) -> None:
        signed = CookieSigner([secret]).sign(sid)
        position = 2 + position % (len(signed) - 2)
        tampered = signed[:position] + other + signed[position + 1 :]
        text = quote(tampered, safe=UNRESERVED)

        theirs = words.ask({"ask": "unsign", "text": text, "secret": _for_node(secret)})

        assert (CookieSigner([secret]).unsign(tampered) or False) == theirs

    run()


LINES = [
    {"path": path, "httpOnly": http_only, "secure": secure, "partitioned": partitioned}
    for path, http_only, secure, partitioned in product(
        ["/", "/admin", ""], [True, False], [True, False, None], [True, False, None]
    )
]
LINES += [{"sameSite": value} for value in [True, False, None, "lax", "LAX", "Strict", "none"]]
LINES += [{"priority": value} for value in [None, "low", "Medium", "HIGH"]]
LINES += [{"domain": value} for value in [None, "example.com", ".example.com", "a-b.Example"]]
LINES += [
    {"expires": value}
    for value in [
        None,
        False,
        "1970-01-01T00:00:00.000Z",
        "2026-11-21T00:05:27.999Z",
        "2026-11-21T00:05:27.001Z",
        "2038-01-19T03:14:08.500Z",
        "9999-12-31T23:59:59.999Z",
    ]
]
LINES += [
    {
        "domain": "example.com",
        "path": "/x",
        "expires": "2026-11-21T00:05:27.027Z",
        "httpOnly": True,
        "secure": True,
        "partitioned": True,
        "priority": "high",
        "sameSite": "lax",
    }
]


@pytest.mark.parametrize("options", LINES, ids=json.dumps)
def test_a_set_cookie_line_is_equal_to_that_of_express(
    options: dict[str, Any], words: Words
) -> None:
    asked = words.ask(
        {"ask": "line", "name": "connect.sid", "value": "s:a b/ü.+=", "options": options}
    )

    assert set_cookie_line("connect.sid", "s:a b/ü.+=", _cookie(options)) == asked["line"]


@pytest.mark.parametrize(
    "options",
    [{"domain": "a b"}, {"path": "/a;b"}, {"sameSite": "bogus"}, {"priority": "bogus"}],
    ids=json.dumps,
)
def test_attributes_that_express_cannot_serialise_are_refused_when_they_are_set(
    options: dict[str, Any], words: Words
) -> None:
    assert "refused" in words.ask({"ask": "line", "name": "n", "value": "v", "options": options})

    with pytest.raises(ValueError, match=r"cookie|samesite|priority"):
        _cookie(options)


def _cookie(options: dict[str, Any]) -> SessionCookie:
    cookie = SessionCookie(CookieOptions(), system_clock)
    for name, value in options.items():
        attribute = {"httpOnly": "httponly", "sameSite": "samesite"}.get(name, name)
        if name == "expires" and isinstance(value, str):
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        setattr(cookie, attribute, value)
    return cookie


names = st.text(characters, max_size=6).filter(lambda name: name not in RESERVED_BY_NODE)
#: Names that Express drops when it loads a document, because its Session has such members.
RESERVED_BY_NODE = {"cookie", "id", "req", "touch", "save", "reload", "destroy", "regenerate"}
RESERVED_BY_NODE |= {"resetMaxAge", "constructor", "toString", "valueOf", "__proto__"}
RESERVED_BY_NODE |= {"toLocaleString", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable"}
RESERVED_BY_NODE |= {
    f"__{verb}{kind}__" for verb in ("define", "lookup") for kind in ("Getter", "Setter")
}

exact_in_both = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53) + 1, 2**53 - 1),
        st.floats(-(2**53), 2**53).filter(lambda f: f != 0 or math.copysign(1, f) > 0),
        st.text(st.characters(), max_size=8),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
documents = st.dictionaries(names, exact_in_both, max_size=4)


@pytest.mark.slow
def test_data_stored_by_python_survives_a_save_by_express(words: Words) -> None:
    serializer = TypedJSON()
    cookie = SessionCookie(CookieOptions(max_age=60_000)).to_document()

    @settings(live, max_examples=500)
    @given(documents)
    def run(data: dict[str, Any]) -> None:
        payload = serializer.compose(cookie, serializer.dumps(data))

        answer = words.ask({"ask": "reload", "document": payload.decode()})
        by_express = answer["document"].encode("utf-8", "surrogatepass")
        their_cookie, theirs = serializer.decompose(by_express)

        assert theirs == data
        assert set(their_cookie) == set(cookie)
        assert their_cookie["originalMaxAge"] == 60_000

    run()


def test_types_that_only_python_has_survive_a_save_by_express(words: Words) -> None:
    serializer = TypedJSON()
    data = {
        "tuple": (1, (2, [3])),
        "set": {1, 2},
        "bytes": b"\x00\xff",
        "big": 2**80,
        "when": datetime(2026, 11, 21, 0, 5, 27, 123456),
        "life": timedelta(days=1, microseconds=1),
        "keys": {1: "one", (1, 2): "two"},
    }
    cookie = SessionCookie(CookieOptions()).to_document()

    answer = words.ask(
        {"ask": "reload", "document": serializer.compose(cookie, serializer.dumps(data)).decode()}
    )

    _, members = serializer.decompose(answer["document"].encode())

    assert members == data


#: JavaScript data, and what Python loads after Express stored it.
TRAPS = [
    ("{a: new Date(0)}", {"a": "1970-01-01T00:00:00.000Z"}),
    ("{a: undefined, b: () => 1, c: [undefined]}", {"c": [None]}),
    ("{a: NaN, b: Infinity, c: -Infinity}", {"a": None, "b": None, "c": None}),
    ("{a: -0, b: 1.0, c: 1e21, d: 1e-7}", {"a": 0, "b": 1, "c": 1e21, "d": 1e-7}),
    ("{a: 9007199254740993}", {"a": 9007199254740992}),
    ("{b: 1, '2': 2, '1': 1}", {"1": 1, "2": 2, "b": 1}),
    (
        "{a: '\\ud800', b: '\\ud83c\\udf6a', c: '\\u2028\\u0000'}",
        {"a": "\ud800", "b": "🍪", "c": "\u2028\0"},
    ),
    ("{a: Buffer.from('hi')}", {"a": {"type": "Buffer", "data": [104, 105]}}),
    ("{a: new Map([[1, 2]]), b: /x/}", {"a": {}, "b": {}}),
    (
        "{passport: {user: 7}, flash: {info: ['x']}}",
        {"passport": {"user": 7}, "flash": {"info": ["x"]}},
    ),
    ("{save: 1, id: 2, mine: 3}", {"mine": 3}),
]


@pytest.mark.parametrize(("source", "expected"), TRAPS, ids=[source for source, _ in TRAPS])
def test_python_loads_what_express_stores(
    source: str, expected: dict[str, Any], words: Words
) -> None:
    stored: str = words.ask({"ask": "store", "source": source})

    cookie, members = TypedJSON().decompose(stored.encode("utf-8", "surrogatepass"))

    assert members == expected
    assert cookie == {"originalMaxAge": None, "expires": None, "httpOnly": True, "path": "/"}
