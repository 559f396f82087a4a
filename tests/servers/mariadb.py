"""MySQL or MariaDB: ``TEST_MYSQL_URL``, or a MariaDB server that the tests start."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql
import pytest
from sqlalchemy import create_engine
from sqlalchemy import NullPool

from .base import find_program
from .base import free_port
from .base import report
from .base import running
from .base import unavailable

PASSWORD = "mysql-password-of-the-tests"
FIRST_STATEMENTS = f"""\
CREATE DATABASE IF NOT EXISTS sessions;
CREATE USER IF NOT EXISTS 'tests'@'%' IDENTIFIED BY '{PASSWORD}';
GRANT ALL PRIVILEGES ON *.* TO 'tests'@'%' WITH GRANT OPTION;
"""


@pytest.fixture(scope="session")
def mysql_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of a database in which tests may create tables."""
    url = os.environ.get("TEST_MYSQL_URL")
    if url:
        report("MySQL", f"{_version(url)}, from TEST_MYSQL_URL")
        yield url
        return
    if not find_program("mariadbd") or not find_program("mariadb-install-db"):
        remedy = "apt install mariadb-server, or set TEST_MYSQL_URL to mysql+pymysql://…"
        unavailable(request.config, "MySQL", remedy)
    with running_mariadb(tmp_path_factory.mktemp("mariadb")) as (url, _):
        report("MySQL", f"{_version(url)}, started by the tests")
        yield url


@contextmanager
def running_mariadb(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a server until the block ends; yield its URL and its process."""
    port = free_port()
    install_mariadb(folder)
    with mariadb_server(folder, port, "--innodb-flush-log-at-trx-commit=0") as process:
        yield mariadb_address(port), process


def install_mariadb(folder: Path) -> None:
    """Create a server's data folder."""
    subprocess.run(
        [
            find_program("mariadb-install-db") or "mariadb-install-db",
            *("--no-defaults", "--skip-test-db", *_own(folder)),
        ],
        check=True,
        capture_output=True,
        cwd=folder,
    )


@contextmanager
def mariadb_server(folder: Path, port: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in this folder and on this port until the block ends."""
    first_statements = folder / "first.sql"
    first_statements.write_text(FIRST_STATEMENTS)
    with running(
        [
            *(find_program("mariadbd") or "mariadbd", "--no-defaults", *_own(folder)),
            *("--skip-networking=off", "--bind-address=127.0.0.1", f"--port={port}"),
            *(f"--socket={folder}/socket", f"--pid-file={folder}/pid", f"--tmpdir={folder}"),
            *(f"--init-file={first_statements}", *options),
        ],
        ready=lambda: _connect(port).close(),
        folder=folder,
    ) as process:
        yield process


def mariadb_address(port: int) -> str:
    """Return the URL of a server started here."""
    return f"mysql+pymysql://tests:{PASSWORD}@127.0.0.1:{port}/sessions"


@contextmanager
def mysql_log(url: str) -> Iterator[list[str]]:
    """Yield a list. After the block, it has the first word of each statement sent meanwhile."""
    if "TEST_MYSQL_URL" in os.environ:
        pytest.skip("only a server that the tests started has a log to read")
    words: list[str] = []
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as admin:
        admin.exec_driver_sql("SET GLOBAL log_output = 'TABLE'")
        admin.exec_driver_sql("TRUNCATE mysql.general_log")
        admin.exec_driver_sql("SET GLOBAL general_log = ON")
        try:
            yield words
        finally:
            admin.exec_driver_sql("SET GLOBAL general_log = OFF")
        received = admin.exec_driver_sql(
            "SELECT argument FROM mysql.general_log WHERE command_type = 'Query'"
            " AND thread_id <> connection_id() ORDER BY event_time"
        )
        words += [statement.split()[0] for statement in received.scalars()]


def _own(folder: Path) -> list[str]:
    # Without --user, a server started by root looks for an account named mysql.
    return [f"--datadir={folder}/data", *(["--user=root"] if os.geteuid() == 0 else [])]


def _connect(port: int) -> pymysql.Connection[pymysql.cursors.Cursor]:
    return pymysql.connect(
        host="127.0.0.1", port=port, user="tests", password=PASSWORD, database="sessions"
    )


def _version(url: str) -> str:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return str(connection.exec_driver_sql("SELECT version()").scalar())
