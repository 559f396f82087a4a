"""The contract of locks, and of saves that lock a record, as tests."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ..stores.base import ENDED
from ..stores.base import GONE
from ..stores.base import Lock
from ..stores.base import Record
from ..stores.base import Refusal
from ..stores.base import same_json
from ..stores.base import Store
from ..stores.base import SupportsLock
from ..stores.base import SupportsLockedSave
from ..stores.record_lock import RecordLock
from .contract import assert_payload
from .contract import at_the_same_time
from .contract import live
from .contract import OTHER_PAYLOAD

#: Seconds. A wait that takes so long has failed.
PATIENCE = 30.0


def lock_of(store: Store, key: str = "key", *, ttl: float = 60) -> Lock:
    """Return the store's own lock, or a RecordLock if it has none."""
    if isinstance(store, SupportsLock):
        return store.lock(key, ttl=ttl)
    return RecordLock(store, key, ttl=ttl)


class LockContract:
    """What a lock promises on every store: the store's own lock, or a RecordLock."""

    @pytest.fixture
    def held(self, store: Store) -> Iterator[Lock]:
        lock = lock_of(store)
        assert lock.acquire(0) is True
        yield lock
        lock.release()

    def test_a_lock_has_one_holder(self, store: Store, held: Lock) -> None:
        assert lock_of(store).acquire(0) is False
        assert lock_of(store).acquire(0.1) is False
        assert held.renew() is True

    def test_locks_of_different_keys_are_independent(self, store: Store, held: Lock) -> None:
        other = lock_of(store, "other")

        assert other.acquire(0) is True

        other.release()

    def test_a_released_lock_is_free(self, store: Store) -> None:
        for _ in range(3):
            lock = lock_of(store)
            assert lock.acquire(0) is True
            lock.release()

    def test_a_wait_ends_after_its_timeout(self, store: Store, held: Lock) -> None:
        started = time.monotonic()

        assert lock_of(store).acquire(0.3) is False

        assert 0.2 < time.monotonic() - started < PATIENCE / 2

    def test_a_wait_ends_when_the_lock_is_released(self, store: Store) -> None:
        first, second = lock_of(store), lock_of(store)
        assert first.acquire(0) is True
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(second.acquire, PATIENCE)
            assert not waiting.done()
            first.release()
            assert waiting.result(timeout=PATIENCE) is True
            pool.submit(second.release).result(timeout=PATIENCE)

    def test_a_former_holder_does_not_release_the_lock_of_the_next(self, store: Store) -> None:
        first, second = lock_of(store), lock_of(store)
        assert first.acquire(0) is True
        first.release()
        assert second.acquire(0) is True

        first.release()

        assert first.renew() is False
        assert second.renew() is True
        assert lock_of(store).acquire(0) is False
        second.release()

    def test_a_lock_leaves_the_record_alone(self, store: Store) -> None:
        store.create("key", live())
        lock = lock_of(store)
        assert lock.acquire(0) is True

        loaded = store.load("key")
        assert loaded is not None
        assert store.save("key", live(OTHER_PAYLOAD), replacing=loaded) is None
        assert store.save("key", ENDED) is None

        lock.release()
        assert store.load("key") is None

    def test_only_one_holder_counts_at_a_time(self, store: Store) -> None:
        counted = 0

        def count() -> None:
            nonlocal counted
            for _ in range(5):
                lock = lock_of(store)
                assert lock.acquire(PATIENCE)
                seen = counted
                time.sleep(0.001)
                counted = seen + 1
                lock.release()

        at_the_same_time([count] * 6)

        assert counted == 30


class LeaseContract:
    """What a lock promises if its backend does not notice the end of a holder."""

    def test_the_lock_of_a_holder_that_is_gone_ends_after_its_ttl(self, store: Store) -> None:
        gone, next_one = lock_of(store, ttl=1), lock_of(store)
        assert gone.acquire(0) is True

        assert next_one.acquire(PATIENCE) is True

        assert gone.renew() is False
        gone.release()
        assert next_one.renew() is True
        next_one.release()

    def test_renew_restarts_the_ttl(self, store: Store) -> None:
        lock = lock_of(store, ttl=2)
        assert lock.acquire(0) is True
        until = time.monotonic() + 3.5
        while time.monotonic() < until:
            assert lock.renew() is True
            time.sleep(0.2)

        assert lock_of(store).acquire(0) is False

        lock.release()


class LockedSaveContract:
    """What SupportsLockedSave promises."""

    def test_the_store_claims_to_save_locked(self, store: Store) -> None:
        assert isinstance(store, SupportsLockedSave)

    def test_an_unchanged_record_is_replaced_without_a_rebase(
        self, store: SupportsLockedSave
    ) -> None:
        store.create("key", live())
        loaded = _loaded(store)

        def never(current: Record) -> Record:
            raise AssertionError("no other request wrote")

        new = live(OTHER_PAYLOAD)
        assert store.save_locked("key", new, replacing=loaded, rebase=never) is None
        assert_payload(store, "key", OTHER_PAYLOAD)

    def test_a_changed_record_is_rebased(self, store: SupportsLockedSave) -> None:
        store.create("key", live())
        stale = _loaded(store)
        store.save("key", live(OTHER_PAYLOAD))
        seen: list[bytes] = []

        def rebase(current: Record) -> Record:
            seen.append(current.payload)
            return live(b'{"views":3}')

        assert store.save_locked("key", live(), replacing=stale, rebase=rebase) is None
        assert len(seen) == 1
        assert same_json(seen[0], OTHER_PAYLOAD)
        assert_payload(store, "key", b'{"views":3}')

    def test_a_deleted_record_is_not_brought_back(self, store: SupportsLockedSave) -> None:
        store.create("key", live())
        stale = _loaded(store)
        store.delete("key")

        refusal = store.save_locked("key", live(), replacing=stale, rebase=lambda now: now)

        assert refusal == GONE
        assert store.load("key") is None

    def test_an_error_in_rebase_changes_nothing_and_unlocks_the_record(
        self, store: SupportsLockedSave
    ) -> None:
        store.create("key", live())
        stale = _loaded(store)
        store.save("key", live(OTHER_PAYLOAD))

        def refuse(current: Record) -> Record:
            raise LookupError("not this time")

        with pytest.raises(LookupError, match="not this time"):
            store.save_locked("key", live(), replacing=stale, rebase=refuse)

        assert_payload(store, "key", OTHER_PAYLOAD)
        assert store.save("key", live(), replacing=_loaded(store)) is None
        assert store.delete("key") is True

    def test_a_second_attempt_never_loses_the_race(self, store: SupportsLockedSave) -> None:
        store.create("key", live(b'{"n":0}'))
        asked = threading.Lock()
        questions = 0

        def add_one(current: Record) -> Record:
            nonlocal questions
            with asked:
                questions += 1
            return live(b'{"n":%d}' % (_number(current) + 1))

        def count() -> list[Refusal | None]:
            refusals = []
            for _ in range(5):
                loaded = _loaded(store)
                new = live(b'{"n":%d}' % (_number(loaded) + 1))
                refusals.append(store.save_locked("key", new, replacing=loaded, rebase=add_one))
            return refusals

        assert at_the_same_time([count] * 6) == [[None] * 5] * 6
        assert _number(_loaded(store)) == 30
        assert questions <= 30


def _loaded(store: Store) -> Record:
    record = store.load("key")
    assert record is not None
    return record


def _number(record: Record) -> int:
    number: int = json.loads(record.payload)["n"]
    return number
