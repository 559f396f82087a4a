"""Random scenarios: any options, any actions, several requests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from .upstream import START

_ages = st.sampled_from([None, 1500, 60_000, 3_600_000])
_PAST = "2026-11-21T00:00:00.000Z"
_FUTURE = "2026-11-22T00:00:00.500Z"

_cookie_options = st.fixed_dictionaries(
    {},
    optional={
        "maxAge": _ages,
        "secure": st.sampled_from([True, False, "auto"]),
        "httpOnly": st.booleans(),
        "path": st.sampled_from(["/", "/admin"]),
        "domain": st.sampled_from(["example.com", ".example.com"]),
        "sameSite": st.sampled_from(["lax", "Strict", True, False, "none", "auto"]),
        "priority": st.sampled_from(["low", "HIGH"]),
        "partitioned": st.booleans(),
    },
)
_options = st.fixed_dictionaries(
    {
        "secret": st.sampled_from(["keyboard cat", ["a", "b"]]),
        "resave": st.booleans(),
        "saveUninitialized": st.booleans(),
    },
    optional={
        "rolling": st.booleans(),
        "unset": st.sampled_from(["keep", "destroy"]),
        "proxy": st.booleans(),
        "name": st.sampled_from(["sid", "session_id"]),
        "cookie": _cookie_options,
    },
)

_keys = st.sampled_from(["a", "b", "c"])
_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.text('xyé\u2028"', max_size=3),
    st.lists(st.integers(0, 3), max_size=2),
    st.dictionaries(st.sampled_from("pq"), st.integers(0, 3), max_size=2),
)
_cookie_change = st.one_of(
    st.tuples(st.just("maxAge"), _ages),
    st.tuples(st.just("expires"), st.sampled_from([None, False, _PAST, _FUTURE])),
    st.tuples(st.just("secure"), st.booleans()),
    st.tuples(st.just("httpOnly"), st.booleans()),
    st.tuples(st.just("path"), st.sampled_from(["/", "/admin"])),
    st.tuples(st.just("domain"), st.just("example.org")),
    st.tuples(st.just("sameSite"), st.sampled_from(["lax", True, False])),
    st.tuples(st.just("priority"), st.just("medium")),
    st.tuples(st.just("partitioned"), st.booleans()),
)
_verbs = ["regenerate", "destroy", "reload", "save", "touch", "unset", "see"]
_actions = st.one_of(
    st.tuples(st.just("set"), _keys, _values),
    st.tuples(st.just("delete"), _keys),
    st.tuples(st.just("count"), st.just("n")),
    st.tuples(st.just("push"), st.just("list"), st.integers(0, 3)),
    _cookie_change.map(lambda change: ("cookie", *change)),
    st.sampled_from([(verb,) for verb in _verbs]),
)

_request = st.fixed_dictionaries(
    {"actions": st.lists(_actions.map(list), max_size=4)},
    optional={
        "path": st.sampled_from(["/", "/admin", "/admin/x"]),
        "advance": st.sampled_from([1, 999, 1000, 2000, 70_000]),
        "secure": st.booleans(),
        "headers": st.sampled_from(
            [{}, {"x-forwarded-proto": "https"}, {"x-forwarded-proto": "http, https"}]
        ),
        "cookie": st.sampled_from(["", "connect.sid=s%3Anope.x", "connect.sid=unsigned"]),
        "status": st.sampled_from([404, 500]),
    },
)


def scenarios() -> st.SearchStrategy[dict[str, Any]]:
    """Generate scenarios whose traces differ only as :mod:`.differences` says."""
    return st.fixed_dictionaries(
        {
            # Not a whole second, so that rounding is noticed.
            "start": st.just(START + 123),
            "options": _options,
            "requests": st.lists(_request.filter(_outlives_its_own_save), min_size=1, max_size=4),
        }
    )


def _outlives_its_own_save(request: dict[str, Any]) -> bool:
    """Whether a request never saves an expired session (see difference saved-as-expired)."""
    expired = False
    for verb, *change in request["actions"]:
        if verb == "cookie" and change[0] in ("expires", "maxAge"):
            expired = change == ["expires", _PAST]
        if verb == "save" and expired:
            return False
    return True
