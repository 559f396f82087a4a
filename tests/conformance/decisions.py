"""Every combination of options times 23 things a handler can do: 1,472 rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from .upstream import get
from .upstream import Scenario
from .upstream import SECRET
from .upstream import START

_MODIFY = ["set", "a", 2]
_STALE = {"clearFirst": True}

#: What the last request of a row does.
SCENARIOS: dict[str, list[list[Any]]] = {
    "untouched": [],
    "modified": [_MODIFY],
    "modified+save()": [_MODIFY, ["save"]],
    "save() unmodified": [["save"]],
    "null": [["unset"]],
    "delete": [["unset"]],
    "destroy()": [["destroy"]],
    "regenerate()": [["regenerate"]],
    "regenerate()+modified": [["regenerate"], _MODIFY],
    "regenerate()+save()": [["regenerate"], ["save"]],
    "cookie-only change": [["cookie", "maxAge", 99_999]],
    "reload()": [["reload"]],
    "reload()+save()": [["reload"], ["save"]],
    "touch()": [["touch"]],
}
_NEW = [
    "untouched",
    "modified",
    "modified+save()",
    "save() unmodified",
    "null",
    "destroy()",
    "regenerate()",
]
_STALE_ID = ["untouched", "modified"]
_EXISTING = [
    "untouched",
    "modified",
    "cookie-only change",
    "save() unmodified",
    "modified+save()",
    "null",
    "delete",
    "destroy()",
    "regenerate()",
    "regenerate()+modified",
    "regenerate()+save()",
    "reload()",
    "reload()+save()",
    "touch()",
]


def rows() -> Iterator[tuple[str, Scenario]]:
    """Yield each row's name and scenario; its last request is the one in question."""
    cases = [
        *((f"new,{name}", [get(*SCENARIOS[name])]) for name in _NEW),
        *((f"stale-id,{name}", [_first(), get(*SCENARIOS[name], **_STALE)]) for name in _STALE_ID),
        *((f"existing,{name}", [_first(), get(*SCENARIOS[name])]) for name in _EXISTING),
    ]
    flags = [True, False]
    for resave, uninitialized, rolling, max_age, unset, touches in product(
        flags, flags, flags, [None, 60_000], ["keep", "destroy"], flags
    ):
        options = {
            "secret": SECRET,
            "resave": resave,
            "saveUninitialized": uninitialized,
            "rolling": rolling,
            "unset": unset,
            "cookie": {"maxAge": max_age},
        }
        chosen = "/".join(
            [
                f"resave={resave}",
                f"saveUninitialized={uninitialized}",
                f"rolling={rolling}",
                f"maxAge={max_age}",
                f"unset={unset}",
                f"storeTouches={touches}",
            ]
        )
        for name, requests in cases:
            scenario = {"start": START, "options": options, "requests": requests}
            if not touches:
                scenario["storeTouches"] = False
            yield f"{name}/{chosen}", scenario


def _first() -> dict[str, Any]:
    return get(["set", "a", 1])
