"""Flask-Migrate beside a store, in the two ways of the how-to: autogenerate, up and down."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from flask_serversession.errors import StoreError
from flask_serversession.stores.sqlalchemy import SQLAlchemyStore
from flask_serversession.testing.contract import assert_payload
from flask_serversession.testing.contract import live
from flask_serversession.testing.contract import PAYLOAD

PROGRAM = Path(__file__).with_name("migrating.py")
LAYOUTS = {
    "sqlite": ["native", "connect-session-knex", "connect-session-sequelize"],
    "postgresql": [
        *("native", "connect-pg-simple", "connect-session-knex", "connect-session-sequelize")
    ],
    "mysql": [
        *("native", "express-mysql-session", "connect-session-knex", "connect-session-sequelize")
    ],
}


@pytest.fixture(params=LAYOUTS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.URL]:
    """A database of its own: a migration drops the tables that it does not know."""
    if request.param == "sqlite":
        yield sa.make_url(f"sqlite:///{tmp_path}/shop.db")
        return
    url, name = sa.make_url(request.getfixturevalue(f"{request.param}_url")), f"shop_{uuid4().hex}"
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield url.set(database=name)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name}")


def migrated(database: sa.URL, way: str, layout: str, folder: Path) -> dict[str, Any]:
    url = database.render_as_string(hide_password=False)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", PROGRAM, url, way, layout],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
def test_a_migration_leaves_the_table_alone_that_the_store_created(
    database: sa.URL, tmp_path: Path
) -> None:
    found = migrated(database, "excluded", "native", tmp_path)

    assert found == {
        "created": True,
        "loaded": True,
        "after the downgrade": True,
        "revisions": 1,
        "tables": ["alembic_version", "server_sessions"],
    }


@pytest.mark.slow
def test_a_migration_creates_and_drops_the_table_of_any_layout(
    database: sa.URL, tmp_path: Path
) -> None:
    for layout in LAYOUTS[database.get_backend_name()]:
        folder = tmp_path / layout
        folder.mkdir()
        found = migrated(database, "included", layout, folder)

        assert "flask sessions setup" in found.pop("after the downgrade")
        assert found == {
            "created": True,
            "loaded": True,
            "revisions": 1,
            "tables": ["alembic_version"],
        }


def test_a_table_that_was_dropped_is_created_again(database: sa.URL) -> None:
    store = SQLAlchemyStore.from_url(database)
    store.create("key", live())
    admin = sa.create_engine(database, poolclass=sa.NullPool)
    for _ in range(2):
        store.table.drop(admin)

        assert store.load("key") is None
        assert store.create("key", live())
        assert_payload(store, "key", PAYLOAD)
    store.close()


def test_a_table_that_the_store_may_not_create_is_named(database: sa.URL) -> None:
    store = SQLAlchemyStore.from_url(database, create=False)

    with pytest.raises(StoreError, match=r"table of the session store .* is missing.*setup"):
        store.load("key")

    store.close()
