"""A PostgreSQL primary and its streaming standby, behind one address."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from flask_serversession.errors import StoreUnavailable
from flask_serversession.stores.base import Store
from flask_serversession.stores.sqlalchemy import SQLAlchemyStore
from flask_serversession.testing.contract import assert_payload
from flask_serversession.testing.contract import in_
from flask_serversession.testing.contract import live
from flask_serversession.testing.contract import OTHER_PAYLOAD
from flask_serversession.testing.contract import PAYLOAD

from ..servers.base import find_program
from ..servers.base import free_port
from ..servers.base import stop
from ..servers.base import unavailable
from ..servers.base import unprivileged_user
from ..servers.forwarder import Forwarder
from ..servers.forwarder import forwarding_to
from ..servers.postgresql import install_postgresql
from ..servers.postgresql import postgresql_address
from ..servers.postgresql import postgresql_server

pytestmark = pytest.mark.slow


@dataclass
class Node:
    """One of the two servers."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as the server's user."""
        path = find_program(program) or program
        user = unprivileged_user("postgres")
        subprocess.run([path, *arguments], check=True, capture_output=True, cwd="/", user=user)

    def ask(self, question: str) -> object:
        engine = sa.create_engine(postgresql_address(self.port), poolclass=sa.NullPool)
        with engine.connect() as connection:
            return connection.exec_driver_sql(question).scalar()


@pytest.fixture
def folder() -> Iterator[Path]:
    # pytest's own temporary folders are closed to every other user, and the servers are one.
    with tempfile.TemporaryDirectory(prefix="postgresql-") as name:
        if user := unprivileged_user("postgres"):
            shutil.chown(name, user)
        yield Path(name)


@contextmanager
def serving(folder: Path) -> Iterator[Node]:
    port = free_port()
    with postgresql_server(folder, port) as process:
        yield Node(folder, port, process)


@pytest.fixture
def primary(request: pytest.FixtureRequest, folder: Path) -> Iterator[Node]:
    if not find_program("pg_basebackup"):
        unavailable(request.config, "PostgreSQL", "apt install postgresql")
    home = folder / "primary"
    home.mkdir()
    install_postgresql(home)
    with serving(home) as node:
        yield node


@pytest.fixture
def standby(folder: Path, primary: Node) -> Iterator[Node]:
    address = postgresql_address(primary.port).replace("+psycopg", "")
    home = folder / "standby"
    home.mkdir()
    if user := unprivileged_user("postgres"):
        shutil.chown(home, user)
    data = str(home / "data")
    primary.run("pg_basebackup", "-d", address, "-D", data, "-R", "-c", "fast", "--no-sync")
    with serving(home) as node:
        yield node


@pytest.fixture
def address(primary: Node) -> Iterator[Forwarder]:
    with forwarding_to(primary.port) as forwarder:
        yield forwarder


@pytest.fixture
def stores(address: Forwarder) -> Iterator[list[SQLAlchemyStore]]:
    """A store made from a URL, and one on an application's engine."""
    url = postgresql_address(address.port)
    engine = sa.create_engine(url)
    stores = [SQLAlchemyStore.from_url(url), SQLAlchemyStore(engine)]
    yield stores
    for store in stores:
        store.close()
    engine.dispose()


def assert_only_readable(store: Store, key: str) -> None:
    assert_payload(store, key, PAYLOAD)
    for write in (
        lambda: store.create("new", live()),
        lambda: store.save(key, live(OTHER_PAYLOAD)),
        lambda: store.save(key, live(OTHER_PAYLOAD), replacing=live()),
        lambda: store.touch(key, in_(60)),
        lambda: store.delete(key),
    ):
        with pytest.raises(StoreUnavailable, match="takes no writes now") as caught:
            write()
        assert caught.value.is_read_only
    assert_payload(store, key, PAYLOAD)


def wait_for_replication(primary: Node, standby: Node) -> None:
    position = primary.ask("SELECT pg_current_wal_lsn()")
    deadline = time.monotonic() + 60
    while not standby.ask(f"SELECT pg_last_wal_replay_lsn() >= '{position}'"):
        assert time.monotonic() < deadline, "the standby does not follow"
        time.sleep(0.05)


def test_a_store_finds_the_node_that_takes_writes(
    stores: list[SQLAlchemyStore], primary: Node, standby: Node, address: Forwarder
) -> None:
    for key, store in enumerate(stores):
        store.create(str(key), live())
    wait_for_replication(primary, standby)

    # The address leads to the standby, and back.
    for key, store in enumerate(stores):
        store.close()
        address.move(standby.port)
        assert_only_readable(store, str(key))
        address.move(primary.port)
        # The connection to the standby is dropped, and the statement sent on a new one.
        assert store.save(str(key), live()) is None
        address.wait_until_no_connection_leads(to=standby.port)
    wait_for_replication(primary, standby)

    # The primary stops, and the standby takes its place a moment later.
    stop(primary.process, signal.SIGINT)
    for store in stores:
        with pytest.raises(StoreUnavailable):
            store.load("0")
    address.move(standby.port)
    for key, store in enumerate(stores):
        assert_only_readable(store, str(key))
    standby.run("pg_ctl", "promote", "-D", str(standby.folder / "data"))
    for key, store in enumerate(stores):
        assert store.save(str(key), live(OTHER_PAYLOAD), replacing=live()) is None
        assert store.create(f"new {key}", live()) is True
        assert_payload(store, str(key), OTHER_PAYLOAD)
