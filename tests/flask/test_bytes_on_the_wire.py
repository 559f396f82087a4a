"""How many round trips and bytes each kind of request exchanges with a server."""

from __future__ import annotations

import sys
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest
from flask import Flask

from flask_serversession import ServerSession

from .browser import Browser
from .browser import browser_of
from .browser import serve_browsers
from .browser import session
from .browser import View

# Last, so that the installed package is tested and not the checkout beside the benchmarks.
sys.path.append(str(Path(__file__).parents[2]))

from benchmarks.performance.proxy import counting
from benchmarks.performance.proxy import Proxy
from benchmarks.performance.proxy import Traffic

#: Bytes of the payload, far more than everything sent along with it.
SIZE = 20_000
#: The bytes allowed beside payloads: commands, keys, the cookie's attributes.
SMALL = 2_000

SERVERS = {
    "Redis": ("redis_url", "prefix"),
    "PostgreSQL": ("postgresql_url", "table"),
    "MariaDB": ("mysql_url", "table"),
    "memcached": ("memcached_url", "prefix"),
}

#: PyMySQL writes bytes in hexadecimal.
LENGTHENED = {"MariaDB": 2}


class Cost(NamedTuple):
    """The round trips a kind of request takes, and the payloads sent and received."""

    view: View
    trips: int
    #: Payloads to store.
    stored: int = 0
    #: Payloads that the store compares with what it has.
    compared: int = 0
    received: int = 0


def write() -> None:
    session["n"] = session.get("n", 0) + 1


def log_in() -> None:
    session.regenerate(keep_data=True)


COSTS = {
    "ignores its session": Cost(lambda: None, trips=0),
    "reads": Cost(lambda: str(session["n"]), trips=1, received=1),
    "reads all of it": Cost(lambda: str(len(session["text"])), trips=1, received=1),
    "merges a write": Cost(write, trips=2, stored=1, compared=1, received=1),
    "logs in": Cost(log_in, trips=3, stored=2, compared=1, received=1),
    "logs out": Cost(lambda: session.destroy(), trips=2, compared=1, received=1),
}


class Wire(NamedTuple):
    proxy: Proxy
    browser: Browser

    def measure(self, view: View) -> Traffic:
        before = self.proxy.traffic
        assert self.browser.run(view).status_code == 200
        after = self.proxy.traffic
        return Traffic(*(now - then for now, then in zip(after, before, strict=True)))


MakeWire = Callable[..., Wire]


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def make_wire(server: str, request: pytest.FixtureRequest) -> Iterator[MakeWire]:
    """Make an application that reaches its server through a counting proxy."""
    fixture, option = SERVERS[server]
    with ExitStack() as stack:

        def make_wire(**config: object) -> Wire:
            url, proxy = stack.enter_context(counting(request.getfixturevalue(fixture)))
            app = Flask(__name__)
            app.config.update(
                SECRET_KEY="key",
                SESSION_STORE=url,
                SESSION_STORE_OPTIONS={option: f"t{uuid4().hex}"},
                TESTING=True,
                **config,
            )
            ServerSession(app)
            stack.callback(app.extensions["serversession"].close)
            serve_browsers(app)
            browser = browser_of(app)
            # Warm up: connect, prepare the statements, load the scripts.
            for view in [log_in, *(cost.view for cost in COSTS.values())]:
                browser.run(lambda: session.update(n=0, text="x" * SIZE))
                for _ in range(2):
                    browser.run(view)
            return Wire(proxy, browser)

        yield make_wire


def test_each_kind_of_request_costs_its_trips_and_payloads(
    make_wire: MakeWire, server: str
) -> None:
    wire = make_wire()
    for kind, cost in COSTS.items():
        wire.browser.run(lambda: session.update(n=0, text="x" * SIZE))

        trips, sent, received = wire.measure(cost.view)

        # memcached compares by its own CAS token, so the old payload is not sent.
        payloads = cost.stored + (0 if server == "memcached" else cost.compared)
        least = payloads * SIZE * LENGTHENED.get(server, 1)
        assert trips == cost.trips, kind
        assert least <= sent < least + SMALL, kind
        assert cost.received * SIZE <= received < cost.received * SIZE + SMALL, kind


def test_an_overwriting_save_sends_the_payload_once(make_wire: MakeWire, server: str) -> None:
    wire = make_wire(SESSION_CONCURRENCY="overwrite")
    wire.browser.run(lambda: session.update(n=0, text="x" * SIZE))

    _, sent, _ = wire.measure(write)

    least = SIZE * LENGTHENED.get(server, 1)
    assert least <= sent < least + SMALL
