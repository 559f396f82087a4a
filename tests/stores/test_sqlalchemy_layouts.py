"""The tables of four Node stores: created, read and written like Node does.

Node's statements and rows in this file were recorded with connect-pg-simple 10.0,
express-mysql-session 3.0, connect-session-knex 5.0 and connect-session-sequelize 8.0.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from pathlib import Path
from typing import Any
from typing import NamedTuple
from uuid import uuid4

import pymysql
import pytest
import sqlalchemy as sa
from flask import Flask

from flask_serversession import ServerSession
from flask_serversession import session
from flask_serversession import signals
from flask_serversession.errors import ConfigError
from flask_serversession.errors import StoreError
from flask_serversession.stores.base import ENDED
from flask_serversession.stores.base import Record
from flask_serversession.stores.sqlalchemy import SQLAlchemyStore
from flask_serversession.testing import contract
from flask_serversession.testing import KeysContract
from flask_serversession.testing import LockedSaveContract
from flask_serversession.testing import PruneContract
from flask_serversession.testing import SetupContract
from flask_serversession.testing import store_machine
from flask_serversession.testing import StoreContract
from flask_serversession.testing import UsersContract
from flask_serversession.testing.contract import assert_payload
from flask_serversession.testing.contract import at_the_same_time
from flask_serversession.testing.contract import expired
from flask_serversession.testing.contract import in_
from flask_serversession.testing.contract import live
from flask_serversession.testing.contract import OTHER_PAYLOAD
from flask_serversession.testing.contract import PAYLOAD

from ..servers.base import free_port

pytestmark = pytest.mark.slow

MakeStore = Callable[..., SQLAlchemyStore]

#: The document of express-session for a session that ends at MOMENT.
NODES_PAYLOAD = (
    '{"cookie":{"originalMaxAge":132628083752,"expires":"2031-02-03T04:05:06.789Z",'
    '"httpOnly":true,"path":"/"},"user":{"name":"Juan"},"views":3}'
)
MOMENT = datetime(2031, 2, 3, 4, 5, 6, 789_000, timezone.utc)


class Node(NamedTuple):
    """What a Node store writes to a database."""

    layout: str
    dialect: str
    table: str
    #: The statements that create the table and then its indexes.
    ddl: list[str]
    #: The row with NODES_PAYLOAD and the id NODES_ID.
    row: dict[str, Any]
    #: MOMENT in that row.
    moment: datetime

    @property
    def columns(self) -> tuple[str, str, str]:
        """The names of id, payload and expiry."""
        name, payload, expiry = [name for name in self.row if not name.endswith("edAt")]
        return name, payload, expiry


SECOND = MOMENT.replace(microsecond=0)
NODES = {
    "connect-pg-simple on postgresql": Node(
        "connect-pg-simple",
        "postgresql",
        "session",
        [
            'CREATE TABLE "session" ("sid" varchar NOT NULL COLLATE "default",'
            ' "sess" json NOT NULL, "expire" timestamp(6) NOT NULL) WITH (OIDS=FALSE)',
            'ALTER TABLE "session" ADD CONSTRAINT "session_pkey" PRIMARY KEY ("sid")'
            " NOT DEFERRABLE INITIALLY IMMEDIATE",
            'CREATE INDEX "IDX_session_expire" ON "session" ("expire")',
        ],
        {"sid": "nodes", "sess": NODES_PAYLOAD, "expire": "2031-02-03 04:05:07"},
        SECOND + timedelta(seconds=1),
    ),
    "express-mysql-session on mysql": Node(
        "express-mysql-session",
        "mysql",
        "sessions",
        [
            "CREATE TABLE IF NOT EXISTS `sessions` (`session_id` varchar(128) COLLATE utf8mb4_bin"
            " NOT NULL, `expires` int(11) unsigned NOT NULL, `data` mediumtext COLLATE"
            " utf8mb4_bin, PRIMARY KEY (`session_id`)) ENGINE=InnoDB"
        ],
        {"session_id": "nodes", "data": NODES_PAYLOAD, "expires": "1927857907"},
        SECOND + timedelta(seconds=1),
    ),
    "connect-session-knex on postgresql": Node(
        "connect-session-knex",
        "postgresql",
        "sessions",
        [
            'create table "sessions" ("sid" varchar(255), "sess" json not null, "expired"'
            ' timestamptz not null, constraint "sessions_pkey" primary key ("sid"))',
            'create index "sessions_expired_index" on "sessions" ("expired")',
        ],
        {"sid": "nodes", "sess": NODES_PAYLOAD, "expired": "2031-02-03 04:05:06.789+00"},
        MOMENT,
    ),
    "connect-session-knex on mysql": Node(
        "connect-session-knex",
        "mysql",
        "sessions",
        [
            "create table `sessions` (`sid` varchar(255), `sess` json not null, `expired`"
            " datetime not null, primary key (`sid`))",
            "alter table `sessions` add index `sessions_expired_index`(`expired`)",
        ],
        {"sid": "nodes", "sess": NODES_PAYLOAD, "expired": "2031-02-03 04:05:06"},
        SECOND,
    ),
    "connect-session-knex on sqlite": Node(
        "connect-session-knex",
        "sqlite",
        "sessions",
        [
            "create table `sessions` (`sid` varchar(255), `sess` json not null, `expired`"
            " datetime not null, primary key (`sid`))",
            "create index `sessions_expired_index` on `sessions` (`expired`)",
        ],
        {"sid": "nodes", "sess": NODES_PAYLOAD, "expired": "2031-02-03T04:05:06.789Z"},
        MOMENT,
    ),
    "connect-session-sequelize on postgresql": Node(
        "connect-session-sequelize",
        "postgresql",
        "Sessions",
        [
            'CREATE TABLE IF NOT EXISTS "Sessions" ("sid" VARCHAR(36) , "expires" TIMESTAMP WITH'
            ' TIME ZONE, "data" TEXT, "createdAt" TIMESTAMP WITH TIME ZONE NOT NULL, "updatedAt"'
            ' TIMESTAMP WITH TIME ZONE NOT NULL, PRIMARY KEY ("sid"))'
        ],
        {
            "sid": "nodes",
            "data": NODES_PAYLOAD,
            "expires": "2031-02-03 04:05:06.789+00",
            "createdAt": "2026-11-21 02:57:03.356+00",
            "updatedAt": "2026-11-21 02:57:03.364+00",
        },
        MOMENT,
    ),
    "connect-session-sequelize on mysql": Node(
        "connect-session-sequelize",
        "mysql",
        "Sessions",
        [
            "CREATE TABLE IF NOT EXISTS `Sessions` (`sid` VARCHAR(36) , `expires` DATETIME,"
            " `data` TEXT, `createdAt` DATETIME NOT NULL, `updatedAt` DATETIME NOT NULL,"
            " PRIMARY KEY (`sid`)) ENGINE=InnoDB"
        ],
        {
            "sid": "nodes",
            "data": NODES_PAYLOAD,
            "expires": "2031-02-03 04:05:06",
            "createdAt": "2026-11-21 02:57:03",
            "updatedAt": "2026-11-21 02:57:03",
        },
        SECOND,
    ),
    "connect-session-sequelize on sqlite": Node(
        "connect-session-sequelize",
        "sqlite",
        "Sessions",
        [
            "CREATE TABLE IF NOT EXISTS `Sessions` (`sid` VARCHAR(36) PRIMARY KEY, `expires`"
            " DATETIME, `data` TEXT, `createdAt` DATETIME NOT NULL, `updatedAt` DATETIME NOT"
            " NULL)"
        ],
        {
            "sid": "nodes",
            "data": NODES_PAYLOAD,
            "expires": "2031-02-03 04:05:06.789 +00:00",
            "createdAt": "2026-11-21 02:57:03.421 +00:00",
            "updatedAt": "2026-11-21 02:57:03.423 +00:00",
        },
        MOMENT,
    ),
}
ON_POSTGRESQL = pytest.mark.parametrize("node", ["connect-pg-simple on postgresql"], indirect=True)
ON_MYSQL = pytest.mark.parametrize(
    "node", [name for name in NODES if name.endswith("mysql")], indirect=True
)
ON_KNEX_AND_SEQUELIZE_ON_MYSQL = pytest.mark.parametrize(
    "node",
    ["connect-session-knex on mysql", "connect-session-sequelize on mysql"],
    indirect=True,
)
ON_SEQUELIZE = pytest.mark.parametrize(
    "node", [name for name in NODES if "sequelize" in name], indirect=True
)


@pytest.fixture(params=NODES)
def node(request: pytest.FixtureRequest) -> Node:
    return NODES[request.param]


@pytest.fixture
def url(node: Node, request: pytest.FixtureRequest, tmp_path: Path) -> sa.URL:
    return url_for(node, request, tmp_path)


def url_for(node: Node, request: pytest.FixtureRequest, folder: Path) -> sa.URL:
    if node.dialect == "sqlite":
        return sa.make_url(f"sqlite:///{folder}/sessions.db")
    return sa.make_url(request.getfixturevalue(f"{node.dialect}_url"))


@pytest.fixture
def schema(url: sa.URL) -> Iterator[str | None]:
    """An empty schema, in which every table can have Node's usual name."""
    with empty_schema(url) as name:
        yield name


@pytest.fixture
def engine(url: sa.URL, schema: str | None) -> Iterator[sa.Engine]:
    """An engine for plain SQL in that schema."""
    engine = engine_in(url, schema)
    yield engine
    engine.dispose()


@pytest.fixture
def make_store(node: Node, url: sa.URL, schema: str | None) -> Iterator[MakeStore]:
    stores = []

    def make(url: sa.URL = url, **options: Any) -> SQLAlchemyStore:
        options = {"layout": node.layout, "schema": schema, **options}
        stores.append(SQLAlchemyStore.from_url(url, **options))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def store(make_store: MakeStore) -> SQLAlchemyStore:
    return make_store()


class OnTwoTables:
    """Two tables of each layout that are emptied before each test."""

    @pytest.fixture(scope="class", params=NODES)
    @classmethod
    def node(cls, request: pytest.FixtureRequest) -> Node:
        return NODES[request.param]

    @pytest.fixture(scope="class")
    @classmethod
    def stores(
        cls, node: Node, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[list[SQLAlchemyStore]]:
        url = url_for(node, request, tmp_path_factory.mktemp("sqlite"))
        with empty_schema(url) as schema:
            stores = [
                SQLAlchemyStore.from_url(url, layout=node.layout, schema=schema, table=name)
                for name in (node.table, "others")
            ]
            yield stores
            for store in stores:
                store.close()

    @pytest.fixture
    def store(self, stores: list[SQLAlchemyStore]) -> SQLAlchemyStore:
        return emptied(stores[0])

    @pytest.fixture
    def other_store(self, stores: list[SQLAlchemyStore]) -> SQLAlchemyStore:
        return emptied(stores[1])


class TestEveryLayout(
    OnTwoTables,
    StoreContract,
    KeysContract,
    UsersContract,
    PruneContract,
    SetupContract,
    LockedSaveContract,
):
    @pytest.mark.parametrize("payload", contract.AWKWARD_PAYLOADS)
    def test_a_payload_comes_back_to_the_byte(
        self, store: SQLAlchemyStore, node: Node, payload: bytes
    ) -> None:
        if not fits(node, payload):
            with pytest.raises(StoreError):
                store.create("key", live(payload))
            assert store.load("key") is None
            return
        if sorts_members(node):
            store.create("key", live(payload))
            assert_payload(store, "key", payload)
            return
        super().test_a_payload_comes_back_to_the_byte(store, payload)


def emptied(store: SQLAlchemyStore) -> SQLAlchemyStore:
    store.clear()
    return store


def fits(node: Node, payload: bytes) -> bool:
    if node.dialect == "mysql" and node.layout == "connect-session-sequelize":
        return len(payload) < 65_536  # the limit of a TEXT
    if sorts_members(node):
        return b"\\ud800" not in payload  # json_valid refuses a lone surrogate
    return True


def sorts_members(node: Node) -> bool:
    """Tell whether the column may have MySQL's type json, which is text on MariaDB."""
    return node.dialect == "mysql" and node.layout == "connect-session-knex"


def test_random_programs_behave_as_on_a_dict(store: SQLAlchemyStore) -> None:
    store_machine(lambda: emptied(store), examples=15).TestCase().runTest()


def test_many_workers_can_start_at_the_same_time(make_store: MakeStore) -> None:
    stores = [make_store() for _ in range(6)]

    created = at_the_same_time([lambda s=s: s.create("key", live()) for s in stores])  # type: ignore[misc]

    assert created.count(True) == 1


# Sessions


def test_a_request_that_writes_again_does_not_conflict_with_itself(store: SQLAlchemyStore) -> None:
    write_again_and_again(store)


def write_again_and_again(store: SQLAlchemyStore) -> None:
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY="a secret of the tests, and long",
        SESSION_STORE=store,
        SESSION_CONCURRENCY="reject",
    )
    ServerSession(app)
    conflicts: list[object] = []

    @app.post("/")
    def write() -> dict[str, Any]:
        session["views"] = 1
        session["carts"] = [{"tea": 4294967296.0, "jam": 1}]
        session.save()
        session["views"] = 2
        session.save()
        with session.lock():
            session["views"] += 1
        session.regenerate(keep_data=True)
        session["views"] += 1
        session.save()
        session["views"] += 1
        return dict(session)

    client = app.test_client()
    with signals.session_conflict.connected_to(lambda *_, **sent: conflicts.append(sent)):
        for _ in range(2):
            written = client.post("/")
            assert written.json == {"views": 5, "carts": [{"tea": 4294967296.0, "jam": 1}]}
    assert conflicts == []


# Rows


def test_a_row_that_node_wrote_is_a_record(
    node: Node, make_store: MakeStore, engine: sa.Engine
) -> None:
    make_as_node_does(engine, node)
    store = make_store(create=False)

    loaded = store.load("nodes")
    assert loaded is not None
    assert loaded.expires_at == node.moment
    assert_payload(store, "nodes", NODES_PAYLOAD.encode())
    assert list(store.keys()) == ["nodes"]
    assert store.save("nodes", live(), replacing=loaded) is None
    assert_payload(store, "nodes", PAYLOAD)


def test_a_record_becomes_the_row_that_node_writes(
    node: Node, make_store: MakeStore, engine: sa.Engine
) -> None:
    make_as_node_does(engine, node)
    record = Record(NODES_PAYLOAD.encode(), MOMENT)
    store = make_store(create=False)

    store.create("created", record)
    store.create("saved", live())
    store.save("saved", record)
    store.create("touched", Record(NODES_PAYLOAD.encode(), in_(60)))
    store.touch("touched", MOMENT)

    rows = {row.pop(node.columns[0]): row for row in text_of_rows(engine, node)}
    for row in rows.values():
        for stamp in [name for name in row if name.endswith("edAt")]:
            # PostgreSQL omits a trailing 0.
            shape = row[stamp][:19] if node.dialect == "postgresql" else row[stamp]
            row[stamp] = re.sub(r"\d", "0", shape)
    assert set(rows) == {"nodes", "created", "saved", "touched"}
    for key in ("created", "saved", "touched"):
        assert rows[key] == rows["nodes"]


def test_a_touch_moves_the_expiry_alone(
    node: Node, store: SQLAlchemyStore, engine: sa.Engine
) -> None:
    store.create("key", live(NODES_PAYLOAD.encode()))
    (before,) = text_of_rows(engine, node)

    store.touch("key", MOMENT)

    (after,) = text_of_rows(engine, node)
    changed = {name for name in before if before[name] != after[name]}
    assert changed - {"updatedAt"} == {node.columns[2]}


def test_a_record_without_an_expiry_lives_on(store: SQLAlchemyStore) -> None:
    store.create("key", Record(PAYLOAD, None))

    assert_payload(store, "key", PAYLOAD)
    assert store.touch("key", in_(60)) is True


def test_an_expired_leftover_is_deleted_too(
    node: Node, store: SQLAlchemyStore, engine: sa.Engine
) -> None:
    store.create("key", expired())

    assert store.delete("key") is False

    assert text_of_rows(engine, node) == []


def test_saving_the_end_leaves_no_row(
    node: Node, store: SQLAlchemyStore, engine: sa.Engine
) -> None:
    for key in ("saved", "replaced", "held", "rebased"):
        store.create(key, live())
    stale = live(OTHER_PAYLOAD)

    assert store.save("saved", ENDED) is None
    assert store.save("replaced", ENDED, replacing=live()) is None
    assert store.save_locked("held", ENDED, replacing=live(), rebase=lambda now: now) is None
    assert store.save_locked("rebased", live(), replacing=stale, rebase=lambda _: ENDED) is None

    assert text_of_rows(engine, node) == []


@pytest.mark.parametrize(
    "node",
    ["express-mysql-session on mysql", *(name for name in NODES if "sequelize" in name)],
    indirect=True,
)
def test_a_row_without_data_has_an_empty_payload(
    node: Node, store: SQLAlchemyStore, engine: sa.Engine
) -> None:
    store.create("key", live())
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {quoted(engine, node.table)} SET data = NULL")

    assert_payload(store, "key", b"")


@ON_SEQUELIZE
def test_sequelizes_stamps_say_when_a_session_was_created_and_last_changed(
    node: Node, store: SQLAlchemyStore, engine: sa.Engine
) -> None:
    with engine.begin() as connection:
        store.setup()
        insert_as_node_does(connection, node)

    store.save("nodes", live())

    (row,) = text_of_rows(engine, node)
    assert row["createdAt"] == node.row["createdAt"]
    written = datetime.fromisoformat(row["updatedAt"][:19]).replace(tzinfo=timezone.utc)
    assert timedelta(0) <= in_(0) - written < timedelta(seconds=60)


@ON_MYSQL
def test_a_row_that_has_the_new_values_already_counts_as_saved(
    url: sa.URL, schema: str, node: Node
) -> None:
    def connect() -> pymysql.Connection[pymysql.cursors.Cursor]:
        """Connect without CLIENT_FOUND_ROWS, so that MySQL counts changed rows."""
        return pymysql.connect(
            host=url.host, port=url.port, user=url.username, password=url.password, database=schema
        )

    engine = sa.create_engine(url, creator=connect)
    store = SQLAlchemyStore(engine, layout=node.layout)
    record = Record(PAYLOAD, MOMENT)
    store.create("key", record)

    assert store.save("key", record) is None
    assert store.save("key", record, replacing=record) is None
    assert store.touch("key", MOMENT) is True
    engine.dispose()


# Tables


def test_setup_creates_the_same_table_as_node(node: Node, url: sa.URL) -> None:
    with empty_schema(url) as ours, empty_schema(url, "_2") as nodes:
        store = SQLAlchemyStore.from_url(url, layout=node.layout, schema=ours)
        store.setup()
        store.close()
        made = definition(url, ours, node)

        if node.dialect == "sqlite":
            Path(str(url.database)).unlink()
        engine = engine_in(url, nodes)
        make_as_node_does(engine, node)
        engine.dispose()

        assert made == definition(url, nodes, node)


def test_a_table_that_node_created_is_unchanged(
    node: Node, url: sa.URL, schema: str | None, make_store: MakeStore, engine: sa.Engine
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(node.ddl[0])
    before = definition(url, schema, node)
    store = make_store()

    store.setup()

    assert store.create("key", live()) is True
    assert definition(url, schema, node) == before


@ON_KNEX_AND_SEQUELIZE_ON_MYSQL
def test_a_table_that_ignores_case_keeps_two_sessions_apart(
    node: Node, make_store: MakeStore, engine: sa.Engine
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER DATABASE DEFAULT CHARACTER SET latin1")
    make_as_node_does(engine, node)
    store = make_store()
    store.create("key", live('{"name":"Zoë"}'.encode()))
    loaded = store.load("key")
    assert loaded is not None
    assert store.save("key", live('{"name":"zoë"}'.encode()), replacing=loaded) is None

    for alike in ("KEY", "key "):
        assert store.load(alike) is None
        assert store.create(alike, live()) is False
        assert store.touch(alike, in_(60)) is False
        assert store.save(alike, live()) is not None
        assert store.delete(alike) is False
    refusal = store.save("key", live(), replacing=loaded)
    assert refusal is not None
    assert refusal.current is not None
    assert_payload(store, "key", '{"name":"zoë"}'.encode())
    assert store.save("key", live(), replacing=refusal.current) is None


@ON_MYSQL
def test_a_key_is_found_by_mysqls_index(
    node: Node, store: SQLAlchemyStore, engine: sa.Engine
) -> None:
    for number in range(50):
        store.create(f"key{number}", live())

    statement = store._rows.sql.load.compile(engine)
    parameters = {"key": "key7", "now": "2001-01-01" if "expires" not in node.row else 0}
    with engine.connect() as connection:
        plan = (
            connection.exec_driver_sql(f"EXPLAIN FORMAT=TRADITIONAL {statement}", parameters)
            .mappings()
            .one()
        )

    assert plan["key"] == "PRIMARY"
    assert int(plan["rows"]) == 1


@ON_POSTGRESQL
@pytest.mark.parametrize("type_", ["jsonb", "text"])
def test_a_payload_column_that_somebody_changed_works(
    type_: str, make_store: MakeStore, store: SQLAlchemyStore, engine: sa.Engine
) -> None:
    store.setup()
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE session ALTER sess TYPE {type_}")

    assert store.create("key", live()) is True
    loaded = store.load("key")
    assert store.save("key", live(OTHER_PAYLOAD), replacing=loaded) is None
    assert store.save("key", live(), replacing=loaded) is not None
    write_again_and_again(store)


@ON_POSTGRESQL
def test_an_expiry_beyond_pythons_years_can_be_loaded(
    node: Node, make_store: MakeStore, engine: sa.Engine
) -> None:
    make_as_node_does(engine, node)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE session SET expire = '20000-01-01'")

    record = make_store().load("nodes")

    assert record is not None
    assert record.expires_at is not None
    assert record.expires_at.year == 9999


@pytest.mark.parametrize("node", ["express-mysql-session on mysql"], indirect=True)
def test_an_expiry_after_2106_is_the_last_of_an_unsigned_int(
    store: SQLAlchemyStore,
) -> None:
    store.create("key", Record(PAYLOAD, datetime(2200, 1, 1, tzinfo=timezone.utc)))

    record = store.load("key")

    assert record is not None
    assert record.expires_at == datetime(2106, 2, 7, 6, 28, 15, tzinfo=timezone.utc)


# Time zones


@ON_MYSQL
def test_a_connections_time_zone_does_not_move_mysqls_expiries(
    node: Node, make_store: MakeStore, engine: sa.Engine
) -> None:
    make_as_node_does(engine, node)
    store = make_store(connect_args={"init_command": "SET time_zone = '+09:00'"})

    store.create("ours", Record(PAYLOAD, MOMENT))

    nodes, ours = (row[node.columns[2]] for row in text_of_rows(engine, node))
    assert ours == nodes
    for key in ("nodes", "ours"):
        record = store.load(key)
        assert record is not None
        assert record.expires_at == node.moment


@pytest.mark.parametrize(
    "node", [name for name in NODES if name.endswith("postgresql")], indirect=True
)
def test_pgtz_does_not_move_postgresqls_expiries(
    node: Node, make_store: MakeStore, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_as_node_does(engine, node)
    local = {"time_zone": "UTC"} if node.layout == "connect-pg-simple" else {}
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    store = make_store(create=False, **local)

    store.create("ours", Record(PAYLOAD, MOMENT))

    monkeypatch.delenv("PGTZ")
    nodes, ours = (row[node.columns[2]] for row in text_of_rows(engine, node))
    assert ours == nodes
    for key in ("nodes", "ours"):
        record = store.load(key)
        assert record is not None
        assert record.expires_at == node.moment


@pytest.fixture
def role(postgresql_url: str) -> Iterator[sa.URL]:
    """The URL of a new role with a database of its own."""
    name = f"node_{uuid4().hex[:12]}"
    with administrating(postgresql_url) as connection:
        connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN PASSWORD '{name}'")
        connection.exec_driver_sql(f"CREATE DATABASE {name} OWNER {name}")
        yield sa.make_url(postgresql_url).set(username=name, password=name, database=name)
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        connection.exec_driver_sql(f"DROP ROLE {name}")


@pytest.mark.parametrize(
    "settings",
    [
        ["DATABASE {} SET TimeZone = 'Asia/Kolkata'"],
        ["ROLE {} SET timezone = 'America/New_York'"],
        [
            "ROLE {} SET timezone = 'America/New_York'",
            "DATABASE {} SET timezone = 'Asia/Kolkata'",
        ],
        [
            "ROLE {} SET timezone = 'America/New_York'",
            "ROLE {0} IN DATABASE {0} SET timezone = '<+03>-03'",
        ],
    ],
    ids=["database", "role", "role before database", "role in database"],
)
@pytest.mark.parametrize("pgtz", [None, "Asia/Tokyo"])
def test_pg_simples_local_times_are_in_the_time_zone_of_node(
    settings: list[str],
    pgtz: str | None,
    role: sa.URL,
    postgresql_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with administrating(postgresql_url) as connection:
        for setting in settings:
            connection.exec_driver_sql(f"ALTER {setting.format(role.username)}")
    if pgtz:
        monkeypatch.setenv("PGTZ", pgtz)
    store = SQLAlchemyStore.from_url(role, layout="connect-pg-simple")
    store.create("ours", Record(PAYLOAD, in_(3600)))
    assert store.load("ours") is not None

    monkeypatch.delenv("PGTZ", raising=False)
    node = sa.create_engine(role, poolclass=sa.NullPool)
    with node.begin() as connection:
        assert connection.exec_driver_sql("SHOW TimeZone").scalar() != "Asia/Tokyo"
        left = "SELECT extract(epoch FROM expire - now()::timestamp) FROM session"
        assert 3590 < float(connection.exec_driver_sql(left).scalar() or 0) <= 3601
        connection.exec_driver_sql(
            "INSERT INTO session SELECT 'nodes', '{}', to_timestamp(1927857907)"
        )
    for _ in range(2):
        record = store.load("nodes")
        assert record is not None
        assert record.expires_at == datetime(2031, 2, 3, 4, 5, 7, tzinfo=timezone.utc)
        monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    store.close()


@pytest.mark.parametrize("how", ["PGTZ", "options", "SET"])
@ON_POSTGRESQL
def test_a_time_zone_that_hides_nodes_is_an_error_that_asks_for_it(
    how: str, url: sa.URL, schema: str, make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "PGTZ":
        monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    options = "-c timezone=Asia/Tokyo" if how == "options" else ""
    engine = sa.create_engine(url, connect_args={"options": options})
    if how == "SET":
        sa.event.listen(engine, "connect", set_time_zone)

    unsure = SQLAlchemyStore(engine, layout="connect-pg-simple", schema=schema)
    with pytest.raises(ConfigError, match="time_zone='Etc/UTC'"):
        unsure.create("key", live())

    told = SQLAlchemyStore(
        engine, layout="connect-pg-simple", schema=schema, time_zone="America/New_York"
    )
    assert told.create("key", live()) is True
    engine.dispose()
    with administrating(url) as connection:
        left = f"SELECT expire - now() AT TIME ZONE 'America/New_York' FROM {schema}.session"
        assert timedelta(minutes=59) < connection.exec_driver_sql(left).scalar_one()


def set_time_zone(connection: Any, _record: object) -> None:
    connection.execute("SET TIME ZONE 'Asia/Tokyo'")
    connection.commit()


@ON_POSTGRESQL
def test_the_server_is_asked_for_its_time_zone_once(store: SQLAlchemyStore) -> None:
    asked: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    store.setup()
    sa.event.listen(store._rows.database.engine, "before_cursor_execute", note)
    store.create("key", live())
    store.load("key")

    assert ["pg_settings" in statement for statement in asked] == [True, False, False]


def test_a_role_that_may_not_create_tables_can_use_one(role: sa.URL, postgresql_url: str) -> None:
    node = NODES["connect-pg-simple on postgresql"]
    owner = sa.create_engine(sa.make_url(postgresql_url).set(database=role.database))
    with owner.begin() as connection:
        connection.exec_driver_sql("REVOKE ALL ON SCHEMA public FROM public")
        connection.exec_driver_sql(
            f"ALTER SCHEMA public OWNER TO {connection.engine.url.username}"
        )
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA public TO {role.username}")
        connection.exec_driver_sql(node.ddl[0])
        rights = "SELECT, INSERT, UPDATE, DELETE"
        connection.exec_driver_sql(f"GRANT {rights} ON session TO {role.username}")
    owner.dispose()
    store = SQLAlchemyStore.from_url(role, layout="express")

    assert store.create("key", live()) is True
    assert_payload(store, "key", PAYLOAD)
    store.close()


# Arguments


@pytest.mark.parametrize(
    ("url", "table"),
    [
        ("postgresql+psycopg://host/db", "session"),
        ("mysql+pymysql://host/db", "sessions"),
        ("mariadb+pymysql://host/db", "sessions"),
        ("sqlite:///x.db", "sessions"),
    ],
)
def test_express_is_the_usual_layout_of_the_dialect(url: str, table: str) -> None:
    usual = SQLAlchemyStore.from_url(url, layout="express")

    assert usual.table.name == table
    assert "payload" in usual.table.c
    usual.close()


def test_a_table_can_have_another_name(node: Node, url: sa.URL) -> None:
    store = SQLAlchemyStore.from_url(url, layout=node.layout, table="visits")

    assert store.table.name == "visits"
    assert [index.name for index in store.table.indexes if "visits" not in str(index.name)] == []
    store.close()


def test_the_table_for_migrations_needs_no_server() -> None:
    url = f"postgresql+psycopg://127.0.0.1:{free_port()}/db"
    store = SQLAlchemyStore.from_url(url, layout="connect-pg-simple", create=False)

    assert [column.name for column in store.table.columns] == ["sid", "sess", "expire"]
    store.close()


def no_engine() -> sa.Engine:
    raise AssertionError


def test_the_native_table_for_migrations_needs_no_engine() -> None:
    assert SQLAlchemyStore(no_engine).table.name == "server_sessions"


def test_an_unknown_layout_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match=r"'connect-redis'.*'native', 'connect-pg-simple'"):
        SQLAlchemyStore(no_engine, layout="connect-redis")


@pytest.mark.parametrize(
    ("url", "layout", "fitting"),
    [
        ("sqlite:///x.db", "connect-pg-simple", "'connect-session-knex'"),
        ("sqlite:///x.db", "express-mysql-session", "'connect-session-sequelize'"),
        ("mysql+pymysql://host/db", "connect-pg-simple", "'express-mysql-session'"),
        ("postgresql+psycopg://host/db", "express-mysql-session", "'connect-pg-simple'"),
    ],
)
def test_a_layout_of_another_dialect_is_refused(url: str, layout: str, fitting: str) -> None:
    engine = sa.create_engine(url)
    says = rf"{layout!r}.*'native', .*{fitting}.*'express'"

    with pytest.raises(ConfigError, match=says):
        SQLAlchemyStore.from_url(url, layout=layout)
    with pytest.raises(ConfigError, match=says):
        SQLAlchemyStore(engine, layout=layout)
    with pytest.raises(ConfigError, match=says):
        SQLAlchemyStore(lambda: engine, layout=layout).load("key")


@pytest.mark.parametrize("layout", ["native", "express", "connect-session-knex"])
def test_a_time_zone_for_a_layout_without_local_times_is_refused(layout: str) -> None:
    with pytest.raises(ConfigError, match="connect-pg-simple"):
        SQLAlchemyStore.from_url("sqlite:///x.db", layout=layout, time_zone="UTC")


# Plain SQL


@contextmanager
def administrating(url: str | sa.URL) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


@contextmanager
def empty_schema(url: sa.URL, suffix: str = "") -> Iterator[str | None]:
    if url.get_backend_name() == "sqlite":
        yield None
        return
    name = f"test_{uuid4().hex[:12]}{suffix}"
    with administrating(url) as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
        yield name
        cascade = "CASCADE" if url.get_backend_name() == "postgresql" else ""
        connection.exec_driver_sql(f"DROP SCHEMA {name} {cascade}")


def engine_in(url: sa.URL, schema: str | None) -> sa.Engine:
    if url.get_backend_name() == "mysql":
        return sa.create_engine(url.set(database=schema))
    if url.get_backend_name() == "postgresql":
        options = f"-c search_path={schema} -c timezone=UTC"
        return sa.create_engine(url, connect_args={"options": options})
    return sa.create_engine(url)


def make_as_node_does(engine: sa.Engine, node: Node) -> None:
    with engine.begin() as connection:
        for statement in node.ddl:
            connection.exec_driver_sql(statement)
        insert_as_node_does(connection, node)


def insert_as_node_does(connection: sa.Connection, node: Node) -> None:
    names = ", ".join(quoted(connection.engine, name) for name in node.row)
    values = ", ".join(f"'{value}'" for value in node.row.values())
    table = quoted(connection.engine, node.table)
    connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({values})")


def text_of_rows(engine: sa.Engine, node: Node) -> list[dict[str, Any]]:
    """Return every row with its columns as text, the oldest first."""
    type_ = "CHAR" if node.dialect == "mysql" else "TEXT"
    names = [quoted(engine, name) for name in node.row]
    columns = ", ".join(f"CAST({name} AS {type_}) AS {name}" for name in names)
    table = quoted(engine, node.table)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"SELECT {columns} FROM {table} ORDER BY {names[0]}")
        return [dict(row) for row in rows.mappings()]


def quoted(engine: sa.Engine, name: str) -> str:
    return engine.dialect.identifier_preparer.quote(name)


def definition(url: sa.URL, schema: str | None, node: Node) -> object:
    """Return the database's description of a table, without what Node leaves to defaults."""
    engine = engine_in(url, schema)
    with engine.connect() as connection:
        ask = {
            "postgresql": _postgresql_definition,
            "mysql": _mysql_definition,
            "sqlite": _sqlite_definition,
        }[node.dialect]
        answer = ask(connection, node.table, str(schema))
    engine.dispose()
    return answer


def _postgresql_definition(connection: sa.Connection, table: str, schema: str) -> object:
    table = f"'\"{table}\"'::regclass"
    columns = connection.exec_driver_sql(
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull, attcollation"
        f" FROM pg_attribute WHERE attrelid = {table} AND attnum > 0 ORDER BY attnum"
    )
    constraints = connection.exec_driver_sql(
        f"SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = {table}"
    )
    indexes = connection.exec_driver_sql(
        f"SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = {table}"
    )
    # The index of users is this package's: test_sqlalchemy_users.py.
    nodes = [text for text in indexes.scalars() if "_sid_c ON" not in text]
    texts = sorted(text.replace(schema, "") for text in nodes)
    return columns.all(), constraints.all(), texts


def _mysql_definition(connection: sa.Connection, table: str, _schema: str) -> object:
    shown = connection.exec_driver_sql(f"SHOW CREATE TABLE `{table}`").one()[1]
    # express-mysql-session names no collation of a column; setup does.
    return re.sub(r" CHARACTER SET \w+| COLLATE \w+", "", shown)


def _sqlite_definition(connection: sa.Connection, table: str, _schema: str) -> object:
    columns = connection.exec_driver_sql(f"PRAGMA table_info(`{table}`)").mappings().all()
    indexes = connection.exec_driver_sql(f"PRAGMA index_list(`{table}`)").mappings().all()
    # In SQLite a primary key may be NULL unless it is declared NOT NULL.
    return (
        [(c["name"], c["type"], c["pk"] or c["notnull"], c["pk"]) for c in columns],
        sorted((index["name"], index["unique"]) for index in indexes),
    )
