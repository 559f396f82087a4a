"""Sessions in Redis or Valkey: on one server, behind Sentinel, or in a Cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from hashlib import sha1
from importlib import import_module
from importlib.resources import files
from itertools import islice
from typing import Any
from typing import Protocol
from urllib.parse import unquote
from urllib.parse import urlsplit

from ..errors import ConfigError
from .base import DriverErrors
from .base import GONE
from .base import milliseconds_left
from .base import Record
from .base import Refusal
from .base import utc_now

_SCRIPT = files(__package__).joinpath("lua", "replace.lua").read_text(encoding="utf-8")
_SCRIPT_SHA = sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()

_NAMES_A_TRIP = 500
_NEVER = datetime(9999, 1, 1, tzinfo=timezone.utc)


class Client(Protocol):
    """What the store uses of a redis-py or valkey-py client."""

    def execute_command(self, *args: Any, **options: Any) -> Any: ...
    def pipeline(self, transaction: Any = ...) -> Any: ...
    def unlink(self, *names: Any) -> Any: ...
    def scan_iter(self, match: Any = ..., count: Any = ...) -> Iterator[Any]: ...
    def get_connection_kwargs(self) -> Any: ...


class RedisStore:
    """Keeps each payload as a plain string that Redis itself expires, as connect-redis does.

    ``load`` is GET and PTTL, sent together; ``create`` SET NX PX, ``save`` SET XX PX or, with
    ``replacing``, a script that compares and sets; ``touch`` is PEXPIRE, ``delete`` DEL. Each
    is one round trip to one key, plus one whenever a server does not know the script yet.
    ``keys``, ``count`` and ``clear`` walk the whole database with SCAN.

    A server that evicts keys when its memory is full ends sessions early, and one that
    fails over may lose the last writes; both are settings of Redis.

    :param client: a ``Redis`` or ``RedisCluster`` of redis-py, one that its ``Sentinel``
        made, or the same of valkey-py. It stays the application's: it is never closed
        here, and how long it waits and how often it retries is its own choice.
    :param prefix: stands before every key. Whatever begins with it in the database is
        taken for a session of this store.
    """

    def __init__(self, client: Client, *, prefix: str = "sess:") -> None:
        _refuse_unfit(client)
        self._execute = client.execute_command
        self._unlink = client.unlink
        self._scan_iter = client.scan_iter
        # What has no pool is a cluster, where a pipeline waits three times for a hung node.
        self._pipeline = client.pipeline if hasattr(client, "connection_pool") else None
        self._errors, self._unknown_script = _exceptions(client)
        self._prefix = prefix.encode()
        self._opened: list[Any] = []

    @classmethod
    def from_url(
        cls, url: str, *, prefix: str = "sess:", timeout: float = 5.0, **client_options: Any
    ) -> RedisStore:
        """Return a store with a client of its own, which connects at first use.

        ``redis://``, ``rediss://`` (TLS) and ``unix://`` are redis-py's;
        ``redis+cluster://host:6379,host:6380`` names some nodes of a cluster,
        ``redis+sentinel://host:26379,host:26380/service/0`` sentinels, their service and its
        database. ``valkey`` may stand for ``redis``. User and password are for the servers
        that hold the data.

        :param timeout: seconds to wait for a connection, and again for an answer. A pooled
            connection that was dropped is replaced; no command is sent a second time, and
            one that was not answered in time may have been carried out nevertheless.
        :param client_options: for redis-py's client; ``sentinel_kwargs`` among them for the
            sentinels, if those have a password of their own.
        """
        if timeout <= 0:
            raise ConfigError("timeout has to be a number of seconds above zero.")
        redis = _driver("redis")
        retry = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
        options = {"socket_timeout": timeout, "socket_connect_timeout": timeout, "retry": retry}
        try:
            opened = _open(redis, re.sub("^valkey", "redis", url), options | client_options)
        except ValueError:
            # The parser's own words may quote a part of the password.
            raise ConfigError(
                "The URL or an option of the Redis store cannot be read. The URL begins with"
                " redis://, rediss://, unix://, redis+cluster:// or redis+sentinel://; what is"
                " special in its password is percent-encoded."
            ) from None
        except TypeError as error:
            raise ConfigError(f"redis-py does not take such an option: {error}.") from error
        store = cls(opened[0], prefix=prefix)
        store._opened = opened
        return store

    def load(self, key: str) -> Record | None:
        name = self._prefix + key.encode()
        with self._errors:
            if self._pipeline is None:
                found = self._run_script(name)
            else:
                found = self._pipeline(transaction=False).get(name).pttl(name).execute()
        return _record(*found)

    def create(self, key: str, record: Record) -> bool:
        name = self._prefix + key.encode()
        left = milliseconds_left(record.expires_at or _NEVER)
        with self._errors:
            if left <= 0:
                return not self._execute("EXISTS", name)
            return bool(self._execute("SET", name, record.payload, "NX", "PX", left))

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        name = self._prefix + key.encode()
        left = milliseconds_left(record.expires_at or _NEVER)
        with self._errors:
            if replacing is not None:
                return _refusal(self._run_script(name, replacing.payload, record.payload, left))
            if left <= 0:
                saved = self._execute("DEL", name)
            else:
                saved = self._execute("SET", name, record.payload, "XX", "PX", left)
        return None if saved else GONE

    def touch(self, key: str, expires_at: datetime) -> bool:
        name = self._prefix + key.encode()
        with self._errors:
            # With no time left PEXPIRE removes the key.
            return bool(self._execute("PEXPIRE", name, milliseconds_left(expires_at)))

    def delete(self, key: str) -> bool:
        name = self._prefix + key.encode()
        with self._errors:
            return bool(self._execute("DEL", name))

    def keys(self) -> Iterator[str]:
        with self._errors:
            names = set(self._names())  # SCAN may name a key twice.
        return (name[len(self._prefix) :].decode() for name in names)

    def count(self) -> int:
        return sum(1 for _ in self.keys())

    def clear(self) -> int:
        removed = 0
        with self._errors:
            names = self._names()
            while batch := list(islice(names, _NAMES_A_TRIP)):
                removed += self._unlink(*batch)
        return removed

    def ping(self) -> None:
        with self._errors:
            self._execute("PING")

    def close(self) -> None:
        for client in self._opened:
            client.close()

    def _names(self) -> Iterator[bytes]:
        pattern = re.sub(rb"([*?\[\]\\])", rb"\\\1", self._prefix) + b"*"
        return self._scan_iter(match=pattern, count=_NAMES_A_TRIP)

    def _run_script(self, name: bytes, *args: bytes | int) -> Any:
        try:
            return self._execute("EVALSHA", _SCRIPT_SHA, 1, name, *args)
        except self._unknown_script:
            return self._execute("EVAL", _SCRIPT, 1, name, *args)


def _record(payload: bytes | None, left: int) -> Record | None:
    # PTTL says -1 of a key that never ends and -2 of one that just has.
    if payload is None or left in (0, -2):
        return None
    return Record(payload, None if left == -1 else utc_now() + timedelta(milliseconds=left))


def _refusal(reply: Any) -> Refusal | None:
    if reply == 1:
        return None
    current = _record(*reply)
    return Refusal(current) if current else GONE


def _refuse_unfit(client: Client) -> None:
    options = getattr(client, "get_connection_kwargs", None)
    if options is None or options().get("decode_responses") or hasattr(client, "aclose"):
        raise ConfigError(
            "RedisStore needs a client of redis-py or valkey-py that is not asynchronous and not"
            " made with decode_responses=True (a payload is bytes), or a URL by way of from_url()."
        )


def _exceptions(client: Client) -> tuple[DriverErrors, type[Exception]]:
    is_valkey = any(kind.__module__.startswith("valkey.") for kind in type(client).__mro__)
    name = "Valkey" if is_valkey else "Redis"
    its = _driver(name.lower()).exceptions
    # "No node can be reached" stands outside the tree of the driver's errors.
    no_node = getattr(its, f"{name}ClusterException")
    unavailable = (its.ConnectionError, its.TimeoutError, its.ClusterError, no_node)
    return DriverErrors(name, unavailable, (getattr(its, f"{name}Error"),)), its.NoScriptError


def _driver(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigError("RedisStore needs pip install Flask-ServerSession[redis]") from error


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
    # Left to itself, redis-py retries a sentinel ten times and waits in between.
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
    # redis-py looks at its options when it connects; a misspelled one shall not wait for that.
    pool = client.connection_pool
    pool.connection_class(**pool.connection_kwargs)
    return client


class _LazyCluster:
    """A RedisCluster from its first use on, because making one already asks its servers."""

    def __init__(self, redis: Any, url: str, options: dict[str, Any]) -> None:
        self._redis = redis
        self._addresses, path, in_url = _parse(redis, url, 6379)
        if path not in ("", "0"):
            raise ValueError("a cluster has one database")
        self._options = options | in_url
        self._made: dict[str, Any] = {}

    def execute_command(self, *args: Any) -> Any:
        return self._cluster().execute_command(*args)

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
        # Threads that meet here make one each, and the first stays. With a lock they would
        # wait for a dead cluster one after the other, and a fork might keep it locked.
        if not self._made:
            nodes = [self._redis.cluster.ClusterNode(*address) for address in self._addresses]
            cluster = self._redis.RedisCluster(startup_nodes=nodes, **self._options)
            if self._made.setdefault("cluster", cluster) is not cluster:
                cluster.close()
        return self._made["cluster"]
