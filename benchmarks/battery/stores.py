"""Where the systems keep their sessions: real servers, and folders, that last for one run."""

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

#: The stores without a server, and their URL in a folder that is empty.
LOCAL: Final = {
    "memory": "memory",
    "cookie": "cookie",
    "SQLite": "sqlite:///{folder}/sessions.db",
    "files": "file://{folder}/sessions",
}

#: The programs of the others.
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
    """Give a function that returns a store's URL, and starts its server when first asked.

    It raises NotPlayed where a server is not installed. All of them end with the block.
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
    """Return the path of a store's server, or the package that stands in for it."""
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
    "PostgreSQL": lambda folder: running_postgresql(),  # which makes a folder of its own
    "MariaDB": running_mariadb,
    "MongoDB": running_mongodb,
    "memcached": running_memcached,
}
