"""What logins cost: sessions with a user beside sessions without one, on each store.

``python -m benchmarks.logins`` prints a table for each store and writes the tables for the
documentation. Both kinds of sessions hold the same data and take turns.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from contextlib import ExitStack
from statistics import median
from typing import Any
from typing import cast
from typing import Final

from flask import Flask
from flask import session

from flask_serversession import ServerSession
from flask_serversession import Session

from .performance import servers
from .performance.drive import WsgiDriver
from .performance.measure import Contestant
from .performance.measure import rounds_of
from .performance.peers import SERVED
from .performance.peers.views import make_flask
from .performance.proxy import counting
from .performance.results import FOLDER
from .performance.scenarios import Scenario
from .performance.scenarios import SCENARIOS
from .performance.servers import OWN
from .performance.table import as_rst
from .performance.table import as_text
from .performance.table import Table
from .performance.wire import count_requests

STORES: Final = ("redis", "valkey", "postgresql", "mariadb", "sqlite", "files")
PAYLOAD: Final = "200"
SECONDS_A_SCENARIO: Final = 1.5
#: A user for every session, so that no user has thousands.
_USER: Final = "_user_id"


def make_app(url: str, touch: bool, *, logs_in: bool, **config: Any) -> Flask:
    app = make_flask(new_id=_log_in if logs_in else _new_id, end=_log_out)
    app.config.update(SESSION_STORE=url, **config)
    if touch:
        app.config["SESSION_TOUCH_INTERVAL"] = 0
    ServerSession(app)
    if logs_in:
        app.view_functions = {
            name: _logging_in(view) if name.startswith("new-") else view
            for name, view in app.view_functions.items()
        }
    return app


def _logging_in(view: Any) -> Any:
    def answer() -> Any:
        ours = cast(Session, session)
        ours.log_in(secrets.token_hex(8))
        return view()

    return answer


def _new_id() -> None:
    cast(Session, session).regenerate(keep_data=True)


def _log_in() -> None:
    ours = cast(Session, session)
    ours.log_in(cast(str, ours.user_id))


def _log_out() -> None:
    cast(Session, session).log_out()


def measure(store: str) -> Table:
    """Return the table of one store."""
    scenarios = [one for one in SCENARIOS if one.visitor != "stranger"]
    with ExitStack() as stack:
        url = stack.enter_context(servers.running(store))
        playing = _contestants(url)
        rows = [_row(playing, scenario) for scenario in scenarios]
        if store in SERVED:
            counted, proxy = stack.enter_context(counting(url))
            for row, scenario in zip(rows, scenarios, strict=True):
                trips = [
                    count_requests(one, proxy, PAYLOAD, scenario).trips
                    for one in _contestants(counted)
                ]
                row += [f"{number:g}" for number in trips]
    head = ["request", "µs without a user", "with one", "ratio", "with a limit", "ratio"]
    if store in SERVED:
        head += ["trips without a user", "with one", "with a limit"]
    return Table(f"Sessions with and without a user on {store}, 200 B", head, rows)


def _contestants(url: str) -> list[Contestant]:
    kinds: dict[str, dict[str, Any]] = {
        "visitor": {"logs_in": False},
        "user": {"logs_in": True},
        "limited": {"logs_in": True, "SESSION_LIMIT_PER_USER": 3},
    }
    return [
        Contestant(
            name,
            *(
                WsgiDriver(make_app(url.replace(OWN, f"{name}-{touch}"), touch, **options))
                for touch in (False, True)
            ),
        )
        for name, options in kinds.items()
    ]


def _row(playing: list[Contestant], scenario: Scenario) -> list[str]:
    rounds = rounds_of(playing, scenario, PAYLOAD, SECONDS_A_SCENARIO)
    visitor = rounds["visitor"]
    row = [scenario.name, f"{median(visitor):.0f}"]
    for name in ("user", "limited"):
        ratios = [one / other for one, other in zip(rounds[name], visitor, strict=True)]
        row += [f"{median(rounds[name]):.0f}", f"{median(ratios):.2f}"]
    return row


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.logins")
    parser.add_argument("--stores", default=",".join(STORES), help="stores, separated by commas")
    written = []
    for store in parser.parse_args().stores.split(","):
        print(f"Measuring {store} …", file=sys.stderr, flush=True)
        table = measure(store)
        print(as_text(table), flush=True)
        written.append(as_rst(table))
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "logins.rst").write_text("\n".join(written))


if __name__ == "__main__":
    main()
