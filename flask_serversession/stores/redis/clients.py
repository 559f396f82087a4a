"""Makes a client from a URL: for one server, for Sentinel or for a Cluster."""

from __future__ import annotations

import re
from collections.abc import Collection
from importlib import import_module
from typing import Any
from urllib.parse import unquote
from urllib.parse import urlsplit

from ...errors import ConfigError
from .commands import ClientCommands
from .commands import Commands
from .commands import PooledCommands
from .commands import ReusingCommands

#: Options that redis-py implements in its client, not in its connections.
_OF_THE_CLIENT = {"retry", "retry_on_error", "retry_on_timeout", "cache", "cache_config"}
#: Options that it implements in its pool, when a connection is returned.
_OF_THE_POOL = {"credential_provider", "maint_notifications_config"}


def driver(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigError(
            "RedisStore needs redis: pip install Flask-ServerSession[redis]"
        ) from error


def open_clients(url: str, timeout: float, options: dict[str, Any]) -> tuple[Any, list[Any]]:
    """Return a client that connects on first use, and everything that has to be closed later.

    :raises ConfigError: without quoting the URL, which may contain a password.
    """
    redis = driver("redis")
    retry = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    bounds = {"socket_timeout": timeout, "socket_connect_timeout": timeout, "retry": retry}
    try:
        opened = _open(redis, re.sub("^valkey", "redis", url), bounds | options)
    except ValueError:
        # The parser's message may quote a part of the password.
        raise ConfigError(
            "The URL or an option of the Redis store cannot be read. The URL starts with"
            " redis://, rediss://, unix://, redis+cluster:// or redis+sentinel://. Percent-encode"
            " special characters in the password."
        ) from None
    except TypeError as error:
        raise ConfigError(f"redis-py does not take such an option: {error}.") from error
    return opened[0], opened


def place(client: Any) -> str:
    """Return where a client's server is, for a message; empty for a cluster."""
    pool = getattr(client, "connection_pool", None)
    if pool is None:
        return ""
    if hasattr(pool, "service_name"):
        return f", service {pool.service_name!r}"
    options = pool.connection_kwargs
    if "path" in options:
        return f" at {options['path']}"
    return f" at {options.get('host', 'localhost')}:{options.get('port', 6379)}"


def commands_of(client: Any, options: Collection[str]) -> Commands:
    """Return the fastest way to send commands for a client made with these options."""
    redis = driver("redis")
    pool = getattr(client, "connection_pool", None)
    if pool is None or not _OF_THE_CLIENT.isdisjoint(options):
        return ClientCommands(client)
    failure, its = redis.ResponseError, redis.exceptions
    # The master of a sentinel's pool may change, so its connections are not interchangeable.
    if type(pool) is redis.ConnectionPool and _OF_THE_POOL.isdisjoint(options):
        return ReusingCommands(pool, failure, (its.ConnectionError, its.TimeoutError, OSError))
    return PooledCommands(pool, failure)


def _open(redis: Any, url: str, options: dict[str, Any]) -> list[Any]:
    if url.startswith("redis+cluster://"):
        return [_LazyCluster(redis, url, options)]
    if url.startswith("redis+sentinel://"):
        return _open_sentinel(redis, url, options)
    return [_with_known_options(redis.Redis.from_url(url, **options))]


def _open_sentinel(redis: Any, url: str, options: dict[str, Any]) -> list[Any]:
    addresses, path, in_url = _parse(redis, url, 26379)
    service, _, database = path.partition("/")
    if not service:
        raise ValueError("the service is missing")
    # By default redis-py retries a sentinel ten times and waits in between.
    bounds = {k: options[k] for k in ("socket_timeout", "socket_connect_timeout", "retry")}
    sentinel_kwargs = bounds | options.pop("sentinel_kwargs", {})
    options |= in_url | {"db": int(database or in_url.get("db", 0))}
    sentinel = redis.Sentinel(addresses, sentinel_kwargs=sentinel_kwargs, **options)
    return [_with_known_options(sentinel.master_for(service)), *sentinel.sentinels]


def _parse(redis: Any, url: str, port: int) -> tuple[list[tuple[str, int]], str, dict[str, Any]]:
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    parse = redis.connection.parse_url
    each = [parse(f"redis://{user}{at}{host}?{parts.query}") for host in hosts.split(",")]
    addresses = [(one.pop("host", "localhost"), one.pop("port", port)) for one in each]
    return addresses, unquote(parts.path).strip("/"), each[0]


def _with_known_options(client: Any) -> Any:
    # redis-py checks its options when it connects. This finds a misspelled one now.
    pool = client.connection_pool
    pool.connection_class(**pool.connection_kwargs)
    return client


class _LazyCluster:
    """A RedisCluster made on first use, because its constructor connects."""

    def __init__(self, redis: Any, url: str, options: dict[str, Any]) -> None:
        self._redis = redis
        self._addresses, path, in_url = _parse(redis, url, 6379)
        if path not in ("", "0"):
            raise ValueError("a cluster has one database")
        self._options = options | in_url
        self._made: dict[str, Any] = {}

    def execute_command(self, *args: Any) -> Any:
        return self._cluster().execute_command(*args)

    def pipeline(self) -> Any:
        return self._cluster().pipeline()

    def unlink(self, *names: Any) -> Any:
        return self._cluster().unlink(*names)

    def scan_iter(self, **options: Any) -> Any:
        return self._cluster().scan_iter(**options)

    def get_connection_kwargs(self) -> dict[str, Any]:
        return self._options

    def close(self) -> None:
        while self._made:
            self._made.popitem()[1].close()

    def _cluster(self) -> Any:
        # Threads that meet here make one each, and the first is used. With a lock they would
        # wait for a dead cluster one after the other, and a fork could leave it locked.
        if not self._made:
            nodes = [self._redis.cluster.ClusterNode(*address) for address in self._addresses]
            cluster = self._redis.RedisCluster(startup_nodes=nodes, **self._options)
            if self._made.setdefault("cluster", cluster) is not cluster:
                cluster.close()
        return self._made["cluster"]
