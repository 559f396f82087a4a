"""Records of another program, whose names no key of a store has."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from flask_serversession.stores.filesystem import FileSystemStore
from flask_serversession.stores.sqlalchemy import SQLAlchemyStore
from flask_serversession.testing.contract import expired
from flask_serversession.testing.contract import live

LAYOUTS_OF_SQLITE = ["native", "connect-session-knex", "connect-session-sequelize"]
#: SQL for bytes as the text of an id.
AS_TEXT = {"sqlite": "CAST(x'{}' AS TEXT)", "mysql": "x'{}'"}


@pytest.fixture(params=[("mysql", "native"), *(("sqlite", name) for name in LAYOUTS_OF_SQLITE)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SQLAlchemyStore]:
    dialect, layout = request.param
    url = f"sqlite:///{tmp_path / 'sessions.db'}"
    if dialect == "mysql":
        url = request.getfixturevalue("mysql_url")
    store = SQLAlchemyStore.from_url(url, layout=layout, table=f"sessions_{uuid4().hex[:12]}")
    store.create("live", live())
    store.create("dead", expired())
    yield store
    with store._rows.database.connect() as connection:
        connection.execute(sa.schema.DropTable(store.table))
    store.close()


def copy_row(store: SQLAlchemyStore, key: str, name: str) -> None:
    """Copy a row to an id, which is an expression in SQL."""
    columns = [column.name for column in store.table.columns]
    key_column = next(iter(store.table.primary_key)).name
    values = [name if column == key_column else column for column in columns]
    with store._rows.database.connect() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO {store.table.name} ({', '.join(columns)}) SELECT {', '.join(values)}"
            f" FROM {store.table.name} WHERE {key_column} = '{key}'"
        )


@pytest.fixture
def as_text(store: SQLAlchemyStore) -> str:
    return AS_TEXT[store._rows.database.engine.dialect.name]


def test_a_row_whose_id_is_not_utf_8_is_passed_over(store: SQLAlchemyStore, as_text: str) -> None:
    copy_row(store, "live", as_text.format("61ff"))
    store.create("ž", live())

    assert list(store.keys()) == ["live", "ž"]
    assert store.count() == 3


def test_an_expired_row_whose_id_is_not_utf_8_is_pruned(
    store: SQLAlchemyStore, as_text: str
) -> None:
    copy_row(store, "dead", as_text.format("61ff"))

    assert sum(store.pruning(dry_run=True)) == 2
    assert store.prune() == 2
    assert list(store.keys()) == ["live"]


@pytest.mark.parametrize("layout", LAYOUTS_OF_SQLITE)
def test_ids_that_are_not_text_end_no_loop(tmp_path: Path, layout: str) -> None:
    store = SQLAlchemyStore.from_url(f"sqlite:///{tmp_path / 'sessions.db'}", layout=layout)
    store.create("live", live())
    store.create("dead", expired())
    for number in range(600):
        copy_row(store, "live", f"x'61{number:04}'")
        copy_row(store, "dead", f"x'62{number:04}'")

    assert "live" in list(store.keys())
    store.prune()
    assert store.clear() >= 1200

    store.close()


@pytest.mark.parametrize(("layout", "suffix"), [("native", "session"), ("express", "json")])
def test_a_file_with_a_name_that_no_key_has_is_passed_over(
    tmp_path: Path, layout: str, suffix: str
) -> None:
    store = FileSystemStore(tmp_path, layout=layout)
    store.create("é", live())
    (path,) = tmp_path.glob(f"*.{suffix}")
    for name in (b"\xff", b"%FF", b"%zz", b"%C3", b"%61"):
        shutil.copy2(path, os.fsencode(tmp_path / ".") + b"/" + name + b"." + suffix.encode())

    assert list(store.keys()) == ["é"]
    assert store.count() == 6
    assert store.prune() == 0
    assert store.clear() == 6

    store.close()
