"""PgBouncer in transaction mode, in front of a PostgreSQL server of the tests."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from .base import find_program
from .base import free_port
from .base import report
from .base import running
from .base import unavailable
from .base import unprivileged_user

#: Two servers for many clients: their transactions change places all the time.
CONFIGURATION = """
[databases]
* = host={host} port={port} user={user} password={password}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
"""


@pytest.fixture(scope="session")
def pgbouncer_url(request: pytest.FixtureRequest, postgresql_url: str) -> Iterator[str]:
    """Give the URL under which PgBouncer serves the tests' database."""
    if not find_program("pgbouncer"):
        unavailable(request.config, "PgBouncer", "apt install pgbouncer")
    with running_pgbouncer(postgresql_url) as url:
        report("PgBouncer", "in transaction mode, started by the tests")
        yield url


@contextmanager
def running_pgbouncer(server: str) -> Iterator[str]:
    """Run a PgBouncer until the block ends; give the URL of the same database through it."""
    url, port, user = sa.make_url(server), free_port(), unprivileged_user("postgres")
    through = url.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as name:
        folder = Path(name)
        configuration = folder / "pgbouncer.ini"
        configuration.write_text(
            CONFIGURATION.format(
                host=url.host,
                port=url.port or 5432,
                user=url.username,
                password=url.password,
                listen_port=port,
            )
        )
        if user:
            shutil.chown(folder, user)
            shutil.chown(configuration, user)
        with running(
            [find_program("pgbouncer") or "pgbouncer", str(configuration)],
            ready=lambda: psycopg.connect(through.replace("+psycopg", "")).close(),
            folder=folder,
            user=user,
        ):
            yield through
