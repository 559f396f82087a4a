from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import traceback
import uuid
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import redis
import redis.asyncio
from hypothesis.stateful import run_state_machine_as_test

from flask_serversession.errors import ConfigError
from flask_serversession.errors import StoreError
from flask_serversession.errors import StoreUnavailable
from flask_serversession.stores.base import GONE
from flask_serversession.stores.base import Record
from flask_serversession.stores.base import Store
from flask_serversession.stores.redis import RedisStore
from flask_serversession.testing import KeysContract
from flask_serversession.testing import LeaseContract
from flask_serversession.testing import LockContract
from flask_serversession.testing import PingContract
from flask_serversession.testing import store_machine
from flask_serversession.testing import StoreContract
from flask_serversession.testing import UsersContract
from flask_serversession.testing.contract import assert_payload
from flask_serversession.testing.contract import at_the_same_time
from flask_serversession.testing.contract import expired
from flask_serversession.testing.contract import in_
from flask_serversession.testing.contract import live
from flask_serversession.testing.contract import OTHER_PAYLOAD
from flask_serversession.testing.contract import PAYLOAD
from flask_serversession.testing.users import ADA

from ..servers.base import free_port
from ..servers.base import hanging
from ..servers.redis import master_and_sentinel
from ..servers.redis import one_server
from ..servers.redis import redis_cluster_url as redis_cluster_url
from ..servers.redis import redis_program as redis_program
from ..servers.redis import redis_sentinel_url as redis_sentinel_url
from ..servers.redis import redis_server
from ..servers.redis import redis_url as redis_url
from ..servers.redis import Servers
from ..servers.redis import SERVICE
from ..servers.redis import three_masters

TIMEOUT = 0.5
NOT_TEXT = b"\xff\x00\xfe\r\n$-1\r\n"

VERBS = {
    "load": lambda store: store.load("a key"),
    "create": lambda store: store.create("a key", live()),
    "create expired": lambda store: store.create("a key", expired()),
    "save": lambda store: store.save("a key", live()),
    "save expired": lambda store: store.save("a key", expired()),
    "save replacing": lambda store: store.save("a key", live(), replacing=live()),
    "touch": lambda store: store.touch("a key", in_(60)),
    "delete": lambda store: store.delete("a key"),
    "save for a user": lambda store: store.save(f"{ADA}.key", live()),
    "keys": lambda store: list(store.keys()),
    "records": lambda store: list(store.records()),
    "records of a user": lambda store: list(store.records(ADA)),
    "count": lambda store: store.count(),
    "clear": lambda store: store.clear(),
    "ping": lambda store: store.ping(),
}
verbs = pytest.mark.parametrize("call", VERBS.values(), ids=VERBS)


@pytest.fixture
def prefix() -> str:
    return f"test:{uuid.uuid4().hex}:"


class RedisContract(
    StoreContract, KeysContract, PingContract, LockContract, LeaseContract, UsersContract
):
    """Tests for every kind of Redis server. Needs ``url``."""

    @pytest.fixture
    def store(self, url: str, prefix: str) -> Iterator[RedisStore]:
        yield from opened(url, prefix)

    @pytest.fixture
    def other_store(self, url: str, prefix: str) -> Iterator[RedisStore]:
        yield from opened(url, f"other:{prefix}")

    def test_random_programs_behave_as_on_a_dict(
        self, url: str, store: RedisStore, prefix: str
    ) -> None:
        def empty_store() -> RedisStore:
            return RedisStore.from_url(url, prefix=f"{prefix}{uuid.uuid4().hex}:")

        machine = store_machine(empty_store, examples=10)
        run_state_machine_as_test(machine, settings=machine.TestCase.settings)

    def test_a_payload_may_be_any_bytes(self, store: RedisStore) -> None:
        store.create("key", live(NOT_TEXT))

        loaded = store.load("key")
        assert loaded is not None
        assert loaded.payload == NOT_TEXT
        refusal = store.save("key", live(), replacing=live(b"\xfd"))
        assert refusal is not None
        assert refusal.current is not None
        assert refusal.current.payload == NOT_TEXT
        assert store.save("key", live(), replacing=loaded) is None

    def test_a_forked_child_does_not_get_its_parents_replies(self, store: RedisStore) -> None:
        store.create("parent", live(b"parent"))
        store.create("child", live(b"child"))

        child = os.fork()
        if child == 0:
            answered = False
            try:
                answered = only_loads(store, "child")
            finally:
                os._exit(0 if answered else 1)
        answered = only_loads(store, "parent")
        _, status = os.waitpid(child, 0)

        assert answered
        assert status == 0

    def test_many_threads_may_use_it_first_at_the_same_time(self, url: str, prefix: str) -> None:
        store = RedisStore.from_url(url, prefix=prefix)

        assert at_the_same_time([lambda: store.delete("absent")] * 8) == [False] * 8

        store.close()


class TestOnOneServer(RedisContract):
    @pytest.fixture
    def url(self, redis_url: str) -> str:
        return redis_url

    def test_one_connection_is_enough_to_list_and_to_clear(self, url: str, prefix: str) -> None:
        store = RedisStore.from_url(url, prefix=prefix, max_connections=1)
        store.create("key", live())

        assert list(store.keys()) == ["key"]
        assert store.clear() == 1
        assert store.count() == 0

        store.close()


@pytest.mark.slow
class TestOnACluster(RedisContract):
    @pytest.fixture
    def url(self, redis_cluster_url: str) -> str:
        return redis_cluster_url


@pytest.mark.slow
class TestBehindASentinel(RedisContract):
    @pytest.fixture
    def url(self, redis_sentinel_url: str) -> str:
        return redis_sentinel_url


@pytest.fixture(scope="module")
def server(redis_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("redis")
    with one_server(redis_program, folder, "--unixsocket", str(folder / "socket")) as servers:
        yield servers


@pytest.fixture(scope="module")
def cluster(redis_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with three_masters(redis_program, tmp_path_factory.mktemp("redis")) as servers:
        yield servers


@pytest.fixture(scope="module")
def sentinel(redis_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with master_and_sentinel(redis_program, tmp_path_factory.mktemp("redis")) as servers:
        yield servers


@pytest.fixture(
    params=[
        "server",
        pytest.param("cluster", marks=pytest.mark.slow),
        pytest.param("sentinel", marks=pytest.mark.slow),
    ]
)
def servers(request: pytest.FixtureRequest) -> Servers:
    """Three kinds of servers in turn, used by this module only."""
    servers: Servers = request.getfixturevalue(request.param)
    return servers


class TestWhatTheServerSees:
    def test_a_record_is_its_payload_as_a_string_with_a_ttl(self, server: Servers) -> None:
        with a_store(server) as store, admin(server.ports[0]) as client:
            store.create("é", live(NOT_TEXT, seconds=60))

            assert client.type("sess:é") == b"string"
            assert client.get("sess:é") == NOT_TEXT
            assert 59_000 < client.pttl("sess:é") <= 60_000

    def test_an_expiry_is_kept_to_the_millisecond(self, servers: Servers) -> None:
        with a_store(servers) as store:
            store.create("key", live(seconds=10.3))
            created = store.load("key")
            store.save("key", live(seconds=10.4))
            saved = store.load("key")
            store.save("key", live(seconds=10.5), replacing=saved)
            replaced = store.load("key")
            store.touch("key", in_(10.6))
            touched = store.load("key")

        for record, seconds in [(created, 10.3), (saved, 10.4), (replaced, 10.5), (touched, 10.6)]:
            assert record is not None
            assert record.expires_at is not None
            assert abs((record.expires_at - in_(seconds)).total_seconds()) < 0.2

    def test_a_session_that_another_program_stored_without_a_ttl_is_loaded(
        self, server: Servers
    ) -> None:
        with a_store(server) as store, admin(server.ports[0]) as client:
            client.set("sess:key", PAYLOAD)

            assert store.load("key") == Record(PAYLOAD, None)
            assert store.touch("key", in_(60)) is True
            assert 59_000 < client.pttl("sess:key") <= 60_000

    def test_a_record_without_an_expiry_lives_on(self, servers: Servers) -> None:
        with a_store(servers) as store:
            assert store.create("key", Record(PAYLOAD, None)) is True
            assert store.save("key", Record(OTHER_PAYLOAD, None)) is None
            assert store.save("key", Record(PAYLOAD, None), replacing=live(OTHER_PAYLOAD)) is None

            assert_payload(store, "key", PAYLOAD)

    @pytest.mark.parametrize(
        ("call", "commands"),
        [
            pytest.param(lambda s: s.load("key"), "get pttl", id="load"),
            pytest.param(lambda s: s.create("new", live()), "set", id="create"),
            pytest.param(lambda s: s.create("key", live()), "set", id="create, taken"),
            pytest.param(lambda s: s.create("key", expired()), "exists", id="create, expired"),
            pytest.param(lambda s: s.save("key", live()), "set", id="save"),
            pytest.param(lambda s: s.save("key", expired()), "del", id="save, expired"),
            pytest.param(
                lambda s: s.save("key", live(), replacing=live()),
                "evalsha get set",
                id="save, replacing",
            ),
            pytest.param(
                lambda s: s.save("key", expired(), replacing=live()),
                "del evalsha get",
                id="save, replacing, expired",
            ),
            pytest.param(
                lambda s: s.save("key", live(), replacing=live(b"stale")),
                "evalsha get pttl",
                id="save, refused",
            ),
            pytest.param(lambda s: s.touch("key", in_(9)), "pexpire", id="touch"),
            pytest.param(lambda s: s.touch("key", in_(-9)), "pexpire", id="touch, expired"),
            pytest.param(lambda s: s.delete("key"), "del", id="delete"),
        ],
    )
    @pytest.mark.parametrize("servers", ["server", "cluster"], indirect=True)
    def test_every_verb_is_one_round_trip(
        self, servers: Servers, call: Callable[[RedisStore], object], commands: str
    ) -> None:
        with a_store(servers) as store:
            store.create("key", live())
            store.save("key", live(), replacing=live())
            if commands == "get pttl" and servers.url.startswith("redis+cluster://"):
                commands = "evalsha get pttl"

            assert served(servers, lambda: call(store)) == (1, commands.split())


class TestLock:
    def test_acquiring_renewing_and_releasing_are_one_trip_each(self, server: Servers) -> None:
        with a_store(server) as store:
            lock = store.lock("key", ttl=60)
            served(server, lambda: (lock.acquire(0), lock.renew(), lock.release()))
            trips, ran = served(server, lambda: (lock.acquire(0), lock.renew(), lock.release()))

        assert trips == 3
        assert ran.count("evalsha") == 2
        assert ran.count("set") == 1

    def test_waiters_block_in_redis(self, server: Servers) -> None:
        with a_store(server) as store:
            holder = store.lock("key", ttl=60)
            assert holder.acquire(0)
            waiting = [store.lock("key", ttl=60).acquire] * 4

            def wait() -> None:
                assert at_the_same_time([lambda a=a: a(1.0) for a in waiting]) == [False] * 4

            _, ran = served(server, wait)
            holder.release()

        # Each blocks for half of the client's timeout, and tries in between.
        assert ran.count("blpop") <= 4 * 5

    def test_it_is_not_listed_and_survives_a_clear(self, server: Servers) -> None:
        with a_store(server) as store:
            lock = store.lock("key", ttl=60)
            assert lock.acquire(0)

            assert store.clear() == 0
            assert lock.renew()

            lock.release()

    @pytest.mark.parametrize("key", ["a{b}c", "a}b", "{}", "{a", "100%", "é"])
    def test_braces_in_a_key_keep_its_lock_in_one_slot(self, cluster: Servers, key: str) -> None:
        with a_store(cluster) as store:
            lock = store.lock(key, ttl=60)
            assert lock.acquire(0)
            assert not store.lock(key, ttl=60).acquire(0)
            lock.release()
            assert lock.acquire(0)
            lock.release()

    def test_a_hung_server_costs_an_acquire_one_timeout(self, server: Servers) -> None:
        with a_store(server) as store:
            holder = store.lock("key", ttl=60)
            assert holder.acquire(0)
            with hanging(server.processes[0]), waited_for_once():
                store.lock("key", ttl=60).acquire(60)


class TestKeysUnderAPrefix:
    @pytest.mark.parametrize(
        ("prefix", "neighbour"),
        [("a*:", "ab:"), ("a?:", "ab:"), ("[ab]:", "a:"), ("[^b]:", "a:"), ("\\a:", "a:")],
    )
    def test_a_prefix_that_looks_like_a_pattern_is_taken_literally(
        self, server: Servers, prefix: str, neighbour: str
    ) -> None:
        with a_store(server, prefix=prefix) as store, a_store(server, prefix=neighbour) as other:
            store.create("ours", live())
            other.create("theirs", live())

            assert list(store.keys()) == ["ours"]
            assert store.count() == 1
            assert store.clear() == 1
            assert_payload(other, "theirs", PAYLOAD)

    def test_without_a_prefix_nothing_is_cleared(self, servers: Servers) -> None:
        store = RedisStore.from_url(servers.url, prefix="")
        with a_store(servers) as others:
            others.create("of another program", live())

            with pytest.raises(ConfigError, match="prefix"):
                store.clear()

            assert_payload(others, "of another program", PAYLOAD)
        store.close()

    def test_a_name_that_is_no_utf_8_is_passed_over(self, server: Servers) -> None:
        with a_store(server, prefix="odd:") as store, redis.Redis.from_url(server.url) as client:
            client.set(b"odd:\xff", b"{}")
            store.create("ours", live())

            assert list(store.keys()) == ["ours"]
            assert store.clear() == 2

    def test_thousands_of_keys_are_listed_and_cleared(self, servers: Servers) -> None:
        names = {str(number) for number in range(3000)}
        with a_store(servers) as store:
            for name in names:
                store.create(name, live())

            assert set(store.keys()) == names
            assert store.count() == 3000
            assert store.clear() == 3000
            assert store.count() == 0


class TestTroubleWithTheServer:
    def test_a_script_that_the_server_forgot_is_sent_again(self, servers: Servers) -> None:
        with a_store(servers) as store:
            store.create("key", live())
            for port in servers.ports:
                with admin(port) as client:
                    client.script_flush()

            assert store.save("key", live(OTHER_PAYLOAD), replacing=live()) is None
            assert_payload(store, "key", OTHER_PAYLOAD)

    @verbs
    @pytest.mark.parametrize(
        "url",
        [
            "redis://127.0.0.1:{}",
            "redis+cluster://127.0.0.1:{}",
            "redis+sentinel://127.0.0.1:{}/s",
        ],
    )
    def test_a_missing_server_is_reported_at_once(
        self, url: str, call: Callable[[Store], object]
    ) -> None:
        store = RedisStore.from_url(url.format(free_port()))

        start = time.monotonic()
        with pytest.raises(StoreUnavailable):
            call(store)
        assert time.monotonic() - start < TIMEOUT

        store.close()

    @pytest.mark.parametrize("verb", ["load", "create", "save replacing", "clear", "ping"])
    def test_a_hung_server_costs_one_timeout(self, server: Servers, verb: str) -> None:
        with a_store(server) as store, hanging(server.processes[0]), waited_for_once():
            VERBS[verb](store)

    def test_a_hung_server_costs_one_timeout_after_many_timeouts(self, server: Servers) -> None:
        def load_in_vain() -> None:
            with pytest.raises(StoreUnavailable):
                store.load("key")

        with a_store(server) as store:
            at_the_same_time([lambda: store.load("key")] * 6)
            with hanging(server.processes[0]):
                at_the_same_time([load_in_vain] * 6)
                with waited_for_once():
                    store.load("key")

    @pytest.mark.parametrize("verb", ["load", "create", "save", "save replacing", "touch"])
    def test_a_hung_master_of_a_cluster_costs_one_timeout(
        self, cluster: Servers, verb: str
    ) -> None:
        with a_store(cluster) as store:
            store.load("a key")
            with hanging(master_of(cluster, "sess:a key")), waited_for_once():
                VERBS[verb](store)
            store.load("a key")

    def test_a_restarted_server_is_used_again(self, redis_program: str, tmp_path: Path) -> None:
        port = free_port()
        store = RedisStore.from_url(f"redis://127.0.0.1:{port}")
        with redis_server(redis_program, tmp_path, port) as process:
            store.create("key", live())
            store.save("key", live(), replacing=live())
            process.kill()
            process.wait()
            with pytest.raises(StoreUnavailable):
                store.load("key")

        with redis_server(redis_program, tmp_path, port):
            assert store.load("key") is None
            assert store.create("key", live()) is True
            assert store.save("key", live(OTHER_PAYLOAD), replacing=live()) is None
        store.close()

    def test_a_dropped_connection_is_replaced_without_a_failure(self, servers: Servers) -> None:
        with a_store(servers) as store:
            store.create("key", live())
            for port in servers.ports:
                with admin(port) as client:
                    client.client_kill_filter(_type="normal", skipme=True)

            assert_payload(store, "key", PAYLOAD)

    def test_no_message_quotes_a_key_a_payload_or_a_password(self, server: Servers) -> None:
        with a_store(server) as store, admin(server.ports[0]) as client:
            client.lpush("sess:secret-key", "something else")

            with pytest.raises(StoreError) as refused:
                store.load("secret-key")
            with pytest.raises(StoreError) as refused_too:
                store.save("secret-key", live(b"secret-payload"), replacing=live(b"secret-base"))
        with pytest.raises(StoreUnavailable) as down:
            RedisStore.from_url(f"redis://:secret-word@127.0.0.1:{free_port()}").load("key")

        for error in (refused.value, refused_too.value, down.value):
            assert "secret" not in str(error)
            assert error.__cause__ is not None


class TestUrls:
    def test_nothing_connects_before_the_first_use(self, servers: Servers) -> None:
        with a_store(servers, client_name="early"):
            assert connections(servers, "early") == 0

    def test_close_ends_every_connection_of_a_store_made_from_a_url(
        self, servers: Servers
    ) -> None:
        options: dict[str, Any] = {"client_name": "late"}
        if servers.url.startswith("redis+sentinel://"):
            options["sentinel_kwargs"] = {"client_name": "late"}
        with a_store(servers, **options) as store:
            at_the_same_time([lambda n=n: store.load(f"key{n}") for n in range(8)])  # type: ignore[misc]
            assert connections(servers, "late") > 0

            store.close()

            assert connections(servers, "late", expected=0) == 0

    def test_close_leaves_the_connections_of_an_application_open(self, server: Servers) -> None:
        with admin(server.ports[0]) as client:
            connection = client.client_id()

            RedisStore(client).close()

            assert client.client_id() == connection

    def test_user_and_password_are_for_the_servers_with_the_data(self, servers: Servers) -> None:
        user, password = "us@r", "p@ss:w/rd é"
        url = servers.url.replace("://", f"://{quote(user)}:{quote(password, safe='')}@")
        for port in servers.ports:
            with admin(port) as client:
                client.acl_setuser(
                    user, True, passwords=f"+{password}", keys=["mine:*"], commands=["+@all"]
                )

        with a_store(Servers(url, [], []), prefix="mine:") as store:
            assert store.create("key", live()) is True
            assert_payload(store, "key", PAYLOAD)
        with a_store(Servers(url, [], []), prefix="theirs:") as other, pytest.raises(StoreError):
            other.create("key", live())

    @pytest.mark.parametrize("servers", ["server", "sentinel"], indirect=True)
    @pytest.mark.parametrize("database", ["/2", "?db=2"])
    def test_a_url_can_name_a_database(self, servers: Servers, database: str) -> None:
        url = f"{servers.url}{database}"
        with (
            a_store(Servers(url, [], [])) as store,
            redis.Redis(port=servers.ports[0], db=2) as client,
        ):
            store.create("key", live())

            assert client.get("sess:key") == PAYLOAD

    def test_a_unix_socket_works(self, server: Servers) -> None:
        with admin(server.ports[0]) as client:
            path = client.config_get("unixsocket")["unixsocket"]
        with a_store(Servers(f"unix://{path}?db=1", [], [])) as store:
            assert store.create("key", live()) is True
            assert_payload(store, "key", PAYLOAD)

    def test_a_url_may_say_valkey_for_redis(self, servers: Servers) -> None:
        with a_store(Servers(servers.url.replace("redis", "valkey"), [], [])) as store:
            store.ping()

    def test_a_url_can_name_several_sentinels(self, sentinel: Servers) -> None:
        url = sentinel.url.replace("127", f"127.0.0.1:{free_port()},127")
        with a_store(Servers(url, [], [])) as store:
            store.ping()

    @pytest.mark.parametrize("protocol", [2, 3])
    def test_both_versions_of_the_protocol_work(self, servers: Servers, protocol: int) -> None:
        with a_store(servers, protocol=protocol) as store:
            assert store.save("key", live(), replacing=live()) is GONE
            assert store.create("key", live()) is True
            assert store.create("key", live()) is False
            assert store.save("key", live(OTHER_PAYLOAD), replacing=live()) is None
            assert store.touch("key", in_(60)) is True
            assert_payload(store, "key", OTHER_PAYLOAD)
            assert list(store.keys()) == ["key"]

    @pytest.mark.parametrize(
        "url",
        [
            "redis://:secret/word@localhost",
            "http://:secret@localhost",
            "secret",
            "redis+cluster://:secret@localhost:port",
            "redis+cluster://:secret@localhost/3",
            "redis+sentinel://:secret@localhost",
            "redis+sentinel://:secret@localhost/service/secret",
        ],
    )
    def test_a_url_that_cannot_be_read_is_refused_without_quoting_it(self, url: str) -> None:
        with pytest.raises(ConfigError, match="cannot be read") as refused:
            RedisStore.from_url(url)

        assert "secret" not in "".join(traceback.format_exception_only(refused.value))
        assert refused.value.__suppress_context__


class TestWrongArguments:
    @pytest.mark.parametrize("url", ["redis://localhost", f"redis+sentinel://localhost/{SERVICE}"])
    def test_a_misspelled_option_is_refused_at_once(self, url: str) -> None:
        with pytest.raises(ConfigError, match="prefixx"):
            RedisStore.from_url(url, prefixx="app:")

    @pytest.mark.parametrize("timeout", [0, -1])
    def test_a_timeout_that_is_not_positive_is_refused(self, timeout: float) -> None:
        with pytest.raises(ConfigError, match="timeout"):
            RedisStore.from_url("redis://localhost", timeout=timeout)

    def test_a_client_that_decodes_responses_is_refused(self) -> None:
        with (
            redis.Redis(decode_responses=True) as client,
            pytest.raises(ConfigError, match="decode_responses"),
        ):
            RedisStore(client)

    @pytest.mark.parametrize(
        "url", ["redis://localhost", "redis+cluster://localhost", "redis+sentinel://localhost/s"]
    )
    def test_a_url_whose_client_decodes_responses_is_refused(self, url: str) -> None:
        with pytest.raises(ConfigError, match="decode_responses"):
            RedisStore.from_url(url, decode_responses=True)
        with pytest.raises(ConfigError, match="decode_responses"):
            RedisStore.from_url(f"{url}?decode_responses=True")

    @pytest.mark.parametrize("make_client", [redis.asyncio.Redis, str, object])
    def test_an_object_that_is_no_client_is_refused(self, make_client: Callable[[], Any]) -> None:
        with pytest.raises(ConfigError, match="from_url"):
            RedisStore(make_client())

    def test_without_redis_py_making_a_store_fails_and_names_the_extra(self) -> None:
        program = """if True:
            import sys
            sys.modules["redis"] = None
            from flask_serversession.errors import ConfigError
            from flask_serversession.stores.redis import RedisStore
            try:
                RedisStore.from_url("redis://localhost")
            except ConfigError as error:
                print(error)
        """
        said = subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, text=True
        )

        assert "pip install Flask-ServerSession[redis]" in said.stdout


class TestAClientOfTheApplication:
    def test_a_cluster_client_works(self, cluster: Servers) -> None:
        with redis.RedisCluster(port=cluster.ports[0], host="127.0.0.1") as client:
            keeps_sessions(client)

    def test_a_client_made_by_sentinel_works(self, sentinel: Servers) -> None:
        port = int(re.findall(r":(\d+)", sentinel.url)[0])
        manager = redis.Sentinel([("127.0.0.1", port)])
        with manager.master_for(SERVICE) as client:
            keeps_sessions(client)
        for each in manager.sentinels:
            each.close()

    def test_a_client_of_valkey_py_works(self, server: Servers) -> None:
        valkey = pytest.importorskip("valkey")
        with valkey.Valkey(port=server.ports[0]) as client:
            client.script_flush()
            keeps_sessions(client)
        with valkey.Valkey(port=free_port()) as client, pytest.raises(StoreUnavailable):
            RedisStore(client).load("key")

    def test_a_cluster_client_of_valkey_py_works(self, cluster: Servers) -> None:
        valkey = pytest.importorskip("valkey")
        with valkey.ValkeyCluster(port=cluster.ports[0], host="127.0.0.1") as client:
            keeps_sessions(client)


def keeps_sessions(client: Any) -> None:
    """Assert that a store on an application's client behaves like a dict."""

    def empty_store() -> RedisStore:
        store = RedisStore(client)
        store.clear()
        return store

    machine = store_machine(empty_store, examples=5)
    run_state_machine_as_test(machine, settings=machine.TestCase.settings)
    empty_store()


@contextmanager
def a_store(servers: Servers, **options: Any) -> Iterator[RedisStore]:
    """Give a store on servers of this module, which are emptied afterwards."""
    store = RedisStore.from_url(servers.url, timeout=TIMEOUT, **options)
    yield store
    store.clear()
    store.close()


def admin(port: int) -> redis.Redis:
    """Return a client for one server process, independent of the store."""
    return redis.Redis(port=port)


def served(servers: Servers, action: Callable[[], object]) -> tuple[int, list[str]]:
    """Return how many round trips an action took, and which commands the servers ran."""
    with ExitStack() as stack:
        clients = [stack.enter_context(admin(port)) for port in servers.ports]
        for client in clients:
            client.config_resetstat()
        action()
        infos = [client.info("all") for client in clients]
    # Minus one: reading the statistics was a round trip, too.
    trips = sum(info["total_reads_processed"] - 1 for info in infos)
    ran = (
        [name.removeprefix("cmdstat_")] * numbers["calls"]
        for info in infos
        for name, numbers in info.items()
        if name.startswith("cmdstat_")
    )
    asking = {"config|resetstat", "info"}
    return trips, sorted(name for names in ran for name in names if name not in asking)


def master_of(cluster: Servers, name: str) -> subprocess.Popen[bytes]:
    """Return the process of a cluster that holds a key."""
    with redis.RedisCluster(host="127.0.0.1", port=cluster.ports[0]) as client:
        return cluster.processes[cluster.ports.index(client.get_node_from_key(name).port)]


def connections(servers: Servers, name: str, expected: int | None = None) -> int:
    """Count the connections with a name; wait a moment for the expected number."""
    deadline = time.monotonic() + 60
    ports = {*servers.ports, *map(int, re.findall(r":(\d+)", servers.url))}
    while True:
        with ExitStack() as stack:
            clients = [stack.enter_context(admin(port)) for port in ports]
            listed = [entry["name"] for client in clients for entry in client.client_list()]
        if expected in (None, listed.count(name)) or time.monotonic() > deadline:
            return listed.count(name)


@contextmanager
def waited_for_once() -> Iterator[None]:
    """Assert that the block fails after one timeout and well before two."""
    start = time.monotonic()
    with pytest.raises(StoreUnavailable):
        yield
    assert TIMEOUT <= time.monotonic() - start < 2 * TIMEOUT


def opened(url: str, prefix: str) -> Iterator[RedisStore]:
    store = RedisStore.from_url(url, prefix=prefix)
    yield store
    store.clear()
    store.close()


def only_loads(store: Store, key: str) -> bool:
    """Tell whether a key has its own name as payload, each of many times."""
    for _ in range(200):
        loaded = store.load(key)
        if loaded is None or loaded.payload != key.encode():
            return False
    return True
