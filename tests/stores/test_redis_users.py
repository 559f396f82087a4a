"""The index in Redis of the records that a user has: nothing is missing, nothing is left."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any

import pytest
import redis
from hypothesis.stateful import run_state_machine_as_test

from flask_serversession.errors import StoreUnavailable
from flask_serversession.stores.base import ENDED
from flask_serversession.stores.base import Record
from flask_serversession.stores.base import Refusal
from flask_serversession.stores.base import Store
from flask_serversession.stores.redis import RedisStore
from flask_serversession.testing import store_machine
from flask_serversession.testing import StoreContract
from flask_serversession.testing.contract import at_the_same_time
from flask_serversession.testing.contract import expired
from flask_serversession.testing.contract import in_
from flask_serversession.testing.contract import live
from flask_serversession.testing.contract import OTHER_PAYLOAD
from flask_serversession.testing.users import ADA
from flask_serversession.testing.users import BOB
from flask_serversession.testing.users import keys_of

from ..servers.base import hanging
from ..servers.redis import one_server
from ..servers.redis import Servers
from ..servers.redis import three_masters
from .test_redis import admin
from .test_redis import master_of
from .test_redis import served

KEY = f"{ADA}.key"
INDEX = f"by-user:sess:{ADA}"


@pytest.fixture(scope="module")
def server(redis_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with one_server(redis_program, tmp_path_factory.mktemp("redis")) as servers:
        yield servers


@pytest.fixture(scope="module")
def valkey(valkey_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with one_server(valkey_program, tmp_path_factory.mktemp("valkey")) as servers:
        yield servers


@pytest.fixture(scope="module")
def cluster(redis_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with three_masters(redis_program, tmp_path_factory.mktemp("redis")) as servers:
        yield servers


@pytest.fixture(params=["server", "valkey", pytest.param("cluster", marks=pytest.mark.slow)])
def servers(request: pytest.FixtureRequest) -> Servers:
    servers: Servers = request.getfixturevalue(request.param)
    return servers


@pytest.fixture
def store(servers: Servers) -> Iterator[RedisStore]:
    store = RedisStore.from_url(servers.url)
    yield store
    store.close()
    for port in servers.ports:
        with admin(port) as client:
            client.flushall()


@pytest.fixture
def client(servers: Servers) -> Iterator[Any]:
    """An administrator's client, independent of the store."""
    kind: Any = redis.RedisCluster if len(servers.ports) > 1 else redis.Redis
    with kind(host="127.0.0.1", port=servers.ports[0]) as client:
        yield client


on_one_server = pytest.mark.parametrize("servers", ["server", "valkey"], indirect=True)
in_a_cluster = pytest.mark.parametrize("servers", ["cluster"], indirect=True)


def stored(servers: Servers) -> set[str]:
    """Return the names of everything on the servers."""
    names: set[bytes] = set()
    for port in servers.ports:
        with admin(port) as client:
            names.update(client.keys("*"))
    return {name.decode() for name in names}


class OfAda:
    """A store whose keys all belong to one user."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def load(self, key: str) -> Record | None:
        return self._store.load(f"{ADA}.{key}")

    def create(self, key: str, record: Record) -> bool:
        return self._store.create(f"{ADA}.{key}", record)

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        return self._store.save(f"{ADA}.{key}", record, replacing=replacing)

    def touch(self, key: str, expires_at: datetime) -> bool:
        return self._store.touch(f"{ADA}.{key}", expires_at)

    def delete(self, key: str) -> bool:
        return self._store.delete(f"{ADA}.{key}")


class TestVerbs(StoreContract):
    @pytest.fixture
    def store(self, store: RedisStore) -> Store:
        return OfAda(store)

    def test_random_programs_behave_as_on_a_dict(self, servers: Servers, store: Store) -> None:
        opened: list[RedisStore] = []

        def empty_store() -> Store:
            opened.append(RedisStore.from_url(servers.url, prefix=f"{len(opened)}:"))
            return OfAda(opened[-1])

        machine = store_machine(empty_store, examples=10)
        run_state_machine_as_test(machine, settings=machine.TestCase.settings)
        for each in opened:
            each.close()


ENDINGS: dict[str, Callable[[Store, str], object]] = {
    "delete": lambda store, key: store.delete(key),
    "save": lambda store, key: store.save(key, ENDED),
    "save, replacing": lambda store, key: store.save(key, ENDED, replacing=store.load(key)),
    "touch into the past": lambda store, key: store.touch(key, in_(-1)),
    "short touch": lambda store, key: store.touch(key, in_(0.1)),
    "short save": lambda store, key: store.save(key, live(seconds=0.1)),
    "short save, replacing": lambda store, key: store.save(
        key, live(seconds=0.1), replacing=store.load(key)
    ),
}
LATE: list[Callable[[Store, str, Record | None], object]] = [
    lambda store, key, loaded: store.save(key, live()),
    lambda store, key, loaded: store.save(key, live(), replacing=loaded),
    lambda store, key, loaded: store.save(key, ENDED, replacing=loaded),
    lambda store, key, loaded: store.touch(key, in_(60)),
    lambda store, key, loaded: store.delete(key),
]


class TestNothingIsLeft:
    @on_one_server
    def test_after_random_endings_there_is_no_key(
        self, servers: Servers, store: RedisStore
    ) -> None:
        chance = random.Random(1)
        endings = list(ENDINGS.values())
        loaded: dict[str, Record | None] = {}
        for number in range(400):
            key = f"{chance.choice([ADA, BOB])}.{number}"
            store.create(key, live())
            loaded[key] = store.load(key)
            chance.choice(endings)(store, chance.choice([*loaded]))
        for key in loaded:
            chance.choice(endings)(store, key)
        time.sleep(0.15)
        for key, record in loaded.items():
            chance.choice(LATE)(store, key, record)

        assert stored(servers) == set()

    @on_one_server
    @pytest.mark.parametrize("ending", ENDINGS)
    def test_an_index_forgets_a_record_that_ends_among_others(
        self, store: RedisStore, client: redis.Redis, ending: str
    ) -> None:
        store.create(KEY, live())
        store.create(f"{ADA}.other", live())
        loaded = store.load(KEY)

        ENDINGS[ending](store, KEY)
        time.sleep(0.15)
        for late in LATE:
            late(store, KEY, loaded)
        store.touch(f"{ADA}.other", in_(60))

        assert client.zrange(INDEX, 0, -1) == [f"{ADA}.other".encode()]

    @pytest.mark.parametrize("ending", ENDINGS)
    def test_a_late_verb_leaves_nothing(
        self, servers: Servers, store: RedisStore, ending: str
    ) -> None:
        store.create(KEY, live())
        loaded = store.load(KEY)
        ENDINGS[ending](store, KEY)
        time.sleep(0.15)

        for late in LATE:
            late(store, KEY, loaded)
            assert stored(servers) == set()
        assert keys_of(store, ADA) == []

    def test_a_key_without_a_record_vanishes_on_reading(
        self, servers: Servers, store: RedisStore, client: Any
    ) -> None:
        """A record that was evicted, or whose Cluster lost a process in between."""
        store.create(KEY, live())
        store.create(f"{ADA}.evicted", live())
        client.delete(f"sess:{ADA}.evicted")

        assert keys_of(store, ADA) == [KEY]
        assert client.zrange(INDEX, 0, -1) == [KEY.encode()]

        client.delete(f"sess:{KEY}")

        assert keys_of(store, ADA) == []
        assert stored(servers) == set()

    @pytest.mark.parametrize(
        "ending", ["delete", "save", "save, replacing", "touch into the past"]
    )
    def test_a_full_server_still_ends_sessions(
        self, servers: Servers, store: RedisStore, ending: str
    ) -> None:
        store.create(KEY, live())
        store.save(KEY, live(), replacing=live(OTHER_PAYLOAD))
        with ExitStack() as stack:
            for port in servers.ports:
                client = stack.enter_context(admin(port))
                client.config_set("maxmemory", 1)
                stack.callback(client.config_set, "maxmemory", 0)

            ENDINGS[ending](store, KEY)

        assert stored(servers) == set()

    def test_a_clear_removes_the_indexes_of_its_prefix(
        self, servers: Servers, store: RedisStore
    ) -> None:
        other = RedisStore.from_url(servers.url, prefix="other:")
        for each in (store, other):
            for key in (KEY, f"{ADA}.two", f"{BOB}.three", "anonymous"):
                each.create(key, live())

        assert store.clear() == 4
        assert keys_of(other, ADA) == [KEY, f"{ADA}.two"]
        assert other.clear() == 4
        assert stored(servers) == set()
        other.close()


class TestTheIndex:
    def test_it_is_not_listed_whatever_the_prefix(
        self, servers: Servers, store: RedisStore
    ) -> None:
        for prefix in ("", "b", "by-user:", "sess:"):
            store = RedisStore.from_url(servers.url, prefix=prefix)
            store.create(KEY, live())

            assert list(store.keys()) == [KEY]
            assert store.count() == 1
            assert keys_of(store) == keys_of(store, ADA) == [KEY]

            store.delete(KEY)
            store.close()

    def test_it_ends_with_its_longest_record(
        self, servers: Servers, store: RedisStore, client: Any
    ) -> None:
        def longest() -> list[int]:
            """Return the seconds that the longest record and the index have left."""
            names = [f"sess:{ADA}.{name}" for name in ("short", "long", "longer")]
            left = [max(map(client.pttl, names)), client.pttl(INDEX)]
            assert abs(left[0] - left[1]) < 100
            return [round(each / 1000) for each in left]

        for name, seconds in [("short", 100), ("long", 300), ("longer", 400), ("short", 50)]:
            store.create(f"{ADA}.{name}", live(seconds=seconds))
        assert longest() == [400, 400]
        store.delete(f"{ADA}.longer")
        assert longest() == [300, 300]
        store.touch(f"{ADA}.long", in_(1000))
        assert longest() == [1000, 1000]
        store.save(f"{ADA}.short", live(OTHER_PAYLOAD, 2000), replacing=live())
        assert longest() == [2000, 2000]
        if len(servers.ports) == 1:  # in a Cluster another client may be extending it
            store.touch(f"{ADA}.short", in_(70))
            assert longest() == [1000, 1000]
        store.save(f"{ADA}.long", Record(b"{}", None))
        assert client.pttl(INDEX) > 10**14

    def test_records_without_a_user_are_in_no_index(
        self, servers: Servers, store: RedisStore
    ) -> None:
        for key in ("key", ADA, f"x{KEY}"):
            store.create(key, live())
            store.save(key, live(OTHER_PAYLOAD), replacing=store.load(key))
            store.touch(key, in_(60))

        assert stored(servers) == {"sess:key", f"sess:{ADA}", f"sess:x{KEY}"}

    def test_a_foreign_value_is_left_out(self, store: RedisStore, client: Any) -> None:
        for name in ("list", "hash", "kept"):
            store.create(f"{ADA}.{name}", live())
        client.delete(f"sess:{ADA}.list", f"sess:{ADA}.hash")
        client.rpush(f"sess:{ADA}.list", "an item")
        client.hset(f"sess:{ADA}.hash", "field", "value")
        client.zadd(INDEX, {b"\xff": 10**14})

        assert keys_of(store, ADA) == [f"{ADA}.kept"]
        assert keys_of(store) == [f"{ADA}.kept"]

    def test_a_record_without_a_ttl_is_found(self, store: RedisStore, client: Any) -> None:
        store.create(KEY, live())
        client.persist(f"sess:{KEY}")

        assert [*store.records(ADA)] == [*store.records()] == [(KEY, Record(live().payload, None))]

    @on_one_server
    def test_it_works_through_an_applications_client(self, servers: Servers) -> None:
        with redis.Redis(port=servers.ports[0]) as client:
            finds_and_clears(RedisStore(client))

    @in_a_cluster
    def test_it_works_through_an_applications_clients_of_a_cluster(self, servers: Servers) -> None:
        valkey = pytest.importorskip("valkey")
        for kind in (redis.RedisCluster, valkey.ValkeyCluster):
            with kind(host="127.0.0.1", port=servers.ports[0]) as client:
                finds_and_clears(RedisStore(client))


class TestRoundTrips:
    @on_one_server
    @pytest.mark.parametrize(
        "call",
        [
            pytest.param(lambda s: s.load(KEY), id="load"),
            pytest.param(lambda s: s.create(f"{ADA}.new", live()), id="create"),
            pytest.param(lambda s: s.create(KEY, live()), id="create, taken"),
            pytest.param(lambda s: s.create(KEY, expired()), id="create, expired"),
            pytest.param(lambda s: s.save(KEY, live()), id="save"),
            pytest.param(lambda s: s.save(KEY, expired()), id="save, expired"),
            pytest.param(lambda s: s.save(KEY, live(), replacing=live()), id="replacing"),
            pytest.param(lambda s: s.save(KEY, live(), replacing=live(b"x")), id="refused"),
            pytest.param(lambda s: s.touch(KEY, in_(9)), id="touch"),
            pytest.param(lambda s: s.delete(KEY), id="delete"),
            pytest.param(lambda s: keys_of(s, ADA), id="records"),
        ],
    )
    def test_every_verb_is_one(
        self, servers: Servers, store: RedisStore, call: Callable[[RedisStore], object]
    ) -> None:
        for _ in range(2):  # the server knows every script then
            store.create(KEY, live())
            store.save(KEY, live(), replacing=live())
            keys_of(store, ADA)

        trips, _ = served(servers, lambda: call(store))

        assert trips == 1

    @on_one_server
    def test_a_user_is_read_in_one_among_thousands_of_others(
        self, servers: Servers, store: RedisStore, client: redis.Redis
    ) -> None:
        client.mset({f"sess:{number}": b"{}" for number in range(20_000)})
        keys = {f"{ADA}.{number}" for number in range(300)}
        for key in keys:
            store.create(key, live())
        keys_of(store, ADA)
        found: list[str] = []

        trips, ran = served(servers, lambda: found.extend(keys_of(store, ADA)))

        assert set(found) == keys
        assert trips == 1
        assert ran.count("get") == ran.count("pttl") == 300
        assert len(ran) == 602

    @on_one_server
    def test_everybody_is_read_in_batches(
        self, servers: Servers, store: RedisStore, client: redis.Redis
    ) -> None:
        client.mset({f"sess:{number}": b"{}" for number in range(5_000)})

        trips, ran = served(servers, lambda: list(store.records()))

        # The client sends a batch in pieces, which the server may read one by one.
        assert trips - ran.count("scan") < 10 * 10
        assert ran.count("mget") == ran.count("pttl") == 5_000


class TestNoRecordIsLost:
    def test_a_killed_process_leaves_no_record_without_its_key(
        self, servers: Servers, store: RedisStore
    ) -> None:
        for seed in range(15):
            began, begins = os.pipe()
            child = os.fork()
            if child == 0:
                with suppress(BaseException):
                    run_verbs(servers.url, seed, begins)
                os._exit(1)
            os.close(begins)
            assert os.read(began, 1), "the process did nothing"
            os.close(began)
            time.sleep(random.Random(seed).random() / 20)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)

            for user in (ADA, BOB):
                assert keys_of(store, user) == [k for k in keys_of(store) if k.startswith(user)]
        assert keys_of(store)

    @in_a_cluster
    def test_a_node_that_hangs_between_two_steps_does_not_either(
        self, servers: Servers, client: Any
    ) -> None:
        numbers = (n for n in range(99) if node_of(client, n) != client.get_node_from_key(INDEX))
        old, new = (f"{ADA}.{number}" for number in islice(numbers, 2))
        store = RedisStore.from_url(servers.url, timeout=0.3)
        store.create(old, live())

        with hanging(master_of(servers, INDEX)), pytest.raises(StoreUnavailable):
            store.create(new, live())
        assert store.load(new) is None

        with hanging(master_of(servers, f"sess:{old}")):
            with pytest.raises(StoreUnavailable):
                store.delete(old)
            assert client.zscore(INDEX, old) is not None
        store.close()

    @in_a_cluster
    def test_a_reader_does_not_remove_a_key_whose_record_is_being_created(
        self, store: RedisStore
    ) -> None:
        def create(name: int) -> None:
            for number in range(25):
                store.create(f"{ADA}.{name}.{number}", live())

        def read() -> None:
            for _ in range(50):
                keys_of(store, ADA)

        creators: list[Callable[[], None]] = [lambda n=n: create(n) for n in range(4)]  # type: ignore[misc]
        at_the_same_time([*creators, read, read])

        assert len(keys_of(store, ADA)) == 100

    @in_a_cluster
    def test_a_refused_save_does_not_shorten_the_time_of_a_key(
        self, store: RedisStore, client: Any
    ) -> None:
        store.create(KEY, live(seconds=1000))

        store.create(KEY, live(seconds=1))
        store.save(KEY, live(seconds=2), replacing=live(OTHER_PAYLOAD))

        assert client.pttl(INDEX) > 900_000


def node_of(client: Any, number: int) -> object:
    return client.get_node_from_key(f"sess:{ADA}.{number}")


def finds_and_clears(store: RedisStore) -> None:
    store.create(KEY, live())
    store.create("key", live())
    store.save(KEY, live(OTHER_PAYLOAD), replacing=live())

    assert keys_of(store, ADA) == [KEY]
    assert keys_of(store) == [KEY, "key"]
    assert store.clear() == 2
    assert keys_of(store, ADA) == []


def run_verbs(url: str, seed: int, begins: int) -> None:
    """Change the records of two users until the process is killed.

    :param begins: a file that is written to after the first one.
    """
    chance = random.Random(seed)
    with ExitStack() as stack:
        store = RedisStore.from_url(url)
        stack.callback(store.close)
        store.create(f"{ADA}.first", live())
        os.write(begins, b".")
        while True:
            key = f"{chance.choice([ADA, BOB])}.{chance.randrange(30)}"
            verb = chance.choice(["create", "create", "save", "replace", "touch", "delete"])
            if verb == "create":
                store.create(key, live())
            elif verb == "save":
                store.save(key, chance.choice([live(), ENDED]))
            elif verb == "replace":
                store.save(key, chance.choice([live(), ENDED]), replacing=store.load(key))
            elif verb == "touch":
                store.touch(key, in_(chance.choice([60, -1])))
            else:
                store.delete(key)
