from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from flask_serversession import session_store_error
from flask_serversession.errors import PayloadError
from flask_serversession.errors import SessionConflict
from flask_serversession.errors import SessionGone
from flask_serversession.errors import SessionLocked
from flask_serversession.errors import StoreError
from flask_serversession.errors import StoreUnavailable
from flask_serversession.sessions.request_store import MERGE_ATTEMPTS
from flask_serversession.sessions.request_store import RequestStore
from flask_serversession.stores.base import ENDED
from flask_serversession.stores.base import GONE
from flask_serversession.stores.base import Record
from flask_serversession.stores.base import Refusal
from flask_serversession.stores.base import TAKEN
from flask_serversession.stores.base import utc_now
from flask_serversession.stores.memory import MemoryStore

from .conftest import MakeSettings

MakeRequestStore = Callable[..., RequestStore]


def record(payload: bytes) -> Record:
    return Record(payload, utc_now() + timedelta(hours=1))


def append(base: bytes, theirs: Record) -> Record:
    return record(theirs.payload + b"+mine")


class Interrupted:
    """Calls ``interrupt`` before each save of a memory store."""

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
    """Shows only the five verbs of a memory store."""

    def __init__(self, store: MemoryStore) -> None:
        self.load, self.create, self.save = store.load, store.create, store.save
        self.touch, self.delete = store.touch, store.delete


class Failing:
    """A store whose every verb fails."""

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
def make_request_store(make_settings: MakeSettings) -> MakeRequestStore:
    """Make a request's way to a store."""

    def make(store: Any, **options: Any) -> RequestStore:
        return RequestStore(make_settings(store, **options))

    return make


@pytest.fixture
def request_store(store: MemoryStore, make_request_store: MakeRequestStore) -> RequestStore:
    return make_request_store(store)


def payload_in(store: MemoryStore, key: str = "key") -> bytes | None:
    found = store.load(key)
    return found.payload if found else None


def never(base: bytes, theirs: Record) -> Record:
    raise AssertionError("nobody else wrote")


def cannot_read(base: bytes, theirs: Record) -> Record:
    raise PayloadError("not a session")


def end(there: Record) -> Record:
    return ENDED


BASE = record(b"base")


def test_it_replaces_the_known_record(store: MemoryStore, request_store: RequestStore) -> None:
    assert request_store.create("key", BASE)
    assert not request_store.create("key", record(b"again"))
    second = record(b"2")

    assert request_store.replace("key", BASE, second, never) is second
    assert payload_in(store) == b"2"
    assert request_store.replace("key", second, record(b"3"), never)
    assert payload_in(store) == b"3"


def test_it_rebases_on_what_another_request_wrote(
    store: MemoryStore, request_store: RequestStore
) -> None:
    request_store.create("key", BASE)
    store.save("key", record(b"theirs"))

    assert request_store.replace("key", BASE, record(b"mine"), append) == store.load("key")
    assert payload_in(store) == b"theirs+mine"


def test_each_rebase_starts_from_the_record_that_the_last_one_saw(
    make_request_store: MakeRequestStore,
) -> None:
    def write_twice(store: MemoryStore, saves: int) -> None:
        if saves <= 2:
            store.save("key", record(b"theirs%d" % saves))

    store = Interrupted(write_twice)
    request_store = make_request_store(store)
    request_store.create("key", BASE)
    seen = []

    def rebase(base: bytes, theirs: Record) -> Record:
        seen.append((base, theirs.payload))
        return append(base, theirs)

    assert request_store.replace("key", BASE, record(b"mine"), rebase)
    assert seen == [(b"base", b"theirs1"), (b"theirs1", b"theirs2")]
    assert payload_in(store.store) == b"theirs2+mine"


def test_it_does_not_rebase_if_the_payload_is_the_known_one(
    make_request_store: MakeRequestStore,
) -> None:
    """memcached refuses a save after a touch: the token has changed, the payload has not."""

    def touch_once(store: MemoryStore, saves: int) -> Refusal | None:
        return Refusal(store.load("key")) if saves == 1 else None

    store = Interrupted(touch_once)
    request_store = make_request_store(store)
    request_store.create("key", BASE)

    assert request_store.replace("key", BASE, record(b"mine"), never)
    assert payload_in(store.store) == b"mine"
    assert store.saves == 2


def test_overwriting_saves_whatever_is_there(
    store: MemoryStore, make_request_store: MakeRequestStore
) -> None:
    request_store = make_request_store(store, concurrency="overwrite")
    request_store.create("key", BASE)
    store.save("key", record(b"theirs"))

    assert request_store.replace("key", BASE, record(b"mine"), never)
    assert payload_in(store) == b"mine"


@pytest.mark.parametrize("concurrency", ["merge", "overwrite", "reject"])
def test_it_never_brings_back_a_key_that_is_gone(
    store: MemoryStore, concurrency: Any, make_request_store: MakeRequestStore
) -> None:
    request_store = make_request_store(store, concurrency=concurrency)
    request_store.create("key", BASE)
    store.delete("key")

    with pytest.raises(SessionGone):
        request_store.replace("key", BASE, record(b"mine"), never)
    assert payload_in(store) is None


def test_a_record_that_became_unreadable_counts_as_gone(
    store: MemoryStore, request_store: RequestStore
) -> None:
    request_store.create("key", BASE)
    store.save("key", record(b"theirs"))

    with pytest.raises(SessionGone):
        request_store.replace("key", BASE, record(b"mine"), cannot_read)

    assert payload_in(store) == b"theirs"
    assert request_store.failure is None


def test_an_unreadable_record_cannot_be_extended(make_request_store: MakeRequestStore) -> None:
    request_store = make_request_store(Failing(PayloadError("not a session")))

    assert request_store.touch("key", utc_now()) is False
    assert request_store.failure is None


def test_a_rebase_that_raises_leaves_their_record(
    store: MemoryStore, request_store: RequestStore
) -> None:
    request_store.create("key", BASE)
    store.save("key", record(b"theirs"))

    def refuse(base: bytes, theirs: Record) -> Record:
        raise SessionConflict("not to be merged")

    with pytest.raises(SessionConflict, match="not to be merged"):
        request_store.replace("key", BASE, record(b"mine"), refuse)

    assert payload_in(store) == b"theirs"


def test_it_gives_up_after_losing_too_often_and_leaves_their_record(
    make_request_store: MakeRequestStore,
) -> None:
    def always_first(store: MemoryStore, saves: int) -> None:
        store.save("key", record(b"theirs%d" % saves))

    store = Interrupted(always_first)
    request_store = make_request_store(store)
    request_store.create("key", BASE)

    with pytest.raises(SessionConflict, match="faster"):
        request_store.replace("key", BASE, record(b"mine"), append)

    assert store.saves == MERGE_ATTEMPTS
    assert payload_in(store.store) == b"theirs%d" % MERGE_ATTEMPTS


def test_touch_returns_whether_there_was_a_record(
    store: MemoryStore, request_store: RequestStore
) -> None:
    later = utc_now() + timedelta(hours=2)
    request_store.create("key", record(b"1"))

    assert request_store.touch("key", later)
    assert store.load("key") == Record(b"1", later)
    assert not request_store.touch("nobody's", later)


def test_a_key_can_be_ended_by_a_rebase(store: MemoryStore, request_store: RequestStore) -> None:
    request_store.create("key", BASE)
    store.save("key", record(b"theirs"))

    assert request_store.replace("key", BASE, ENDED, lambda base, theirs: ENDED) is ENDED
    assert payload_in(store) is None


class LockedSaves(MemoryStore):
    """A memory store that locks a record it has to rebase on."""

    def save_locked(
        self, key: str, record: Record, *, replacing: Record, rebase: Callable[[Record], Record]
    ) -> Refusal | None:
        with self._lock:
            refusal = self.save(key, record, replacing=replacing)
            if refusal is None or refusal.current is None:
                return refusal
            return self.save(key, rebase(refusal.current))


class TestAStoreWithLockedSaves:
    @pytest.fixture
    def store(self) -> MemoryStore:
        return LockedSaves()

    def test_it_rebases_in_one_call(self, store: MemoryStore, request_store: RequestStore) -> None:
        request_store.create("key", BASE)
        store.save("key", record(b"theirs"))

        assert request_store.replace("key", BASE, record(b"mine"), append) == store.load("key")
        assert payload_in(store) == b"theirs+mine"

    def test_it_saves_without_comparing_when_overwriting(
        self, store: MemoryStore, make_request_store: MakeRequestStore
    ) -> None:
        request_store = make_request_store(store, concurrency="overwrite")
        request_store.create("key", BASE)
        store.save("key", record(b"theirs"))

        assert request_store.replace("key", BASE, record(b"mine"), never)
        assert payload_in(store) == b"mine"

    def test_a_record_that_became_unreadable_counts_as_gone(
        self, store: MemoryStore, request_store: RequestStore
    ) -> None:
        request_store.create("key", BASE)
        store.save("key", record(b"theirs"))

        with pytest.raises(SessionGone):
            request_store.replace("key", BASE, record(b"mine"), cannot_read)

    def test_it_does_not_bring_back_a_key_that_is_gone(self, request_store: RequestStore) -> None:
        with pytest.raises(SessionGone):
            request_store.replace("key", BASE, record(b"mine"), never)


def test_a_store_without_locks_gets_one_made_of_a_record(
    store: MemoryStore, make_request_store: MakeRequestStore
) -> None:
    request_store = make_request_store(FiveVerbs(store))

    with request_store.locked("key", timeout=0, ttl=60) as renew:
        assert renew()
        with pytest.raises(SessionLocked), request_store.locked("key", timeout=0, ttl=60):
            pass
        assert renew()
        store.clear()
        assert not renew()
    with request_store.locked("key", timeout=0, ttl=60) as renew:
        assert renew()


def test_a_process_waits_for_its_own_requests_without_asking_the_store(
    store: MemoryStore, make_request_store: MakeRequestStore
) -> None:
    request_store = make_request_store(FiveVerbs(store))

    with request_store.locked("key", timeout=0, ttl=60):
        store.clear()  # the store itself would give the lock away
        with pytest.raises(SessionLocked), request_store.locked("key", timeout=0, ttl=60):
            pass

    assert store.count() == 0


def test_a_lock_that_outlives_its_ttl_is_left_to_the_store(
    store: MemoryStore, make_request_store: MakeRequestStore
) -> None:
    request_store = make_request_store(store)

    with (
        request_store.locked("key", timeout=0, ttl=0.01) as renew,
        request_store.locked("key", timeout=60, ttl=60) as renew_next,
    ):
        assert not renew()
        assert renew_next()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_does_not_wait_for_its_parents_requests(
    store: MemoryStore, make_request_store: MakeRequestStore
) -> None:
    request_store = make_request_store(FiveVerbs(store))

    with request_store.locked("key", timeout=0, ttl=60):
        child = os.fork()
        if child == 0:
            turn = request_store.settings.locks.turn("key", ttl=60)
            os._exit(0 if turn.acquire(0) else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_a_lock_is_released_although_the_store_failed_meanwhile(
    store: MemoryStore, make_request_store: MakeRequestStore
) -> None:
    request_store = make_request_store(store)

    with request_store.locked("key", timeout=0, ttl=60):
        request_store.failure = StoreUnavailable("no answer")

    with make_request_store(store).locked("key", timeout=0, ttl=60):
        pass


def test_a_lock_that_cannot_be_released_is_left_to_expire(
    store: MemoryStore, make_request_store: MakeRequestStore
) -> None:
    verbs = FiveVerbs(store)
    request_store = make_request_store(verbs)

    with request_store.locked("key", timeout=0, ttl=60):
        verbs.save = Failing(StoreUnavailable("no answer")).save

    assert store.count() == 1


def test_delete_returns_whether_there_was_a_record(
    store: MemoryStore, request_store: RequestStore
) -> None:
    store.create("key", record(b"1"))

    assert request_store.delete("key")
    assert not request_store.delete("key")


@pytest.fixture
def reported() -> Iterator[list[Any]]:
    """The store errors that the application hears of."""
    errors: list[Any] = []

    def hear(sender: Any, error: StoreError) -> None:
        errors.append((sender, error))

    with session_store_error.connected_to(hear):
        yield errors


def test_after_a_failure_each_call_raises_it_again_without_calling_the_store(
    make_request_store: MakeRequestStore, reported: list[Any]
) -> None:
    store = Failing(StoreUnavailable("no answer"))
    request_store = make_request_store(store)

    with pytest.raises(StoreUnavailable) as first:
        request_store.load("key")
    with pytest.raises(StoreUnavailable) as second:
        request_store.delete("key")

    assert second.value is first.value
    assert request_store.failure is first.value
    assert reported == [("the application", first.value)]
    assert store.calls == 1


def test_an_unreadable_record_is_not_a_failure_of_the_store(
    make_request_store: MakeRequestStore, reported: list[Any]
) -> None:
    store = Failing(PayloadError("not ours"))
    request_store = make_request_store(store)

    for _ in range(2):
        with pytest.raises(PayloadError):
            request_store.load("key")

    assert request_store.failure is None
    assert reported == []
    assert store.calls == 2


class TestMove:
    """A session takes a new id."""

    def test_it_stores_the_record_under_the_new_key_and_ends_the_old_one(
        self, store: MemoryStore, request_store: RequestStore
    ) -> None:
        request_store.create("old", BASE)
        mine = record(b"mine")

        assert request_store.move("old", "new", BASE, mine, never, leaving=end) is mine
        assert payload_in(store, "old") is None
        assert payload_in(store, "new") == b"mine"

    def test_it_leaves_the_given_record_under_the_old_key(
        self, store: MemoryStore, request_store: RequestStore
    ) -> None:
        request_store.create("old", BASE)

        def leave(there: Record) -> Record:
            return record(there.payload + b", read-only")

        request_store.move("old", "new", BASE, record(b"mine"), never, leaving=leave)

        assert payload_in(store, "old") == b"base, read-only"

    def test_it_rebases_on_what_another_request_wrote(
        self, store: MemoryStore, request_store: RequestStore
    ) -> None:
        request_store.create("old", BASE)
        store.save("old", record(b"theirs"))

        request_store.move("old", "new", BASE, record(b"mine"), append, leaving=end)

        assert payload_in(store, "old") is None
        assert payload_in(store, "new") == b"theirs+mine"

    def test_it_stores_nothing_if_the_old_key_is_gone(
        self, store: MemoryStore, request_store: RequestStore
    ) -> None:
        refusal = request_store.move("old", "new", BASE, record(b"mine"), never, leaving=end)

        assert refusal == GONE
        assert store.count() == 0

    def test_it_changes_nothing_if_the_new_key_is_taken(
        self, store: MemoryStore, request_store: RequestStore
    ) -> None:
        request_store.create("old", BASE)
        request_store.create("new", record(b"another session"))

        refusal = request_store.move("old", "new", BASE, record(b"mine"), never, leaving=end)

        assert refusal == TAKEN
        assert payload_in(store, "old") == b"base"
        assert payload_in(store, "new") == b"another session"
