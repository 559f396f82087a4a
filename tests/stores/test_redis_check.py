"""What ``flask sessions check`` says about a Redis server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from flask_serversession.stores.redis import RedisStore

from ..servers.redis import one_server
from ..servers.redis import redis_program as redis_program
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
