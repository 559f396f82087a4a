"""PgBouncer in transaction mode gives each statement to any of its servers."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from uuid import uuid4

import pytest
import sqlalchemy as sa

from flask_serversession.stores.sqlalchemy import SQLAlchemyStore
from flask_serversession.testing.contract import at_the_same_time
from flask_serversession.testing.contract import live

pytestmark = pytest.mark.slow


@pytest.fixture(params=["a URL", "an application's engine"])
def store(request: pytest.FixtureRequest, pgbouncer_url: str) -> Iterator[SQLAlchemyStore]:
    table = f"sessions_{uuid4().hex[:12]}"
    engine = sa.create_engine(pgbouncer_url)
    if request.param == "a URL":
        store = SQLAlchemyStore.from_url(pgbouncer_url, table=table)
    else:
        store = SQLAlchemyStore(engine, table=table)
    store.setup()
    yield store
    store.close()
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE {table}")
    engine.dispose()


def test_many_threads_share_two_servers(store: SQLAlchemyStore) -> None:
    def visit(name: str) -> bool:
        assert store.create(name, live(name.encode()))
        for number in range(20):
            new = live(f"{name} {number}".encode())
            record = store.load(name)
            assert record is not None
            assert store.save(name, new, replacing=record) is None
            loaded = store.load(name)
            assert loaded is not None
            assert loaded.payload == new.payload
        return store.delete(name)

    visits: list[Callable[[], bool]] = [lambda n=n: visit(f"key{n}") for n in range(8)]  # type: ignore[misc]
    assert at_the_same_time(visits) == [True] * 8


def test_a_direct_connection_still_prepares_its_statements(postgresql_url: str) -> None:
    store = SQLAlchemyStore.from_url(postgresql_url, create=False)
    store.ping()

    with store._rows.database.connect() as connection:
        driver = connection.connection.dbapi_connection
        assert driver is not None
        assert driver.prepare_threshold is not None
    store.close()
