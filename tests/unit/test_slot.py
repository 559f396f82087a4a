from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from flask_serversession.errors import PayloadError
from flask_serversession.errors import SessionConflict
from flask_serversession.errors import SessionLocked
from flask_serversession.errors import StoreError
from flask_serversession.errors import StoreUnavailable
from flask_serversession.sessions.request_store import MERGE_ATTEMPTS
from flask_serversession.sessions.request_store import Slot
from flask_serversession.stores.base import ENDED
from flask_serversession.stores.base import Record
from flask_serversession.stores.base import Refusal
from flask_serversession.stores.base import utc_now
from flask_serversession.stores.memory import MemoryStore


def record(payload: bytes) -> Record:
    return Record(payload, utc_now() + timedelta(hours=1))


def append(base: bytes, theirs: Record) -> Record:
    return record(theirs.payload + b"+mine")


class Interrupted:
    """A memory store in which something happens before each save."""

    def __init__(self, interrupt: Callable[[MemoryStore, int], Refusal | None]) -> None:
        self.store = MemoryStore()
        self.saves = 0
        self._interrupt = interrupt

    def __getattr__(self, verb: str) -> Any:
        return getattr(self.store, verb)

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        self.saves += 1
        refusal = self._interrupt(self.store, self.saves)
        return refusal or self.store.save(key, record, replacing=replacing)


class FiveVerbs:
    """A memory store of which only what every store has can be seen."""

    def __init__(self, store: MemoryStore) -> None:
        self.load, self.create, self.save = store.load, store.create, store.save
        self.touch, self.delete = store.touch, store.delete


class Failing:
    """A store that fails."""

    def __init__(self, error: StoreError) -> None:
        self.calls = 0
        self._error = error

    def _fail(self, *args: object, **options: object) -> Any:
        self.calls += 1
        raise self._error

    load = create = save = touch = delete = _fail


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def slot(store: MemoryStore) -> Slot:
    return Slot(store, "merge", lambda error: None)


def payload_in(store: MemoryStore, key: str = "key") -> bytes | None:
    found = store.load(key)
    return found.payload if found else None


def never(base: bytes, theirs: Record) -> Record:
    raise AssertionError("nobody else wrote")


BASE = record(b"base")


def test_it_replaces_the_record_it_is_told(store: MemoryStore, slot: Slot) -> None:
    assert slot.create("key", BASE)
    assert not slot.create("key", record(b"again"))
    second = record(b"2")

    assert slot.replace("key", BASE, second, never) is second
    assert payload_in(store) == b"2"
    assert slot.replace("key", second, record(b"3"), never)
    assert payload_in(store) == b"3"


def test_it_rebases_on_what_another_request_wrote(store: MemoryStore, slot: Slot) -> None:
    slot.create("key", BASE)
    store.save("key", record(b"theirs"))

    assert slot.replace("key", BASE, record(b"mine"), append) == store.load("key")
    assert payload_in(store) == b"theirs+mine"


def test_each_rebase_starts_from_what_the_last_one_saw() -> None:
    def write_twice(store: MemoryStore, saves: int) -> None:
        if saves <= 2:
            store.save("key", record(b"theirs%d" % saves))

    store = Interrupted(write_twice)
    slot = Slot(store, "merge", lambda error: None)
    slot.create("key", BASE)
    seen = []

    def rebase(base: bytes, theirs: Record) -> Record:
        seen.append((base, theirs.payload))
        return append(base, theirs)

    assert slot.replace("key", BASE, record(b"mine"), rebase)
    assert seen == [(b"base", b"theirs1"), (b"theirs1", b"theirs2")]
    assert payload_in(store.store) == b"theirs2+mine"


def test_it_does_not_rebase_on_its_own_base() -> None:
    """memcached refuses a save after a touch, too: its token has moved, the payload has not."""

    def touch_once(store: MemoryStore, saves: int) -> Refusal | None:
        return Refusal(store.load("key")) if saves == 1 else None

    store = Interrupted(touch_once)
    slot = Slot(store, "merge", lambda error: None)
    slot.create("key", BASE)

    assert slot.replace("key", BASE, record(b"mine"), never)
    assert payload_in(store.store) == b"mine"
    assert store.saves == 2


def test_overwriting_compares_nothing(store: MemoryStore) -> None:
    slot = Slot(store, "overwrite", lambda error: None)
    slot.create("key", BASE)
    store.save("key", record(b"theirs"))

    assert slot.replace("key", BASE, record(b"mine"), never)
    assert payload_in(store) == b"mine"


@pytest.mark.parametrize("concurrency", ["merge", "overwrite", "reject"])
def test_it_never_brings_back_what_is_gone(store: MemoryStore, concurrency: Any) -> None:
    slot = Slot(store, concurrency, lambda error: None)
    slot.create("key", BASE)
    store.delete("key")

    assert slot.replace("key", BASE, record(b"mine"), never) is None
    assert payload_in(store) is None


def test_a_rebase_that_refuses_leaves_their_record(store: MemoryStore, slot: Slot) -> None:
    slot.create("key", BASE)
    store.save("key", record(b"theirs"))

    def refuse(base: bytes, theirs: Record) -> Record:
        raise SessionConflict("not to be merged")

    with pytest.raises(SessionConflict, match="not to be merged"):
        slot.replace("key", BASE, record(b"mine"), refuse)

    assert payload_in(store) == b"theirs"


def test_it_gives_up_after_losing_too_often_and_leaves_their_record() -> None:
    def always_first(store: MemoryStore, saves: int) -> None:
        store.save("key", record(b"theirs%d" % saves))

    store = Interrupted(always_first)
    slot = Slot(store, "merge", lambda error: None)
    slot.create("key", BASE)

    with pytest.raises(SessionConflict, match="faster"):
        slot.replace("key", BASE, record(b"mine"), append)

    assert store.saves == MERGE_ATTEMPTS
    assert payload_in(store.store) == b"theirs%d" % MERGE_ATTEMPTS


def test_touching_says_whether_there_was_a_record(store: MemoryStore, slot: Slot) -> None:
    later = utc_now() + timedelta(hours=2)
    slot.create("key", record(b"1"))

    assert slot.touch("key", later)
    assert store.load("key") == Record(b"1", later)
    assert not slot.touch("nobody's", later)


def test_what_ends_a_key_is_saved_like_any_record(store: MemoryStore, slot: Slot) -> None:
    slot.create("key", BASE)
    store.save("key", record(b"theirs"))

    assert slot.replace("key", BASE, ENDED, lambda base, theirs: ENDED) is ENDED
    assert payload_in(store) is None


class Holding(MemoryStore):
    """A memory store whose second attempt locks the record."""

    def save_locked(
        self, key: str, record: Record, *, replacing: Record, rebase: Callable[[Record], Record]
    ) -> Refusal | None:
        with self._lock:
            refusal = self.save(key, record, replacing=replacing)
            if refusal is None or refusal.current is None:
                return refusal
            return self.save(key, rebase(refusal.current))


class TestAStoreThatHolds:
    @pytest.fixture
    def store(self) -> MemoryStore:
        return Holding()

    def test_it_is_asked_once(self, store: MemoryStore, slot: Slot) -> None:
        slot.create("key", BASE)
        store.save("key", record(b"theirs"))

        assert slot.replace("key", BASE, record(b"mine"), append) == store.load("key")
        assert payload_in(store) == b"theirs+mine"

    def test_it_is_not_asked_to_compare_when_overwriting(self, store: MemoryStore) -> None:
        slot = Slot(store, "overwrite", lambda error: None)
        slot.create("key", BASE)
        store.save("key", record(b"theirs"))

        assert slot.replace("key", BASE, record(b"mine"), never)
        assert payload_in(store) == b"mine"

    def test_it_does_not_bring_back_what_is_gone(self, slot: Slot) -> None:
        assert slot.replace("key", BASE, record(b"mine"), never) is None


def test_a_store_without_a_lock_of_its_own_is_given_one(store: MemoryStore) -> None:
    slot = Slot(FiveVerbs(store), "merge", lambda error: None)

    with slot.locked("key", timeout=0, ttl=60) as renew:
        assert renew()
        with pytest.raises(SessionLocked), slot.locked("key", timeout=0, ttl=60):
            pass
        assert renew()
        store.clear()
        assert not renew()
    with slot.locked("key", timeout=0, ttl=60) as renew:
        assert renew()


def test_a_lock_is_released_although_the_store_failed_meanwhile(store: MemoryStore) -> None:
    slot = Slot(store, "merge", lambda error: None)

    with slot.locked("key", timeout=0, ttl=60):
        slot.failure = StoreUnavailable("no answer")

    with Slot(store, "merge", lambda error: None).locked("key", timeout=0, ttl=60):
        pass


def test_a_lock_that_cannot_be_released_is_left_to_end_by_itself(store: MemoryStore) -> None:
    verbs = FiveVerbs(store)
    slot = Slot(verbs, "merge", lambda error: None)

    with slot.locked("key", timeout=0, ttl=60):
        verbs.save = Failing(StoreUnavailable("no answer")).save

    assert store.count() == 1


def test_deleting_says_whether_there_was_a_record(store: MemoryStore, slot: Slot) -> None:
    store.create("key", record(b"1"))

    assert slot.delete("key")
    assert not slot.delete("key")


def test_after_a_failure_the_store_is_left_alone_and_its_error_comes_again() -> None:
    store = Failing(StoreUnavailable("no answer"))
    reported: list[StoreError] = []
    slot = Slot(store, "merge", reported.append)

    with pytest.raises(StoreUnavailable) as first:
        slot.load("key")
    with pytest.raises(StoreUnavailable) as second:
        slot.delete("key")

    assert second.value is first.value
    assert slot.failure is first.value
    assert reported == [first.value]
    assert store.calls == 1


def test_a_record_the_store_cannot_read_is_no_failure_of_the_store() -> None:
    store = Failing(PayloadError("not ours"))
    reported: list[StoreError] = []
    slot = Slot(store, "merge", reported.append)

    for _ in range(2):
        with pytest.raises(PayloadError):
            slot.load("key")

    assert slot.failure is None
    assert reported == []
    assert store.calls == 2
