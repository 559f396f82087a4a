"""The epochs of users in memcached, beyond what every store with epochs promises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pymemcache
import pytest

from flask_serversession.errors import ConfigError
from flask_serversession.errors import PayloadError
from flask_serversession.errors import StoreUnavailable
from flask_serversession.stores.memcached import MemcachedStore
from flask_serversession.testing.contract import assert_payload
from flask_serversession.testing.contract import live
from flask_serversession.testing.contract import OTHER_PAYLOAD
from flask_serversession.testing.contract import PAYLOAD
from flask_serversession.testing.users import ADA
from flask_serversession.testing.users import BOB

from ..servers.base import free_port
from ..servers.base import stop
from ..servers.memcached import memcached_server
from ..servers.memcached import memcached_url as memcached_url
from ..servers.memcached import running_memcached
from .test_memcached import ask
from .test_memcached import items
from .test_memcached import new_client
from .test_memcached import new_prefix
from .test_memcached import new_store
from .test_memcached import seconds_left
from .test_memcached import store as store
from .test_memcached import urls as urls


def begin(store: MemcachedStore, user: str = ADA, name: str = "one") -> str:
    """Create a record of the user's epoch; return its key."""
    key = f"{user}.{store.epoch(user)}.{name}"
    assert store.create(key, live()) is True
    return key


def plant(url: str, name: str, value: str) -> None:
    assert ask(url, f"set {name} 0 0 {len(value.encode())}\r\n{value}") == b"STORED"


class CountingClient(pymemcache.Client):
    """Counts the round trips of all its instances."""

    trips = 0

    def _fetch_cmd(self, *args: Any, **options: Any) -> Any:
        CountingClient.trips += 1
        return super()._fetch_cmd(*args, **options)

    def _store_cmd(self, *args: Any, **options: Any) -> Any:
        CountingClient.trips += 1
        return super()._store_cmd(*args, **options)

    def _misc_cmd(self, *args: Any, **options: Any) -> Any:
        CountingClient.trips += 1
        return super()._misc_cmd(*args, **options)


@pytest.fixture(params=["one server", "two servers"])
def counted(request: pytest.FixtureRequest, urls: list[str]) -> Iterator[MemcachedStore]:
    """A store whose connections count their round trips."""
    servers = urls[:1] if request.param == "one server" else [urls[0], urlsplit(urls[1]).netloc]
    store = new_store(",".join(servers))
    for server in store._servers.values():
        server.client_class = CountingClient
    yield store
    store.close()


def trips(call: Any, *args: Any, **options: Any) -> int:
    before = CountingClient.trips
    call(*args, **options)
    return CountingClient.trips - before


def test_a_load_takes_one_trip_with_and_without_a_user(counted: MemcachedStore) -> None:
    counted.create("anonymous", live())
    keys = ["anonymous", *(begin(counted, ADA, name) for name in "abcdef"), begin(counted, BOB)]

    assert [trips(counted.load, key) for key in keys] == [1] * 8
    assert [trips(counted.load, f"{ADA}.absent"), trips(counted.load, "absent")] == [1, 1]


def test_a_refused_save_takes_as_many_trips_with_a_user_as_without(
    counted: MemcachedStore,
) -> None:
    counted.create("anonymous", live())
    for key in ("anonymous", begin(counted)):
        stale = counted.load(key)
        counted.save(key, live(OTHER_PAYLOAD))

        assert trips(counted.save, key, live(), replacing=stale) == 2
        assert trips(counted.save, key, live(), replacing=live()) == 1


def test_an_epoch_takes_one_trip_and_its_beginning_two(counted: MemcachedStore) -> None:
    assert trips(counted.epoch, ADA) == 2
    assert trips(counted.epoch, ADA) == 1
    assert trips(counted.end_user, ADA) == 1


def test_all_records_of_a_user_are_on_the_server_of_the_epoch(urls: list[str]) -> None:
    store = new_store(",".join([urls[0], urlsplit(urls[1]).netloc]))
    servers = set()
    for number in range(20):
        user = f"ada{number:013}"
        names = [store._name(begin(store, user, name)) for name in "abc"]
        names.append(store._name.epoch(user))
        [server] = {url for name in names for url in urls if ask(url, f"mg {name} t") != b"EN"}
        servers.add(server)

    assert servers == set(urls)
    store.close()


def test_an_epoch_does_not_expire(store: MemcachedStore, memcached_url: str) -> None:
    store.epoch(ADA)

    assert seconds_left(memcached_url, store._name.epoch(ADA)) == -1


def test_a_user_who_was_ended_leaves_no_epoch(tmp_path: Path) -> None:
    with running_memcached(tmp_path) as (url, _):
        store = new_store(url)
        store.epoch(ADA)
        assert items(url) == 1

        store.end_user(ADA)

        assert items(url) == 0
        store.close()


def test_an_evicted_epoch_ends_the_sessions_of_its_user(
    store: MemcachedStore, memcached_url: str
) -> None:
    key = begin(store)
    assert ask(memcached_url, f"delete {store._name.epoch(ADA)}") == b"DELETED"

    assert store.load(key) is None
    new = begin(store)
    assert store.load(key) is None
    assert_payload(store, new, PAYLOAD)


def test_after_a_restart_users_can_log_in_again(tmp_path: Path) -> None:
    port = free_port()
    store = new_store(f"memcached://127.0.0.1:{port}")
    with memcached_server(tmp_path, port):
        old = begin(store)
    with memcached_server(tmp_path, port):
        with pytest.raises(StoreUnavailable):
            store.load(old)
        new = begin(store)

        assert new != old
        assert store.load(old) is None
        assert_payload(store, new, PAYLOAD)
    store.close()


def test_a_missing_server_is_unavailable() -> None:
    store = new_store(f"memcached://127.0.0.1:{free_port()}")

    with pytest.raises(StoreUnavailable):
        store.epoch(ADA)
    with pytest.raises(StoreUnavailable):
        store.end_user(ADA)


def test_a_user_of_a_lost_server_is_unavailable(memcached_url: str, tmp_path: Path) -> None:
    with running_memcached(tmp_path) as (second, process):
        store = new_store(f"{memcached_url},{urlsplit(second).netloc}")
        keys = [begin(store, f"ada{number:013}") for number in range(20)]
        stop(process)

    found = set()
    for key in keys:
        try:
            found.add("found" if store.load(key) else "absent")
        except StoreUnavailable:
            found.add("unavailable")
    assert found == {"found", "unavailable"}
    store.close()


@pytest.mark.parametrize("value", ["", "two words", "a.dot", '{"json":1}', "é"])
def test_a_foreign_value_in_the_place_of_an_epoch_is_an_error_until_the_user_is_ended(
    store: MemcachedStore, memcached_url: str, value: str
) -> None:
    key = begin(store)
    plant(memcached_url, store._name.epoch(ADA), value)

    with pytest.raises(PayloadError, match="prefix"):
        store.load(key)
    with pytest.raises(PayloadError, match="prefix"):
        store.epoch(ADA)

    store.end_user(ADA)
    assert store.load(key) is None
    assert_payload(store, begin(store), PAYLOAD)


@pytest.mark.parametrize(
    "user", [ADA, "with spaces 0123", "%41%41%41%41%41%", "é" * 16, "🍪" * 16]
)
@pytest.mark.parametrize("length", [0, 140, 178])
def test_a_long_prefix_and_an_odd_tag_work(memcached_url: str, user: str, length: int) -> None:
    prefix = new_prefix()
    client = new_client(memcached_url, key_prefix=prefix.encode())
    store = MemcachedStore(client, prefix="p" * max(0, length - len(prefix)))
    key = begin(store, user)

    assert_payload(store, key, PAYLOAD)
    store.end_user(user)
    assert store.load(key) is None
    client.close()


def test_no_session_has_the_name_of_an_epoch(store: MemcachedStore) -> None:
    epoch = store.epoch(ADA)
    for key in (f"%epoch:{ADA}", f"epoch:{ADA}", f"%25epoch:{ADA}"):
        assert store.load(key) is None
        assert store.create(key, live()) is True
        assert store.delete(key) is True

    assert store.epoch(ADA) == epoch


def test_another_prefix_has_other_epochs(store: MemcachedStore, memcached_url: str) -> None:
    other = new_store(memcached_url)
    key = begin(store)

    other.end_user(ADA)

    assert other.epoch(ADA) != store.epoch(ADA)
    assert_payload(store, key, PAYLOAD)
    other.close()


class TestConnectMemcached:
    @pytest.fixture
    def store(self, memcached_url: str) -> Iterator[MemcachedStore]:
        store = new_store(memcached_url, layout="connect-memcached")
        yield store
        store.close()

    def test_a_user_cannot_be_ended(self, store: MemcachedStore) -> None:
        with pytest.raises(ConfigError, match=r"connect-memcached .* Express"):
            store.epoch(ADA)
        with pytest.raises(ConfigError, match=r"connect-memcached .* Express"):
            store.end_user(ADA)

    def test_a_key_of_express_that_looks_like_a_users_is_live(self, store: MemcachedStore) -> None:
        store.create(f"{ADA}.epoch.one", live())

        assert_payload(store, f"{ADA}.epoch.one", PAYLOAD)
