"""What hashed ids and encryption cost: requests with either, with both and with neither.

``python -m benchmarks.protection`` prints a table for each store and size of a session. The
four kinds of applications take turns.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from statistics import median
from typing import Any
from typing import cast
from typing import Final

from flask import session

from flask_serversession import ServerSession
from flask_serversession import Session

from .performance import servers
from .performance.drive import WsgiDriver
from .performance.measure import Contestant
from .performance.measure import rounds_of
from .performance.peers.views import make_flask
from .performance.scenarios import SCENARIOS
from .performance.servers import OWN
from .performance.table import as_text
from .performance.table import Table

STORES: Final = ("redis", "sqlite")
PAYLOADS: Final = ("200", "4k")
SECONDS_A_SCENARIO: Final = 2.0
_MEASURED: Final = ("reads", "reads and writes", "creates", "login")
_KEY: Final = "0123456789abcdef" * 4
_HASHED: Final[dict[str, Any]] = {"SESSION_HASH_IDS": True}
_ENCRYPTED: Final[dict[str, Any]] = {"SESSION_ENCRYPTION_KEYS": [_KEY]}
#: The first one is what the others are compared with.
KINDS: Final[dict[str, dict[str, Any]]] = {
    "neither": {},
    "hashed": _HASHED,
    "encrypted": _ENCRYPTED,
    "both": {**_HASHED, **_ENCRYPTED},
}


def measure(store: str) -> Iterator[Table]:
    """Yield the tables of one store."""
    with servers.running(store) as url:
        playing = [_contestant(name, url) for name in KINDS]
        for payload in PAYLOADS:
            rows = [
                [
                    scenario.name,
                    *_figures(rounds_of(playing, scenario, payload, SECONDS_A_SCENARIO)),
                ]
                for scenario in SCENARIOS
                if scenario.name in _MEASURED
            ]
            head = ["request", "µs with neither"]
            head += [text for name in list(KINDS)[1:] for text in (f"{name}, + µs", "ratio")]
            yield Table(f"Protected sessions on {store}, {payload}", head, rows)


def _contestant(name: str, url: str) -> Contestant:
    app = make_flask(new_id=lambda: cast(Session, session).regenerate(keep_data=True))
    app.config.update(SESSION_STORE=url.replace(OWN, name), **KINDS[name])
    ServerSession(app)
    driver = WsgiDriver(app)
    return Contestant(name, driver, driver)


def _figures(rounds: dict[str, list[float]]) -> list[str]:
    plain, *others = rounds.values()
    row = [f"{median(plain):.0f}"]
    for other in others:
        pairs = list(zip(other, plain, strict=True))
        row.append(f"{median(one - base for one, base in pairs):.0f}")
        row.append(f"{median(one / base for one, base in pairs):.2f}")
    return row


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.protection")
    parser.add_argument("--stores", default=",".join(STORES), help="stores, separated by commas")
    for store in parser.parse_args().stores.split(","):
        print(f"Measuring {store} …", file=sys.stderr, flush=True)
        for table in measure(store):
            print(as_text(table), flush=True)


if __name__ == "__main__":
    main()
