from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from flask_serversession.stores.redis import RedisStore
from flask_serversession.testing.contract import at_the_same_time
from flask_serversession.testing.locks import PATIENCE

from ..servers.base import hanging
from ..servers.redis import master_and_sentinel
from ..servers.redis import one_server
from ..servers.redis import redis_program as redis_program
from ..servers.redis import Servers
from ..servers.redis import three_masters
from .test_redis import admin
from .test_redis import served

pytestmark = pytest.mark.slow

HOUR = 3600.0
spawn = multiprocessing.get_context("spawn")


@pytest.fixture(
    scope="module",
    params=[one_server, three_masters, master_and_sentinel],
    ids=lambda s: s.__name__,
)
def servers(
    request: pytest.FixtureRequest, redis_program: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Servers]:
    with request.param(redis_program, tmp_path_factory.mktemp("redis")) as servers:
        yield servers


@pytest.fixture
def store(servers: Servers) -> Iterator[RedisStore]:
    store = RedisStore.from_url(servers.url)
    yield store
    for port in servers.ports:
        with admin(port) as client:
            client.flushall()
    store.close()


def test_each_verb_is_one_round_trip(servers: Servers, store: RedisStore) -> None:
    lock = store.lock("key", ttl=HOUR)
    for verb in (lambda: lock.acquire(0), lock.renew, lock.release):
        verb()  # the server knows the scripts now
    for verb in (lambda: lock.acquire(0), lock.renew, lock.release):
        assert served(servers, verb)[0] == 1


def test_waiters_send_a_handful_of_commands_a_second(servers: Servers, store: RedisStore) -> None:
    assert store.lock("key", ttl=HOUR).acquire(0)

    def wait() -> None:
        waits = [store.lock("key", ttl=HOUR) for _ in range(4)]
        assert not any(at_the_same_time([lambda w=w: w.acquire(1) for w in waits]))  # type: ignore[misc]

    wait()  # each thread has a connection now
    _, ran = served(servers, wait)

    assert ran.count("blpop") in range(4, 9)
    assert ran.count("set") in range(8, 13)


def test_a_release_wakes_a_waiter_before_its_next_attempt(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_serversession.stores.redis.lock._LONGEST_WAIT", HOUR)
    store._timeout = 2 * HOUR
    first, second = store.lock("key", ttl=HOUR), store.lock("key", ttl=HOUR)
    assert first.acquire(0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(second.acquire, 3)
        time.sleep(0.5)
        first.release()
        assert waiting.result(timeout=PATIENCE) is True

    assert second.renew() is True


def test_releases_without_a_waiter_leave_one_wake_that_expires(
    servers: Servers, store: RedisStore
) -> None:
    for _ in range(5):
        lock = store.lock("key", ttl=HOUR)
        assert lock.acquire(0)
        lock.release()

    lengths = []
    for port in servers.ports:
        with admin(port) as client:
            for name in client.keys("*"):
                lengths.append(client.llen(name))
                assert 0 < client.pttl(name) <= 1000
    assert lengths == [1]


def test_a_waiter_that_dies_with_its_wake_does_not_block_the_others(
    servers: Servers, store: RedisStore
) -> None:
    first, second = store.lock("key", ttl=HOUR), store.lock("key", ttl=HOUR)
    assert first.acquire(0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(second.acquire, PATIENCE)
        first.release()
        for port in servers.ports:
            with admin(port) as client:
                for name in client.keys("wake:*"):
                    client.delete(name)
        assert waiting.result(timeout=PATIENCE) is True


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("sess:", "sess"), ("{app}:", "app"), ("{app}:sess:", "{app}:s"), ("a}", "a")],
)
def test_no_store_lists_or_clears_locks(servers: Servers, ours: str, theirs: str) -> None:
    stores = [RedisStore.from_url(servers.url, prefix=prefix) for prefix in (ours, theirs)]
    lock = stores[0].lock("key", ttl=HOUR)
    assert lock.acquire(0)

    for each in stores:
        assert (list(each.keys()), each.count(), each.clear()) == ([], 0, 0)

    assert lock.renew() is True
    lock.release()
    for each in stores:
        each.close()


def test_the_lock_of_a_killed_holder_ends_after_its_ttl(
    servers: Servers, store: RedisStore
) -> None:
    ours, theirs = spawn.Pipe()
    holder = spawn.Process(target=_hold, args=(servers.url, theirs), daemon=True)
    holder.start()
    with ours:
        assert ours.poll(PATIENCE)
        ours.recv()
    holder.kill()
    holder.join(PATIENCE)

    lock = store.lock("key", ttl=HOUR)
    assert lock.acquire(0) is False
    assert lock.acquire(PATIENCE) is True


def test_increments_by_eight_processes_are_all_counted(
    servers: Servers, store: RedisStore, tmp_path: Path
) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    counters = [
        spawn.Process(target=_count, args=(servers.url, counter), daemon=True) for _ in range(8)
    ]
    for each in counters:
        each.start()
    for each in counters:
        each.join(2 * PATIENCE)

    assert [each.exitcode for each in counters] == [0] * 8
    assert counter.read_text() == "80"


def test_a_client_that_retries_an_acquire_has_the_lock(redis_program: str, tmp_path: Path) -> None:
    with one_server(redis_program, tmp_path) as servers:
        options = {"socket_timeout": 0.5, "retry": Retry(NoBackoff(), 1)}
        with redis.Redis(port=servers.ports[0], **options) as client:  # type: ignore[arg-type]
            lock = RedisStore(client).lock("key", ttl=HOUR)
            client.ping()
            with ThreadPoolExecutor(1) as pool, hanging(servers.processes[0]):
                taken = pool.submit(lock.acquire, 3)
                threading.Timer(0.75, servers.processes[0].send_signal, [18]).start()
                assert taken.result(timeout=PATIENCE) is True
            assert lock.renew() is True


def _hold(url: str, told: Connection) -> None:
    store = RedisStore.from_url(url)
    assert store.lock("key", ttl=1.5).acquire(0)
    told.send(None)
    time.sleep(2 * PATIENCE)


def _count(url: str, counter: Path) -> None:
    store = RedisStore.from_url(url)
    for _ in range(10):
        lock = store.lock("key", ttl=HOUR)
        assert lock.acquire(PATIENCE)
        counter.write_text(str(int(counter.read_text()) + 1))
        lock.release()
    store.close()
