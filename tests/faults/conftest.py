"""Fixtures: a server for each networked store that tests may kill, and an app that uses it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator

import pytest

from ..servers.base import unavailable
from .backends import BACKENDS
from .backends import name_of
from .server import Backend
from .server import own_server
from .server import Server
from .visitor import Site
from .visitor import TIMEOUT
from .visitor import Visitor

Strike = Callable[[], None]


@pytest.fixture(scope="session", params=BACKENDS, ids=name_of)
def only_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    backend: Backend = request.param
    if not backend.is_installed:
        unavailable(request.config, f"{backend.name} with faults", "install its server")
    with own_server(backend) as server:
        yield server


@pytest.fixture
def server(only_server: Server) -> Iterator[Server]:
    """A running server that a test may kill or stop. It is mended afterwards."""
    yield only_server
    only_server.mend()


@pytest.fixture
def timeout() -> float:
    """The store's timeout, in seconds."""
    return TIMEOUT


@pytest.fixture
def site(server: Server, timeout: float) -> Iterator[Site]:
    site = Site(server.url, timeout=timeout)
    yield site
    server.mend()  # otherwise closing a connection could wait for it
    site.close()


@pytest.fixture
def member(site: Site) -> Visitor:
    """A visitor who has a session in the store."""
    # A server that was mended just now may be slower than the time-out at first.
    for _ in range(5):
        member = site.visitor()
        if member.counts().status == 200:
            return member
    raise AssertionError("the server does not answer in time")


@pytest.fixture(params=["killed", "hanging"])
def strike(request: pytest.FixtureRequest, server: Server) -> Strike:
    """Return a function that kills the server or makes it hang, until ``server.mend()``."""
    return server.kill if request.param == "killed" else server.hang
