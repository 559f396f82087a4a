"""The networked stores' servers, configured to lose no acknowledged write where they can."""

from __future__ import annotations

import subprocess
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path

from ..servers.base import find_program
from ..servers.mariadb import install_mariadb
from ..servers.mariadb import mariadb_address
from ..servers.mariadb import mariadb_server
from ..servers.memcached import memcached_server
from ..servers.mongodb import mongodb_address
from ..servers.mongodb import mongodb_server
from ..servers.postgresql import install_postgresql
from ..servers.postgresql import postgresql_address
from ..servers.postgresql import postgresql_server
from ..servers.redis import redis_server
from .server import Backend

Running = AbstractContextManager["subprocess.Popen[bytes]"]

REDIS_PROGRAM = find_program("redis-server") or find_program("valkey-server")
MONGOD = find_program("mongod")


def _redis(folder: Path, port: int) -> Running:
    keeping = ("--appendonly", "yes", "--appendfsync", "always")
    return redis_server(REDIS_PROGRAM or "redis-server", folder, port, *keeping)


def _postgresql(folder: Path, port: int) -> Running:
    return postgresql_server(folder, port, "--fsync=on")


REDIS = Backend(
    name="Redis",
    is_installed=bool(REDIS_PROGRAM),
    address=lambda port: f"redis://127.0.0.1:{port}",
    serve=_redis,
    durable=True,
)
POSTGRESQL = Backend(
    name="PostgreSQL",
    is_installed=bool(find_program("postgres") and find_program("initdb")),
    address=postgresql_address,
    install=install_postgresql,
    serve=_postgresql,
    durable=True,
)
MARIADB = Backend(
    name="MariaDB",
    is_installed=bool(find_program("mariadbd") and find_program("mariadb-install-db")),
    address=mariadb_address,
    install=install_mariadb,
    serve=mariadb_server,
    durable=True,
)
MEMCACHED = Backend(
    name="memcached",
    is_installed=bool(find_program("memcached")),
    address=lambda port: f"memcached://127.0.0.1:{port}",
    serve=memcached_server,
    notices_late=True,
)
MONGODB = Backend(
    name="MongoDB" if MONGOD else "nx-27017",
    is_installed=bool(MONGOD or find_spec("nx_27017")),
    # By default mongod acknowledges a write up to 100 ms before it is in the journal.
    address=lambda port: f"{mongodb_address(port)}&journal=true",
    serve=mongodb_server,
    # nx-27017, which replaces a missing mongod, keeps its data in memory.
    durable=bool(MONGOD),
)

BACKENDS = [REDIS, POSTGRESQL, MARIADB, MEMCACHED, MONGODB]
DURABLE = [backend for backend in BACKENDS if backend.durable]
FORGETFUL = [backend for backend in BACKENDS if not backend.durable]


def name_of(backend: Backend) -> str:
    return backend.name
