from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cachelib
import pytest

from flask_serversession.errors import ConfigError
from flask_serversession.errors import PayloadError
from flask_serversession.errors import StoreError
from flask_serversession.stores.base import Record
from flask_serversession.stores.base import Store
from flask_serversession.stores.base import SupportsCheck
from flask_serversession.stores.base import SupportsEpochs
from flask_serversession.stores.base import SupportsKeys
from flask_serversession.stores.base import SupportsLockedSave
from flask_serversession.stores.base import SupportsPrune
from flask_serversession.stores.base import SupportsSetup
from flask_serversession.stores.base import SupportsUsers
from flask_serversession.stores.cachelib import CacheLibStore
from flask_serversession.stores.filesystem import FileSystemStore
from flask_serversession.stores.memory import MemoryStore
from flask_serversession.stores.moving.abilities import moving_store
from flask_serversession.stores.moving.mark import Mark
from flask_serversession.stores.moving.store import MovingStore
from flask_serversession.stores.sqlalchemy import SQLAlchemyStore
from flask_serversession.testing import EpochsContract
from flask_serversession.testing import KeysContract
from flask_serversession.testing import LockedSaveContract
from flask_serversession.testing import PingContract
from flask_serversession.testing import PruneContract
from flask_serversession.testing import SetupContract
from flask_serversession.testing import store_machine
from flask_serversession.testing import StoreContract
from flask_serversession.testing import UsersContract
from flask_serversession.testing.contract import expired
from flask_serversession.testing.contract import live
from flask_serversession.testing.contract import OTHER_PAYLOAD
from flask_serversession.testing.contract import PAYLOAD
from flask_serversession.testing.users import ADA


def moving() -> Any:
    return moving_store(MemoryStore(), MemoryStore())


def begun_before(both: MovingStore, before: Store) -> Any:
    """Return a moving store all of whose records begin in the former store."""
    creating = threading.Lock()

    def create(key: str, record: Record) -> bool:
        # A record that is created and moved in between would free the key in the former store.
        with creating:
            return both.load(key) is None and before.create(key, record)

    both.create = create  # type: ignore[method-assign]
    return both


def moving_all() -> Any:
    before = MemoryStore()
    return begun_before(moving_store(MemoryStore(), before), before)


class TestMovingStore(StoreContract, KeysContract, UsersContract, PruneContract, PingContract):
    @pytest.fixture
    def store(self) -> Any:
        return moving()

    @pytest.fixture
    def other_store(self) -> Any:
        return moving()


class TestMovingStoreOfFormerRecords(StoreContract, KeysContract, UsersContract, PruneContract):
    @pytest.fixture
    def store(self) -> Any:
        return moving_all()

    @pytest.fixture
    def other_store(self) -> Any:
        return moving_all()


class TestMovingFromFilesToSQLite(
    StoreContract, KeysContract, UsersContract, PruneContract, LockedSaveContract, SetupContract
):
    @pytest.fixture
    def make_store(self, tmp_path: Path) -> Iterator[Callable[[], Any]]:
        made = []

        def make_store() -> Any:
            name = f"{tmp_path}/{len(made)}"
            before = FileSystemStore.from_url(f"file://{name}")
            both = moving_store(SQLAlchemyStore.from_url(f"sqlite:///{name}.db"), before)
            made.append(both)
            return begun_before(both, before)

        yield make_store
        for store in made:
            store.close()

    @pytest.fixture
    def store(self, make_store: Callable[[], Any]) -> Any:
        return make_store()

    @pytest.fixture
    def other_store(self, make_store: Callable[[], Any]) -> Any:
        return make_store()


def moving_from_epochs() -> tuple[Any, Store]:
    before = CacheLibStore(cachelib.SimpleCache(threshold=sys.maxsize))
    return moving_store(MemoryStore(), before), before


class TestMovingFromAStoreWithEpochs(EpochsContract):
    @pytest.fixture
    def store(self) -> Any:
        return begun_before(*moving_from_epochs())

    def test_an_ended_record_can_be_deleted(self, store: SupportsEpochs) -> None:
        """It may also stay in the former store, where nothing can load it."""


def test_the_end_of_a_user_reaches_records_in_both_stores() -> None:
    both, before = moving_from_epochs()
    key = f"{ADA}.{both.epoch(ADA)}."
    before.create(key + "former", live())
    both.create(key + "new", live())

    both.end_user(ADA)

    assert (both.load(key + "former"), both.load(key + "new")) == (None, None)


TestMovingStoreAgainstADict = store_machine(moving).TestCase
TestMovingStoreOfFormerRecordsAgainstADict = store_machine(moving_all).TestCase


class FiveVerbs:
    """A store without optional abilities."""

    def __init__(self) -> None:
        store = MemoryStore()
        self.load, self.create, self.save = store.load, store.create, store.save
        self.touch, self.delete = store.touch, store.delete


def interrupted(steps: int, payload: bytes = PAYLOAD, key: str = "key") -> tuple[Store, Store]:
    """Return a new store and a former one between which a move stopped after so many steps."""
    new, former = MemoryStore(), MemoryStore()
    former.create(key, live(payload))
    note, ends_at = Mark.new(), live().expires_at
    if steps >= 1:
        new.create(key, note.record(ends_at))
    if steps >= 2:
        former.save(key, Mark(note.token, payload).record(ends_at))
    if steps >= 3:
        new.save(key, live(payload))
    return new, former


@pytest.mark.parametrize("steps", range(4))
@pytest.mark.parametrize("is_reversed", [False, True], ids=["forwards", "backwards"])
def test_a_move_that_stopped_is_finished_in_either_direction(
    steps: int, is_reversed: bool
) -> None:
    new, former = interrupted(steps)
    if is_reversed:
        new, former = former, new
    both, there = moving_store(new, former), (new.load("key"), former.load("key"))
    seen = both.peek("key")
    assert (new.load("key"), former.load("key")) == there

    record = both.load("key")

    assert record is not None
    assert seen is not None
    assert seen.payload == PAYLOAD
    assert record.payload == PAYLOAD
    there = new.load("key")
    assert there is not None
    assert there.payload == PAYLOAD


@pytest.mark.parametrize("steps", range(4))
@pytest.mark.parametrize("is_reversed", [False, True], ids=["forwards", "backwards"])
def test_a_session_that_ended_after_a_move_stopped_stays_ended(
    steps: int, is_reversed: bool
) -> None:
    new, former = interrupted(steps)
    if is_reversed:
        new, former = former, new

    assert moving_store(new, former).delete("key") is True

    assert moving_store(new, former).load("key") is None
    assert moving_store(former, new).load("key") is None


@pytest.mark.parametrize("steps", range(4))
def test_a_session_whose_move_stopped_is_listed_once(steps: int) -> None:
    both: Any = moving_store(*interrupted(steps, key=f"{ADA}.key"))

    assert [(key, record.payload) for key, record in both.records(ADA)] == [
        (f"{ADA}.key", PAYLOAD)
    ]
    assert (list(both.keys()), both.count()) == ([f"{ADA}.key"], 1)


def test_a_note_alone_is_no_session() -> None:
    new, former = interrupted(1, key=f"{ADA}.key")
    former.delete(f"{ADA}.key")
    both: Any = moving_store(new, former)

    assert list(both.records(ADA)) == []
    assert both.peek(f"{ADA}.key") is None
    assert both.load(f"{ADA}.key") is None
    assert new.load(f"{ADA}.key") is None


def test_a_claim_alone_is_no_session() -> None:
    new, former = interrupted(3, key=f"{ADA}.key")
    new.save(f"{ADA}.key", expired())
    both: Any = moving_store(new, former)

    assert list(both.records(ADA)) == []
    assert both.peek(f"{ADA}.key") is None
    assert list(both.migrate(dry_run=True)) == ["expired"]
    assert both.load(f"{ADA}.key") is None
    assert list(both.migrate()) == ["expired"]
    assert list(both.keys()) == []


@pytest.mark.parametrize(
    "payload",
    [
        b'{"cookie":{"originalMaxAge":null},"moving":"out"}',
        b'{"cookie":{"originalMaxAge":null,"moving":"out"}}',
        b'{"cookie":{"originalMaxAge":null,"retiredUntil":0},"moving":"out"}',
        b'{"cookie":{"retiredUntil":0,"moving":"out","record":"no base 64"}}',
        b'["moving"]',
        b'"moving" is not JSON',
    ],
)
def test_what_only_looks_like_a_mark_is_moved_as_it_is(payload: bytes) -> None:
    new, former = MemoryStore(), MemoryStore()
    former.create("key", live(payload))

    record = moving_store(new, former).load("key")

    assert record is not None
    assert record.payload == payload
    assert former.load("key") is None


def test_a_record_that_cannot_be_read_can_be_deleted(tmp_path: Path) -> None:
    before = FileSystemStore.from_url(f"file://{tmp_path}", layout="session-file-store")
    (tmp_path / "key.json").write_bytes(b"no JSON")
    both = moving_store(MemoryStore(), before)

    with pytest.raises(PayloadError):
        both.load("key")
    assert both.delete("key") is True
    assert both.load("key") is None


def test_a_record_without_an_expiry_gets_one() -> None:
    new, former = MemoryStore(), MemoryStore()
    former.create("key", Record(PAYLOAD, None))

    record = moving_store(new, former).load("key")

    assert record is not None
    assert record.expires_at is not None


def test_the_abilities_are_those_that_both_stores_allow() -> None:
    memory, cache = MemoryStore(), CacheLibStore(cachelib.SimpleCache(threshold=sys.maxsize))
    sql = SQLAlchemyStore.from_url("sqlite:///not-used.db")

    both = moving_store(sql, memory)
    for ability in (SupportsKeys, SupportsUsers, SupportsLockedSave, SupportsSetup, SupportsCheck):
        assert isinstance(both, ability)
    assert not isinstance(both, SupportsEpochs)
    limited = moving_store(memory, cache)
    for ability in (SupportsKeys, SupportsUsers, SupportsLockedSave, SupportsSetup):
        assert not isinstance(limited, ability)
    assert isinstance(limited, SupportsPrune)
    assert not isinstance(moving_store(FiveVerbs(), FiveVerbs()), (SupportsPrune, SupportsKeys))


@pytest.mark.parametrize("kind", [MemoryStore, FiveVerbs])
def test_a_lock_is_one_of_the_new_store(kind: Callable[[], Store]) -> None:
    new, former = kind(), MemoryStore()
    lock = moving_store(new, former).lock("key", ttl=60)

    assert lock.acquire(0) is True
    assert moving_store(new, former).lock("key", ttl=60).acquire(0) is False
    assert list(former.keys()) == []


def test_a_store_that_keeps_refusing_ends_in_an_error() -> None:
    class Deaf(MemoryStore):
        def create(self, key: str, record: Record) -> bool:
            return False

    new, former = Deaf(), MemoryStore()
    former.create("key", live())

    with pytest.raises(StoreError, match="kept changing"):
        moving_store(new, former).load("key")


@pytest.mark.parametrize("other", ["{}/sessions", "{}//sessions", "{}/./sessions"])
def test_one_directory_under_two_names_is_found_out(tmp_path: Path, other: str) -> None:
    stores = [
        FileSystemStore.from_url("file://" + name.format(tmp_path))
        for name in ("{}/sessions", other)
    ]
    both: Any = moving_store(*stores)

    with pytest.raises(ConfigError, match="both are the same store"):
        both.check()
    with pytest.raises(ConfigError, match="both are the same store"):
        next(both.migrate())


def test_what_the_new_store_refuses_is_left() -> None:
    class Small(MemoryStore):
        def create(self, key: str, record: Record) -> bool:
            if key == "long":
                raise StoreError("The key is too long.")
            return super().create(key, record)

    new, former = Small(), MemoryStore()
    for key in ("long", "short"):
        former.create(key, live(OTHER_PAYLOAD))
    both: Any = moving_store(new, former)

    assert sorted(both.migrate()) == ["left", "moved"]
    assert list(former.keys()) == ["long"]
