"""What a store says of a node that takes no writes, and how it finds the next one."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
import sqlalchemy as sa

from flask_serversession.errors import StoreUnavailable
from flask_serversession.stores.base import Store
from flask_serversession.stores.redis import RedisStore
from flask_serversession.stores.sqlalchemy import SQLAlchemyStore
from flask_serversession.testing.contract import assert_payload
from flask_serversession.testing.contract import in_
from flask_serversession.testing.contract import live
from flask_serversession.testing.contract import OTHER_PAYLOAD
from flask_serversession.testing.contract import PAYLOAD
from flask_serversession.testing.users import ADA
from flask_serversession.testing.users import keys_of

from ..servers.base import free_port
from ..servers.redis import one_server
from ..servers.redis import redis_server
from ..servers.redis import Servers

WRITES: dict[str, Callable[[Store], object]] = {
    "create": lambda store: store.create("new", live()),
    "save": lambda store: store.save("key", live(OTHER_PAYLOAD)),
    "compare and set": lambda store: store.save("key", live(), replacing=live(OTHER_PAYLOAD)),
    "touch": lambda store: store.touch("key", in_(60)),
    "create for a user": lambda store: store.create(f"{ADA}.key", live()),
}


def assert_only_readable(store: Store, place: str) -> None:
    for write in WRITES.values():
        with pytest.raises(StoreUnavailable, match=f"{place}.*takes no writes now") as caught:
            write(store)
        assert caught.value.is_read_only
        assert_payload(store, "key", PAYLOAD)


# Redis


@pytest.fixture(scope="module")
def server(redis_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with one_server(redis_program, tmp_path_factory.mktemp("redis")) as servers:
        yield servers


@pytest.fixture
def admin(server: Servers) -> Iterator[Any]:
    with redis.Redis(port=server.ports[0]) as client:
        yield client
        client.flushall()


@pytest.fixture(params=["a URL", "an application's client"])
def on_redis(request: pytest.FixtureRequest, server: Servers) -> Iterator[RedisStore]:
    client = redis.Redis(port=server.ports[0])
    store = RedisStore(client) if "client" in request.param else RedisStore.from_url(server.url)
    yield store
    store.close()
    client.close()


@contextmanager
def a_replica(admin: Any) -> Iterator[None]:
    admin.replicaof("127.0.0.1", free_port())
    try:
        yield
    finally:
        admin.replicaof("NO", "ONE")


@contextmanager
def out_of_memory(admin: Any) -> Iterator[None]:
    admin.config_set("maxmemory", 1)
    try:
        yield
    finally:
        admin.config_set("maxmemory", 0)


@contextmanager
def without_its_replicas(admin: Any) -> Iterator[None]:
    admin.config_set("min-replicas-to-write", 1)
    try:
        yield
    finally:
        admin.config_set("min-replicas-to-write", 0)


def test_a_redis_replica_can_be_read(on_redis: RedisStore, admin: Any, server: Servers) -> None:
    on_redis.create("key", live())

    with a_replica(admin):
        assert_only_readable(on_redis, f"Redis at .*:{server.ports[0]}")

    assert on_redis.save("key", live(OTHER_PAYLOAD)) is None


def test_a_redis_replica_finds_the_records_of_a_user(on_redis: RedisStore, admin: Any) -> None:
    for key in ("one", "gone"):
        on_redis.create(f"{ADA}.{key}", live())
    admin.delete(f"sess:{ADA}.gone")

    with a_replica(admin):
        assert keys_of(on_redis, ADA) == [f"{ADA}.one"]


def test_a_redis_that_misses_its_replicas_can_be_read(on_redis: RedisStore, admin: Any) -> None:
    on_redis.create("key", live())

    with without_its_replicas(admin):
        assert_only_readable(on_redis, "Redis at ")


def test_a_redis_without_memory_can_be_read(on_redis: RedisStore, admin: Any) -> None:
    on_redis.create("key", live())

    with out_of_memory(admin), pytest.raises(StoreUnavailable, match="no writes") as caught:
        on_redis.save("key", live(OTHER_PAYLOAD))

    assert caught.value.is_read_only
    assert_payload(on_redis, "key", PAYLOAD)


def test_a_redis_connection_to_a_replica_is_dropped(on_redis: RedisStore, admin: Any) -> None:
    on_redis.create("key", live())
    name = {"id": str(on_redis._commands.send(("CLIENT", "ID"))[0])}

    with a_replica(admin), suppress(StoreUnavailable):
        on_redis.save("key", live(OTHER_PAYLOAD))

    assert name["id"] not in [client["id"] for client in admin.client_list()]


@pytest.mark.slow
def test_a_redis_that_loads_its_data_is_not_ready(redis_program: str, tmp_path: Path) -> None:
    port = free_port()
    with redis_server(redis_program, tmp_path, port), redis.Redis(port=port) as admin:
        for number in range(2000):
            admin.set(f"key{number}", "x" * 1000)
        admin.save()
    slowly = ("--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024")
    with redis_server(redis_program, tmp_path, port, *slowly, ready=lambda: _loading(port)):
        store = RedisStore.from_url(f"redis://127.0.0.1:{port}")
        with pytest.raises(StoreUnavailable, match="is not ready: it is loading"):
            store.load("key")
        store.close()


def test_a_redis_pool_without_a_free_connection_says_so(server: Servers) -> None:
    client = redis.Redis(port=server.ports[0], max_connections=1)
    store = RedisStore(client)
    held = client.pubsub()
    held.subscribe("news")

    with pytest.raises(StoreUnavailable, match=r"pool allows is in use.*max_connections"):
        store.load("key")

    held.close()
    client.close()


def _loading(port: int) -> None:
    with redis.Redis(port=port) as admin:
        assert admin.execute_command("INFO", "persistence")["loading"] == 1


# SQL


@pytest.fixture
def table(request: pytest.FixtureRequest) -> str:
    return f"sessions_{uuid4().hex[:12]}"


@contextmanager
def read_only_postgresql(admin: sa.Engine, user: str) -> Iterator[None]:
    with admin.connect() as connection:
        connection.exec_driver_sql(f"ALTER ROLE {user} SET default_transaction_read_only = on")
    try:
        yield
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql("SET default_transaction_read_only = off")
            connection.exec_driver_sql(f"ALTER ROLE {user} RESET default_transaction_read_only")


@contextmanager
def read_only_mariadb(admin: sa.Engine, user: str) -> Iterator[None]:
    with admin.connect() as connection:
        connection.exec_driver_sql("SET GLOBAL read_only = 1")
    try:
        yield
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql("SET GLOBAL read_only = 0")


READ_ONLY = {"postgresql": read_only_postgresql, "mysql": read_only_mariadb}


@pytest.fixture(params=READ_ONLY)
def admin_engine(request: pytest.FixtureRequest) -> sa.Engine:
    url = request.getfixturevalue(f"{request.param}_url")
    return sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)


@pytest.fixture
def visitor(admin_engine: sa.Engine) -> Iterator[sa.URL]:
    """The URL of a user without an administrator's rights."""
    name = f"visitor_{uuid4().hex[:8]}"
    is_postgresql = admin_engine.dialect.name == "postgresql"
    making = (
        [f"CREATE ROLE {name} LOGIN PASSWORD 'visitor'", f"GRANT ALL ON SCHEMA public TO {name}"]
        if is_postgresql
        else [
            f"CREATE USER {name} IDENTIFIED BY 'visitor'",
            "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, INDEX"
            f" ON {admin_engine.url.database}.* TO {name}",
        ]
    )
    removing = (
        [f"DROP OWNED BY {name}", f"DROP ROLE {name}"] if is_postgresql else [f"DROP USER {name}"]
    )
    for statements in (making, removing):
        with admin_engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        if statements is making:
            yield admin_engine.url.set(username=name, password="visitor")


@pytest.fixture(params=["a URL", "an application's engine"])
def on_sql(
    request: pytest.FixtureRequest, visitor: sa.URL, table: str
) -> Iterator[SQLAlchemyStore]:
    engine = sa.create_engine(visitor)
    if "engine" in request.param:
        store = SQLAlchemyStore(engine, table=table)
    else:
        store = SQLAlchemyStore.from_url(visitor, table=table)
    store.create("key", live())
    yield store
    with store._rows.database.connect() as connection:
        connection.execute(sa.schema.DropTable(store.table))
        connection.commit()
    store.close()
    engine.dispose()


@pytest.mark.slow
def test_a_database_that_takes_no_writes_can_be_read(
    on_sql: SQLAlchemyStore, admin_engine: sa.Engine, visitor: sa.URL
) -> None:
    on_sql.close()
    with READ_ONLY[admin_engine.dialect.name](admin_engine, str(visitor.username)):
        assert_only_readable(on_sql, f"{admin_engine.dialect.name} at 127.0.0.1:{visitor.port}")

    assert on_sql.save("key", live(OTHER_PAYLOAD)) is None


def test_a_write_is_sent_again_if_a_new_connection_takes_writes(
    postgresql_url: str, table: str
) -> None:
    store = SQLAlchemyStore.from_url(postgresql_url, table=table)
    store.create("key", live())
    with store._rows.database.connect() as connection:
        connection.exec_driver_sql("SET default_transaction_read_only = on")

    assert store.save("key", live(OTHER_PAYLOAD)) is None
    assert store.save("key", live()) is None

    with store._rows.database.connect() as connection:
        connection.execute(sa.schema.DropTable(store.table))
    store.close()


def test_a_server_without_free_connections_says_so(
    admin_engine: sa.Engine, visitor: sa.URL
) -> None:
    limit = {
        "postgresql": f"ALTER ROLE {visitor.username} CONNECTION LIMIT 1",
        "mysql": f"ALTER USER {visitor.username} WITH MAX_USER_CONNECTIONS 1",
    }
    with admin_engine.connect() as connection:
        connection.exec_driver_sql(limit[admin_engine.dialect.name])
    engine = sa.create_engine(visitor)
    store = SQLAlchemyStore.from_url(visitor)

    with (
        engine.connect(),
        pytest.raises(StoreUnavailable, match="has no free connection") as caught,
    ):
        store.load("key")

    assert str(visitor.username) not in str(caught.value)
    engine.dispose()
    store.close()


def test_an_exhausted_pool_says_so(visitor: sa.URL) -> None:
    store = SQLAlchemyStore.from_url(
        visitor, create=False, pool_size=1, max_overflow=0, pool_timeout=0.1
    )
    with store._rows.database.connect(), pytest.raises(StoreUnavailable, match="pool_size"):
        store.load("key")
    store.close()
