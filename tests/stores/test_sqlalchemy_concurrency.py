"""Rows that are locked during a rebase, and locks that end with their connection."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pymysql
import pytest
import sqlalchemy as sa

from flask_serversession.errors import StoreUnavailable
from flask_serversession.stores.base import ENDED
from flask_serversession.stores.base import GONE
from flask_serversession.stores.base import Lock
from flask_serversession.stores.base import Rebase
from flask_serversession.stores.base import Record
from flask_serversession.stores.base import Refusal
from flask_serversession.stores.base import SupportsLock
from flask_serversession.stores.base import SupportsLockedSave
from flask_serversession.stores.sqlalchemy import SQLAlchemyStore
from flask_serversession.stores.sqlalchemy.lock import ConnectionLock
from flask_serversession.stores.sqlalchemy.lock import MOST_CONNECTIONS
from flask_serversession.testing import LeaseContract
from flask_serversession.testing import LockContract
from flask_serversession.testing import LockedSaveContract
from flask_serversession.testing.contract import assert_payload
from flask_serversession.testing.contract import at_the_same_time
from flask_serversession.testing.contract import live
from flask_serversession.testing.contract import OTHER_PAYLOAD
from flask_serversession.testing.contract import PAYLOAD
from flask_serversession.testing.locks import PATIENCE

pytestmark = pytest.mark.slow

MakeStore = Callable[..., SQLAlchemyStore]
MakeEngine = Callable[..., sa.Engine]

ON_A_SERVER = pytest.mark.parametrize("url", ["postgresql", "mysql"], indirect=True)
ON_SQLITE = pytest.mark.parametrize("url", ["sqlite"], indirect=True)

#: A pool of one connection: a test fails at once if that is not returned.
ONE_CONNECTION: dict[str, Any] = {"pool_size": 1, "max_overflow": 0}


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/sessions.db"
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def table(url: str) -> Iterator[str]:
    """The name of a table that is dropped afterwards, together with its locks."""
    name = f"sessions_{uuid4().hex[:12]}"
    yield name
    admin = sa.create_engine(url, poolclass=sa.NullPool)
    with admin.begin() as connection:
        for each in (name, f"{name}_locks"):
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {each}")


@pytest.fixture
def make_store(url: str, table: str) -> Iterator[MakeStore]:
    stores = []

    def make(**options: Any) -> SQLAlchemyStore:
        stores.append(SQLAlchemyStore.from_url(url, **{"table": table, **options}))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def make_engine(url: str) -> Iterator[MakeEngine]:
    engines = []

    def make(**options: Any) -> sa.Engine:
        engines.append(sa.create_engine(url, **options))
        return engines[-1]

    yield make
    for engine in engines:
        engine.dispose()


@pytest.fixture(params=["store's", "application's"])
def store(
    request: pytest.FixtureRequest, make_store: MakeStore, make_engine: MakeEngine, table: str
) -> SQLAlchemyStore:
    if request.param == "store's":
        return make_store(**ONE_CONNECTION)
    return SQLAlchemyStore(make_engine(**ONE_CONNECTION), table=table)


@pytest.fixture
def neighbour(make_store: MakeStore, store: SQLAlchemyStore) -> SQLAlchemyStore:
    """A store with an engine of its own, like that of another process."""
    store.setup()
    return make_store(timeout=2)


class TestOnOneConnection(LockedSaveContract, LockContract):
    pass


@ON_SQLITE
class TestOnSQLite(LeaseContract):
    pass


# Saving under a lock


@pytest.fixture
def stale(store: SQLAlchemyStore, neighbour: SQLAlchemyStore) -> Record:
    """The record of ``key`` from before another store saved OTHER_PAYLOAD."""
    store.create("key", live())
    loaded = store.load("key")
    assert loaded is not None
    neighbour.save("key", live(OTHER_PAYLOAD))
    return loaded


def test_the_store_has_the_abilities_to_save_locked_and_to_lock(store: SQLAlchemyStore) -> None:
    assert isinstance(store, SupportsLockedSave)
    assert isinstance(store, SupportsLock)


def test_other_writers_wait_while_a_row_is_locked(
    store: SQLAlchemyStore, neighbour: SQLAlchemyStore, stale: Record
) -> None:
    with ThreadPoolExecutor(1) as pool:
        writes = []

        def rebase(current: Record) -> Record:
            writes.append(pool.submit(neighbour.save, "key", live(b"{}"), replacing=current))
            time.sleep(0.3)
            assert not writes[0].done()
            return live(b'{"views":3}')

        assert store.save_locked("key", live(), replacing=stale, rebase=rebase) is None
        refusal = writes[0].result(timeout=PATIENCE)

    assert refusal is not None
    assert refusal.current is not None
    assert refusal.current.payload == b'{"views":3}'


def test_readers_do_not_wait_for_a_locked_row(
    store: SQLAlchemyStore, make_store: MakeStore, stale: Record
) -> None:
    reader = make_store(timeout=1)  # it has put SQLite into WAL mode

    def rebase(current: Record) -> Record:
        assert_payload(reader, "key", OTHER_PAYLOAD)
        return live()

    assert store.save_locked("key", live(), replacing=stale, rebase=rebase) is None


def test_a_rebased_record_that_has_ended_removes_the_row(
    store: SQLAlchemyStore, stale: Record
) -> None:
    assert store.save_locked("key", live(), replacing=stale, rebase=lambda _: ENDED) is None

    assert _rows(store) == 0


def test_an_end_without_a_conflict_removes_the_row(store: SQLAlchemyStore) -> None:
    store.create("key", live())

    ended = store.save_locked("key", ENDED, replacing=live(), rebase=lambda now: now)

    assert ended is None
    assert _rows(store) == 0
    assert store.save_locked("key", ENDED, replacing=live(), rebase=lambda now: now) == GONE


@pytest.mark.parametrize(
    "error",
    [LookupError(), KeyboardInterrupt(), sa.exc.OperationalError("SELECT", None, Exception())],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_of_rebase_is_raised_and_leaves_the_connection_clean(
    error: BaseException, store: SQLAlchemyStore, neighbour: SQLAlchemyStore, stale: Record
) -> None:
    def refuse(current: Record) -> Record:
        raise error

    with pytest.raises(type(error)) as caught:
        store.save_locked("key", live(), replacing=stale, rebase=refuse)

    assert caught.value is error
    assert neighbour.save("key", live(b"{}")) is None
    assert_payload(store, "key", b"{}")
    assert store.save("key", live()) is None
    assert_payload(neighbour, "key", PAYLOAD)


@ON_A_SERVER
def test_a_connection_that_dies_with_a_locked_row_saves_nothing(
    store: SQLAlchemyStore, neighbour: SQLAlchemyStore, stale: Record, make_engine: MakeEngine
) -> None:
    numbers: list[object] = []
    engine = store._rows.database.engine

    def note(connection: sa.Connection, *_: object) -> None:
        numbers.append(_number_of(connection))

    def rebase(current: Record) -> Record:
        sa.event.remove(engine, "before_cursor_execute", note)
        _kill(make_engine(poolclass=sa.NullPool), numbers[-1])
        return live()

    sa.event.listen(engine, "before_cursor_execute", note)
    with pytest.raises(StoreUnavailable):
        store.save_locked("key", live(), replacing=stale, rebase=rebase)

    assert_payload(store, "key", OTHER_PAYLOAD)
    assert neighbour.save("key", live()) is None


def test_a_locked_row_is_waited_for_no_longer_than_the_timeout(
    make_store: MakeStore, neighbour: SQLAlchemyStore, stale: Record
) -> None:
    waiting = make_store(timeout=1, **ONE_CONNECTION)

    def rebase(current: Record) -> Record:
        with pytest.raises(StoreUnavailable):
            waiting.save_locked("key", live(), replacing=stale, rebase=lambda now: now)
        return live(b"{}")

    assert neighbour.save_locked("key", live(), replacing=stale, rebase=rebase) is None
    assert_payload(waiting, "key", b"{}")
    assert waiting.save("key", live()) is None
    assert_payload(neighbour, "key", PAYLOAD)


@ON_A_SERVER
@pytest.mark.parametrize("isolation_level", ["SERIALIZABLE", "REPEATABLE READ", "AUTOCOMMIT"])
def test_no_second_attempt_fails_in_an_applications_isolation_level(
    isolation_level: str, make_engine: MakeEngine, table: str
) -> None:
    store = SQLAlchemyStore(make_engine(isolation_level=isolation_level), table=table)

    assert _count_together(store) == 40


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_no_second_attempt_fails_with_a_strict_default_of_the_application(
    make_engine: MakeEngine, table: str
) -> None:
    options = {"options": "-c default_transaction_isolation=serializable"}
    store = SQLAlchemyStore(make_engine(connect_args=options), table=table)
    stale = live()
    store.create("key", stale)
    store.save("key", live(b""))
    with ThreadPoolExecutor(1) as pool:
        waits = []

        def add_one(current: Record) -> Record:
            return live(current.payload + b"1")

        def add_one_slowly(current: Record) -> Record:
            waits.append(pool.submit(hold, add_one))
            time.sleep(0.3)
            return add_one(current)

        def hold(rebase: Rebase) -> Refusal | None:
            return store.save_locked("key", live(), replacing=stale, rebase=rebase)

        assert hold(add_one_slowly) is None
        assert waits[0].result(timeout=PATIENCE) is None

    assert_payload(store, "key", b"11")


def test_no_save_fails_in_a_databases_isolation_level(postgresql_url: str) -> None:
    name = f"strict_{uuid4().hex[:12]}"
    admin = sa.create_engine(postgresql_url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        level = "SET default_transaction_isolation = 'serializable'"
        connection.exec_driver_sql(f"ALTER DATABASE {name} {level}")
        store = SQLAlchemyStore.from_url(sa.make_url(postgresql_url).set(database=name))

        assert _count_together(store) == 40

        store.close()
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("url", ["mysql"], indirect=True)
def test_mysql_that_counts_changed_rows_needs_no_rebase_of_an_unchanged_one(
    url: str, table: str
) -> None:
    address = sa.make_url(url)

    def connect() -> pymysql.Connection[pymysql.cursors.Cursor]:
        """Connect without CLIENT_FOUND_ROWS."""
        return pymysql.connect(
            host=address.host,
            port=address.port,
            user=address.username,
            password=address.password,
            database=address.database,
        )

    engine = sa.create_engine(address, creator=connect)
    store = SQLAlchemyStore(engine, table=table)
    record = live()
    store.create("key", record)

    def never(current: Record) -> Record:
        raise AssertionError("nobody else wrote")

    assert store.save_locked("key", record, replacing=record, rebase=never) is None
    assert_payload(store, "key", PAYLOAD)
    engine.dispose()


# Locks


def test_waiters_do_not_take_the_holders_connections(store: SQLAlchemyStore) -> None:
    store.create("key", live())
    counted = 0

    def count() -> None:
        nonlocal counted
        lock = store.lock("key", ttl=60)
        assert lock.acquire(PATIENCE)
        loaded = store.load("key")
        assert store.save("key", live(b'{"n":%d}' % counted), replacing=loaded) is None
        counted += 1
        lock.release()

    at_the_same_time([count] * 6)

    assert counted == 6


@ON_A_SERVER
def test_a_wait_for_a_lock_can_be_longer_than_the_timeout_of_an_answer(
    make_store: MakeStore,
) -> None:
    holder, waiting = make_store().lock("key", ttl=60), make_store(timeout=1).lock("key", ttl=60)
    assert holder.acquire(0)

    assert waiting.acquire(2.5) is False

    with ThreadPoolExecutor(1) as pool:
        acquired = pool.submit(waiting.acquire, PATIENCE)
        time.sleep(1.5)
        assert not acquired.done()
        holder.release()
        assert acquired.result(timeout=PATIENCE) is True
    waiting.release()


@ON_A_SERVER
def test_a_lock_is_the_same_for_every_engine_and_schema_name(
    store: SQLAlchemyStore, make_store: MakeStore, url: str
) -> None:
    schema = "public" if url.startswith("postgresql") else sa.make_url(url).database
    lock = store.lock("key", ttl=60)
    assert lock.acquire(0)

    assert make_store(schema=schema).lock("key", ttl=60).acquire(0) is False

    lock.release()


@ON_A_SERVER
def test_a_killed_holder_frees_the_lock_at_once(store: SQLAlchemyStore, url: str) -> None:
    lock = store.lock("key", ttl=3600)
    with _process_that_locks(url, store, acquired=True) as holder:
        assert lock.acquire(0) is False

        holder.send_signal(signal.SIGKILL)

        assert lock.acquire(PATIENCE) is True
    lock.release()


@ON_A_SERVER
def test_a_killed_waiter_does_not_get_the_lock(store: SQLAlchemyStore, url: str) -> None:
    first, next_one = store.lock("key", ttl=3600), store.lock("key", ttl=3600)
    assert first.acquire(0)
    with _process_that_locks(url, store, acquired=False) as waiter:
        time.sleep(0.3)
        waiter.send_signal(signal.SIGKILL)
        waiter.wait()

        first.release()

        assert next_one.acquire(PATIENCE) is True
    next_one.release()


@ON_A_SERVER
def test_a_lock_whose_connection_died_is_lost_without_a_failure(
    store: SQLAlchemyStore, make_engine: MakeEngine
) -> None:
    killer = make_engine(poolclass=sa.NullPool)
    lost, next_one = store.lock("key", ttl=60), store.lock("key", ttl=60)
    for ending in (lost.renew, lost.release):
        assert lost.acquire(0)
        assert isinstance(lost, ConnectionLock)
        _kill(killer, _number_of(lost._connection))
        assert next_one.acquire(PATIENCE) is True

        assert not ending()

        assert lost.renew() is False
        lost.release()
        assert next_one.renew() is True
        next_one.release()


@ON_A_SERVER
def test_a_process_has_a_bounded_number_of_connections_for_locks(store: SQLAlchemyStore) -> None:
    locks = [store.lock(f"key {number}", ttl=60) for number in range(MOST_CONNECTIONS)]
    assert [lock.acquire(0) for lock in locks] == [True] * MOST_CONNECTIONS
    one_more = store.lock("one more", ttl=60)
    assert one_more.acquire(0) is False
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(one_more.acquire, PATIENCE)
        locks.pop().release()

        assert waiting.result(PATIENCE) is True

    for lock in [*locks, one_more]:
        lock.release()


@ON_A_SERVER
def test_a_dead_connection_from_the_pool_is_replaced(
    store: SQLAlchemyStore, make_engine: MakeEngine
) -> None:
    with store._rows.database.engine.connect() as pooled:
        number = _number_of(pooled)
    _kill(make_engine(poolclass=sa.NullPool), number)
    lock = store.lock("key", ttl=60)

    assert lock.acquire(0) is True

    lock.release()


@ON_A_SERVER
def test_every_connection_of_a_lock_is_closed(store: SQLAlchemyStore) -> None:
    opened = []
    engine = store._rows.database.engine
    sa.event.listen(engine, "detach", lambda connection, _: opened.append(connection))
    closed: list[Any] = []
    sa.event.listen(engine, "close_detached", closed.append)
    holder, waiting = store.lock("key", ttl=60), store.lock("key", ttl=60)
    assert holder.acquire(0)
    assert waiting.acquire(0) is False
    assert waiting.acquire(0.1) is False
    assert len(closed) == 2

    holder.release()

    assert len(opened) == 3
    assert len(closed) == 3


@ON_A_SERVER
def test_a_child_neither_has_nor_frees_its_parents_lock(store: SQLAlchemyStore) -> None:
    lock = store.lock("key", ttl=60)
    assert lock.acquire(0)

    child = os.fork()
    if child == 0:
        status = 1
        try:
            lost = not lock.renew()
            lock.release()
            status = 0 if lost and not store.lock("key", ttl=60).acquire(0) else 1
        finally:
            os._exit(status)

    assert os.waitpid(child, 0)[1] == 0
    assert lock.renew() is True
    assert store.lock("key", ttl=60).acquire(0) is False
    lock.release()


@ON_SQLITE
def test_sqlites_locks_are_not_listed(store: SQLAlchemyStore) -> None:
    lock = store.lock("key", ttl=60)
    assert lock.acquire(0)

    assert list(store.keys()) == []
    assert store.count() == 0
    assert store.clear() == 0
    assert lock.renew() is True
    lock.release()


@ON_SQLITE
def test_the_next_process_removes_sqlites_locks_of_killed_holders(
    store: SQLAlchemyStore, make_store: MakeStore, table: str
) -> None:
    for number in range(3):
        assert store.lock(f"key{number}", ttl=0.01).acquire(0)
    locks = make_store(table=f"{table}_locks")
    time.sleep(0.05)

    _lock(make_store(), "other").release()

    assert _rows(locks) == 0


def _lock(store: SQLAlchemyStore, key: str) -> Lock:
    lock = store.lock(key, ttl=60)
    assert lock.acquire(0)
    return lock


def _count_together(store: SQLAlchemyStore) -> int:
    """Let four threads add ten each to a number, starting from what they loaded."""
    store.create("key", live(b"0"))

    def add_one(current: Record) -> Record:
        return live(b"%d" % (int(current.payload) + 1))

    def count() -> list[Refusal | None]:
        refusals = []
        for _ in range(10):
            loaded = store.load("key")
            assert loaded is not None
            new = add_one(loaded)
            refusals.append(store.save_locked("key", new, replacing=loaded, rebase=add_one))
        return refusals

    assert at_the_same_time([count] * 4) == [[None] * 10] * 4
    record = store.load("key")
    assert record is not None
    return int(record.payload)


@contextmanager
def _process_that_locks(
    url: str, store: SQLAlchemyStore, *, acquired: bool
) -> Iterator[subprocess.Popen[str]]:
    """Run a process that waits for the lock of ``key`` or holds it."""
    program = (
        "import sys, time\n"
        "from flask_serversession.stores.sqlalchemy import SQLAlchemyStore\n"
        "lock = SQLAlchemyStore.from_url(sys.argv[1], table=sys.argv[2]).lock('key', ttl=3600)\n"
        "acquired = lock.acquire(0)\n"
        "print(acquired, flush=True)\n"
        "acquired or lock.acquire(60)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, url, store.table.name], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{acquired}\n"
        yield process
        process.kill()


def _rows(store: SQLAlchemyStore) -> int:
    with store._rows.database.engine.connect() as connection:
        return len(connection.execute(sa.select(store.table.c.id)).all())


_NUMBER = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT connection_id()"}
_KILL = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}


def _number_of(connection: sa.Connection | None) -> object:
    """Return the server's number for a connection."""
    assert connection is not None
    cursor = connection.connection.cursor()
    cursor.execute(_NUMBER[connection.dialect.name])
    ((number,),) = cursor.fetchall()
    cursor.close()
    return number


def _kill(killer: sa.Engine, number: object) -> None:
    """End a connection on the server; it may exist for another moment."""
    with killer.connect() as connection:
        connection.exec_driver_sql(_KILL[killer.dialect.name].format(number)).close()
