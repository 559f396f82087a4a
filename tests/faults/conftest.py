"""For each networked store a server of these tests' own, and an application on it."""

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
    """A server that runs, and may be done anything to."""
    yield only_server
    only_server.mend()


@pytest.fixture
def site(server: Server) -> Iterator[Site]:
    site = Site(server.url, timeout=TIMEOUT)
    yield site
    server.mend()  # or closing a connection might wait for it
    site.close()


@pytest.fixture
def member(site: Site) -> Visitor:
    """A visitor whose session the store has."""
    member = site.visitor()
    assert member.counts().status == 200
    return member


@pytest.fixture(params=["killed", "hanging"])
def strike(request: pytest.FixtureRequest, server: Server) -> Strike:
    """Have the server die, or stop without a word; ``server.mend()`` is the way back."""
    return server.kill if request.param == "killed" else server.hang
