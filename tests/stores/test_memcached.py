from __future__ import annotations

import hashlib
import os
import signal
import socket
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pymemcache
import pytest
from hypothesis.stateful import run_state_machine_as_test
from pymemcache.client.retrying import RetryingClient
from pymemcache.serde import compressed_serde
from pymemcache.serde import pickle_serde

from flask_serversession.errors import ConfigError
from flask_serversession.errors import StoreError
from flask_serversession.errors import StoreUnavailable
from flask_serversession.stores.base import ENDED
from flask_serversession.stores.base import Record
from flask_serversession.stores.base import Store
from flask_serversession.stores.base import SupportsKeys
from flask_serversession.stores.memcached import MemcachedStore
from flask_serversession.stores.memcached.known_ends import KnownEnds
from flask_serversession.testing import EpochsContract
from flask_serversession.testing import LeaseContract
from flask_serversession.testing import LockContract
from flask_serversession.testing import PingContract
from flask_serversession.testing import store_machine
from flask_serversession.testing import StoreContract
from flask_serversession.testing.contract import assert_ends_at
from flask_serversession.testing.contract import assert_payload
from flask_serversession.testing.contract import at_the_same_time
from flask_serversession.testing.contract import expired
from flask_serversession.testing.contract import in_
from flask_serversession.testing.contract import live
from flask_serversession.testing.contract import OTHER_PAYLOAD
from flask_serversession.testing.contract import PAYLOAD

from ..servers.base import free_port
from ..servers.base import hanging
from ..servers.base import stop
from ..servers.memcached import memcached_server
from ..servers.memcached import memcached_url as memcached_url
from ..servers.memcached import running_memcached
from .interruptions import Interrupted
from .interruptions import interrupted_soon

DAY = 24 * 60 * 60

#: What connect-memcached 3 stores for a cookie of a minute, and for one without an expiry.
NODE_PAYLOADS = [
    b'{"cookie":{"originalMaxAge":60000,"expires":"2026-11-21T00:07:03.371Z","httpOnly":true,'
    b'"path":"/"},"user":{"name":"Juan"},"views":3}',
    b'{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"},'
    b'"user":{"name":"Juan"},"views":3}',
]


def new_prefix() -> str:
    return f"test-{uuid.uuid4().hex}:"


def new_store(url: str, **options: Any) -> MemcachedStore:
    return MemcachedStore.from_url(url, prefix=new_prefix(), **options)


def address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 11211


def ask(url: str, command: str) -> bytes:
    """Return the first line of memcached's reply, without a client."""
    with socket.create_connection(address(url), timeout=60) as connection:
        connection.sendall(f"{command}\r\n".encode())
        return connection.makefile("rb").readline().strip()


def seconds_left(url: str, name: str) -> int:
    answer = ask(url, f"mg {name} t")
    assert answer.startswith(b"HD t")
    return int(answer[4:])


def client_options(**changes: object) -> dict[str, Any]:
    return {"no_delay": True, "timeout": 5, "connect_timeout": 5, **changes}


def new_client(url: str, **changes: object) -> pymemcache.PooledClient:
    return pymemcache.PooledClient(address(url), **client_options(**changes))


@pytest.fixture
def store(memcached_url: str) -> Iterator[MemcachedStore]:
    store = new_store(memcached_url)
    yield store
    store.close()


@pytest.fixture(scope="module")
def urls(memcached_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    with running_memcached(tmp_path_factory.mktemp("second")) as (second, _):
        yield [memcached_url, second]


class TestMemcachedStore(StoreContract, PingContract, LockContract, LeaseContract, EpochsContract):
    pass


class TestOnTwoServers(StoreContract, PingContract, EpochsContract):
    @pytest.fixture
    def store(self, urls: list[str]) -> Iterator[MemcachedStore]:
        store = new_store(",".join([urls[0], urlsplit(urls[1]).netloc]))
        yield store
        store.close()

    def test_both_servers_hold_sessions(self, store: MemcachedStore, urls: list[str]) -> None:
        for number in range(30):
            store.create(f"key{number}", live())

        names = [store._name(f"key{number}") for number in range(30)]
        first, second = (
            sum(ask(url, f"mg {name} t").startswith(b"HD") for name in names) for url in urls
        )
        assert first + second == 30
        assert first > 0
        assert second > 0

    def test_an_applications_hash_client_finds_the_same_items(
        self, store: MemcachedStore, urls: list[str]
    ) -> None:
        client = pymemcache.HashClient([address(url) for url in urls], use_pooling=True)
        for number in range(10):
            store.create(f"key{number}", live())
            assert client.get(store._name(f"key{number}")) == PAYLOAD
        client.close()


@pytest.mark.parametrize("layout", ["native", "connect-memcached"])
def test_random_programs_behave_as_on_a_dict(memcached_url: str, layout: str) -> None:
    run_state_machine_as_test(store_machine(lambda: new_store(memcached_url, layout=layout)))


class TestConnectMemcached(StoreContract, PingContract):
    @pytest.fixture
    def store(self, memcached_url: str) -> Iterator[MemcachedStore]:
        store = new_store(memcached_url, layout="connect-memcached")
        yield store
        store.close()

    @pytest.fixture
    def node_store(self, memcached_url: str) -> Iterator[MemcachedStore]:
        store = MemcachedStore.from_url(memcached_url, layout="connect-memcached")
        yield store
        store.close()

    @pytest.mark.parametrize("payload", NODE_PAYLOADS)
    def test_an_item_is_the_one_connect_memcached_stores(
        self, node_store: MemcachedStore, memcached_url: str, payload: bytes
    ) -> None:
        sid = uuid.uuid4().hex
        node_store.create(sid, live(payload, seconds=60))

        assert ask(memcached_url, f"get {sid}") == f"VALUE {sid} 2 {len(payload)}".encode()
        assert seconds_left(memcached_url, sid) == pytest.approx(60, abs=2)
        assert_payload(node_store, sid, payload)

    @pytest.mark.parametrize("payload", NODE_PAYLOADS)
    @pytest.mark.parametrize("flags", [2, 0, 16])
    def test_an_item_of_node_is_loaded_with_any_flags(
        self, node_store: MemcachedStore, memcached_url: str, payload: bytes, flags: int
    ) -> None:
        sid = uuid.uuid4().hex
        set_it = f"set {sid} {flags} 60 {len(payload)}\r\n{payload.decode()}"
        assert ask(memcached_url, set_it) == b"STORED"

        loaded = node_store.load(sid)
        assert loaded is not None
        assert loaded.payload == payload
        assert node_store.touch(sid, in_(600)) is True
        assert seconds_left(memcached_url, sid) == pytest.approx(600, abs=2)
        assert node_store.save(sid, live(OTHER_PAYLOAD)) is None
        assert ask(memcached_url, f"get {sid}").split()[2] == b"2"

    def test_an_item_that_node_has_set_again_refuses_a_save(
        self, node_store: MemcachedStore, memcached_url: str
    ) -> None:
        sid = uuid.uuid4().hex
        node_store.create(sid, live(NODE_PAYLOADS[0]))
        loaded = node_store.load(sid)
        ask(memcached_url, f"set {sid} 2 60 {len(OTHER_PAYLOAD)}\r\n{OTHER_PAYLOAD.decode()}")

        refusal = node_store.save(sid, live(NODE_PAYLOADS[1]), replacing=loaded)

        assert refusal is not None
        assert refusal.current is not None
        assert refusal.current.payload == OTHER_PAYLOAD

    def test_a_long_name_is_the_digest_of_npms_memcached(self, memcached_url: str) -> None:
        prefix = new_prefix()
        store = MemcachedStore.from_url(memcached_url, layout="express", prefix=prefix)
        longest, longer = "k" * (250 - len(prefix)), "k" * (251 - len(prefix))
        store.create(longest, live())
        store.create(longer, live())

        assert ask(memcached_url, f"mg {prefix}{longest} t").startswith(b"HD")
        digest = hashlib.md5((prefix + longer).encode()).hexdigest()
        assert ask(memcached_url, f"mg {digest} t").startswith(b"HD")
        assert_payload(store, longer, PAYLOAD)
        store.close()

    @pytest.mark.parametrize(
        "key", ["a key", "new\r\nline", "nul\0", "%41", "ключ", "k" * 300, ""]
    )
    def test_a_key_that_memcached_refuses_works_without_a_prefix(
        self, node_store: MemcachedStore, key: str
    ) -> None:
        node_store.delete(key)

        assert node_store.create(key, live()) is True
        assert_payload(node_store, key, PAYLOAD)
        assert node_store.delete(key) is True


def test_an_unknown_layout_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'connect-redis': use .*'connect-memcached'"):
        MemcachedStore.from_url("memcached://localhost", layout="connect-redis")


def test_an_item_is_marked_as_json_for_node(store: MemcachedStore, memcached_url: str) -> None:
    name, size = store._name("key"), len(PAYLOAD)
    store.create("key", live())
    assert ask(memcached_url, f"get {name}") == f"VALUE {name} 2 {size}".encode()

    store.save("key", live())
    assert ask(memcached_url, f"get {name}") == f"VALUE {name} 2 {size}".encode()

    store.save("key", live(), replacing=store.load("key"))
    assert ask(memcached_url, f"get {name}") == f"VALUE {name} 2 {size}".encode()


def test_a_usual_key_is_stored_verbatim(memcached_url: str) -> None:
    prefix = new_prefix()
    store = MemcachedStore.from_url(memcached_url, prefix=prefix)
    store.create("jTSkKxZ6D5oZ5v3H4m9sQm1z0L2c8-_X", live())

    assert ask(memcached_url, f"mg {prefix}jTSkKxZ6D5oZ5v3H4m9sQm1z0L2c8-_X t").startswith(b"HD")
    store.close()


@pytest.mark.parametrize("key", ["a key", "new\r\nline", "nul\0", "%41", "ключ", "k" * 300, ""])
def test_a_key_that_memcached_refuses_works(store: MemcachedStore, key: str) -> None:
    assert store.create(key, live()) is True

    assert_payload(store, key, PAYLOAD)
    assert store.load("A") is None


def test_long_keys_that_differ_at_the_end_are_different(store: MemcachedStore) -> None:
    store.create("k" * 300 + "1", live())

    assert store.load("k" * 300 + "2") is None


def test_a_clients_own_prefix_leaves_room_for_long_keys(memcached_url: str) -> None:
    client = new_client(memcached_url, key_prefix=b"p" * 100)
    store = MemcachedStore(client, prefix=new_prefix())
    store.create("k" * 200, live())

    assert_payload(store, "k" * 200, PAYLOAD)
    client.close()


@pytest.mark.parametrize("days", [1, 30, 31, 400])
def test_an_item_has_its_expiry_in_memcached(
    store: MemcachedStore, memcached_url: str, days: int
) -> None:
    name = store._name("key")

    store.create("key", live(seconds=days * DAY))
    assert seconds_left(memcached_url, name) == pytest.approx(days * DAY, abs=3)
    store.save("key", live(seconds=days * DAY + 1000))
    assert seconds_left(memcached_url, name) == pytest.approx(days * DAY + 1000, abs=3)
    store.touch("key", in_(days * DAY))
    assert seconds_left(memcached_url, name) == pytest.approx(days * DAY, abs=3)


def test_an_expiry_beyond_memcacheds_range_is_the_last_it_has(
    store: MemcachedStore, memcached_url: str
) -> None:
    store.create("key", Record(PAYLOAD, datetime(9999, 1, 1, tzinfo=timezone.utc)))

    left = seconds_left(memcached_url, store._name("key"))
    assert left == pytest.approx(2**31 - 1 - time.time(), abs=3)


def test_a_record_without_an_expiry_lives_on(store: MemcachedStore, memcached_url: str) -> None:
    store.create("key", Record(PAYLOAD, None))

    assert seconds_left(memcached_url, store._name("key")) == -1


def test_a_record_has_the_expiry_that_this_process_set(store: MemcachedStore) -> None:
    store.create("key", live(seconds=60))
    assert_ends_at(store.load("key"), in_(60))
    created = store.load("key")
    assert created is not None
    assert created.expires_at is not None

    store.touch("key", in_(7200))
    touched = store.load("key")
    assert touched is not None
    assert touched.expires_at is not None
    assert abs(touched.expires_at - in_(7200)) < timedelta(seconds=2)


def test_a_record_has_no_expiry_that_another_process_set(memcached_url: str) -> None:
    prefix = new_prefix()
    here, there = (MemcachedStore.from_url(memcached_url, prefix=prefix) for _ in range(2))
    there.create("key", live())
    found = here.load("key")
    assert found is not None
    assert found.expires_at is None

    here.touch("key", in_(0.1))
    there.touch("key", in_(7200))
    time.sleep(0.2)
    found = here.load("key")
    assert found is not None
    assert found.expires_at is None

    here.delete("key")
    assert here.load("key") is None
    here.close()
    there.close()


def test_only_the_latest_expiries_are_remembered() -> None:
    ends = KnownEnds(limit=2)
    for name in ("one", "two", "three"):
        ends.note(name, in_(60))

    assert ends.get("one") is None
    assert ends.get("two") is not None
    ends.note("two", None)
    assert ends.get("two") is None


def test_after_a_restart_one_call_fails_and_no_more(tmp_path: Path) -> None:
    port = free_port()
    store = new_store(f"memcached://127.0.0.1:{port}")
    with memcached_server(tmp_path, port):
        at_the_same_time([lambda: store.load("key")] * 4)  # four pooled connections
    with memcached_server(tmp_path, port):
        with pytest.raises(StoreUnavailable):
            store.load("key")
        assert [store.load("key") for _ in range(4)] == [None] * 4
    store.close()


def test_a_save_with_a_stale_version_does_not_end_a_session(store: MemcachedStore) -> None:
    store.create("key", live())
    stale = store.load("key")
    store.save("key", live(OTHER_PAYLOAD))

    assert store.save("key", expired(), replacing=stale) is not None

    assert_payload(store, "key", OTHER_PAYLOAD)


def test_a_write_waits_for_its_reply_with_every_client(memcached_url: str) -> None:
    client = new_client(memcached_url, default_noreply=True)
    store = MemcachedStore(client, prefix=new_prefix())

    assert store.create("key", live()) is True
    assert store.create("key", live()) is False
    assert store.touch("absent", in_(60)) is False
    assert store.delete("absent") is False
    client.close()


def test_a_session_over_the_size_limit_is_an_error_and_leaves_the_old_one(
    store: MemcachedStore,
) -> None:
    store.create("key", live())
    too_large = live(b'{"secret":"%s"}' % (b"x" * 2_000_000))

    for save in (
        lambda: store.save("key", too_large),
        lambda: store.save("key", too_large, replacing=store.load("key")),
        lambda: store.create("other", too_large),
    ):
        with pytest.raises(StoreError, match="item limit") as caught:
            save()
        assert "secret" not in str(caught.value)

    assert_payload(store, "key", PAYLOAD)
    assert store.load("other") is None


def test_the_store_does_not_list_keys(store: MemcachedStore) -> None:
    assert not isinstance(store, SupportsKeys)


def test_a_client_that_threads_cannot_share_is_refused(memcached_url: str) -> None:
    single = pymemcache.Client(address(memcached_url))
    for client in (
        single,
        RetryingClient(new_client(memcached_url)),
        pymemcache.HashClient([address(memcached_url)]),
        pymemcache.HashClient([], use_pooling=True),
    ):
        with pytest.raises(ConfigError, match="PooledClient"):
            MemcachedStore(client)


def compress(key: bytes, value: bytes) -> tuple[bytes, int]:
    return (value[:1], 8) if len(value) > 400 else (value, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"serde": pickle_serde},
        {"serde": compressed_serde},
        {"serializer": compress},
        {"deserializer": lambda key, value, flags: int(value) if flags & 2 else value},
        {"ignore_exc": True},
    ],
)
def test_a_client_that_changes_payloads_is_refused(
    memcached_url: str, changes: dict[str, object]
) -> None:
    with pytest.raises(ConfigError, match="made without"):
        MemcachedStore(new_client(memcached_url, **changes))


@pytest.mark.parametrize("missing", ["no_delay", "timeout", "connect_timeout"])
def test_a_client_that_is_slow_or_has_no_timeout_is_warned_about(
    memcached_url: str, missing: str
) -> None:
    with pytest.warns(UserWarning, match=rf"Give the memcached client {missing}\."):
        MemcachedStore(new_client(memcached_url, **{missing: None}))


@pytest.mark.parametrize("prefix", ["with space ", "é", "\n", "p" * 180])
def test_a_prefix_that_memcached_cannot_store_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigError, match="prefix"):
        MemcachedStore.from_url("memcached://localhost", prefix=prefix)


@pytest.mark.parametrize(
    "url",
    [
        "memcached://",
        "memcached://user:hunter2@localhost",
        "memcached://localhost:eleven",
        "memcached://localhost,",
        "memcached://localhost/0",
        "memcached://localhost?timeout=3",
        "memcache://localhost",
    ],
)
def test_a_url_that_cannot_be_read_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="looks like memcached://") as caught:
        MemcachedStore.from_url(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["memcached://localhost", "memcached://[::1]:11212", "memcached://a.test:1,b.test:2/"]
)
def test_making_a_store_connects_to_nothing(url: str) -> None:
    MemcachedStore.from_url(url).close()


def test_a_missing_driver_raises_an_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pymemcache", None)

    with pytest.raises(ConfigError, match=r"Flask-ServerSession\[memcached\]"):
        MemcachedStore.from_url("memcached://localhost")


def test_closing_leaves_an_applications_client_open(memcached_url: str) -> None:
    client = new_client(memcached_url)
    store = MemcachedStore(client, prefix=new_prefix())
    store.create("key", live())
    (connection,) = client.client_pool.free

    store.close()

    assert connection.sock is not None
    client.close()


def assert_unavailable(store: Store) -> None:
    started = time.monotonic()
    with pytest.raises(StoreUnavailable) as caught:
        store.create("the-key", live())
    with pytest.raises(StoreUnavailable):
        store.load("the-key")
    with pytest.raises(StoreUnavailable):
        store.touch("the-key", in_(60))
    assert time.monotonic() - started < 10
    assert "the-key" not in str(caught.value)
    assert PAYLOAD.decode() not in str(caught.value)


def test_a_missing_server_is_unavailable() -> None:
    assert_unavailable(new_store(f"memcached://127.0.0.1:{free_port()}"))
    assert_unavailable(new_store(f"memcached://127.0.0.1:{free_port()},localhost:{free_port()}"))


@pytest.mark.usefixtures("memcached_url")  # skips without the program
def test_a_stopped_server_is_unavailable(tmp_path: Path) -> None:
    with running_memcached(tmp_path) as (url, process):
        store = new_store(url)
        store.create("key", live())
        stop(process)

        assert_unavailable(store)
        with pytest.raises(StoreUnavailable):
            store.ping()


@pytest.mark.usefixtures("memcached_url")  # skips without the program
def test_a_server_that_hangs_is_unavailable(tmp_path: Path) -> None:
    with running_memcached(tmp_path) as (url, process):
        store = new_store(url, timeout=0.3)
        store.create("key", live())
        with hanging(process):
            assert_unavailable(store)
        store.close()


@pytest.mark.usefixtures("memcached_url")  # skips without the program
def test_an_interrupted_verb_frees_its_place_in_the_pool(tmp_path: Path) -> None:
    with running_memcached(tmp_path) as (url, process):
        client = new_client(url, max_pool_size=1)
        store = MemcachedStore(client, prefix=new_prefix())
        store.create("key", live())
        store.create("other", live(OTHER_PAYLOAD))

        with closing(client):
            with hanging(process), pytest.raises(Interrupted), interrupted_soon():
                store.load("key")

            assert_payload(store, "other", OTHER_PAYLOAD)


def test_an_exhausted_pool_says_so(memcached_url: str) -> None:
    client = new_client(memcached_url, max_pool_size=1)
    store = MemcachedStore(client, prefix=new_prefix())
    held = client.client_pool.get()

    with pytest.raises(
        StoreUnavailable, match=r"memcached at 127.*is in use\. Raise max_pool_size"
    ):
        store.load("key")

    client.client_pool.release(held)
    client.close()


def test_a_dropped_connection_closes_no_connection_in_use(memcached_url: str) -> None:
    store = new_store(memcached_url)
    [client] = store._servers.values()
    pool = client.client_pool
    in_use, idle, idle_too = (pool.get() for _ in range(3))
    for connection in (in_use, idle, idle_too):
        connection.version()
    for connection in (idle, idle_too):
        pool.release(connection)
        connection.sock.shutdown(socket.SHUT_RDWR)

    with pytest.raises(StoreUnavailable):
        store.load("key")

    assert in_use.version()
    assert pool.free == ()
    assert store.load("key") is None
    pool.release(in_use)
    store.close()


def test_the_keys_of_a_lost_server_are_not_given_to_another(
    memcached_url: str, tmp_path: Path
) -> None:
    with running_memcached(tmp_path) as (second, process):
        store = new_store(f"{memcached_url},{urlsplit(second).netloc}")
        for number in range(20):
            store.create(f"key{number}", live())
        stop(process)

    found = [outcome(store, f"key{number}") for number in range(20) for _ in range(4)]
    assert set(found) == {"found", "unavailable"}
    store.close()


def outcome(store: Store, key: str) -> str:
    try:
        return "found" if store.load(key) else "absent"
    except StoreUnavailable:
        return "unavailable"


def keep_saving(store: Store, key: str) -> None:
    for number in range(300):
        payload = b'{"%s":%d}' % (key.encode(), number)
        assert store.save(key, live(payload)) is None
        assert_payload(store, key, payload)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("owner", ["store", "application"])
def test_a_forked_child_shares_no_connection(memcached_url: str, owner: str) -> None:
    client = new_client(memcached_url)
    application = MemcachedStore(client, prefix=new_prefix())
    store = application if owner == "application" else new_store(memcached_url)
    store.create("parent", live())
    store.create("child", live())

    child = os.fork()
    if child == 0:
        signal.alarm(60)
        try:
            keep_saving(store, "child")
        except BaseException:
            os._exit(1)
        os._exit(0)
    keep_saving(store, "parent")
    _, status = os.waitpid(child, 0)

    assert status == 0
    store.close()
    client.close()


def test_a_record_saved_as_expired_is_removed(tmp_path: Path) -> None:
    with running_memcached(tmp_path) as (url, _):
        store = new_store(url)
        for ended_by in (None, live()):
            store.create("key", live())
            assert store.save("key", ENDED, replacing=ended_by) is None
            if ended_by is not None:
                time.sleep(2)  # memcached itself removes it after a moment
            assert items(url) == 0
        store.close()


def items(url: str) -> int:
    with socket.create_connection(address(url), timeout=60) as connection:
        connection.sendall(b"stats\r\n")
        lines = connection.makefile("rb")
        return next(int(line.split()[2]) for line in lines if b" curr_items " in line)
