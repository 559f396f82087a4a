"""A store on the way to hashed ids: "prepare" and "switch", and next to a former store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cachelib
import pytest

from flask_serversession.encryption import Encryption
from flask_serversession.errors import ConfigError
from flask_serversession.errors import StoreError
from flask_serversession.stores.base import ENDED
from flask_serversession.stores.base import GONE
from flask_serversession.stores.base import Record
from flask_serversession.stores.base import Store
from flask_serversession.stores.base import StoredKey
from flask_serversession.stores.base import SupportsKeys
from flask_serversession.stores.base import SupportsPrune
from flask_serversession.stores.base import SupportsSetup
from flask_serversession.stores.base import SupportsUsers
from flask_serversession.stores.cachelib import CacheLibStore
from flask_serversession.stores.filesystem import FileSystemStore
from flask_serversession.stores.memory import MemoryStore
from flask_serversession.stores.moving.mark import Mark
from flask_serversession.stores.moving.overlap import refuse_overlap
from flask_serversession.stores.moving.store import MovingStore
from flask_serversession.stores.protected.names import hashed
from flask_serversession.stores.protected.names import is_hashed
from flask_serversession.stores.protected.opening import HashIds
from flask_serversession.stores.protected.opening import nested
from flask_serversession.stores.protected.store import ProtectedStore
from flask_serversession.stores.sqlalchemy import SQLAlchemyStore
from flask_serversession.testing import EpochsContract
from flask_serversession.testing import KeysContract
from flask_serversession.testing import LockContract
from flask_serversession.testing import LockedSaveContract
from flask_serversession.testing import PingContract
from flask_serversession.testing import PruneContract
from flask_serversession.testing import SetupContract
from flask_serversession.testing import store_machine
from flask_serversession.testing import StoreContract
from flask_serversession.testing import UsersContract
from flask_serversession.testing.contract import assert_payload
from flask_serversession.testing.contract import expired
from flask_serversession.testing.contract import in_
from flask_serversession.testing.contract import live
from flask_serversession.testing.contract import OTHER_PAYLOAD
from flask_serversession.testing.contract import PAYLOAD
from flask_serversession.testing.users import ADA
from flask_serversession.testing.users import keys_of

from .test_protected import with_names
from .test_protected import WithHeads

ENCRYPTION = Encryption((bytes(range(32)),))


def opened(inside: Store, setting: HashIds, encryption: Encryption | None = None) -> Any:
    return nested(inside, None, hash_ids=setting, encryption=encryption)


class MemoryContract(
    StoreContract, KeysContract, UsersContract, PruneContract, PingContract, LockContract
):
    """Needs ``setting`` and ``encryption``."""

    setting: HashIds
    encryption: Encryption | None = None

    @pytest.fixture
    def store(self) -> Any:
        return with_names(opened(MemoryStore(), self.setting, self.encryption))

    @pytest.fixture
    def other_store(self) -> Any:
        return with_names(opened(MemoryStore(), self.setting, self.encryption))


class TestPreparing(MemoryContract):
    setting = "prepare"


class TestSwitching(MemoryContract):
    setting = "switch"


class TestPreparingEncrypted(MemoryContract):
    setting = "prepare"
    encryption = ENCRYPTION


class TestSwitchingEncrypted(WithHeads, MemoryContract):
    setting = "switch"
    encryption = ENCRYPTION


class SQLiteContract(StoreContract, LockContract, LockedSaveContract, PruneContract):
    """Needs ``setting``."""

    setting: HashIds

    @pytest.fixture
    def store(self, tmp_path: Path) -> Any:
        store = opened(
            SQLAlchemyStore.from_url(f"sqlite:///{tmp_path}/db"), self.setting, ENCRYPTION
        )
        yield store
        store.close()


class TestPreparingInSQLite(SQLiteContract):
    setting = "prepare"


class TestSwitchingInSQLite(SQLiteContract, SetupContract):
    setting = "switch"


class CacheContract(StoreContract, EpochsContract, LockContract):
    """Needs ``setting``."""

    setting: HashIds

    @pytest.fixture
    def store(self) -> Any:
        cache = CacheLibStore(cachelib.SimpleCache(threshold=sys.maxsize))
        return opened(cache, self.setting, ENCRYPTION)


class TestPreparingInACache(CacheContract):
    setting = "prepare"


class TestSwitchingInACache(CacheContract):
    setting = "switch"


@pytest.mark.parametrize("setting", ["prepare", "switch"])
def test_a_store_on_the_way_does_what_a_dict_does(setting: HashIds) -> None:
    machine = store_machine(lambda: opened(MemoryStore(), setting, ENCRYPTION))
    machine.TestCase().runTest()


@pytest.fixture
def inside() -> MemoryStore:
    return MemoryStore()


settings = pytest.mark.parametrize("setting", ["prepare", "switch"])


@settings
def test_every_verb_finds_what_is_under_a_raw_id_and_under_its_hash(
    inside: MemoryStore, setting: HashIds
) -> None:
    store = opened(inside, setting)
    for begin in (inside, opened(inside, True)):
        begin.create("loaded", live())
        begin.create("saved", live())
        begin.create("replaced", live())
        begin.create("touched", live())
        begin.create("deleted", live())

        assert_payload(store, "loaded", PAYLOAD)
        assert store.save("saved", live(OTHER_PAYLOAD)) is None
        assert_payload(store, "saved", OTHER_PAYLOAD)
        loaded = store.load("replaced")
        assert store.save("replaced", live(OTHER_PAYLOAD), replacing=loaded) is None
        assert store.save("replaced", live(), replacing=loaded).current.payload == OTHER_PAYLOAD
        assert store.touch("touched", in_(-1)) is True
        assert store.load("touched") is None
        assert store.delete("deleted") is True
        assert store.load("deleted") is None
        assert store.clear() == 3
        assert inside.count() == 0


def test_a_prepared_store_creates_under_raw_ids_and_a_switched_one_under_hashes(
    inside: MemoryStore,
) -> None:
    for setting in ("prepare", "switch"):
        opened(inside, setting).create(setting, live())

    assert sorted(map(is_hashed, inside.keys())) == [False, True]
    assert opened(inside, "prepare").left_key_of("id") == "id"
    assert opened(inside, "switch").key_of("id") == hashed("id")


@settings
def test_a_stored_key_reaches_the_hashed_record_alone(
    inside: MemoryStore, setting: HashIds
) -> None:
    store = opened(inside, setting)
    opened(inside, True).create("id", live())
    key = hashed("id")
    found = store.load(key)

    assert store.save(key, live(OTHER_PAYLOAD), replacing=found) is None
    assert store.touch(key, in_(60)) is True
    assert store.save(key, ENDED, replacing=store.load(key)) is None
    assert store.load(key) is None
    assert store.touch(key, in_(60)) is False
    assert store.delete(key) is False
    assert inside.count() == 0


@settings
def test_a_stored_key_in_a_cookie_finds_nothing(inside: MemoryStore, setting: HashIds) -> None:
    opened(inside, True).create("id", live())
    store = opened(inside, setting)

    assert store.load(str(hashed("id"))) is None
    assert store.delete(str(hashed("id"))) is False
    assert_payload(store, "id", PAYLOAD)


@settings
def test_a_raw_id_that_was_noted_as_a_stored_key_is_an_id(
    inside: MemoryStore, setting: HashIds
) -> None:
    inside.create("id", live())

    assert_payload(opened(inside, setting), StoredKey("id"), PAYLOAD)


@settings
def test_a_session_that_is_being_moved_is_listed_once_and_can_be_ended(
    inside: MemoryStore, setting: HashIds
) -> None:
    sid, mark = f"{ADA}.id", Mark("token", PAYLOAD)
    inside.create(sid, mark.record(in_(60)))
    inside.create(hashed(sid), Mark("token").record(in_(60)))
    store = opened(inside, setting)

    [(key, found)] = store.records(ADA)
    assert (key, found.payload) == (hashed(sid), PAYLOAD)
    refusal = store.save(key, ENDED, replacing=found)
    assert store.save(key, ENDED, replacing=refusal.current) is None

    assert store.load(sid) is None


@settings
def test_a_session_in_both_places_is_listed_once(inside: MemoryStore, setting: HashIds) -> None:
    for key in ("id", hashed("id")):
        inside.create(key, live())
    store = opened(inside, setting)

    assert list(store.keys()) == ["id"]
    assert keys_of(store) == ["id"]


def test_a_prepared_store_gives_up_where_others_write_all_the_time(tmp_path: Path) -> None:
    store = opened(MemoryStore(), "prepare")
    store.create("key", live())

    def rebase(current: Record) -> Record:
        count = len(current.payload)
        store.save("key", live(b'{"n":"%s"}' % (b"x" * count)))
        return live()

    with pytest.raises(StoreError, match="kept changing"):
        store.save_locked("key", live(), replacing=live(OTHER_PAYLOAD), rebase=rebase)
    assert store.save_locked("gone", live(), replacing=live(), rebase=rebase) == GONE


@settings
def test_expired_records_are_pruned_once(inside: MemoryStore, setting: HashIds) -> None:
    store = opened(inside, setting)
    inside.create("raw", expired())
    inside.create(hashed("other"), expired())

    assert sum(store.pruning(dry_run=True)) == 2
    assert store.prune() == 2


def test_migrate_moves_all_raw_ids_and_says_what_is_there(inside: MemoryStore) -> None:
    for number in range(5):
        inside.create(f"{ADA}.{number}", live())
    opened(inside, True).create("hashed", live())
    store = opened(inside, "switch", Encryption((None, bytes(32))))

    assert list(store.migrate(dry_run=True)) == ["moved"] * 5
    assert list(store.migrate()) == ["moved"] * 5
    assert list(store.migrate()) == []
    assert all(map(is_hashed, inside.keys()))


@settings
def test_the_two_views_of_one_store_do_not_overlap(inside: MemoryStore, setting: HashIds) -> None:
    assert opened(inside, setting).check() == []


def test_the_former_store_may_not_list_the_hashed_ids(inside: MemoryStore) -> None:
    with pytest.raises(ConfigError, match="both are the same store"):
        refuse_overlap(opened(inside, True), inside)


def test_two_files_in_one_directory_are_found_to_be_one(tmp_path: Path) -> None:
    one, other = (FileSystemStore(f"{tmp_path}/{name}") for name in ("a", "a/."))
    store = nested(one, other, hash_ids="switch", encryption=None)

    with pytest.raises(ConfigError, match="both are the same store"):
        list(store.migrate())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("hash_ids", "encryption", "kind"),
    [
        (False, None, MovingStore),
        (True, None, ProtectedStore),
        (False, ENCRYPTION, ProtectedStore),
        (True, ENCRYPTION, ProtectedStore),
        ("prepare", None, MovingStore),
        ("switch", None, MovingStore),
        ("switch", ENCRYPTION, MovingStore),
    ],
)
def test_a_former_store_is_moved_in_every_combination(
    inside: MemoryStore, hash_ids: HashIds, encryption: Encryption | None, kind: type
) -> None:
    before = MemoryStore()
    was_hashed = hash_ids is True
    if was_hashed or encryption is not None:
        former = nested(before, None, hash_ids=was_hashed, encryption=encryption)
    else:
        former = before
    for name in ("used", f"{ADA}.ended", "left"):
        former.create(name, live())
    store: Any = nested(inside, before, hash_ids=hash_ids, encryption=encryption)

    assert isinstance(store, kind)
    for ability in (SupportsKeys, SupportsUsers, SupportsPrune):
        assert isinstance(store, ability)
    assert not isinstance(store, SupportsSetup)
    assert_payload(store, "used", PAYLOAD)
    [(key, found)] = store.records(ADA)
    assert store.save(key, ENDED, replacing=found) is None
    assert list(store.migrate()) == ["moved"]
    assert before.count() == 0
    alone = nested(inside, None, hash_ids=bool(hash_ids), encryption=encryption)
    assert_payload(alone, "left", PAYLOAD)
    assert alone.load(f"{ADA}.ended") is None
