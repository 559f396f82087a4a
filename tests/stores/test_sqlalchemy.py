from __future__ import annotations

import gc
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pymysql
import pytest
import sqlalchemy as sa

from flask_serversession.errors import ConfigError
from flask_serversession.errors import StoreError
from flask_serversession.errors import StoreUnavailable
from flask_serversession.stores.base import ENDED
from flask_serversession.stores.base import epoch_milliseconds
from flask_serversession.stores.base import Record
from flask_serversession.stores.base import Refusal
from flask_serversession.stores.base import utc_now
from flask_serversession.stores.sqlalchemy import SQLAlchemyStore
from flask_serversession.stores.sqlalchemy.sqlite import create_privately
from flask_serversession.stores.sqlalchemy.sqlite import write_ahead
from flask_serversession.stores.sqlalchemy.statements import BATCH
from flask_serversession.testing import KeysContract
from flask_serversession.testing import PingContract
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
from ..servers.base import hanging
from ..servers.mariadb import mysql_log
from ..servers.mariadb import running_mariadb
from ..servers.postgresql import postgresql_log
from ..servers.postgresql import running_postgresql

MakeStore = Callable[..., SQLAlchemyStore]
Received = Callable[[], AbstractContextManager[list[str]]]

ON_A_SERVER = pytest.mark.parametrize("url", ["postgresql", "mysql"], indirect=True)


BACKENDS = ["sqlite", "postgresql", "mysql"]


def url_on(request: pytest.FixtureRequest, folder: Path) -> str:
    """Return the URL of the backend that a fixture has as its parameter."""
    if request.param == "sqlite":
        return f"sqlite:///{folder}/sessions.db"
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return url_on(request, tmp_path)


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    """An engine that an application made."""
    engine = sa.create_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def table(url: str) -> Iterator[str]:
    with new_table(url) as name:
        yield name


@contextmanager
def new_table(url: str) -> Iterator[str]:
    """Give the name of a table that is dropped afterwards, together with its neighbour."""
    name = f"sessions_{uuid4().hex[:12]}"
    yield name
    admin = sa.create_engine(url, poolclass=sa.NullPool)
    with admin.begin() as connection:
        for each in (name, f"{name}_2"):
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {each}")


@pytest.fixture
def make_store(url: str, table: str) -> Iterator[MakeStore]:
    stores = []

    def make(url: str = url, **options: Any) -> SQLAlchemyStore:
        stores.append(SQLAlchemyStore.from_url(url, **{"table": table, **options}))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def store(make_store: MakeStore) -> SQLAlchemyStore:
    return make_store()


class OnEveryBackend(
    StoreContract, KeysContract, UsersContract, PruneContract, SetupContract, PingContract
):
    """The contract, on two tables that are emptied before each test. Needs ``stores``."""

    @pytest.fixture(scope="class", params=BACKENDS)
    @classmethod
    def url(cls, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
        return url_on(request, tmp_path_factory.mktemp("sqlite"))

    @pytest.fixture(scope="class")
    @classmethod
    def table(cls, url: str) -> Iterator[str]:
        with new_table(url) as name:
            yield name

    @pytest.fixture
    def store(self, stores: list[SQLAlchemyStore]) -> SQLAlchemyStore:
        return emptied(stores[0])

    @pytest.fixture
    def other_store(self, stores: list[SQLAlchemyStore]) -> SQLAlchemyStore:
        return emptied(stores[1])


def emptied(store: SQLAlchemyStore) -> SQLAlchemyStore:
    store.clear()
    return store


class TestSQLAlchemyStore(OnEveryBackend):
    @pytest.fixture(scope="class")
    @classmethod
    def stores(cls, url: str, table: str) -> Iterator[list[SQLAlchemyStore]]:
        stores = [SQLAlchemyStore.from_url(url, table=name) for name in (table, f"{table}_2")]
        yield stores
        for store in stores:
            store.close()


@pytest.mark.slow
class TestOnAnApplicationsEngine(OnEveryBackend):
    """A function returns the engine, which on MySQL counts changed instead of found rows."""

    @pytest.fixture(scope="class")
    @classmethod
    def stores(cls, url: str, table: str) -> Iterator[list[SQLAlchemyStore]]:
        address = sa.make_url(url)
        options: dict[str, Any] = {}
        if address.get_backend_name() == "mysql":
            options["creator"] = lambda: pymysql.connect(
                host=address.host,
                port=address.port,
                user=address.username,
                password=address.password,
                database=address.database,
            )
        engine = sa.create_engine(address, **options)
        yield [SQLAlchemyStore(lambda: engine, table=name) for name in (table, f"{table}_2")]
        engine.dispose()


def test_random_programs_behave_as_on_a_dict(store: SQLAlchemyStore) -> None:
    store_machine(lambda: emptied(store), examples=15).TestCase().runTest()


# What the server receives


@pytest.fixture
def received(url: str) -> Iterator[Received]:
    """Give the first words of the statements that reached the server."""
    backend = sa.make_url(url).get_backend_name()
    if backend != "sqlite":
        log = {"postgresql": postgresql_log, "mysql": mysql_log}[backend]
        yield lambda: log(url)
        return
    traced: list[str] = []

    def trace(connection: sqlite3.Connection, _record: object) -> None:
        connection.set_trace_callback(lambda statement: traced.append(statement.split()[0]))

    @contextmanager
    def sqlite_log() -> Iterator[list[str]]:
        traced.clear()
        yield traced

    sa.event.listen(sa.Pool, "connect", trace)
    yield sqlite_log
    sa.event.remove(sa.Pool, "connect", trace)


VERBS: dict[str, tuple[Callable[[SQLAlchemyStore], object], list[str]]] = {
    "load": (lambda store: store.load("key"), ["SELECT"]),
    "load absent": (lambda store: store.load("absent"), ["SELECT"]),
    "create": (lambda store: store.create(uuid4().hex, live()), ["INSERT"]),
    "create taken": (lambda store: store.create("key", live()), ["INSERT", "UPDATE"]),
    "save": (lambda store: store.save("key", live()), ["UPDATE"]),
    "save replacing": (lambda store: store.save("key", live(), replacing=live()), ["UPDATE"]),
    "save refused": (
        lambda store: store.save("key", live(), replacing=live(OTHER_PAYLOAD)),
        ["UPDATE", "SELECT"],
    ),
    "save the end": (lambda store: store.save("key", ENDED), ["DELETE"]),
    "save the end replacing": (
        lambda store: store.save("key", ENDED, replacing=live()),
        ["DELETE"],
    ),
    "save the end refused": (
        lambda store: store.save("key", ENDED, replacing=live(OTHER_PAYLOAD)),
        ["DELETE", "SELECT"],
    ),
    "save locked": (lambda store: _save_locked(store, live()), ["UPDATE"]),
    "touch": (lambda store: store.touch("key", in_(60)), ["UPDATE"]),
    "delete": (lambda store: store.delete("key"), ["DELETE"]),
    "ping": (lambda store: store.ping(), ["SELECT"]),
    "count": (lambda store: store.count(), ["SELECT"]),
    "keys": (lambda store: list(store.keys()), ["SELECT"]),
    "records of a user": (lambda store: list(store.records("Ada-_Ada-_Ada-_0")), ["SELECT"]),
    "prune": (lambda store: store.prune(), ["SELECT"]),
    "clear": (lambda store: store.clear(), ["SELECT", "DELETE", "DELETE"]),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_one_statement_and_no_transaction(
    verb: str, store: SQLAlchemyStore, received: Received
) -> None:
    call, statements = VERBS[verb]
    store.create("key", live())

    with received() as seen:
        call(store)

    assert seen == statements


@pytest.mark.parametrize("rebased", [live(b"{}"), ENDED], ids=["live", "ended"])
def test_a_second_attempt_is_one_transaction(
    rebased: Record, store: SQLAlchemyStore, received: Received
) -> None:
    store.create("key", live())

    with received() as seen:
        _save_locked(store, live(OTHER_PAYLOAD), rebased)

    assert seen == [
        "UPDATE",
        *("BEGIN", "SELECT", "DELETE" if rebased is ENDED else "UPDATE", "COMMIT"),
    ]


def test_a_second_attempt_at_a_missing_record_is_one_statement(
    store: SQLAlchemyStore, received: Received
) -> None:
    store.setup()

    with received() as seen:
        _save_locked(store, live())

    assert seen == ["UPDATE", "BEGIN", "SELECT", "COMMIT"]


@ON_A_SERVER
def test_a_free_lock_is_two_statements(store: SQLAlchemyStore, received: Received) -> None:
    store.setup()
    lock = store.lock("key", ttl=60)

    with received() as seen:
        lock.acquire(5)
        lock.release()

    assert seen == ["SELECT"] * 2


def test_an_applications_engine_adds_few_statements(
    engine: sa.Engine, table: str, received: Received
) -> None:
    store = SQLAlchemyStore(engine, table=table)
    store.create("key", live())

    with received() as seen:
        store.save("key", live(), replacing=live())

    expected = {
        "sqlite": ["UPDATE", "PRAGMA"],  # local, no round trip
        "postgresql": ["UPDATE"],
        "mysql": ["UPDATE", "COMMIT", "ROLLBACK"],
    }
    assert seen == expected[engine.dialect.name]

    with received() as seen:
        _save_locked(store, live(OTHER_PAYLOAD))

    transaction = ["BEGIN", "SELECT", "UPDATE", "COMMIT"]
    expected = {
        "sqlite": ["UPDATE", "PRAGMA", *transaction, "PRAGMA"],
        "postgresql": ["UPDATE", *transaction],
        "mysql": ["UPDATE", "COMMIT", "ROLLBACK", *transaction, "ROLLBACK"],
    }
    assert seen == expected[engine.dialect.name]


def test_a_touch_does_not_send_the_payload(store: SQLAlchemyStore) -> None:
    store.create("key", live())
    sent: list[object] = []

    def note(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        sent.append((statement, parameters))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        store.touch("key", in_(60))
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)

    assert len(sent) == 1
    assert "payload" not in str(sent)


# The table


def test_setup_makes_one_table_with_one_index_beside_its_key(
    store: SQLAlchemyStore, engine: sa.Engine, table: str
) -> None:
    before = set(sa.inspect(engine).get_table_names())

    store.setup()

    inspector = sa.inspect(engine)
    assert set(inspector.get_table_names()) - before == {table}
    assert [index["column_names"] for index in inspector.get_indexes(table)] == [["expires_at"]]
    assert inspector.get_pk_constraint(table)["constrained_columns"] == ["id"]


def test_many_workers_can_start_at_the_same_time(make_store: MakeStore) -> None:
    stores = [make_store() for _ in range(6)]

    created = at_the_same_time([lambda s=s: s.create("key", live()) for s in stores])  # type: ignore[misc]

    assert created.count(True) == 1


def test_another_table_of_that_name_is_reported_and_unchanged(
    make_store: MakeStore, engine: sa.Engine, table: str
) -> None:
    theirs = sa.Table(
        table, sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("data", sa.Text)
    )
    theirs.create(engine)
    store = make_store()

    for _ in range(2):
        with pytest.raises(ConfigError, match=f"'{table}' exists .* no payload and no expires_at"):
            store.create("key", live())

    columns = [column["name"] for column in sa.inspect(engine).get_columns(table)]
    assert columns == ["id", "data"]


def test_a_missing_index_is_made_by_the_next_setup(
    store: SQLAlchemyStore, engine: sa.Engine, table: str
) -> None:
    store.setup()
    (index,) = store.table.indexes
    index.drop(engine)

    store.setup()

    assert len(sa.inspect(engine).get_indexes(table)) == 1


def test_nothing_is_created_without_create(make_store: MakeStore, engine: sa.Engine) -> None:
    store = make_store(create=False)

    with pytest.raises(StoreError):
        store.load("key")

    assert store.table.name not in sa.inspect(engine).get_table_names()


def test_nothing_connects_before_first_use(tmp_path: Path) -> None:
    store = SQLAlchemyStore.from_url(f"sqlite:///{tmp_path}/sessions.db")

    assert list(tmp_path.iterdir()) == []
    store.close()


def test_migrations_can_create_the_table(make_store: MakeStore, engine: sa.Engine) -> None:
    store = make_store(create=False)
    store.table.to_metadata(sa.MetaData()).create(engine)

    assert store.create("key", live()) is True


def test_the_table_can_be_in_a_schema(postgresql_url: str) -> None:
    table = f"sessions_{uuid4().hex[:12]}"
    admin = sa.create_engine(postgresql_url, poolclass=sa.NullPool)
    with admin.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {table}_schema")
    store = SQLAlchemyStore.from_url(postgresql_url, table=table, schema=f"{table}_schema")

    store.create("key", live())

    assert_payload(store, "key", PAYLOAD)
    assert sa.inspect(admin).get_table_names(schema=f"{table}_schema") == [table]
    store.close()
    with admin.begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {table}_schema CASCADE")


def test_two_stores_on_one_engine_share_a_table(engine: sa.Engine, table: str) -> None:
    one, other = (SQLAlchemyStore(engine, table=table) for _ in range(2))

    one.create("key", live())

    assert_payload(other, "key", PAYLOAD)


# Records


@pytest.mark.parametrize("size", [65_535, 65_536, 1_000_000])
def test_a_large_payload_comes_back_unchanged(store: SQLAlchemyStore, size: int) -> None:
    payload = os.urandom(size)

    store.create("key", live(payload))
    loaded = store.load("key")
    assert loaded is not None
    assert loaded.payload == payload
    assert store.save("key", live(payload[::-1]), replacing=loaded) is None
    assert_payload(store, "key", payload[::-1])


def test_an_expiry_is_kept_to_the_millisecond(store: SQLAlchemyStore) -> None:
    moment = in_(3600)
    store.create("key", Record(PAYLOAD, moment))

    loaded = store.load("key")

    assert loaded is not None
    assert loaded.expires_at is not None
    assert timedelta(0) <= moment - loaded.expires_at < timedelta(milliseconds=1)


def test_a_record_without_an_expiry_lives_on(store: SQLAlchemyStore) -> None:
    store.create("key", Record(PAYLOAD, None))

    assert_payload(store, "key", PAYLOAD)


def test_a_delete_removes_an_expired_leftover_too(
    store: SQLAlchemyStore, engine: sa.Engine
) -> None:
    store.create("key", expired())

    assert store.delete("key") is False

    assert _rows(engine, store) == 0


def test_more_keys_than_a_batch_are_each_listed_once(
    store: SQLAlchemyStore, engine: sa.Engine
) -> None:
    store.setup()
    _insert(engine, store, [f"key{number}" for number in range(2 * BATCH)], seconds=3600)

    keys = list(store.keys())

    assert len(keys) == 2 * BATCH
    assert len(set(keys)) == 2 * BATCH


# Prune


def test_prune_removes_every_expired_row_in_batches(
    store: SQLAlchemyStore, engine: sa.Engine, received: Received
) -> None:
    store.setup()
    _insert(engine, store, [f"dead{number}" for number in range(2 * BATCH + 1)], seconds=-60)
    _insert(engine, store, ["alive"], seconds=60)

    with received() as seen:
        assert store.prune() == 2 * BATCH + 1

    assert seen == ["SELECT", "DELETE"] * 3
    assert list(store.keys()) == ["alive"]


def test_clear_removes_every_row_in_batches(
    store: SQLAlchemyStore, engine: sa.Engine, received: Received
) -> None:
    store.setup()
    _insert(engine, store, [f"dead{number}" for number in range(BATCH)], seconds=-60)
    _insert(engine, store, [f"alive{number}" for number in range(BATCH)], seconds=60)

    with received() as seen:
        steps = list(store.clearing())

    assert steps == [BATCH, BATCH, 0, 0]
    assert seen == ["SELECT", "DELETE"] * 2 + ["SELECT", "DELETE"]
    assert _rows(engine, store) == 0


def test_clear_can_be_interrupted_after_a_batch(store: SQLAlchemyStore, engine: sa.Engine) -> None:
    store.setup()
    _insert(engine, store, [f"key{number}" for number in range(2 * BATCH)], seconds=60)

    assert next(store.clearing()) == BATCH

    assert store.count() == BATCH


def test_prune_looks_only_at_the_expired_rows_of_the_index(
    store: SQLAlchemyStore, engine: sa.Engine
) -> None:
    store.setup()
    _insert(engine, store, [f"alive{number}" for number in range(5000)], seconds=3600)
    _insert(engine, store, [f"dead{number}" for number in range(20)], seconds=-60)
    (index,) = store.table.indexes
    statement = store._rows.sql.dead_keys.compile(engine)
    parameters: Any = statement.construct_params({"now": epoch_milliseconds(utc_now())})
    if statement.positiontup:
        parameters = tuple(parameters[name] for name in statement.positiontup)
    explain, analyze = {
        "sqlite": ("EXPLAIN QUERY PLAN", "ANALYZE"),
        "postgresql": ("EXPLAIN", "ANALYZE {}"),
        "mysql": ("EXPLAIN", "ANALYZE TABLE {}"),
    }[engine.dialect.name]

    with engine.connect() as connection:
        connection.exec_driver_sql(analyze.format(store.table.name)).close()
        plan = connection.exec_driver_sql(f"{explain} {statement}", parameters).all()

    assert str(index.name) in str(plan)


def test_prunes_at_the_same_time_remove_each_row_once(
    make_store: MakeStore, engine: sa.Engine
) -> None:
    stores = [make_store() for _ in range(3)]
    stores[0].setup()
    _insert(engine, stores[0], [f"dead{number}" for number in range(3000)], seconds=-60)

    assert sum(at_the_same_time([store.prune for store in stores])) == 3000


# The application's transactions


def test_an_open_transaction_of_the_application_is_unaffected(
    engine: sa.Engine, table: str
) -> None:
    store = SQLAlchemyStore(engine, table=table)
    store.create("key", live())
    notes = sa.Table(f"{table}_2", sa.MetaData(), sa.Column("text", sa.String(20)))
    notes.create(engine)
    with engine.connect() as application:
        application.execute(notes.insert(), {"text": "uncommitted"})

        assert_payload(store, "key", PAYLOAD)
        if engine.dialect.name != "sqlite":  # whose open transaction locks the file
            assert store.save("key", live(OTHER_PAYLOAD)) is None
            assert store.create("other", live()) is True
            assert store.delete("other") is True
            assert store.create("key", live()) is False

        with engine.connect() as observer:
            assert observer.execute(sa.select(notes)).all() == []
        assert application.execute(sa.select(notes.c.text)).scalars().all() == ["uncommitted"]
        application.rollback()
        assert application.execute(sa.select(notes)).all() == []


def test_a_stored_session_survives_a_rollback_of_the_application(
    engine: sa.Engine, table: str
) -> None:
    store = SQLAlchemyStore(engine, table=table)
    store.setup()
    with engine.connect() as application:
        application.execute(sa.select(1))
        store.create("key", live())
        application.rollback()

    assert_payload(store, "key", PAYLOAD)


def test_the_applications_connections_are_returned_unchanged(
    engine: sa.Engine, table: str
) -> None:
    store = SQLAlchemyStore(engine, table=table)
    store.create("key", live())

    with engine.connect() as application:
        application.execute(sa.update(store.table).values(payload=OTHER_PAYLOAD))
        application.rollback()

    assert_payload(store, "key", PAYLOAD)


@ON_A_SERVER
@pytest.mark.parametrize("isolation_level", ["SERIALIZABLE", "REPEATABLE READ"])
def test_no_save_fails_in_an_applications_isolation_level(
    url: str, table: str, isolation_level: Any
) -> None:
    engine = sa.create_engine(url, isolation_level=isolation_level)
    store = SQLAlchemyStore(engine, table=table)
    store.create("key", live())

    saves = at_the_same_time([lambda: [store.save("key", live()) for _ in range(20)]] * 4)

    assert saves == [[None] * 20] * 4
    engine.dispose()


def test_an_engine_with_a_single_connection_is_refused() -> None:
    for pool in (sa.StaticPool, sa.SingletonThreadPool):
        engine = sa.create_engine("sqlite://", poolclass=pool)
        with pytest.raises(ConfigError, match="memory"):
            SQLAlchemyStore(engine)
        with pytest.raises(ConfigError, match="memory"):
            SQLAlchemyStore(lambda engine=engine: engine).load("key")  # type: ignore[misc]
    with pytest.raises(ConfigError, match="memory"):
        SQLAlchemyStore.from_url("sqlite://")


def test_a_flask_sqlalchemy_engine_is_found_on_first_use(tmp_path: Path) -> None:
    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy

    db = SQLAlchemy()
    store = SQLAlchemyStore(lambda: db.engine)
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/app.db"
    db.init_app(app)

    with app.app_context():
        store.create("key", live())
        db.session.rollback()
        assert_payload(store, "key", PAYLOAD)
        db.drop_all()
        db.engine.dispose()


# Outages


@ON_A_SERVER
def test_a_killed_connection_is_replaced_within_the_call(
    make_store: MakeStore, engine: sa.Engine
) -> None:
    store = make_store()
    store.create("key", live())

    for verb in (
        lambda: store.load("key"),
        lambda: store.save("key", live()) is None,
        lambda: store.touch("key", in_(60)),
        lambda: store.create("other", live()),
        lambda: store.delete("other"),
        lambda: store.ping() or True,  # type: ignore[func-returns-value]
    ):
        _kill_the_pooled_connection(store, engine)
        assert verb()


@ON_A_SERVER
def test_a_killed_connection_of_an_applications_pool_is_replaced(
    url: str, engine: sa.Engine, table: str
) -> None:
    store = SQLAlchemyStore(engine, table=table)
    store.create("key", live())
    killer = sa.create_engine(url, poolclass=sa.NullPool)

    _kill_the_pooled_connection(store, killer)

    assert_payload(store, "key", PAYLOAD)


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "mysql+pymysql"])
def test_a_missing_server_is_unavailable_at_once(scheme: str) -> None:
    store = SQLAlchemyStore.from_url(f"{scheme}://user:hush-hush@127.0.0.1:{free_port()}/db")

    for verb in (lambda: store.load("key"), lambda: store.create("key", live()), store.ping):
        with at_most(2), pytest.raises(StoreUnavailable) as caught:
            verb()
        assert "hush-hush" not in _whole_text(caught.value)
    store.close()


def test_a_sqlite_file_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    store = SQLAlchemyStore.from_url(f"sqlite:///{tmp_path}/missing/sessions.db")

    with pytest.raises(StoreUnavailable):
        store.load("key")
    store.close()


@pytest.mark.slow
def test_a_stopped_or_killed_mysql_server_is_unavailable_in_time(tmp_path: Path) -> None:
    with running_mariadb(tmp_path) as (url, process):
        connected = SQLAlchemyStore.from_url(url, timeout=1)
        connected.create("key", live())
        newcomer = SQLAlchemyStore.from_url(url, timeout=1)
        with hanging(process):
            for store in (connected, newcomer):
                with at_most(2), pytest.raises(StoreUnavailable):
                    store.load("key")
        assert_payload(connected, "key", PAYLOAD)

        process.kill()
        process.wait()
        for store in (connected, newcomer):
            with at_most(2), pytest.raises(StoreUnavailable):
                store.load("key")
            store.close()


@pytest.mark.slow
def test_a_stopped_or_killed_postgresql_server_is_unavailable_in_time() -> None:
    with running_postgresql() as (url, process):
        connected = SQLAlchemyStore.from_url(url, timeout=2)
        connected.create("key", live())
        newcomer = SQLAlchemyStore.from_url(url, timeout=2)
        with hanging(process), at_most(4), pytest.raises(StoreUnavailable):
            newcomer.load("key")
        assert_payload(newcomer, "key", PAYLOAD)

        process.send_signal(signal.SIGQUIT)  # ends all of its processes at once
        process.wait()
        for store in (connected, newcomer):
            with at_most(4), pytest.raises(StoreUnavailable):
                store.load("key")
            store.close()


def test_a_locked_row_is_waited_for_no_longer_than_the_timeout(
    make_store: MakeStore, engine: sa.Engine
) -> None:
    store = make_store(timeout=1)
    store.create("key", live())

    with engine.begin() as holder:
        holder.execute(sa.update(store.table).values(payload=OTHER_PAYLOAD))
        with at_most(3), pytest.raises(StoreUnavailable):
            store.save("key", live())

    assert store.save("key", live()) is None


def test_an_exhausted_pool_is_waited_for_no_longer_than_the_timeout(
    make_store: MakeStore,
) -> None:
    store = make_store(timeout=1, pool_size=1, max_overflow=0)
    store.create("key", live())

    with store._rows.database.engine.connect(), at_most(2), pytest.raises(StoreUnavailable):
        store.load("key")

    assert_payload(store, "key", PAYLOAD)


def test_no_exception_shows_a_payload_a_key_or_a_password(
    url: str, make_store: MakeStore, engine: sa.Engine
) -> None:
    payload, key = f"payload-{uuid4()}", f"key-{uuid4()}"
    secrets = [payload, key, sa.make_url(url).password or payload]
    absent = f"absent_{uuid4().hex}"

    for store in (
        make_store(table=absent, create=False),
        SQLAlchemyStore(engine, table=absent, create=False),
    ):
        for verb in (_create, _save, _load):
            with pytest.raises(StoreError) as caught:
                verb(store, key, live(payload.encode()))
            assert [secret for secret in secrets if secret in _whole_text(caught.value)] == []


# Processes


def test_a_forked_child_does_not_get_its_parents_rows(
    store: SQLAlchemyStore,
) -> None:
    store.create("parent", live(b"parent"))
    store.create("child", live(b"child"))

    def loads(name: str) -> bool:
        return all(
            (record := store.load(name)) is not None and record.payload == name.encode()
            for _ in range(200)
        )

    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if loads("child") and store.save("child", live(b"saved")) is None else 1
        finally:
            os._exit(status)
    assert loads("parent")
    assert os.waitpid(child, 0)[1] == 0
    assert_payload(store, "child", b"saved")


def test_a_child_leaves_the_connections_of_its_parent_open(engine: sa.Engine, table: str) -> None:
    opened = []
    sa.event.listen(engine, "connect", lambda *_: opened.append(os.getpid()))
    store = SQLAlchemyStore(engine, table=table)
    store.create("key", live())

    child = os.fork()
    if child == 0:
        status = 1
        try:
            assert_payload(store, "key", PAYLOAD)
            engine.dispose()
            gc.collect()
            status = 0 if opened.count(os.getpid()) == 1 else 1
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0

    before = len(opened)
    assert_payload(store, "key", PAYLOAD)
    assert len(opened) == before


def test_a_payload_that_mysql_does_not_take_is_no_outage(tmp_path: Path) -> None:
    with running_mariadb(tmp_path) as (url, _):
        admin = sa.create_engine(url, poolclass=sa.NullPool)
        with admin.connect() as connection:
            connection.exec_driver_sql(f"SET GLOBAL max_allowed_packet = {1 << 20}")
        store = SQLAlchemyStore.from_url(url)
        store.create("key", live())

        for size in (1 << 20, 20 << 20):
            large = live(b"x" * size)
            with pytest.raises(StoreError, match="its max_allowed_packet is 1048576") as caught:
                store.save("key", large)
            assert type(caught.value) is StoreError
            with pytest.raises(StoreError, match="max_allowed_packet"):
                store.create("other", large)

        assert_payload(store, "key", PAYLOAD)
        store.close()


# Closing


def test_close_ends_the_connections_the_store_opened(postgresql_url: str) -> None:
    name = f"store-{uuid4().hex}"
    store = SQLAlchemyStore.from_url(
        postgresql_url, create=False, connect_args={"application_name": name}
    )
    admin = sa.create_engine(postgresql_url, poolclass=sa.NullPool)
    query = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}'"

    def connections() -> Any:
        with admin.connect() as connection:
            return connection.exec_driver_sql(query).scalar()

    store.ping()
    assert connections() == 1

    store.close()

    _wait_until(lambda: connections() == 0)
    store.ping()
    store.close()


def test_close_leaves_an_applications_engine_open(engine: sa.Engine, table: str) -> None:
    engine.connect().close()
    store = SQLAlchemyStore(engine, table=table)
    store.create("key", live())
    borrowed = store._rows.database.engine

    store.close()

    assert _idle(engine) == 1
    assert _idle(borrowed) == 0
    assert_payload(store, "key", PAYLOAD)


def test_disposing_of_an_engine_closes_the_connections_of_its_stores(
    engine: sa.Engine, table: str
) -> None:
    stores = [SQLAlchemyStore(engine, table=table) for _ in range(2)]
    for store in stores:
        assert store.load("key") is None

    engine.execution_options(note="as an application may").dispose()

    assert [_idle(store._rows.database.engine) for store in stores] == [0, 0]
    assert stores[0].create("key", live())


def test_a_view_that_holds_every_connection_does_not_keep_its_session_out(
    url: str, table: str
) -> None:
    engine = sa.create_engine(url, pool_size=1, max_overflow=0, pool_timeout=1)
    store = SQLAlchemyStore(engine, table=table)
    with engine.connect():
        assert store.create("key", live())
        assert_payload(store, "key", PAYLOAD)
        assert store.save("key", live(OTHER_PAYLOAD)) is None
        assert store.delete("key")
    engine.dispose()


# SQLite


def test_a_save_does_not_wait_for_an_uncommitted_write_of_the_same_request(
    tmp_path: Path,
) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/shop.db")
    store = SQLAlchemyStore(engine)
    store.create("key", live())
    with engine.connect() as view:
        view.exec_driver_sql("CREATE TABLE notes (text)")
        view.exec_driver_sql("INSERT INTO notes VALUES ('uncommitted')")

        with at_most(1), pytest.raises(StoreUnavailable, match="commit or roll back"):
            store.save("key", live(OTHER_PAYLOAD))
        assert_payload(store, "key", PAYLOAD)

        view.rollback()
        assert store.save("key", live(OTHER_PAYLOAD)) is None
    engine.dispose()


def test_a_save_waits_for_the_write_of_another_thread(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/shop.db")
    store = SQLAlchemyStore(engine)
    store.create("key", live())
    begun = threading.Event()

    def write() -> None:
        with engine.connect() as other:
            other.exec_driver_sql("CREATE TABLE notes (text)")
            other.exec_driver_sql("INSERT INTO notes VALUES ('soon committed')")
            begun.set()
            time.sleep(0.2)
            other.commit()

    writer = threading.Thread(target=write)
    writer.start()
    assert begun.wait(60)
    assert store.save("key", live(OTHER_PAYLOAD)) is None
    writer.join()
    engine.dispose()


def test_a_sqlite_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    store = SQLAlchemyStore.from_url(f"sqlite:///{tmp_path}/absent/sessions.db")

    with pytest.raises(StoreUnavailable, match=r"absent/sessions\.db\) cannot be opened"):
        store.load("key")


def test_a_sqlite_file_is_in_wal_mode(tmp_path: Path) -> None:
    store = SQLAlchemyStore.from_url(f"sqlite:///{tmp_path}/sessions.db")
    store.create("key", live())

    reader = sqlite3.connect(tmp_path / "sessions.db")
    assert reader.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    reader.close()
    store.close()


@pytest.mark.parametrize("url", ["sqlite:///{}/s.db", "sqlite:///file:{}/s.db?uri=true"])
def test_a_new_sqlite_file_and_those_beside_it_are_private(tmp_path: Path, url: str) -> None:
    before = os.umask(0)
    try:
        store = SQLAlchemyStore.from_url(url.format(tmp_path))
        store.create("key", live())
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    finally:
        os.umask(before)

    assert modes == dict.fromkeys(["s.db", "s.db-shm", "s.db-wal"], 0o600)


def test_a_sqlite_file_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.touch()
    path.chmod(0o640)

    SQLAlchemyStore.from_url(f"sqlite:///{path}").create("key", live())

    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    "name", ["file:{}/s.db?mode=rw&uri=true", "file::memory:?uri=true", "{}/missing/s.db"]
)
def test_no_sqlite_file_is_created_where_sqlite_itself_would_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    engine = sa.create_engine(f"sqlite:///{name.format(tmp_path)}")
    create_privately(engine)

    with suppress(sa.exc.OperationalError):
        engine.connect().close()

    assert list(tmp_path.iterdir()) == []


def test_a_sqlite_file_is_synced_at_checkpoints_only(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/sessions.db")
    write_ahead(engine, seconds=1)

    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1  # NORMAL

    engine.dispose()


@pytest.fixture
def busy_file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A writer in a transaction on a file that is not in WAL mode yet."""
    writer = sqlite3.connect(
        tmp_path / "sessions.db", isolation_level=None, check_same_thread=False
    )
    writer.execute("CREATE TABLE others (id)")
    writer.execute("BEGIN IMMEDIATE")
    yield writer
    writer.close()


def test_a_sqlite_file_that_another_process_writes_is_waited_for(
    tmp_path: Path, busy_file: sqlite3.Connection
) -> None:
    store = SQLAlchemyStore.from_url(f"sqlite:///{tmp_path}/sessions.db")
    end = threading.Timer(0.2, busy_file.execute, ["COMMIT"])
    end.start()

    created = store.create("key", live())

    end.join()
    assert created
    store.close()


def test_a_sqlite_file_that_stays_busy_is_unavailable_in_time(
    tmp_path: Path, busy_file: sqlite3.Connection
) -> None:
    store = SQLAlchemyStore.from_url(f"sqlite:///{tmp_path}/sessions.db", timeout=0.5)

    with at_most(2), pytest.raises(StoreUnavailable):
        store.create("key", live())

    store.close()


def test_sqlite_readers_do_not_wait_for_a_writer(tmp_path: Path) -> None:
    store = SQLAlchemyStore.from_url(f"sqlite:///{tmp_path}/sessions.db")
    store.create("key", live())
    writer = sqlite3.connect(tmp_path / "sessions.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")

    with at_most(1):
        assert_payload(store, "key", PAYLOAD)

    writer.execute("ROLLBACK")
    writer.close()
    store.close()


# Arguments


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("not a url", "create_engine"),
        ("nosuchdialect://host/db", "create_engine"),
        ("mysql+cymysql://user:hush-hush@host/db", "cymysql"),
        ("postgresql+psycopg_async://user:hush-hush@host/db", "synchronous"),
        ("sqlite+aiosqlite:///x.db", "aiosqlite"),
        ("sqlite:///:memory:", "memory"),
    ],
)
def test_a_url_that_cannot_work_is_refused_at_once(url: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        SQLAlchemyStore.from_url(url)
    assert "hush-hush" not in str(caught.value)


@pytest.mark.parametrize(
    "options", [{"no_such_option": 1}, {"isolation_level": "SERIALIZABLE"}, {"timeout": 0}]
)
def test_options_that_cannot_work_are_refused_at_once(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        SQLAlchemyStore.from_url("sqlite:///x.db", **options)


def test_an_object_that_is_no_engine_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="Engine"):
        SQLAlchemyStore("sqlite:///x.db")  # type: ignore[arg-type]


def test_the_url_and_connect_args_take_precedence_over_the_timeout(
    postgresql_url: str,
) -> None:
    def statement_timeout(url: str, **options: Any) -> str:
        store = SQLAlchemyStore.from_url(url, create=False, **options)
        with store._rows.database.engine.connect() as connection:
            shown = str(connection.exec_driver_sql("SHOW statement_timeout").scalar())
        store.close()
        return shown

    url = sa.make_url(postgresql_url)
    given = url.update_query_dict({"options": "-c statement_timeout=9s"})
    assert statement_timeout(url.render_as_string(hide_password=False)) == "5s"
    assert statement_timeout(given.render_as_string(hide_password=False)) == "9s"
    assert statement_timeout(postgresql_url, connect_args={"options": ""}) == "0"


def test_without_sqlalchemy_the_error_names_the_extra() -> None:
    program = (
        "import sys; sys.modules['sqlalchemy'] = None\n"
        "from flask_serversession.stores.sqlalchemy import SQLAlchemyStore\n"
        "for make in (SQLAlchemyStore, SQLAlchemyStore.from_url):\n"
        "    try: make('sqlite:///x.db')\n"
        "    except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.stderr == ""
    assert done.stdout.count("ConfigError") == 2
    assert done.stdout.count("pip install Flask-ServerSession[sqlalchemy]") == 2


def _create(store: SQLAlchemyStore, key: str, record: Record) -> None:
    store.create(key, record)


def _save(store: SQLAlchemyStore, key: str, record: Record) -> None:
    store.save(key, record, replacing=record)


def _load(store: SQLAlchemyStore, key: str, _record: Record) -> None:
    store.load(key)


def _save_locked(
    store: SQLAlchemyStore, replacing: Record, rebased: Record | None = None
) -> Refusal | None:
    new = rebased or live(b"{}")
    return store.save_locked("key", live(), replacing=replacing, rebase=lambda _: new)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


def _insert(engine: sa.Engine, store: SQLAlchemyStore, keys: list[str], seconds: float) -> None:
    moment = epoch_milliseconds(in_(seconds))
    rows = [{"id": key, "payload": PAYLOAD, "expires_at": moment} for key in keys]
    with engine.begin() as connection:
        connection.execute(store._rows.layout.table.insert(), rows)


def _idle(engine: sa.Engine) -> int:
    assert isinstance(engine.pool, sa.QueuePool)
    return engine.pool.checkedin()


def _rows(engine: sa.Engine, store: SQLAlchemyStore) -> int:
    with engine.connect() as connection:
        return len(connection.execute(sa.select(store.table.c.id)).all())


def _whole_text(error: BaseException) -> str:
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _kill_the_pooled_connection(store: SQLAlchemyStore, killer: sa.Engine) -> None:
    own_id, kill, alive = {
        "postgresql": (
            "SELECT pg_backend_pid()",
            "SELECT pg_terminate_backend({})",
            "SELECT pid FROM pg_stat_activity",
        ),
        "mysql": (
            "SELECT connection_id()",
            "KILL {}",
            "SELECT id FROM information_schema.processlist",
        ),
    }[killer.dialect.name]
    with store._rows.database.engine.connect() as pooled:
        victim = pooled.exec_driver_sql(own_id).scalar()
    # In a transaction PostgreSQL keeps showing the activity that it saw first.
    with killer.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql(kill.format(victim)).close()
        _wait_until(lambda: victim not in connection.exec_driver_sql(alive).scalars().all())
