from __future__ import annotations

import logging
import os
import time

import pytest

from flask_serversession.stores.base import ENDED
from flask_serversession.stores.base import Record
from flask_serversession.stores.memory import MemoryStore
from flask_serversession.testing import KeysContract
from flask_serversession.testing import LeaseContract
from flask_serversession.testing import LockContract
from flask_serversession.testing import PruneContract
from flask_serversession.testing import store_machine
from flask_serversession.testing import StoreContract
from flask_serversession.testing import UsersContract
from flask_serversession.testing.contract import expired
from flask_serversession.testing.contract import in_
from flask_serversession.testing.contract import live

from .interruptions import Interrupted
from .interruptions import interrupted_soon


class TestMemoryStore(
    StoreContract, KeysContract, UsersContract, PruneContract, LockContract, LeaseContract
):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()

    @pytest.fixture
    def other_store(self) -> MemoryStore:
        return MemoryStore()


TestMemoryStoreAgainstADict = store_machine(MemoryStore).TestCase


def test_at_the_cap_expired_records_are_removed_first(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore(max_records=2)
    store.create("old", live())
    store.create("dead", expired())
    store.create("new", live())

    assert sorted(store.keys()) == ["new", "old"]
    assert caplog.records == []


def test_at_the_cap_the_least_recently_used_record_is_removed_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = MemoryStore(max_records=2)
    store.create("one", live())
    store.create("two", live())
    store.load("one")

    with caplog.at_level(logging.WARNING):
        store.create("three", live())

    assert sorted(store.keys()) == ["one", "three"]
    assert "max_records" in caplog.text


def test_at_the_cap_records_that_were_never_used_are_removed_first() -> None:
    store = MemoryStore(max_records=4)
    for key in ("loaded", "saved", "touched", "anonymous"):
        store.create(key, live())
    store.load("loaded")
    store.save("saved", live())
    store.touch("touched", in_(60))

    for number in range(100):
        store.create(f"crawler{number}", live())

    assert sorted(store.keys()) == ["crawler99", "loaded", "saved", "touched"]


def test_a_create_of_a_taken_key_at_the_cap_removes_no_record() -> None:
    store = MemoryStore(max_records=1)
    store.create("key", live())

    assert store.create("key", live()) is False
    assert store.count() == 1


def test_records_removed_at_the_cap_are_counted_in_one_line_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore(max_records=1)
    for number in range(51):
        store.create(str(number), live())
    assert len(caplog.messages) == 1
    assert "times" not in caplog.messages[0]

    later = time.monotonic() + 60
    monkeypatch.setattr(time, "monotonic", lambda: later)
    store.create("another", live())

    assert len(caplog.messages) == 2
    assert "(50 times since" in caplog.messages[1]


@pytest.mark.slow
def test_at_the_cap_a_create_costs_the_same_with_any_number_of_records() -> None:
    def seconds(records: int) -> float:
        store = MemoryStore(max_records=records)
        for number in range(records):
            store.create(str(number), live())
        started = time.perf_counter()
        for number in range(1000):
            store.create(f"more{number}", live())
        return time.perf_counter() - started

    assert seconds(30_000) < 20 * seconds(300)


def test_expired_records_are_removed_without_a_prune() -> None:
    store = MemoryStore()
    for number in range(1000):
        store.create(f"dead{number}", expired())

    assert store.clear() < 200


def test_a_cap_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="max_records"):
        MemoryStore(max_records=0)


def test_a_record_without_an_expiry_lives_on() -> None:
    store = MemoryStore()
    store.create("key", Record(b"{}", None))

    assert store.load("key") is not None


def test_a_forked_process_warns_that_sessions_are_not_shared(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = MemoryStore()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        store.create("key", live())
        store.create("other", live())
        os.write(writer, str(caplog.text.count("several processes")).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as answer:
        assert answer.read() == "1"

    store.create("key", live())
    assert caplog.text == ""


def test_a_lock_without_holder_and_waiters_takes_no_memory() -> None:
    store = MemoryStore()
    first, second = store.lock("key", ttl=60), store.lock("key", ttl=60)
    assert first.acquire(0)
    assert not second.acquire(0.01)
    first.release()
    lost, next_one = store.lock("other", ttl=0.001), store.lock("other", ttl=60)
    assert lost.acquire(0)
    assert next_one.acquire(30)
    lost.release()
    assert not lost.renew()
    next_one.release()

    assert store._places.by_key == {}


def test_a_waiter_that_is_interrupted_frees_its_place() -> None:
    store = MemoryStore()
    holder = store.lock("key", ttl=60)
    assert holder.acquire(0)

    with pytest.raises(Interrupted), interrupted_soon():
        store.lock("key", ttl=60).acquire(30)
    holder.release()

    assert store._places.by_key == {}


def test_a_record_saved_as_expired_is_removed() -> None:
    store = MemoryStore()
    store.create("key", live())

    store.save("key", ENDED)

    assert store.clear() == 0


def test_a_lock_that_was_never_released_takes_no_memory_for_long() -> None:
    store = MemoryStore()
    for number in range(100):
        assert store.lock(f"key{number}", ttl=0.001).acquire(0)
    time.sleep(0.01)

    assert store.lock("key", ttl=60).acquire(0)

    assert list(store._places.by_key) == ["key"]
