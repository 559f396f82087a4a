"""Sessions in memcached, in rows that npm's connect-memcached reads too."""

from __future__ import annotations

import copy
from datetime import datetime
from math import ceil
from typing import Any

from ...errors import StoreError
from ..base import GONE
from ..base import is_expired
from ..base import Record
from ..base import Refusal
from ..base import utc_now
from ..driver_errors import DriverErrors
from .clients import Borrowed
from .clients import driver
from .clients import servers_in
from .clients import servers_of
from .known_ends import KnownEnds
from .names import Names

#: How npm's memcached client marks a value that is JSON.
_JSON_FLAGS = 2
_LONGEST_RELATIVE_EXPIRY = 30 * 24 * 60 * 60
_LATEST_ABSOLUTE_EXPIRY = 2**31 - 1


class MemcachedStore:
    """Keeps each session in one memcached item, and memcached ends it.

    On the server: ``gets`` to load, ``add`` to create, ``replace`` or ``cas`` to save,
    ``touch``, ``delete``. Every one waits for its answer and none is ``set``, which adds
    what is gone and drops the old item when the new one is too large.

    Its limits are memcached's. A full server evicts live sessions and a restarted one
    has none; an item larger than the server's limit (1 MB, ``-I`` raises it) is refused
    with StoreError and leaves the old one as it was. Lives count in whole seconds, rounded
    up, and end in January 2038 at the latest. A loaded record knows its expiry only if this
    process gave it that, and nothing can list or clear the sessions. With several servers
    each key belongs to one of them, and while that one is down its sessions are unavailable:
    falling over to another would bring back the logged out ones later.

    A session's lock is an item of its own, which others ask for again and again; a killed
    holder's is free once its ``ttl`` is over.

    A key is stored after the prefix, its printable ASCII as it is and the rest, with
    ``%``, percent-encoded; past memcached's 250 bytes as ``%sha256:`` and its digest.

    ``layout="connect-memcached"`` shares its items with an Express app. They are the same
    but for their names: by default without a prefix, and a long one is the MD5 digest that
    npm's memcached puts in its place. Ids with spaces, ``%`` or beyond ASCII are not shared.

    :param client: a ``pymemcache.PooledClient``, or a ``HashClient`` with
        ``use_pooling=True`` whose servers are used as they are now. Give it
        ``no_delay=True``, ``connect_timeout=`` and ``timeout=``, and no serde.
    :param layout: ``"native"``, ``"connect-memcached"`` or, for the same, ``"express"``.
    :param prefix: begins every key; printable ASCII without spaces. None is ``sess:``, and
        nothing in the layout of connect-memcached.
    """

    def __init__(self, client: Any, *, layout: str = "native", prefix: str | None = None) -> None:
        pymemcache = driver()
        self._servers = servers_of(client)
        self._hasher = copy.deepcopy(getattr(client, "hasher", None))
        client_prefix = max(len(server.key_prefix) for server in self._servers.values())
        self._name = Names(layout, prefix, client_prefix)
        self._owns_client = False
        self._server_error = pymemcache.MemcacheServerError
        self._hung_up = (ConnectionError, pymemcache.MemcacheUnexpectedCloseError)
        self._ends = KnownEnds()
        self._errors = DriverErrors(
            "memcached",
            unavailable=(OSError, pymemcache.MemcacheUnexpectedCloseError),
            # RuntimeError: all connections of a pool with a max_pool_size are in use.
            failed=(pymemcache.MemcacheError, RuntimeError),
        )

    @classmethod
    def from_url(
        cls, url: str, *, layout: str = "native", prefix: str | None = None, timeout: float = 5.0
    ) -> MemcachedStore:
        """Return a store with a client of its own; nothing connects before the first verb.

        :param url: ``memcached://host:11211``, or ``memcached://host1:11211,host2:11211``.
        :param timeout: seconds to wait for a connection, and for each answer.
        """
        pymemcache = driver()
        servers = servers_in(url)
        options = {
            "connect_timeout": timeout,
            "timeout": timeout,
            # Nagle's algorithm holds the second packet of a write back for 40 ms.
            "no_delay": True,
            # Firewalls forget idle connections without telling either end.
            "pool_idle_timeout": 60,
        }
        if len(servers) == 1:
            client = pymemcache.PooledClient(servers[0], **options)
        else:
            client = pymemcache.HashClient(servers, use_pooling=True, **options)
        store = cls(client, layout=layout, prefix=prefix)
        store._owns_client = True
        return store

    def load(self, key: str) -> Record | None:
        return self._current(self._name(key))

    def create(self, key: str, record: Record) -> bool:
        return self._write("add", self._name(key), record) is True

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        name = self._name(key)
        if replacing is None and is_expired(record.expires_at):
            return None if self.delete(key) else GONE
        if replacing is None:
            return None if self._write("replace", name, record) else GONE
        version = replacing.version
        if version is None:
            current = self._current(name)
            if current is None or current.payload != replacing.payload:
                return Refusal(current)
            version = current.version
        stored = self._write("cas", name, record, cas=version)
        if stored:
            return None
        return GONE if stored is None else Refusal(self._current(name))

    def touch(self, key: str, expires_at: datetime) -> bool:
        name = self._name(key)
        with self._errors, self._borrowed(self._server(name)) as connection:
            touched = bool(connection.touch(name, _exptime(expires_at), noreply=False))
        self._ends.note(name, expires_at if touched else None)
        return touched

    def delete(self, key: str) -> bool:
        name = self._name(key)
        self._ends.note(name, None)
        with self._errors, self._borrowed(self._server(name)) as connection:
            return bool(connection.delete(name, noreply=False))

    def ping(self) -> None:
        for server in self._servers.values():
            with self._errors, self._borrowed(server) as connection:
                connection.version()

    def close(self) -> None:
        if self._owns_client:
            for server in self._servers.values():
                server.close()

    def _current(self, name: str) -> Record | None:
        with self._errors, self._borrowed(self._server(name)) as connection:
            payload, version = connection.gets(name)
        return None if payload is None else Record(payload, self._ends.get(name), version)

    def _write(self, command: str, name: str, record: Record, **version: object) -> bool | None:
        """Return True if stored, False if refused, None if ``cas`` found no item."""
        with self._errors, self._borrowed(self._server(name)) as connection:
            try:
                stored: bool | None = getattr(connection, command)(
                    name,
                    record.payload,
                    **version,
                    expire=_exptime(record.expires_at),
                    flags=_JSON_FLAGS,
                    noreply=False,
                )
            except self._server_error as error:
                if "too large" not in str(error):
                    raise
                raise StoreError(
                    "The session is larger than memcached's item limit, so it was not stored."
                    " Keep less in it, or start memcached with a higher -I (1m by default)."
                ) from error
        if stored:
            self._ends.note(name, record.expires_at)
        return stored

    def _borrowed(self, server: Any) -> Borrowed:
        return Borrowed(server, all_end_with=self._hung_up if self._owns_client else ())

    def _server(self, name: str) -> Any:
        # HashClient's own verbs answer "not found" for a server that failed a moment
        # ago, and hand its keys to the others after a while.
        return self._servers[self._hasher.get_node(name) if self._hasher else None]


def _exptime(expires_at: datetime | None) -> int:
    """Return an expiry as memcached counts it: seconds from now, or since 1970 if far."""
    if expires_at is None:
        return 0
    left = ceil((expires_at - utc_now()).total_seconds())
    if left <= 0:
        return -1  # ends it at once
    if left <= _LONGEST_RELATIVE_EXPIRY:
        return left
    return min(ceil(expires_at.timestamp()), _LATEST_ABSOLUTE_EXPIRY)
