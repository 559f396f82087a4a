"""The systems' stores: real servers and folders that exist for one run."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import ExitStack
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from subprocess import CalledProcessError
from tempfile import mkdtemp
from tempfile import TemporaryDirectory
from typing import Final

from tests.servers.base import find_program
from tests.servers.mariadb import running_mariadb
from tests.servers.memcached import running_memcached
from tests.servers.mongodb import running_mongodb
from tests.servers.postgresql import running_postgresql
from tests.servers.redis import one_server

from .browser import NotPlayed

#: The URLs of the stores without a server, given an empty folder.
LOCAL: Final = {
    "memory": "memory",
    "cookie": "cookie",
    "SQLite": "sqlite:///{folder}/sessions.db",
    "files": "file://{folder}/sessions",
}

#: The programs of the stores with a server.
PROGRAMS: Final = {
    "Redis": "redis-server",
    "PostgreSQL": "postgres",
    "MariaDB": "mariadbd",
    "MongoDB": "mongod",
    "memcached": "memcached",
}

FindStore = Callable[[str], str]


@contextmanager
def stores() -> Iterator[FindStore]:
    """Yield a function that returns a store's URL. The first call for a store starts its server.

    It raises NotPlayed if the server is not installed. All servers end with the block.
    """
    with TemporaryDirectory(prefix="battery-") as name, ExitStack() as servers:

        @cache
        def start(store: str) -> str:
            return _start(servers, store, Path(mkdtemp(dir=name)))

        def find(store: str) -> str:
            if store in LOCAL:
                return LOCAL[store].format(folder=mkdtemp(dir=name))
            return start(store)

        yield find


def program_of(store: str) -> str | None:
    """Return the path of a store's server, or the name of the package that replaces it."""
    program = find_program(PROGRAMS[store])
    if program is None and store == "MongoDB" and find_spec("nx_27017"):
        return "nx-27017"
    return program


def _start(servers: ExitStack, store: str, folder: Path) -> str:
    program = program_of(store)
    if program is None:
        raise NotPlayed(f"{PROGRAMS[store]} is not installed")
    try:
        return _enter(servers, store, program, folder)
    except (OSError, RuntimeError, CalledProcessError) as error:
        raise NotPlayed(f"{PROGRAMS[store]} does not start") from error


def _enter(servers: ExitStack, store: str, program: str, folder: Path) -> str:
    if store == "Redis":
        return servers.enter_context(one_server(program, folder)).url
    url, _ = servers.enter_context(_RUNNING[store](folder))
    return url


_RUNNING = {
    "PostgreSQL": lambda folder: running_postgresql(),  # it creates its own folder
    "MariaDB": running_mariadb,
    "MongoDB": running_mongodb,
    "memcached": running_memcached,
}
