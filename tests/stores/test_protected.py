"""Stores whose keys are hashed, whose payloads are encrypted, or both."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cachelib
import pymongo
import pytest

from flask_serversession.encryption import Encryption
from flask_serversession.errors import ConfigError
from flask_serversession.errors import PayloadError
from flask_serversession.errors import StoreError
from flask_serversession.stores.base import ENDED
from flask_serversession.stores.base import EPOCH
from flask_serversession.stores.base import Record
from flask_serversession.stores.base import Store
from flask_serversession.stores.base import StoredKey
from flask_serversession.stores.base import SupportsEpochs
from flask_serversession.stores.base import SupportsKeys
from flask_serversession.stores.base import SupportsLockedSave
from flask_serversession.stores.base import SupportsPrune
from flask_serversession.stores.base import SupportsSetup
from flask_serversession.stores.base import SupportsUsers
from flask_serversession.stores.cachelib import CacheLibStore
from flask_serversession.stores.filesystem import FileSystemStore
from flask_serversession.stores.memcached import MemcachedStore
from flask_serversession.stores.memory import MemoryStore
from flask_serversession.stores.mongodb import MongoDBStore
from flask_serversession.stores.protected.abilities import protected
from flask_serversession.stores.protected.names import hashed
from flask_serversession.stores.protected.names import is_hashed
from flask_serversession.stores.protected.names import LONGEST_HASHED_KEY
from flask_serversession.stores.protected.payloads import SplitPayloads
from flask_serversession.stores.protected.store import ProtectedStore
from flask_serversession.stores.record_lock import is_lock
from flask_serversession.stores.record_lock import RecordLock
from flask_serversession.stores.redis import RedisStore
from flask_serversession.stores.sqlalchemy import SQLAlchemyStore
from flask_serversession.testing import EpochsContract
from flask_serversession.testing import KeysContract
from flask_serversession.testing import LeaseContract
from flask_serversession.testing import LockContract
from flask_serversession.testing import LockedSaveContract
from flask_serversession.testing import PingContract
from flask_serversession.testing import PruneContract
from flask_serversession.testing import SetupContract
from flask_serversession.testing import store_machine
from flask_serversession.testing import StoreContract
from flask_serversession.testing import UsersContract
from flask_serversession.testing.contract import assert_payload
from flask_serversession.testing.contract import in_
from flask_serversession.testing.contract import live
from flask_serversession.testing.contract import OTHER_PAYLOAD
from flask_serversession.testing.contract import PAYLOAD
from flask_serversession.testing.users import ADA
from flask_serversession.testing.users import keys_of

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
BOTH = {"hash_ids": True, "encryption": Encryption((NEW,))}
#: What each combination of the two protections is.
COMBINATIONS: dict[str, dict[str, Any]] = {
    "neither": {"hash_ids": False},
    "hashed": {"hash_ids": True},
    "encrypted": {"hash_ids": False, "encryption": Encryption((NEW,))},
    "both": BOTH,
}
ON_THE_WAY = {"hash_ids": True, "encryption": Encryption((None, NEW))}
A_VIEW = {**BOTH, "is_view": True}
LOGIN = b'{"cookie":{"originalMaxAge":null},"_login":{"user":"ada"},"card":"4111 1111"}'
HEAD = {"cookie": {"originalMaxAge": None}, "_login": {"user": "ada"}}


def with_names(store: Any) -> Any:
    """Return a store that lists the names it was given instead of their stored keys.

    The contract does not know that a store may list other keys than it was given.
    """
    names: dict[str, str] = {}
    create = store.create

    def noted(name: str, record: Record) -> bool:
        names[store.key_of(name)] = name
        return bool(create(name, record))

    store.create = noted
    if isinstance(store, SupportsKeys):
        keys = store.keys
        store.keys = lambda: (names[store.key_of(key)] for key in keys())  # type: ignore[method-assign]
    if isinstance(store, SupportsUsers):
        records = store.records
        store.records = lambda user=None: (  # type: ignore[method-assign]
            (names[store.key_of(key)], record) for key, record in records(user)
        )
    return store


class ViewContract(
    StoreContract, KeysContract, UsersContract, PingContract, LockContract, LeaseContract
):
    protection: dict[str, Any]

    @pytest.fixture
    def store(self) -> Any:
        return with_names(protected(MemoryStore(), **self.protection))

    @pytest.fixture
    def other_store(self) -> Any:
        return with_names(protected(MemoryStore(), **self.protection))


class MemoryContract(ViewContract, PruneContract):
    pass


class TestMemoryWithoutProtection(MemoryContract):
    protection = COMBINATIONS["neither"]


class TestMemoryWithHashedIds(MemoryContract):
    protection = COMBINATIONS["hashed"]


class TestEncryptedMemory(MemoryContract):
    protection = COMBINATIONS["encrypted"]


class WithHeads:
    """In place of the contract's test: a list has the heads of the payloads."""

    def test_records_come_with_their_payload_and_expiry(self, store: SupportsUsers) -> None:
        store.create(f"{ADA}.one", live())
        store.save(f"{ADA}.one", live(LOGIN))
        store.touch(f"{ADA}.one", in_(60))

        [(_, found)] = store.records(ADA)

        assert json.loads(found.payload) == HEAD
        assert found.expires_at is not None
        assert abs((found.expires_at - in_(60)).total_seconds()) < 5


class TestEncryptedMemoryWithHashedIds(WithHeads, MemoryContract):
    protection = BOTH


class TestMemoryOnTheWayToEncryption(WithHeads, MemoryContract):
    protection = ON_THE_WAY


class TestAViewOfMemory(WithHeads, ViewContract):
    protection = A_VIEW


@pytest.mark.parametrize("protection", COMBINATIONS.values(), ids=COMBINATIONS)
def test_a_protected_store_does_what_a_dict_does(protection: dict[str, Any]) -> None:
    machine = store_machine(lambda: protected(MemoryStore(), **protection))
    machine.TestCase().runTest()


@pytest.fixture
def inside() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def store(inside: MemoryStore) -> Any:
    return protected(inside, **BOTH)


def encrypting(inside: Store, *keys: bytes | None, hash_ids: bool = True) -> Any:
    return protected(inside, hash_ids=hash_ids, encryption=Encryption(keys))


def stored_payload(inside: Store, name: str = "the id") -> bytes:
    record = inside.load(hashed(name))
    assert record is not None
    return record.payload


def overwrite(inside: Store, payload: bytes, name: str = "the id") -> None:
    assert inside.save(hashed(name), live(payload)) is None


@pytest.mark.parametrize("name", ["the id", f"{ADA}.the id", f"{ADA}.epoch123456.the id"])
def test_the_store_inside_has_neither_id_nor_data(
    store: Any, inside: MemoryStore, name: str
) -> None:
    store.create(name, live(LOGIN))

    [(key, record)] = inside.records()
    assert "the id" not in key
    assert type(key) is str
    assert is_hashed(key)
    for word in (b"4111", b"ada", b"cookie", b"the id"):
        assert word not in record.payload


@pytest.mark.parametrize("hash_ids", [False, True])
def test_the_data_of_a_record_that_has_expired_already_are_not_stored(
    tmp_path: Path, hash_ids: bool
) -> None:
    store = encrypting(FileSystemStore(str(tmp_path)), NEW, hash_ids=hash_ids)

    assert store.create("the id", Record(LOGIN, EPOCH))

    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert b"{}" in files
    assert [content for content in files if b"4111" in content] == []


def test_a_hashed_key_keeps_the_tag_and_the_epoch_in_front() -> None:
    assert hashed("id").startswith("h1-")
    assert hashed(f"{ADA}.id").startswith(f"{ADA}.h1-")
    assert hashed(f"{ADA}.epoch123456.id").startswith(f"{ADA}.epoch123456.h1-")
    assert hashed(f"{ADA}.{'no-epoch-' * 2}.id").startswith(f"{ADA}.h1-")
    assert len(hashed("x" * 500)) == 46
    assert len(hashed(f"{ADA}.{'e' * 16}.id")) == LONGEST_HASHED_KEY


def test_the_whole_id_is_hashed() -> None:
    other = f"{ADA[:-1]}1"
    names = ["id", f"{ADA}.id", f"{other}.id", f"{ADA}.epoch123456.id", f"{ADA}.epoch654321.id"]

    assert len({hashed(name).rpartition("h1-")[2] for name in names}) == len(names)


def test_the_lock_of_an_id_is_still_known_as_a_lock(store: Any, inside: MemoryStore) -> None:
    lock = RecordLock(store, f"{ADA}.the id", ttl=60)
    assert lock.acquire(0) is True

    [key] = inside.keys()
    assert is_lock(key)
    assert is_hashed(key)
    assert "the id" not in key
    lock.release()
    assert inside.count() == 0


@pytest.mark.parametrize("kind", COMBINATIONS)
def test_a_lock_that_others_overwrite_is_lost(kind: str, inside: MemoryStore) -> None:
    lock = RecordLock(protected(inside, **COMBINATIONS[kind]), "the id", ttl=60)
    assert lock.acquire(0) is True
    assert lock.renew() is True

    [key] = inside.keys()
    inside.save(key, live(b"v1.unreadable"))

    assert lock.renew() is False


@pytest.mark.parametrize("kind", COMBINATIONS)
def test_an_id_that_looks_like_a_stored_key_is_absent(kind: str, inside: MemoryStore) -> None:
    protected(inside, **BOTH).create("the id", live(LOGIN))
    store = protected(inside, **COMBINATIONS[kind])
    stolen = str(hashed("the id"))

    assert store.load(stolen) is None
    assert store.touch(stolen, in_(60)) is False
    assert store.delete(stolen) is False
    assert store.save(stolen, ENDED) is not None
    assert inside.count() == 1


def test_a_raw_id_is_not_looked_up_where_ids_are_hashed(inside: MemoryStore) -> None:
    inside.create("the id", live(LOGIN))
    store = protected(inside, hash_ids=True)

    assert store.load("the id") is None
    assert store.load(StoredKey("the id")) is None
    assert list(store.keys()) == []
    assert list(store.records()) == []


def test_a_stored_key_finds_the_head_and_ends_the_session(store: Any) -> None:
    store.create("the id", live(LOGIN))
    [(key, found)] = store.records()

    assert isinstance(key, StoredKey)
    assert json.loads(found.payload) == HEAD
    assert json.loads(store.load(key).payload) == HEAD
    assert store.save(key, ENDED, replacing=found) is None
    assert store.load("the id") is None


def test_a_stored_key_can_leave_a_reason_that_the_id_reads(store: Any) -> None:
    reason = b'{"cookie":{"originalMaxAge":null,"retiredUntil":0,"endedReason":"limit"}}'
    store.create("the id", live(LOGIN))
    [(key, found)] = store.records()

    assert store.save(key, live(reason), replacing=found) is None

    assert_payload(store, "the id", reason)
    assert_payload(store, key, reason)


def test_a_stored_key_cannot_write_data(store: Any) -> None:
    store.create("the id", live(LOGIN))
    [(key, found)] = store.records()

    for document in (LOGIN, b'{"cookie":{},"_login":{"user":"eve"}}', b"{}"):
        with pytest.raises(StoreError, match="can be ended, but not changed"):
            store.save(key, live(document), replacing=found)

    assert store.opens_by_key is False
    assert_payload(store, "the id", LOGIN)


@pytest.mark.parametrize("kind", ["neither", "hashed", "encrypted"])
def test_a_stored_key_reads_and_writes_where_the_id_does_not_encrypt(kind: str) -> None:
    store = protected(MemoryStore(), **COMBINATIONS[kind])
    store.create("the id", live(LOGIN))  # type: ignore[attr-defined]
    [(key, found)] = store.records()  # type: ignore[attr-defined]

    assert found.payload == LOGIN
    assert store.save(key, live(OTHER_PAYLOAD), replacing=found) is None
    assert store.opens_by_key is True
    assert_payload(store, "the id", OTHER_PAYLOAD)


def test_a_list_ends_a_session_whose_data_changed_and_whose_head_did_not(store: Any) -> None:
    store.create("the id", live(LOGIN))
    [(key, found)] = store.records()
    store.save("the id", live(LOGIN.replace(b"4111", b"5222")))

    refusal = store.save(key, ENDED, replacing=found)

    assert refusal is None
    assert store.load("the id") is None


def test_a_record_of_this_process_is_compared_by_its_stored_bytes(store: Any) -> None:
    written = live()
    store.create("key", written)
    store.save("key", live(OTHER_PAYLOAD))

    refusal = store.save("key", live(b'{"views":3}'), replacing=written)

    assert refusal.current.payload == OTHER_PAYLOAD
    assert store.save("key", live(b'{"views":3}'), replacing=refusal.current) is None


def test_encrypting_the_same_data_again_is_no_conflict(store: Any) -> None:
    store.create("key", live())
    loaded = store.load("key")
    store.save("key", live())

    assert store.save("key", live(OTHER_PAYLOAD), replacing=loaded) is None


def test_a_save_that_others_always_encrypt_again_is_refused(
    store: Any, inside: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create("key", live())
    loaded, save = store.load("key"), inside.save

    def after_another(key: str, record: Record, **more: Any) -> Any:
        save(key, live(SplitPayloads(Encryption((NEW,))).closed(key, "key", PAYLOAD)))
        return save(key, record, **more)

    monkeypatch.setattr(inside, "save", after_another)
    refusal = store.save("key", live(OTHER_PAYLOAD), replacing=loaded)

    assert refusal.current.payload == PAYLOAD


def test_the_key_without_the_id_opens_no_data(store: Any, inside: MemoryStore) -> None:
    store.create("the id", live(LOGIN))
    head, body = stored_payload(inside).split(b"~")
    key = str(hashed("the id"))

    decrypt = Encryption((NEW,)).decrypt
    assert json.loads(decrypt(head, purpose="head", name=key).plain) == HEAD
    name = f"{key}~{head.decode()}"
    assert decrypt(body, purpose="session", name=name, secret="the id").plain == LOGIN
    for secret in ("", key, "another id"):
        with pytest.raises(PayloadError):
            decrypt(body, purpose="session", name=name, secret=secret)


def test_a_head_of_an_earlier_version_does_not_hide_the_session(
    store: Any, inside: MemoryStore
) -> None:
    store.create("the id", live(PAYLOAD))
    before, _ = stored_payload(inside).split(b"~")
    store.save("the id", live(LOGIN))
    _, body = stored_payload(inside).split(b"~")
    overwrite(inside, before + b"~" + body)

    with pytest.raises(PayloadError):
        store.load("the id")


def test_the_key_without_the_id_forges_no_data(store: Any, inside: MemoryStore) -> None:
    store.create("the id", live(LOGIN))
    [key] = inside.keys()
    encrypt = Encryption((NEW,)).encrypt
    for purpose in ("end", "head", "session"):
        forged = encrypt(LOGIN, purpose=purpose, name=key)
        for payload in (forged, forged + b"~" + forged):
            overwrite(inside, payload)
            with pytest.raises(PayloadError):
                store.load("the id")


def changed_payloads(payload: bytes) -> Iterator[bytes]:
    for place in range(0, len(payload), 7):
        yield payload[:place]
        yield payload[:place] + bytes([payload[place] ^ 1]) + payload[place + 1 :]
    head, _, body = payload.partition(b"~")
    yield from (head, body, b"~" + body, head + b"~", body + b"~" + head, body + b"~" + body)
    yield from (payload + b"A", payload + b"~" + body, b"", b"~", PAYLOAD, b"\xff\x00")


@pytest.mark.parametrize("hash_ids", [True, False])
def test_no_changed_payload_is_read_by_the_id(inside: MemoryStore, hash_ids: bool) -> None:
    store = encrypting(inside, NEW, hash_ids=hash_ids)
    store.create("the id", live(LOGIN))
    [key] = inside.keys()
    original = next(inside.records())[1].payload
    for payload in changed_payloads(original):
        inside.save(key, live(payload))
        if payload == original:
            continue
        with pytest.raises(PayloadError) as raised:
            store.load("the id")
        assert "4111" not in str(raised.value)
        with pytest.raises(PayloadError):
            store.save("the id", live(), replacing=live(LOGIN))
        assert len(list(store.records())) <= hash_ids


@pytest.mark.parametrize("hash_ids", [True, False])
def test_rows_cannot_be_swapped(inside: MemoryStore, hash_ids: bool) -> None:
    store = encrypting(inside, NEW, hash_ids=hash_ids)
    names = ["eve's id", f"{ADA}.ada's id", "lock-of-session:eve's id"]
    for name in names:
        store.create(name, live(LOGIN))
    rows = list(inside.records())
    for key, _ in rows:
        for other, theirs in rows:
            if other == key:
                continue
            inside.save(key, theirs)
            with pytest.raises(PayloadError):
                store.load(names[[row[0] for row in rows].index(key)])
    assert list(store.records()) == []


def test_the_row_of_another_kind_of_store_is_not_read(inside: MemoryStore) -> None:
    store = encrypting(inside, NEW)
    store.create("the id", live(LOGIN))
    key = str(hashed("the id"))
    for purpose in ("session", "head", "end", "cookie", "users"):
        text = Encryption((NEW,)).encrypt(LOGIN, purpose=purpose, name=key)
        for payload in (text, text + b"~" + text):
            overwrite(inside, payload)
            with pytest.raises(PayloadError):
                store.load("the id")


def test_a_record_of_a_foreign_or_removed_key_is_unreadable_and_can_be_deleted(
    inside: MemoryStore,
) -> None:
    encrypting(inside, OLD).create("the id", live(LOGIN))
    store = encrypting(inside, NEW)

    with pytest.raises(PayloadError):
        store.load("the id")
    assert list(store.records()) == []
    assert store.touch("the id", in_(60)) is True
    assert store.delete("the id") is True


@pytest.mark.parametrize("hash_ids", [True, False])
def test_a_record_of_an_older_key_is_outdated_until_it_is_written(
    inside: MemoryStore, hash_ids: bool
) -> None:
    encrypting(inside, OLD, hash_ids=hash_ids).create("the id", live(LOGIN))
    store = encrypting(inside, NEW, OLD, hash_ids=hash_ids)

    loaded = store.load("the id")
    assert (loaded.payload, loaded.outdated) == (LOGIN, True)
    assert [record.outdated for _, record in store.records()] == [True]
    assert store.save("the id", live(LOGIN), replacing=loaded) is None

    assert store.load("the id").outdated is False
    assert_payload(encrypting(inside, NEW, hash_ids=hash_ids), "the id", LOGIN)


@pytest.mark.parametrize("hash_ids", [True, False])
def test_plain_records_are_read_only_while_none_is_among_the_keys(
    inside: MemoryStore, hash_ids: bool
) -> None:
    protected(inside, hash_ids=hash_ids).create("the id", live(LOGIN))
    preparing = encrypting(inside, None, NEW, hash_ids=hash_ids)
    switching = encrypting(inside, NEW, None, hash_ids=hash_ids)

    assert preparing.load("the id").outdated is False
    assert switching.load("the id").outdated is True
    with pytest.raises(PayloadError):
        encrypting(inside, NEW, hash_ids=hash_ids).load("the id")

    preparing.save("the id", live(LOGIN), replacing=preparing.load("the id"))
    assert next(inside.records())[1].payload == LOGIN
    switching.save("the id", live(LOGIN), replacing=switching.load("the id"))
    assert b"4111" not in next(inside.records())[1].payload
    assert preparing.load("the id").outdated is False
    assert_payload(preparing, "the id", LOGIN)


def test_a_list_shows_only_the_head_of_a_plain_record_too(inside: MemoryStore) -> None:
    protected(inside, hash_ids=True).create("the id", live(LOGIN))

    [(_, found)] = encrypting(inside, NEW, None).records()

    assert json.loads(found.payload) == HEAD


def test_bytes_that_are_not_a_session_cannot_be_encrypted_with_the_id(store: Any) -> None:
    for payload in (b"[]", b"not JSON", b"[" * 100_000):
        with pytest.raises(PayloadError):
            store.create("the id", live(payload))


@pytest.mark.parametrize("is_view", [True, False])
def test_two_neighbours_share_a_store(inside: MemoryStore, is_view: bool) -> None:
    ours = protected(inside, hash_ids=True, is_view=is_view)
    theirs = protected(inside, hash_ids=False, is_view=True)
    ours.create("ours", live())
    theirs.create("theirs", live())

    assert list(ours.keys()) == [hashed("ours")]
    assert keys_of(theirs) == list(theirs.keys()) == ["theirs"]
    assert theirs.count() == 1
    assert theirs.load(hashed("ours")) is None
    assert ours.owns(hashed("ours"))
    assert not theirs.owns(hashed("ours"))
    assert theirs.clear() == 1
    assert_payload(ours, "ours", PAYLOAD)


def test_a_protected_store_can_do_what_the_store_inside_can(tmp_path: Path) -> None:
    files = protected(FileSystemStore(str(tmp_path)), **BOTH)
    sql = protected(SQLAlchemyStore.from_url(f"sqlite:///{tmp_path}/db"), **BOTH)
    cache = protected(CacheLibStore(cachelib.SimpleCache(threshold=sys.maxsize)), **BOTH)
    abilities = (SupportsKeys, SupportsUsers, SupportsPrune, SupportsSetup, SupportsLockedSave)

    assert [isinstance(files, each) for each in abilities] == [True] * 4 + [False]
    assert [isinstance(sql, each) for each in abilities] == [True] * 5
    assert [isinstance(cache, each) for each in abilities] == [False] * 5
    assert isinstance(cache, SupportsEpochs)
    assert not hasattr(files, "migrate")
    assert type(files).__name__ == "ProtectedFileSystemStore"
    sql.close()


def test_a_store_that_cannot_be_protected_is_refused_by_name(tmp_path: Path) -> None:
    shared = FileSystemStore(str(tmp_path), layout="session-file-store")
    with pytest.raises(ConfigError, match="this layout of FileSystemStore, which Express reads"):
        protected(shared, **BOTH)

    small: Any = MemoryStore()
    small.longest_key = 64
    with pytest.raises(ConfigError, match="MemoryStore, whose keys have at most 64 characters"):
        protected(small, hash_ids=True)
    assert protected(small, hash_ids=False).longest_key == 64
    assert not hasattr(protected(MemoryStore(), hash_ids=True), "longest_key")


Make = Callable[[], Store]


class ServerContract(WithHeads, StoreContract, KeysContract, UsersContract, PingContract):
    """Both protections over a server. Needs ``inside``, which makes an empty store."""

    @pytest.fixture
    def store(self, inside: Make) -> Iterator[Any]:
        store: ProtectedStore = protected(inside(), **BOTH)
        yield with_names(store)
        store.close()

    @pytest.fixture
    def other_store(self, inside: Make) -> Iterator[Any]:
        store: ProtectedStore = protected(inside(), **BOTH)
        yield with_names(store)
        store.close()


class TestProtectedRedis(ServerContract, LockContract, LeaseContract):
    @pytest.fixture
    def inside(self, redis_url: str) -> Make:
        return lambda: RedisStore.from_url(redis_url, prefix=f"test:{uuid.uuid4().hex}:")


class SQLContract(ServerContract, LockContract, LockedSaveContract, PruneContract, SetupContract):
    """Both protections over a database. Needs ``url``."""

    @pytest.fixture
    def inside(self, url: str) -> Make:
        def make() -> Store:
            return SQLAlchemyStore.from_url(url, table=f"t_{uuid.uuid4().hex[:12]}")

        return make


class TestProtectedSQLite(SQLContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/sessions.db"


class TestProtectedPostgreSQL(SQLContract):
    @pytest.fixture
    def url(self, postgresql_url: str) -> str:
        return postgresql_url


class TestProtectedMariaDB(SQLContract):
    @pytest.fixture
    def url(self, mysql_url: str) -> str:
        return mysql_url


class TestProtectedFiles(ServerContract, LockContract, PruneContract):
    @pytest.fixture
    def inside(self, tmp_path: Path) -> Make:
        return lambda: FileSystemStore(str(tmp_path / uuid.uuid4().hex))


class TestProtectedMongoDB(ServerContract, LockContract):
    @pytest.fixture
    def inside(self, mongodb_url: str) -> Iterator[Make]:
        database, made = "flask_serversession_test", []

        def make() -> Store:
            made.append(f"sessions_{uuid.uuid4().hex}")
            return MongoDBStore(client, database=database, collection=made[-1])

        with pymongo.MongoClient[Any](mongodb_url, timeoutMS=5000) as client:
            yield make
            for name in made:
                client[database].drop_collection(name)
                client[database].drop_collection(f"{name}_locks")


class TestProtectedMemcached(StoreContract, EpochsContract, LockContract):
    @pytest.fixture
    def store(self, memcached_url: str) -> Iterator[Any]:
        prefix = f"t{uuid.uuid4().hex[:12]}:"
        store = protected(MemcachedStore.from_url(memcached_url, prefix=prefix), **BOTH)
        yield store
        store.close()


class TestProtectedCacheLib(StoreContract, EpochsContract, LockContract):
    @pytest.fixture
    def store(self) -> Any:
        return protected(CacheLibStore(cachelib.SimpleCache(threshold=sys.maxsize)), **BOTH)
