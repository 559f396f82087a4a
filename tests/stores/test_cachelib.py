from __future__ import annotations

import os
import signal
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from cachelib import BaseCache
from cachelib import FileSystemCache
from cachelib import MemcachedCache
from cachelib import NullCache
from cachelib import RedisCache
from cachelib import SimpleCache
from redis.backoff import NoBackoff
from redis.retry import Retry

from flask_serversession.errors import ConfigError
from flask_serversession.errors import PayloadError
from flask_serversession.errors import StoreError
from flask_serversession.errors import StoreUnavailable
from flask_serversession.stores.base import ENDED
from flask_serversession.stores.base import Record
from flask_serversession.stores.base import utc_now
from flask_serversession.stores.cachelib import CacheLibStore
from flask_serversession.testing import EpochsContract
from flask_serversession.testing import LeaseContract
from flask_serversession.testing import LockContract
from flask_serversession.testing import store_machine
from flask_serversession.testing import StoreContract
from flask_serversession.testing.contract import assert_payload
from flask_serversession.testing.contract import expired
from flask_serversession.testing.contract import in_
from flask_serversession.testing.contract import live
from flask_serversession.testing.contract import PAYLOAD
from flask_serversession.testing.users import ADA

from ..servers.base import free_port
from ..servers.redis import redis_program as redis_program
from ..servers.redis import redis_url as redis_url


def simple_cache() -> SimpleCache:
    return SimpleCache(threshold=sys.maxsize)


def file_cache(folder: Path) -> FileSystemCache:
    return FileSystemCache(str(folder), threshold=0)


class TestOnSimpleCache(StoreContract, LockContract, LeaseContract, EpochsContract):
    @pytest.fixture
    def store(self) -> CacheLibStore:
        return CacheLibStore(simple_cache())


class TestOnFileSystemCache(StoreContract, LockContract, EpochsContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> CacheLibStore:
        return CacheLibStore(file_cache(tmp_path))


class TestOnRedisCache(StoreContract, LockContract, LeaseContract, EpochsContract):
    @pytest.fixture
    def store(self, redis_url: str) -> Iterator[CacheLibStore]:
        prefix = f"test-{uuid.uuid4().hex}:"
        with redis.Redis.from_url(redis_url) as client:
            yield CacheLibStore(RedisCache(client), prefix=prefix)
            for name in client.scan_iter(f"{prefix}*"):
                client.delete(name)


TestOnSimpleCacheAgainstADict = store_machine(lambda: CacheLibStore(simple_cache())).TestCase


def test_no_stored_value_is_a_pickle(tmp_path: Path) -> None:
    CacheLibStore(file_cache(tmp_path)).create("key", live())

    (file,) = tmp_path.iterdir()
    timestamp, value = file.read_bytes()[:4], file.read_bytes()[4:]
    assert int.from_bytes(timestamp, sys.byteorder) > utc_now().timestamp()
    assert value[:2] == b"\0\0"
    assert value[8:] == PAYLOAD


def test_the_applications_cache_keeps_its_serializer() -> None:
    cache = simple_cache()
    CacheLibStore(cache).create("key", live())

    cache.set("other", {"an": "object"})
    assert cache.get("other") == {"an": "object"}


def test_a_value_of_another_program_is_an_error_and_not_unpickled() -> None:
    cache = simple_cache()
    cache.set("sess:key", {"an": "object"})

    with pytest.raises(PayloadError, match="prefix"):
        CacheLibStore(cache).load("key")


def test_prefixes_keep_stores_apart() -> None:
    cache = simple_cache()
    ours, theirs = CacheLibStore(cache), CacheLibStore(cache, prefix="admin:")
    ours.create("key", live())

    assert theirs.load("key") is None
    assert cache.has("sess:key")


def test_the_expiry_is_known_to_the_millisecond(tmp_path: Path) -> None:
    store = CacheLibStore(file_cache(tmp_path))
    moment = in_(90).replace(microsecond=123_000)
    store.create("key", Record(PAYLOAD, moment))

    loaded = store.load("key")
    assert loaded is not None
    assert loaded.expires_at == moment


def test_a_record_without_an_expiry_lives_on() -> None:
    store = CacheLibStore(simple_cache())
    store.create("key", Record(PAYLOAD, None))

    assert store.load("key") == Record(PAYLOAD, None)


def test_a_record_created_as_expired_leaves_nothing(tmp_path: Path) -> None:
    CacheLibStore(file_cache(tmp_path)).create("key", expired())

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_expired_for_the_cache_does_not_take_its_key(tmp_path: Path) -> None:
    cache = file_cache(tmp_path)
    store = CacheLibStore(cache)
    store.create("key", live())
    (file,) = tmp_path.iterdir()
    file.write_bytes((1).to_bytes(4, sys.byteorder) + file.read_bytes()[4:])

    assert store.create("key", live(b"{}")) is True

    assert_payload(store, "key", b"{}")


@pytest.mark.parametrize("threshold", [1, 500, 10**9])
def test_a_cache_that_drops_live_sessions_is_refused(tmp_path: Path, threshold: int) -> None:
    with pytest.raises(ConfigError, match="threshold=0"):
        CacheLibStore(FileSystemCache(str(tmp_path), threshold=threshold))
    with pytest.raises(ConfigError, match=r"sys\.maxsize"):
        CacheLibStore(SimpleCache(threshold=threshold))


def test_the_zero_threshold_that_means_500_is_refused() -> None:
    with pytest.raises(ConfigError, match="MemoryStore"):
        CacheLibStore(SimpleCache(threshold=0))


@pytest.mark.parametrize("cache", [NullCache(), MemcachedCache(object())])
def test_a_cache_whose_pickling_cannot_be_replaced_is_refused(cache: BaseCache) -> None:
    with pytest.raises(ConfigError, match="serializer"):
        CacheLibStore(cache)


def test_an_object_that_is_no_cache_is_refused() -> None:
    with pytest.raises(ConfigError, match="not dict"):
        CacheLibStore({})  # type: ignore[arg-type]


def test_a_missing_driver_raises_an_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache = simple_cache()
    monkeypatch.setitem(sys.modules, "cachelib", None)

    with pytest.raises(ConfigError, match="pip install cachelib"):
        CacheLibStore(cache)


@pytest.fixture
def absent_store() -> Iterator[CacheLibStore]:
    once = Retry(NoBackoff(), retries=0)
    with redis.Redis(port=free_port(), socket_connect_timeout=5, retry=once) as client:
        yield CacheLibStore(RedisCache(client))


def test_a_missing_server_is_unavailable(absent_store: CacheLibStore) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        absent_store.create("the-key", live())

    assert isinstance(caught.value.__cause__, redis.ConnectionError)
    assert "the-key" not in str(caught.value)
    assert PAYLOAD.decode() not in str(caught.value)


def test_a_write_that_the_cache_dropped_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "sessions"
    store = CacheLibStore(file_cache(folder))
    store.create("key", live())
    (file,) = folder.iterdir()
    file.unlink()
    file.mkdir()

    with pytest.raises(StoreError, match="did not store"):
        store.create("key", live())


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_every_lock_is_free_in_a_forked_child() -> None:
    store = CacheLibStore(simple_cache())
    with store._lock("sess:key"):
        child = os.fork()
        if child == 0:
            signal.alarm(30)
            os._exit(0 if store.create("key", live()) else 1)
    _, status = os.waitpid(child, 0)

    assert status == 0


def test_a_record_saved_as_expired_is_removed(tmp_path: Path) -> None:
    store = CacheLibStore(file_cache(tmp_path))
    for replacing in (None, live()):
        store.create("key", live())

        assert store.save("key", ENDED, replacing=replacing) is None

        assert list(tmp_path.iterdir()) == []


def begin(store: CacheLibStore) -> str:
    """Create a record of the user's epoch; return its key."""
    key = f"{ADA}.{store.epoch(ADA)}.one"
    assert store.create(key, live()) is True
    return key


def test_an_epoch_does_not_expire_and_goes_when_its_user_is_ended(tmp_path: Path) -> None:
    store = CacheLibStore(file_cache(tmp_path))
    store.epoch(ADA)
    (file,) = tmp_path.iterdir()
    assert file.read_bytes()[:12] == bytes(12)

    store.end_user(ADA)

    assert list(tmp_path.iterdir()) == []


def test_an_epoch_that_the_cache_dropped_ends_the_sessions_of_its_user() -> None:
    cache = simple_cache()
    store = CacheLibStore(cache)
    key = begin(store)
    assert cache.delete(store._epoch_name(ADA)) is True

    assert store.load(key) is None
    new = begin(store)
    assert store.load(key) is None
    assert_payload(store, new, PAYLOAD)


@pytest.mark.parametrize("value", [b"", b"an-epoch", bytes(8), bytes(8) + b"a.dot", "text"])
def test_a_foreign_value_in_the_place_of_an_epoch_is_an_error_until_the_user_is_ended(
    value: object,
) -> None:
    cache = simple_cache()
    store = CacheLibStore(cache)
    key = begin(store)
    store._cache.set(store._epoch_name(ADA), value, 0)

    with pytest.raises(PayloadError, match="prefix"):
        store.load(key)
    with pytest.raises(PayloadError, match="prefix"):
        store.epoch(ADA)

    store.end_user(ADA)
    assert store.load(key) is None
    assert_payload(store, begin(store), PAYLOAD)


def test_no_session_has_the_name_of_an_epoch() -> None:
    store = CacheLibStore(simple_cache())
    epoch = store.epoch(ADA)
    for key in (f"%epoch:{ADA}", f"%%epoch:{ADA}", f"epoch:{ADA}"):
        assert store.load(key) is None
        assert store.create(key, live()) is True
        assert store.delete(key) is True

    assert store.epoch(ADA) == epoch


def test_keys_with_percent_signs_are_different() -> None:
    store = CacheLibStore(simple_cache())
    for number in range(4):
        assert store.create("%" * number, live(b'{"n":%d}' % number)) is True

    for number in range(4):
        assert_payload(store, "%" * number, b'{"n":%d}' % number)


def test_another_prefix_has_other_epochs() -> None:
    cache = simple_cache()
    ours, theirs = CacheLibStore(cache), CacheLibStore(cache, prefix="admin:")
    key = begin(ours)

    theirs.end_user(ADA)

    assert theirs.epoch(ADA) != ours.epoch(ADA)
    assert_payload(ours, key, PAYLOAD)


def test_a_load_takes_one_command_of_redis_with_and_without_a_user(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        store = CacheLibStore(RedisCache(client), prefix=f"test-{uuid.uuid4().hex}:")
        keys = [begin(store), "anonymous"]
        for key in keys:
            client.config_resetstat()
            store.load(key)

            commands = client.info("commandstats")
            assert sum(commands[name]["calls"] for name in commands if "get" in name) == 1

        store.delete(keys[0])
        store.end_user(ADA)


def test_a_user_of_a_missing_server_is_unavailable(absent_store: CacheLibStore) -> None:
    for call in (absent_store.epoch, absent_store.end_user):
        with pytest.raises(StoreUnavailable):
            call(ADA)
