"""Draws values for the fuzzer: real ones, changed as an attacker or a failing disk would.

``FUZZ_INPUTS`` is the number of values that each test tries. ``scripts/fuzz`` sets it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from hypothesis import HealthCheck
from hypothesis import Phase
from hypothesis import settings
from hypothesis import strategies as st

#: Together the tests take about a minute on one core.
INPUTS = int(os.environ.get("FUZZ_INPUTS", "300"))

#: A busy machine is not a bug, so no test measures time.
fuzzing = settings(
    max_examples=INPUTS,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)

Edit = Callable[[bytes, int, int, bytes], bytes]


def _flip_a_bit(value: bytes, place: int, length: int, token: bytes) -> bytes:
    changed = bytearray(value or b"\0")
    changed[place % len(changed)] ^= 1 << length % 8
    return bytes(changed)


def _insert(value: bytes, place: int, length: int, token: bytes) -> bytes:
    place %= len(value) + 1
    return value[:place] + token + value[place:]


def _replace(value: bytes, place: int, length: int, token: bytes) -> bytes:
    place %= len(value) + 1
    return value[:place] + token + value[place + length % 64 :]


def _splice(value: bytes, place: int, length: int, token: bytes) -> bytes:
    return value[: place % (len(value) + 1)] + token[length % (len(token) + 1) :]


def _truncate(value: bytes, place: int, length: int, token: bytes) -> bytes:
    return value[: place % (len(value) + 1)]


def _drop(value: bytes, place: int, length: int, token: bytes) -> bytes:
    place %= len(value) + 1
    return value[:place] + value[place + length % 64 :]


def _double(value: bytes, place: int, length: int, token: bytes) -> bytes:
    place %= len(value) + 1
    return value[:place] + value[place : place + length % 64] * 2 + value[place + length % 64 :]


_EDITS: list[Edit] = [_flip_a_bit, _insert, _replace, _splice, _truncate, _drop, _double]

_TOKENS = [
    *(
        b"",
        b"\0",
        b"\xff",
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b".",
        b";",
        b"=",
        b"%",
    ),
    *(
        b"\r\n",
        b"\xc2\x85",
        b"\xed\xa0\x80",
        b"\\ud800",
        b"\\u0000",
        "🍪".encode(),
        b"\xef\xbb\xbf",
    ),
    *(b"null", b"true", b"-0", b"1e999", b"NaN", b"Infinity", b"9" * 400, b"9" * 5000, b"0x"),
    *(b"[" * 200, b"{" * 200, b'{"a":' * 200, b"[" * 20_000, b'{" tuple":[' * 60),
    *(b'{" uuid":5}', b'{" markup":"<b>"}', b'{" escaped":{}}', b'" seal":"x"', b"s:", b"s%3A"),
]


def changed(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Return a strategy for real values with up to four changes of their bytes."""
    tokens = [*_TOKENS, *seeds]
    numbers = st.integers(0, 2**16)
    edits = st.lists(st.tuples(numbers, numbers, numbers, numbers), max_size=4)

    def apply(seed: int, edits: list[tuple[int, int, int, int]]) -> bytes:
        value = seeds[seed]
        for edit, place, length, token in edits:
            change, inserted = _EDITS[edit % len(_EDITS)], tokens[token % len(tokens)]
            value = change(value, place, length, inserted)[:100_000]
        return value

    return st.builds(apply, st.integers(0, len(seeds) - 1), edits)


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


#: What no program of ours writes where another value belongs.
_ODD_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 0.5, -0.0, 1e300, 1e-300, 2**31, 2**53, 2**63, 2**64, 10**400),
    *(float("inf"), float("nan"), 253_402_300_799_999, 253_402_300_800_000, -62_135_596_800_001),
    *(
        "",
        "x",
        "\0",
        "\r\n",
        "\ud800",
        "x" * 5000,
        "0",
        "1e999",
        "null",
        "é",
        "🍪",
        " ",
        "__proto__",
    ),
    *("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2031-02-03T04:05:06.789Z"),
    *([], {}, [[]], [{}], {"": ""}, ["x", 2**64], ["x", -1], ["x", "y"], [None, None]),
    *({" uuid": "x"}, {" dict": [[[], 1]]}, {" set": [[]]}, {" decimal": "sNaN"}, {" int": "0x1"}),
    *({" datetime": "9999-12-31T23:59:59.999999-23:59"}, {" timedelta": [10**9, 0, 0]}),
    *(_nested(99), _nested(101)),
]
#: The members that the package itself writes, in the cookie or beside it.
_MEMBERS = [
    *("cookie", "originalMaxAge", "expires", "path", "domain", "secure", "httpOnly", "sameSite"),
    *("priority", "partitioned", "chosen", "retiredUntil", "successor", "endedReason", "began"),
    *("origin", "moving", "record", "heir", "noted", "lock", "__lastAccess"),
    *("_login", "user", "at", "since", "level", "label", "address", "agent"),
    *("_flashes", "_permanent", "_user_id", " end", " seal", " escaped", " tuple", "__proto__"),
]


def odd_documents(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Return a strategy for real JSON with up to four values replaced or added."""
    numbers = st.integers(0, 2**16)
    changes = st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=4)

    def apply(seed: int, changes: list[tuple[int, int, int]]) -> bytes:
        document = [json.loads(seeds[seed])]
        for place, odd, member in changes:
            places = _places(document)
            where, key = places[place % len(places)]
            value = deepcopy(_ODD_VALUES[odd % len(_ODD_VALUES)])
            if member % 2 and isinstance(where[key], dict):
                where[key][_MEMBERS[member // 2 % len(_MEMBERS)]] = value
            else:
                where[key] = value
        return json.dumps(document[0], separators=(",", ":")).encode()

    return st.builds(apply, st.integers(0, len(seeds) - 1), changes)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return every place in plain JSON, as a container and a key of it."""
    keys = value if isinstance(value, dict) else range(len(value))
    inner = [(value, key) for key in keys]
    deeper = [
        each
        for _, key in inner
        if isinstance(value[key], (dict, list))
        for each in _places(value[key])
    ]
    return inner + deeper
