from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from flask_serversession.errors import StoreUnavailable
from flask_serversession.stores import open_store
from flask_serversession.stores.postgresql import PostgreSQLStore
from flask_serversession.testing import LoadAndTouchContract
from flask_serversession.testing.contract import assert_ends_at
from flask_serversession.testing.contract import assert_payload
from flask_serversession.testing.contract import at_the_same_time
from flask_serversession.testing.contract import in_
from flask_serversession.testing.contract import live
from flask_serversession.testing.contract import OTHER_PAYLOAD
from flask_serversession.testing.moves import DUE

from ..servers.base import free_port
from ..servers.postgresql import postgresql_log


@pytest.fixture
def store(postgresql_url: str) -> Iterator[PostgreSQLStore]:
    opened = PostgreSQLStore.from_url(postgresql_url, table=f"t{uuid4().hex}")
    opened.setup()
    yield opened
    opened.table.drop(opened._rows.database.engine)
    opened.close()


class TestPostgreSQLStore(LoadAndTouchContract):
    pass


def test_a_url_of_postgresql_opens_it(postgresql_url: str) -> None:
    store = open_store(postgresql_url, {"create": False})

    assert type(store) is PostgreSQLStore


@pytest.mark.parametrize("left", [60, 3600])
def test_a_load_that_touches_is_one_statement(
    store: PostgreSQLStore, postgresql_url: str, left: float
) -> None:
    store.create("key", live(seconds=left))

    with postgresql_log(postgresql_url) as received:
        record, touched = store.load_and_touch("key", DUE)

    assert received == ["WITH"]
    assert touched is (left == 60)
    assert_ends_at(record, in_(3600))


def test_in_a_layout_of_node_a_load_touches_nothing(postgresql_url: str) -> None:
    store = PostgreSQLStore.from_url(
        postgresql_url, table=f"t{uuid4().hex}", layout="connect-pg-simple"
    )
    store.create("key", live(seconds=60))

    record, touched = store.load_and_touch("key", DUE)

    assert touched is False
    assert_ends_at(record, in_(60))
    store.table.drop(store._rows.database.engine)
    store.close()


def test_a_load_that_touches_undoes_nothing_that_others_do_meanwhile(
    store: PostgreSQLStore,
) -> None:
    always = DUE._replace(interval=DUE.interval * 0)
    store.create("saved", live())
    store.create("deleted", live())

    def touch() -> None:
        for _ in range(30):
            store.load_and_touch("saved", always)
            store.load_and_touch("deleted", always)

    def write() -> None:
        for _ in range(30):
            assert store.save("saved", live(OTHER_PAYLOAD)) is None

    def delete() -> None:
        assert store.delete("deleted") is True

    at_the_same_time([touch, touch, write, delete])

    assert_payload(store, "saved", OTHER_PAYLOAD)
    assert store.load("deleted") is None


def test_a_server_that_only_reads_still_loads(store: PostgreSQLStore, postgresql_url: str) -> None:
    store.create("due", live(seconds=60))
    reading = PostgreSQLStore.from_url(
        f"{postgresql_url}?options=-c%20default_transaction_read_only%3Don",
        table=store.table.name,
        create=False,
    )

    record, touched = reading.load_and_touch("due", DUE)

    assert touched is False
    assert_ends_at(record, in_(60))
    reading.close()


def test_a_server_that_does_not_answer_is_asked_once() -> None:
    store = PostgreSQLStore.from_url(
        f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none", create=False
    )

    with pytest.raises(StoreUnavailable):
        store.load_and_touch("key", DUE)

    store.close()
