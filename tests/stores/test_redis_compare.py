"""A save that compares, by the server's SET IFEQ or by a script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_serversession.errors import StoreError
from flask_serversession.stores.base import GONE
from flask_serversession.stores.redis import RedisStore
from flask_serversession.testing.contract import assert_ends_at
from flask_serversession.testing.contract import assert_payload
from flask_serversession.testing.contract import at_the_same_time
from flask_serversession.testing.contract import expired
from flask_serversession.testing.contract import in_
from flask_serversession.testing.contract import live
from flask_serversession.testing.contract import OTHER_PAYLOAD
from flask_serversession.testing.contract import PAYLOAD

from ..servers.base import report
from ..servers.redis import one_server
from ..servers.redis import Servers
from .test_redis import admin
from .test_redis import prefix as prefix
from .test_redis import RedisContract
from .test_redis import served


@pytest.fixture(scope="module")
def valkey(valkey_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with one_server(valkey_program, tmp_path_factory.mktemp("valkey")) as servers:
        with admin(servers.ports[0]) as client:
            version = client.info("server")["valkey_version"]
        report("Valkey", f"valkey {version}, started by the tests")
        yield servers


@pytest.fixture
def store(valkey: Servers) -> Iterator[RedisStore]:
    store = RedisStore.from_url(valkey.url)
    store.create("key", live())
    yield store
    store.clear()
    store.close()


class TestOnValkey(RedisContract):
    @pytest.fixture
    def url(self, valkey: Servers) -> str:
        return valkey.url


def test_a_save_that_the_server_compares_is_one_command(
    valkey: Servers, store: RedisStore
) -> None:
    new = live(OTHER_PAYLOAD, 1800)

    trips, ran = served(valkey, lambda: store.save("key", new, replacing=live()))

    assert (trips, ran) == (1, ["set"])
    assert_payload(store, "key", OTHER_PAYLOAD)
    assert_ends_at(store.load("key"), in_(1800))


def test_a_refused_save_takes_a_second_trip_to_load_the_record(
    valkey: Servers, store: RedisStore
) -> None:
    stale = live(b"stale")
    store.save("key", expired(), replacing=stale)  # the server knows the script now

    trips, ran = served(valkey, lambda: store.save("key", live(), replacing=stale))
    refusal = store.save("key", live(OTHER_PAYLOAD), replacing=stale)

    assert (trips, ran) == (2, sorted(["set", "evalsha", "get", "pttl"]))
    assert refusal is not None
    assert refusal.current is not None
    assert refusal.current.payload == PAYLOAD
    assert store.save("absent", live(), replacing=live()) == GONE
    assert store.load("absent") is None


def test_one_of_several_comparing_saves_succeeds(store: RedisStore) -> None:
    loaded = store.load("key")

    refusals = at_the_same_time(
        [
            lambda number=number: store.save("key", live(b"%d" % number), replacing=loaded)
            for number in range(8)
        ]
    )

    assert refusals.count(None) == 1


def test_an_older_server_is_sent_ifeq_once(redis_program: str, tmp_path: Path) -> None:
    with one_server(redis_program, tmp_path) as servers:
        store = RedisStore.from_url(servers.url)
        store.create("key", live())
        store.save("key", live(OTHER_PAYLOAD), replacing=live())
        loaded = store.load("key")

        trips, ran = served(servers, lambda: store.save("key", live(), replacing=loaded))

        if "evalsha" not in ran:
            pytest.skip("this redis-server compares by itself")
        assert (trips, ran) == (1, ["evalsha", "get", "set"])
        assert_payload(store, "key", PAYLOAD)
        store.close()


def test_a_full_server_is_not_mistaken_for_an_older_one(
    valkey: Servers, store: RedisStore
) -> None:
    with admin(valkey.ports[0]) as client:
        client.config_set("maxmemory", "1")
        with pytest.raises(StoreError):
            store.save("key", live(OTHER_PAYLOAD), replacing=live())
        client.config_set("maxmemory", "0")

    store.load("key")  # over a new connection: the one that was refused is dropped
    _, ran = served(valkey, lambda: store.save("key", live(OTHER_PAYLOAD), replacing=live()))

    assert ran == ["set"]
