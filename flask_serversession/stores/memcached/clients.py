"""Clients for memcached servers: URLs, checks, pool checkouts and forks."""

from __future__ import annotations

import re
import warnings
from contextlib import suppress
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from ...errors import ConfigError
from ..forking import leave_in_child

_SERVER = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:@\[\]]+)(:[0-9]+)?")
_ANY_FLAGS = 2


def driver() -> Any:
    """Return pymemcache.

    :raises ConfigError: saying what to install.
    """
    try:
        import pymemcache
    except ImportError as error:
        raise ConfigError(
            "MemcachedStore needs pymemcache: pip install Flask-ServerSession[memcached]"
        ) from error
    return pymemcache


def servers_in(url: str) -> list[str]:
    """Return the addresses in a URL."""
    parts = urlsplit(url)
    servers = parts.netloc.split(",")
    odd = parts.path.strip("/") or parts.query or not all(map(_SERVER.fullmatch, servers))
    if odd or parts.scheme != "memcached":
        raise ConfigError(
            "A memcached URL looks like memcached://host:11211 or"
            " memcached://host1:11211,host2:11211. For a socket or TLS pass a"
            " pymemcache.PooledClient instead."
        )
    return servers


def servers_of(client: Any) -> dict[object, Any]:
    """Return the client of each server by its address, ready for threads and forks.

    :raises ConfigError: if the client is unfit; the message says which one is needed.
    """
    kinds = driver()
    servers = dict(client.clients) if isinstance(client, kinds.HashClient) else {None: client}
    if not servers or not all(isinstance(each, kinds.PooledClient) for each in servers.values()):
        raise ConfigError(
            "MemcachedStore needs a client that threads can share. Pass"
            " pymemcache.PooledClient(server, …) or"
            f" pymemcache.HashClient(servers, use_pooling=True, …), not {type(client).__name__}."
        )
    for server in servers.values():
        _check(server)
        leave_in_child(server, _leave_connections)
    return servers


class CheckedOut:
    """A connection of a client's pool for one ``with`` block.

    Faster than the client's verbs, which check one out each time.

    :param all_end_with: the exceptions after which the pool's idle connections are dead, too.
    """

    __slots__ = ("_all_end_with", "_connection", "_pool")

    def __init__(self, client: Any, *, all_end_with: tuple[type[BaseException], ...]) -> None:
        self._pool = client.client_pool
        self._all_end_with = all_end_with

    def __enter__(self) -> Any:
        self._connection = self._pool.get()
        return self._connection

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self._pool.release(self._connection)
            return
        # Otherwise the next user would read the reply that is still to come.
        self._pool.destroy(self._connection)
        if isinstance(error, self._all_end_with):
            self._drop_idle()

    def _drop_idle(self) -> None:
        # Connections in use are left alone: they may be fine.
        with suppress(RuntimeError):  # other threads may have taken them all by now
            for _ in self._pool.free:
                self._pool.destroy(self._pool.get())


def _check(server: Any) -> None:
    if server.ignore_exc or not passes_bytes_through(server.serde):
        raise ConfigError(
            "Pass a memcached client made without ignore_exc, serde, serializer and"
            " deserializer: they report an outage as an absent session, or change the payload."
        )
    wanted = ("connect_timeout", "timeout", "no_delay")
    missing = [name for name in wanted if not getattr(server, name)]
    if missing:
        warnings.warn(
            f"Give the memcached client {' and '.join(missing)}. Without timeouts it may wait"
            " for ever; without no_delay=True each write may take 40 ms longer.",
            stacklevel=4,
        )


def passes_bytes_through(serde: Any) -> bool:
    """Return whether a client's serde stores and returns bytes as they are, whatever the flags."""
    probe = b'{"probe":"%s"}' % (b"x" * 10_000)
    try:
        stored, _ = serde.serialize(b"key", probe)
        return bool(stored == probe == serde.deserialize(b"key", probe, _ANY_FLAGS))
    except Exception:
        return False


_CLIENT_SETTINGS = (
    *("serde", "connect_timeout", "timeout", "no_delay", "socket_module", "socket_keepalive"),
    *("key_prefix", "default_noreply", "allow_unicode_keys", "tls_context"),
)


def _leave_connections(client: Any) -> None:
    inherited = client.client_pool
    # A new pool rather than an emptied one: another thread of the parent may have held the
    # old one's lock, and that thread does not exist here.
    client.client_pool = _empty_twin(client).client_pool
    for connection in (*inherited.free, *inherited.used):
        connection.close()


def _empty_twin(client: Any) -> Any:
    settings = {name: getattr(client, name) for name in _CLIENT_SETTINGS}
    pool = client.client_pool
    twin = driver().PooledClient(
        client.server, max_pool_size=pool.max_size, pool_idle_timeout=pool.idle_timeout, **settings
    )
    twin.client_class = client.client_class
    return twin
