"""PostgreSQL: ``TEST_POSTGRESQL_URL``, or a server of our own, which logs every statement."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy import NullPool

from .base import find_program
from .base import free_port
from .base import report
from .base import running
from .base import unavailable
from .base import unprivileged_user

PASSWORD = "pg-password-of-the-tests"
SETTINGS = [
    *("--listen_addresses=127.0.0.1", "--unix_socket_directories=", "--fsync=off"),
    # What postgresql_log reads.
    *("--log_statement=all", "--log_parameter_max_length=0"),
    *("--logging_collector=on", "--log_rotation_size=0"),
]
_LOG_SIZE = "SELECT size FROM pg_stat_file(pg_current_logfile())"
_LOG_SINCE = (
    "SELECT pg_read_file(log, {0}, size - {0})"
    " FROM pg_current_logfile() AS log, LATERAL pg_stat_file(log)"
)


@pytest.fixture(scope="session")
def postgresql_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the URL of a database in which the tests may make tables and schemas."""
    url = os.environ.get("TEST_POSTGRESQL_URL")
    if url:
        report("PostgreSQL", f"{_version(url)}, from TEST_POSTGRESQL_URL")
        yield url
        return
    if not find_program("postgres") or not find_program("initdb"):
        remedy = "apt install postgresql, or set TEST_POSTGRESQL_URL to postgresql+psycopg://…"
        unavailable(request.config, "PostgreSQL", remedy)
    with running_postgresql() as (url, _):
        report("PostgreSQL", f"{_version(url)}, started by the tests")
        yield url


@contextmanager
def running_postgresql() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a server until the block ends; give its URL and its process."""
    port = free_port()
    # pytest's own temporary folders are closed to every other user, and the server is one.
    with tempfile.TemporaryDirectory(prefix="postgresql-") as name:
        folder = Path(name)
        install_postgresql(folder)
        with postgresql_server(folder, port) as process:
            yield postgresql_address(port), process


def install_postgresql(folder: Path) -> None:
    """Make a server's data folder, and hand the folder to the user that the server runs as."""
    user = unprivileged_user("postgres")
    password = folder / "password"
    password.write_text(PASSWORD)
    if user:
        shutil.chown(folder, user)
        shutil.chown(password, user)
    subprocess.run(
        [
            *(find_program("initdb") or "initdb", "--pgdata", folder / "data", "--no-sync"),
            *("--username=tests", "--pwfile", password, "--auth=scram-sha-256"),
            "--encoding=UTF8",
        ],
        check=True,
        capture_output=True,
        cwd=folder,
        user=user,
    )


@contextmanager
def postgresql_server(folder: Path, port: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in its folder and on a port until the block ends."""
    postgres = find_program("postgres") or "postgres"
    with running(
        [postgres, "-D", str(folder / "data"), "-p", str(port), *SETTINGS, *options],
        ready=lambda: psycopg.connect(f"postgresql://{_address(port)}").close(),
        folder=folder,
        user=unprivileged_user("postgres"),
        end=signal.SIGINT,
    ) as process:
        yield process


def postgresql_address(port: int) -> str:
    """Return the URL of a server of our own."""
    return f"postgresql+psycopg://{_address(port)}"


@contextmanager
def postgresql_log(url: str) -> Iterator[list[str]]:
    """Give, after the block, the first word of every statement the server received in it."""
    if "TEST_POSTGRESQL_URL" in os.environ:
        pytest.skip("what a server receives is read from the log of one of our own")
    words: list[str] = []
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as admin:
        start, end = f"start {uuid4()}", f"end {uuid4()}"
        written = admin.exec_driver_sql(_LOG_SIZE).scalar()
        admin.exec_driver_sql(f"SELECT '{start}'")
        yield words
        admin.exec_driver_sql(f"SELECT '{end}'")
        deadline = time.monotonic() + 60
        log = ""
        while end not in log:
            assert time.monotonic() < deadline, "the server did not write its log"
            log = str(admin.exec_driver_sql(_LOG_SINCE.format(written)).scalar())
    between = log.partition(start)[2].partition(end)[0]
    # The last one is the SELECT of the end.
    words += re.findall(r"LOG:  (?:statement|execute [^:]*): (\w+)", between)[:-1]


def _address(port: int) -> str:
    return f"tests:{PASSWORD}@127.0.0.1:{port}/postgres"


def _version(url: str) -> str:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return f"PostgreSQL {connection.exec_driver_sql('SHOW server_version').scalar()}"
