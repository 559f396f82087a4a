"""Stores with little room for sessions, which can be given more."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pymemcache
import pytest
import redis

from ..servers.base import free_port
from ..servers.base import unprivileged_user
from ..servers.memcached import memcached_server
from ..servers.redis import one_server
from .backends import MEMCACHED
from .backends import POSTGRESQL
from .backends import REDIS_PROGRAM
from .server import own_server
from .visitor import Site
from .visitor import TIMEOUT
from .visitor import Visitor

#: Random, so that a database cannot compress it.
TEXT = random.Random(5).randbytes(5_000).hex()
MOST_VISITORS = 1_000


@dataclass(frozen=True)
class Narrow:
    """A store that is full after a few sessions."""

    url: str
    make_room: Callable[[], object]
    #: Whether ending a session may need room, too.
    may_refuse_to_delete: bool = False

    @property
    def options(self) -> dict[str, Any]:
        return {} if self.url.startswith("file:") else {"timeout": TIMEOUT}


def fill(site: Site) -> list[Visitor]:
    """Add visitors until the store is full; return those who got a session."""
    members: list[Visitor] = []
    for _ in range(MOST_VISITORS):
        member = site.visitor()
        if member.writes(TEXT).status != 200:
            return members
        members.append(member)
    raise AssertionError("the store never was full")


@contextmanager
def redis_without_eviction() -> Iterator[Narrow]:
    if REDIS_PROGRAM is None:
        pytest.skip("apt install redis-server")
    limit = ("--maxmemory", "3mb", "--maxmemory-policy", "noeviction")
    with (
        tempfile.TemporaryDirectory(prefix="redis-") as folder,
        one_server(REDIS_PROGRAM, Path(folder), *limit) as servers,
        redis.Redis(port=servers.ports[0]) as admin,
    ):
        yield Narrow(servers.url, lambda: admin.config_set("maxmemory", "100mb"))


@contextmanager
def memcached_without_eviction() -> Iterator[Narrow]:
    if not MEMCACHED.is_installed:
        pytest.skip("apt install memcached")
    port = free_port()
    address = f"127.0.0.1:{port}"
    with (
        tempfile.TemporaryDirectory(prefix="memcached-") as folder,
        memcached_server(Path(folder), port, "-m", "2", "-M"),
        closing(pymemcache.Client(address, timeout=60)) as admin,
    ):
        yield Narrow(f"memcached://{address}", lambda: admin.cache_memlimit(64))


@contextmanager
def sqlite_on_a_small_disk() -> Iterator[Narrow]:
    with small_disk() as disk:
        yield Narrow(
            f"sqlite:///{disk}/sessions.db", lambda: grow(disk), may_refuse_to_delete=True
        )


@contextmanager
def files_on_a_small_disk() -> Iterator[Narrow]:
    with small_disk() as disk:
        yield Narrow(f"file://{disk}/sessions", lambda: grow(disk))


@contextmanager
def postgresql_on_a_small_disk() -> Iterator[Narrow]:
    """Put only the tables on the small disk: without room for its log, PostgreSQL would stop."""
    if not POSTGRESQL.is_installed:
        pytest.skip("apt install postgresql")
    with small_disk() as disk, own_server(POSTGRESQL) as server:
        place = disk / "tables"
        place.mkdir()
        user = unprivileged_user("postgres")
        if user:
            shutil.chown(place, user)
        address = server.url.replace("+psycopg", "")
        with psycopg.connect(address, autocommit=True) as admin:
            admin.execute(f"CREATE TABLESPACE narrow LOCATION '{place}'")
            admin.execute("ALTER DATABASE postgres SET default_tablespace = narrow")
        yield Narrow(server.url, lambda: grow(disk))


PLACES = {
    "Redis": redis_without_eviction,
    "memcached": memcached_without_eviction,
    "PostgreSQL": postgresql_on_a_small_disk,
    "SQLite": sqlite_on_a_small_disk,
    "files": files_on_a_small_disk,
}


@contextmanager
def small_disk() -> Iterator[Path]:
    """Mount a file system of 1 MB until the block ends. This requires root."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk requires root")
    with tempfile.TemporaryDirectory(prefix="disk-") as name:
        disk = Path(name)
        disk.chmod(0o755)
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", name]
        if subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("root is not allowed to mount a small disk here")
        try:
            yield disk
        finally:
            subprocess.run(["umount", name], check=True)


def grow(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=32m", disk], check=True)
