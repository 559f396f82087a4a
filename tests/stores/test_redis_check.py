"""What ``flask sessions check`` says about a Redis server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask

from flask_serversession import manager_of
from flask_serversession import ServerSession
from flask_serversession.errors import ConfigError
from flask_serversession.errors import StoreError
from flask_serversession.errors import StoreUnavailable
from flask_serversession.stores.base import ENDED
from flask_serversession.stores.redis import RedisStore
from flask_serversession.testing.contract import in_
from flask_serversession.testing.contract import live
from flask_serversession.testing.contract import OTHER_PAYLOAD
from flask_serversession.testing.users import ADA
from flask_serversession.testing.users import keys_of

from ..servers.redis import one_server
from ..servers.redis import Servers
from ..servers.redis import three_masters

EVICTING = [
    *("allkeys-lru", "allkeys-lfu", "allkeys-random"),
    *("volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"),
]


@pytest.fixture(scope="module")
def server(redis_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with one_server(redis_program, tmp_path_factory.mktemp("redis")) as servers:
        yield servers


@pytest.fixture(scope="module")
def cluster(redis_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with three_masters(redis_program, tmp_path_factory.mktemp("redis")) as servers:
        yield servers


@pytest.fixture(params=["server", "cluster"])
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    servers: Servers = request.getfixturevalue(request.param)
    yield servers
    limit_memory(servers, 0, "noeviction")


def limit_memory(servers: Servers, size: int, policy: str) -> None:
    for port in servers.ports:
        with redis.Redis(port=port) as admin:
            admin.config_set("maxmemory", size)
            admin.config_set("maxmemory-policy", policy)


def check(url: str, **options: Any) -> list[str]:
    store = RedisStore.from_url(url, **options)
    try:
        return store.check()
    finally:
        store.close()


class TestMemory:
    @pytest.mark.parametrize("policy", EVICTING)
    def test_a_policy_that_evicts_sessions_is_a_warning(
        self, servers: Servers, policy: str
    ) -> None:
        limit_memory(servers, 10**9, policy)

        (warning,) = check(servers.url)

        assert f"maxmemory-policy is {policy}. Set it to noeviction" in warning

    @pytest.mark.parametrize(
        ("size", "policy"), [(10**9, "noeviction"), (0, "noeviction"), (0, "allkeys-lru")]
    )
    def test_a_server_that_evicts_nothing_is_fine(
        self, servers: Servers, size: int, policy: str
    ) -> None:
        limit_memory(servers, size, policy)

        assert check(servers.url) == []

    def test_it_is_found_through_an_applications_client_and_over_resp3(
        self, server: Servers
    ) -> None:
        limit_memory(server, 10**9, "allkeys-lru")
        with redis.Redis(port=server.ports[0]) as client:
            assert len(RedisStore(client).check()) == 1

        assert len(check(server.url, protocol=3)) == 1

        limit_memory(server, 0, "noeviction")

    def test_a_user_who_may_not_ask_is_told_nothing(self, server: Servers) -> None:
        limit_memory(server, 10**9, "allkeys-lru")
        with redis.Redis(port=server.ports[0]) as admin:
            admin.execute_command("ACL SETUSER shop on >secret ~* +@all -@dangerous")

        assert check(server.url.replace("//", "//shop:secret@")) == []

        limit_memory(server, 0, "noeviction")


#: The rules that the documentation lists.
PERMISSIONS = (
    "~sess:* ~lock:* ~wake:* ~by-user:sess:* +ping +get +pttl +set +exists +pexpire +del"
    " +evalsha +eval +scan +unlink +blpop +rpush"
    " +mget +time +zadd +zrange +zrem +zremrangebyscore"
)
OF_A_CLUSTER = " +cluster|slots +command"
HOW_TO = Path(__file__).parents[2] / "docs" / "howto" / "redis.rst"


@contextmanager
def a_user(servers: Servers, *rules: str) -> Iterator[str]:
    """Give the URL of a user with these ACL rules."""
    for port in servers.ports:
        with redis.Redis(port=port) as admin:
            admin.execute_command("ACL SETUSER shop reset on >secret", *" ".join(rules).split())
    yield servers.url.replace("//", "//shop:secret@")


@pytest.fixture(params=["redis", "valkey"])
def old_or_new(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Servers]:
    """Redis 7.0 and Valkey, whose messages differ."""
    program = request.getfixturevalue(f"{request.param}_program")
    with one_server(program, tmp_path) as servers:
        yield servers


class TestPermissions:
    def test_the_permissions_in_the_documentation_are_enough(self, servers: Servers) -> None:
        words = set(HOW_TO.read_text().replace("`", " ").split())
        assert words.issuperset((PERMISSIONS + OF_A_CLUSTER).split())

        with a_user(servers, PERMISSIONS, OF_A_CLUSTER) as url:
            assert check(url) == []
            store = RedisStore.from_url(url)
            store.ping()
            assert store.create("key", live()) is True
            assert store.save("key", live(), replacing=live()) is None
            assert store.touch("key", in_(60)) is True
            holder, waiter = (store.lock("key", ttl=60) for _ in range(2))
            assert holder.acquire(0)
            assert not waiter.acquire(0.1)
            assert holder.renew()
            holder.release()
            assert store.count() == store.clear() == 1
            assert store.delete("key") is False
            finds_users(store)
            store.close()

    @pytest.mark.parametrize(
        "command", PERMISSIONS.split("+ping ")[1].split(" +scan")[0].replace("+", "").split()
    )
    def test_one_that_sessions_need_fails_the_check(self, server: Servers, command: str) -> None:
        with (
            a_user(server, PERMISSIONS, f"-{command}") as url,
            pytest.raises(ConfigError, match=rf"read and write .* <user> \+{command}$"),
        ):
            check(url)

    @pytest.mark.parametrize(
        ("without", "warning"),
        [
            ("-scan -unlink", r"list, count and clear sessions.* \+scan \+unlink$"),
            ("-rpush", r"lock sessions.* \+rpush$"),
            ("-blpop", r"lock sessions.* \+blpop$"),
            ("resetkeys ~sess:* ~by-user:*", r"lock sessions.* ~lock:\* ~wake:\*$"),
            ("-mget -time", r"log users in.* \+mget \+time$"),
            ("-zadd -zrem", r"log users in.* \+zadd \+zrem$"),
            ("-zrange -zremrangebyscore", r"log users in.* \+zrange \+zremrangebyscore$"),
            ("resetkeys ~sess:* ~lock:* ~wake:*", r"log users in.* ~by-user:sess:\*$"),
        ],
    )
    def test_one_that_sessions_can_do_without_is_a_warning(
        self, old_or_new: Servers, without: str, warning: str
    ) -> None:
        with a_user(old_or_new, PERMISSIONS, without) as url:
            (found,) = check(url)
            store = RedisStore.from_url(url)
            store.create("key", live())
            assert store.save("key", live(), replacing=live()) is None
            store.close()

        assert re.search(warning, found)

    @pytest.mark.parametrize("rules", ["~sess:* +@all -@scripting", "~sessions:* +@all"])
    def test_a_request_without_a_permission_names_it_in_its_error(
        self, old_or_new: Servers, rules: str
    ) -> None:
        with a_user(old_or_new, rules) as url:
            store = RedisStore.from_url(url)
            with pytest.raises(StoreError, match=r"no permission for (EVALSHA|a key)\.") as caught:
                create_and_change(store)
            with pytest.raises(ConfigError, match=r"\+evalsha \+eval$|~sess:\*$"):
                store.check()
            store.close()

        assert not isinstance(caught.value, StoreUnavailable)
        assert "shop" not in str(caught.value)

    @pytest.mark.parametrize("rules", ["-rpush", "resetkeys ~sess:*"])
    def test_what_a_script_lacks_is_the_error_of_its_caller(
        self, old_or_new: Servers, rules: str
    ) -> None:
        with a_user(old_or_new, PERMISSIONS, rules) as url:
            store = RedisStore.from_url(url)
            with pytest.raises(StoreError, match="no permission for"):
                lock_and_release(store)
            store.close()

    def test_a_removed_command_is_named(self, redis_program: str, tmp_path: Path) -> None:
        with one_server(redis_program, tmp_path, "--rename-command", "EVAL", "") as servers:
            with pytest.raises(ConfigError, match=r"\+eval$"):
                check(servers.url)
            store = RedisStore.from_url(servers.url)
            with pytest.raises(StoreError, match="no permission for EVAL"):
                create_and_change(store)
            store.close()


@pytest.mark.parametrize("value", [b"\x81\xaa_permanent\xc3", b"\x80\x04}\x94."])
def test_records_of_flask_session_under_our_prefix_are_a_warning(
    server: Servers, value: bytes
) -> None:
    app = Flask(__name__)
    app.config.update(SECRET_KEY="keyboard cat", SESSION_STORE=server.url)
    app.config.update(SESSION_STORE_OPTIONS={"prefix": "session:"})
    ServerSession(app)
    with redis.Redis(port=server.ports[0]) as admin:
        for number in range(3):
            admin.set(f"session:{number}", value, ex=60)
        admin.rpush("session:queue", "a job")
        check = app.test_cli_runner().invoke(args=["sessions", "check"])
        clear = app.test_cli_runner().invoke(args=["sessions", "clear"], input="n\n")
        assert admin.dbsize() == 4
        admin.flushall()
    manager_of(app).close()

    for result in (check, clear):
        assert "4 of the first 4 records cannot be read as sessions." in result.output
        assert "name another prefix" in result.output


def create_and_change(store: RedisStore) -> None:
    store.create("key", live())
    store.save("key", live(), replacing=live(OTHER_PAYLOAD))


def finds_users(store: RedisStore) -> None:
    """Assert that a store can do everything with the records of a user."""
    key = f"{ADA}.key"
    assert store.create(key, live()) is True
    assert store.save(key, live(), replacing=live()) is None
    assert store.touch(key, in_(60)) is True
    assert keys_of(store, ADA) == keys_of(store) == [key]
    assert store.save(key, ENDED) is None
    assert store.touch(key, in_(60)) is False
    assert store.create(key, live()) is True
    assert store.clear() == 1
    assert keys_of(store, ADA) == []


def lock_and_release(store: RedisStore) -> None:
    lock = store.lock("key", ttl=60)
    lock.acquire(0)
    lock.release()
