"""Fixtures: an empty store for each test, and the Express app that shares it with Flask."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
import sqlalchemy as sa
from pymongo import MongoClient

from ..servers.base import report
from ..servers.base import running
from ..servers.base import unavailable
from .browser import hang_up

FOLDER = Path(__file__).parent

StartExpress = Callable[[str, str], AbstractContextManager[str]]


@pytest.fixture(scope="session")
def node(request: pytest.FixtureRequest) -> str:
    """The path of the Node that runs Express."""
    node = shutil.which("node")
    if node is None or not (FOLDER / "node_modules" / "express").is_dir():
        unavailable(request.config, "Express", "install Node 20, then npm ci in tests/interop")
    assert node is not None
    number = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    express = ", ".join(f"{name} {npm_version(name)}" for name in ["express", "express-session"])
    flask = ", ".join(f"{name} {version(name)}" for name in ["Flask", "Flask-ServerSession"])
    report("Express", f"{express} on Node {number.stdout.strip()}, beside {flask}")
    return node


@pytest.fixture
def start_express(node: str, tmp_path: Path) -> StartExpress:
    """Return a context manager that runs Express on a store from npm and yields its URL."""

    @contextmanager
    def start(store: str, place: str) -> Iterator[str]:
        # Node's libraries do not accept the driver that SQLAlchemy's URLs name.
        given = {"store": store, "url": re.sub(r"^(\w+)\+\w+:", r"\1:", place)}
        command = [node, str(FOLDER / "express_app.js"), json.dumps(given)]

        def port() -> int:
            # Node may print warnings besides the port.
            [line] = re.findall(r"^\d+$", (tmp_path / "server.log").read_text(), re.MULTILINE)
            return int(line)

        with running(command, ready=port, folder=tmp_path):
            url = f"http://127.0.0.1:{port()}"
            yield url
            hang_up(url)

    return start


@pytest.fixture
def place(request: pytest.FixtureRequest, server: str, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty store on the ``server`` that a test is parametrized with."""
    if server == "sqlite":
        yield f"sqlite:///{tmp_path}/sessions.db"
    elif server == "files":
        yield f"file://{tmp_path}/sessions"
    else:
        with _PLACES[server](request.getfixturevalue(f"{server}_url")) as url:
            yield url


def npm_version(package: str) -> str:
    """Return the version of a package that npm installed in this folder."""
    manifest = FOLDER / "node_modules" / package / "package.json"
    return str(json.loads(manifest.read_text())["version"])


@contextmanager
def _shared(url: str) -> Iterator[str]:
    # Ids are random, so tests do not meet each other's sessions, which expire by themselves.
    yield url


@contextmanager
def _schema(url: str) -> Iterator[str]:
    name = _new_name()
    admin = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
        try:
            yield f"{url}?options={quote(f'-csearch_path={name}')}"
        finally:
            connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")


@contextmanager
def _database(url: str) -> Iterator[str]:
    name = _new_name()
    admin = sa.create_engine(url, poolclass=sa.NullPool)
    with admin.connect() as connection:
        # This is MySQL's default. MariaDB's is latin1, in which no Node store can keep an emoji.
        connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        try:
            yield sa.make_url(url).set(database=name).render_as_string(hide_password=False)
        finally:
            connection.exec_driver_sql(f"DROP DATABASE {name}")


@contextmanager
def _mongo_database(url: str) -> Iterator[str]:
    name = _new_name()
    yield re.sub(r"^(mongodb://[^/]+/)[^?]*", rf"\1{name}", url)
    with MongoClient[dict[str, Any]](url) as client:
        client.drop_database(name)


def _new_name() -> str:
    return f"interop_{uuid4().hex[:12]}"


_PLACES: dict[str, Callable[[str], AbstractContextManager[str]]] = {
    "redis": _shared,
    "memcached": _shared,
    "postgresql": _schema,
    "mysql": _database,
    "mongodb": _mongo_database,
}
