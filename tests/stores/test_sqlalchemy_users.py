"""The records of a user in SQL: exact in every collation, and found by an index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from flask_serversession.errors import StoreError
from flask_serversession.stores.base import USER_LENGTH
from flask_serversession.stores.sqlalchemy import SQLAlchemyStore
from flask_serversession.testing import UsersContract
from flask_serversession.testing.contract import at_the_same_time
from flask_serversession.testing.contract import live
from flask_serversession.testing.users import ADA
from flask_serversession.testing.users import keys_of

from .test_sqlalchemy_layouts import administrating
from .test_sqlalchemy_layouts import engine
from .test_sqlalchemy_layouts import make_as_node_does
from .test_sqlalchemy_layouts import make_store
from .test_sqlalchemy_layouts import MakeStore
from .test_sqlalchemy_layouts import Node
from .test_sqlalchemy_layouts import NODES
from .test_sqlalchemy_layouts import OnTwoTables
from .test_sqlalchemy_layouts import role
from .test_sqlalchemy_layouts import schema
from .test_sqlalchemy_layouts import store
from .test_sqlalchemy_layouts import url

__all__ = ["engine", "make_store", "role", "schema", "store", "url"]

pytestmark = pytest.mark.slow

#: The Node tables whose ids have room for the tag of a user.
ROOMY = [name for name in NODES if "sequelize" not in name]
WITH_OUR_INDEX = [name for name in ROOMY if name.endswith("postgresql")]
ON_POSTGRESQL = pytest.mark.parametrize("node", WITH_OUR_INDEX, indirect=True)
ON_MYSQL = pytest.mark.parametrize(
    "node", [name for name in NODES if name.endswith("mysql")], indirect=True
)
#: How many sessions of others a plan is made for.
MANY = 5_000


@pytest.fixture(params=NODES)
def node(request: pytest.FixtureRequest) -> Node:
    return NODES[request.param]


# Collations


@pytest.fixture(scope="module")
def english(postgresql_url: str) -> Iterator[str]:
    """The URL of a database that does not sort text by its bytes."""
    name = f"english_{uuid4().hex[:12]}"
    with administrating(postgresql_url) as connection:
        found = connection.exec_driver_sql(
            "SELECT collname FROM pg_collation WHERE collname IN ('en_US.utf8', 'en-US-x-icu')"
        )
        names = found.scalars().all()
        if not names:
            pytest.skip("this PostgreSQL has neither the locale en_US.utf8 nor ICU")
        order = (
            "LC_COLLATE 'en_US.utf8' LC_CTYPE 'en_US.utf8'"
            if "en_US.utf8" in names
            else "LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'"
        )
        connection.exec_driver_sql(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' {order}"
        )
        address = sa.make_url(postgresql_url).set(database=name)
        yield address.render_as_string(hide_password=False)
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


class TestInAnEnglishDatabase(OnTwoTables, UsersContract):
    @pytest.fixture(scope="class", params=[name for name in NODES if name.endswith("postgresql")])
    @classmethod
    def node(cls, request: pytest.FixtureRequest) -> Node:
        return NODES[request.param]

    @pytest.fixture(scope="class")
    @classmethod
    def postgresql_url(cls, english: str) -> str:
        with administrating(english) as connection:
            assert connection.exec_driver_sql("SELECT 'B' > 'a'").scalar()
        return english


@ON_MYSQL
@pytest.mark.parametrize(
    "collation", ["utf8mb4_general_ci", "utf8mb4_unicode_520_ci", "latin1_swedish_ci"]
)
def test_a_table_that_ignores_case_keeps_users_apart(
    node: Node, collation: str, make_store: MakeStore, engine: sa.Engine
) -> None:
    charset = collation.partition("_")[0]
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"ALTER DATABASE DEFAULT CHARACTER SET {charset} COLLATE {collation}"
        )
    make_as_node_does(engine, node)
    store, other = make_store(), ADA.swapcase()
    for key in (f"{ADA}.one", f"{ADA}._", f"{ADA}.-", f"{other}.two", f"{ADA}(", f"{ADA}-x"):
        store.create(key, live())

    assert keys_of(store, ADA) == [f"{ADA}.-", f"{ADA}._", f"{ADA}.one"]
    assert keys_of(store, other) == [f"{other}.two"]


# Plans


def fill(store: SQLAlchemyStore, number: int = MANY) -> None:
    """Give Ada five sessions among those of others."""
    for each in range(5):
        store.create(f"{ADA}.{each}", live())
    rows = store._rows
    values = {**rows.values(live()), **rows.constants}
    with rows.database.engine.begin() as connection:
        keys = (f"{uuid4().hex[:USER_LENGTH]}.{uuid4().hex[:16]}" for _ in range(number))
        connection.execute(rows.sql.insert, [{"key": key, **values} for key in keys])


def explained(store: SQLAlchemyStore, explain: str, now: object = 0) -> Any:
    """Return the rows of the database's plan for the records of Ada."""
    rows = store._rows
    statement: Any = rows.sql.records_of_user.compile(rows.database.engine)
    asked = {"now": now, "after": f"{ADA}.", "before": f"{ADA}/", **rows.constants}
    parameters = statement.construct_params(asked)
    if statement.positional:
        parameters = tuple(parameters[name] for name in statement.positiontup)
    with rows.database.connect() as connection:
        return connection.exec_driver_sql(f"{explain} {statement}", parameters).mappings().all()


def scans(plan: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    for each in plan.get("Plans", []):
        yield from scans(each)
    if "Scan" in plan["Node Type"]:
        yield plan["Node Type"], plan.get("Index Name")


@ON_POSTGRESQL
def test_the_sessions_of_a_user_are_found_by_our_index(
    node: Node, make_store: MakeStore, engine: sa.Engine
) -> None:
    make_as_node_does(engine, node)
    store = make_store()
    fill(store)
    with administrating(engine.url) as connection:
        connection.exec_driver_sql(f"ANALYZE {store.table.schema}.{node.table}")

    [row] = explained(store, "EXPLAIN (FORMAT JSON)")

    found = list(scans(row["QUERY PLAN"][0]["Plan"]))
    # The statistics decide whether a bitmap is made of the index first.
    assert {kind for kind, _ in found} <= {"Index Scan", "Bitmap Index Scan", "Bitmap Heap Scan"}
    assert {index for _, index in found if index} == {f"ix_{node.table}_sid_c"}
    assert keys_of(store, ADA) == [f"{ADA}.{each}" for each in range(5)]


@ON_MYSQL
def test_the_sessions_of_a_user_are_found_by_mysqls_own_index(
    node: Node, make_store: MakeStore, engine: sa.Engine
) -> None:
    make_as_node_does(engine, node)
    store = make_store()
    fill(store)

    now = 0 if node.layout == "express-mysql-session" else "2001-01-01"
    [plan] = explained(store, "EXPLAIN FORMAT=TRADITIONAL", now)

    assert (plan["type"], plan["key"], int(plan["rows"])) == ("range", "PRIMARY", 5)


@pytest.mark.parametrize("node", [name for name in NODES if "sqlite" in name], indirect=True)
def test_the_sessions_of_a_user_are_found_by_sqlites_own_index(
    node: Node, make_store: MakeStore, engine: sa.Engine
) -> None:
    make_as_node_does(engine, node)
    store = make_store()

    [plan] = explained(store, "EXPLAIN QUERY PLAN")

    name = f"sqlite_autoindex_{node.table}_1"
    assert plan["detail"] == f"SEARCH {node.table} USING INDEX {name} (sid>? AND sid<?)"


@pytest.fixture
def native(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SQLAlchemyStore]:
    url = f"sqlite:///{tmp_path}/sessions.db"
    if request.param != "sqlite":
        url = request.getfixturevalue(f"{request.param}_url")
    store = SQLAlchemyStore.from_url(url, table=f"sessions_{uuid4().hex[:12]}")
    yield store
    store.table.drop(store._rows.database.engine)
    store.close()


@pytest.mark.parametrize("native", ["sqlite", "postgresql", "mysql"], indirect=True)
def test_the_sessions_of_a_user_are_found_by_the_primary_key_of_a_native_table(
    native: SQLAlchemyStore,
) -> None:
    fill(native)
    table, engine = native.table.name, native._rows.database.engine
    with engine.connect() as connection:
        connection.exec_driver_sql(f"ANALYZE {'TABLE ' * (engine.name == 'mysql')}{table}").close()

    if engine.name == "sqlite":
        [plan] = explained(native, "EXPLAIN QUERY PLAN")
        assert "USING INDEX sqlite_autoindex" in plan["detail"]
    elif engine.name == "mysql":
        [plan] = explained(native, "EXPLAIN FORMAT=TRADITIONAL")
        assert (plan["key"], int(plan["rows"])) == ("PRIMARY", 5)
    else:
        [plan] = explained(native, "EXPLAIN (FORMAT JSON)")
        assert list(scans(plan["QUERY PLAN"][0]["Plan"])) == [("Index Scan", f"{table}_pkey")]


# Our index beside Node's table


@ON_POSTGRESQL
def test_setup_adds_one_index_to_nodes_table(
    node: Node, make_store: MakeStore, engine: sa.Engine
) -> None:
    make_as_node_does(engine, node)
    before = indexes_of(engine)

    for _ in range(2):
        make_store().setup()

    [added] = indexes_of(engine) - before
    assert re.fullmatch(
        rf'CREATE INDEX ix_{node.table}_sid_c ON .* USING btree \(sid COLLATE "C"\)', added
    )
    assert make_store().check() == []


@ON_POSTGRESQL
def test_without_create_nodes_table_gets_no_index_and_check_names_it(
    node: Node, make_store: MakeStore, engine: sa.Engine
) -> None:
    make_as_node_does(engine, node)
    before = indexes_of(engine)
    store = make_store(create=False)
    store.create(f"{ADA}.one", live())

    assert keys_of(store, ADA) == [f"{ADA}.one"]
    assert indexes_of(engine) == before
    [flaw] = store.check()
    assert f"'ix_{node.table}_sid_c'" in flaw

    store.setup()
    assert store.check() == []


@ON_POSTGRESQL
def test_workers_that_start_at_the_same_time_create_every_index(
    node: Node, make_store: MakeStore, engine: sa.Engine
) -> None:
    for suffix in "abcdef":
        stores = [make_store(table=f"sessions_{suffix}") for _ in range(6)]
        at_the_same_time([store.setup for store in stores])

        assert len([one for one in indexes_of(engine) if f"sessions_{suffix} " in one]) == (
            2 if "sequelize" in node.layout else 3
        )


@ON_POSTGRESQL
def test_a_role_that_may_not_create_the_index_can_use_the_table(
    node: Node, role: sa.URL, postgresql_url: str
) -> None:
    owner = sa.create_engine(sa.make_url(postgresql_url).set(database=role.database))
    make_as_node_does(owner, node)
    with owner.begin() as connection:
        connection.exec_driver_sql(f"GRANT ALL ON {node.table} TO {role.username}")
    owner.dispose()
    store = SQLAlchemyStore.from_url(role, layout=node.layout)
    store.create(f"{ADA}.one", live())

    assert keys_of(store, ADA) == [f"{ADA}.one"]
    [flaw] = store.check()
    assert "the table's owner" in flaw
    store.close()


@ON_POSTGRESQL
def test_migrations_create_our_index_or_leave_it_alone(
    node: Node, make_store: MakeStore, engine: sa.Engine
) -> None:
    store = make_store(create=False)
    ours = f"ix_{node.table}_sid_c"

    store.table.to_metadata(sa.MetaData(), schema=None).create(engine)

    assert store.check() == []
    assert any(f"{ours} ON" in one and '(sid COLLATE "C")' in one for one in indexes_of(engine))
    [index] = (one for one in sa.inspect(engine).get_indexes(node.table) if one["name"] == ours)
    assert index["column_names"] == ["sid"]
    [index_object] = (one for one in store.table.indexes if one.name == ours)
    assert not store.include_object(index_object, ours, "index", True, None)


#: The native table as it was before stores found the records of a user.
NATIVE = {
    "sqlite": "id VARCHAR(255) NOT NULL, payload BLOB NOT NULL, expires_at BIGINT NOT NULL",
    "postgresql": (
        'id VARCHAR(255) COLLATE "C" NOT NULL, payload BYTEA NOT NULL, expires_at BIGINT NOT NULL'
    ),
    "mysql": "id VARBINARY(255) NOT NULL, payload LONGBLOB NOT NULL, expires_at BIGINT NOT NULL",
}


@pytest.mark.parametrize("native", NATIVE, indirect=True)
def test_an_existing_native_table_stays_as_it_is(native: SQLAlchemyStore) -> None:
    name, engine = native.table.name, native._rows.database.engine
    with engine.begin() as connection:
        columns = NATIVE[engine.name]
        connection.exec_driver_sql(f"CREATE TABLE {name} ({columns}, PRIMARY KEY (id))")
        connection.exec_driver_sql(f"CREATE INDEX ix_{name}_expires_at ON {name} (expires_at)")
    before = described(engine, name)

    native.create(f"{ADA}.one", live())

    assert keys_of(native, ADA) == [f"{ADA}.one"]
    assert native.check() == []
    assert described(engine, name) == before


def described(engine: sa.Engine, table: str) -> list[str]:
    found = sa.inspect(engine)
    return [str(found.get_columns(table)), str(found.get_indexes(table))]


# The length of keys


def test_a_store_tells_how_long_a_key_may_be(node: Node, make_store: MakeStore) -> None:
    store = make_store()
    longest = "k" * store.longest_key

    assert (
        store.longest_key
        == {
            "connect-pg-simple": 255,
            "express-mysql-session": 128,
            "connect-session-knex": 255,
            "connect-session-sequelize": 36,
        }[node.layout]
    )
    assert store.create(longest, live())
    assert store.load(longest) is not None
    assert store.delete(longest)


@pytest.mark.parametrize(
    "node",
    [name for name in NODES if "sqlite" not in name and "pg-simple" not in name],
    indirect=True,
)
def test_a_longer_key_is_an_error(node: Node, make_store: MakeStore) -> None:
    store = make_store()

    with pytest.raises(StoreError):
        store.create("k" * (store.longest_key + 1), live())


def indexes_of(engine: sa.Engine) -> set[str]:
    with engine.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema"
        )
        return set(found.scalars())
