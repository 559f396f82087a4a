"""Fixtures: a store of each kind, and processes that share it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.connection import Client
from pathlib import Path

import pytest

from flask_serversession import Store
from flask_serversession.stores import open_store
from flask_serversession.stores.base import SupportsClose
from flask_serversession.stores.base import SupportsKeys

from ..servers.base import running
from .places import OURS
from .places import Place
from .places import place_of
from .places import SHARED
from .process import Process
from .process import Processes

ROOT = Path(__file__).parents[2]

StartProcess = Callable[..., Process]


@pytest.fixture(scope="session", params=SHARED)
def place(request: pytest.FixtureRequest) -> Place:
    """The store of the sessions. A test that uses this fixture runs once per store."""
    return place_of(request.param, request.getfixturevalue, OURS)


@pytest.fixture(scope="session")
def store(place: Place) -> Iterator[Store]:
    """The same store, opened in the test's own process."""
    store = open_store(place.store, place.options)
    yield store
    if isinstance(store, SupportsKeys):
        store.clear()
    if isinstance(store, SupportsClose):
        store.close()


@pytest.fixture(scope="session")
def socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The socket of the process server. Each connection to it starts a process."""
    folder = tmp_path_factory.mktemp("worker")
    path = f"{folder}/socket"
    with running(
        ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", f"{__package__}.worker", path],
        ready=lambda: Client(path, family="AF_UNIX").close(),
        folder=folder,
    ):
        yield path


@pytest.fixture(scope="session")
def processes(socket: str, place: Place) -> Iterator[Processes]:
    """The store's processes, which tests reuse."""
    with closing(Processes(socket, place)) as processes:
        yield processes


@pytest.fixture
def start_process(processes: Processes) -> Iterator[StartProcess]:
    """Return a function that starts a process. Its app gets the given config keys."""
    with processes.lent() as start:
        yield start


@pytest.fixture
def slow(start_process: StartProcess) -> Process:
    """A process that holds its request open while another request runs."""
    return start_process()


@pytest.fixture
def quick(start_process: StartProcess) -> Process:
    """A process whose requests run while the slow one is open."""
    return start_process()


@pytest.fixture
def sid(quick: Process) -> str:
    """The id of a session that a browser already has; its user is "ada"."""
    answer = quick.visit(None, "update", user="ada")
    assert answer.sid is not None
    return answer.sid
