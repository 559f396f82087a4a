"""MySQL's deadlocks between statements that insert and delete the same key."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from flask_serversession.stores.record_lock import RecordLock
from flask_serversession.stores.sqlalchemy import SQLAlchemyStore
from flask_serversession.testing.contract import at_the_same_time


@pytest.fixture
def store(mysql_url: str) -> Iterator[SQLAlchemyStore]:
    store = SQLAlchemyStore.from_url(mysql_url, table=f"deadlocks_{secrets.token_hex(4)}")
    store.setup()
    yield store
    store.table.drop(store._rows.database.engine)
    store.close()


def test_taking_and_freeing_the_same_lock_at_once_raises_nothing(store: SQLAlchemyStore) -> None:
    taken: list[int] = []

    def take_turns() -> None:
        for _ in range(40):
            lock = RecordLock(store, "turn", ttl=30)
            assert lock.acquire(30)
            taken.append(len(taken))
            lock.release()

    at_the_same_time([take_turns] * 16)

    assert taken == list(range(640))
