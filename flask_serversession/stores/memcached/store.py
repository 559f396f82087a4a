"""Sessions in memcached, in items that npm's connect-memcached reads, too."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from math import ceil
from typing import Any

from ...errors import PayloadError
from ...errors import StoreError
from ..base import check_seconds
from ..base import GONE
from ..base import is_expired
from ..base import Record
from ..base import Refusal
from ..base import user_of
from ..base import utc_now
from ..driver_errors import DriverErrors
from ..driver_errors import exhausted
from ..epochs import decoded_epoch
from ..epochs import is_of_epoch
from ..epochs import new_epoch
from .clients import CheckedOut
from .clients import driver
from .clients import servers_in
from .clients import servers_of
from .known_ends import KnownEnds
from .names import Names

#: The flag of a JSON value in npm's memcached client.
_JSON_FLAGS = 2
_LONGEST_RELATIVE_EXPIRY = 30 * 24 * 60 * 60
_LATEST_ABSOLUTE_EXPIRY = 2**31 - 1


class MemcachedStore:
    """Keeps each session in one memcached item, which memcached expires.

    The commands are ``gets`` to load, ``add`` to create, ``replace`` or ``cas`` to save,
    ``touch`` and ``delete``. Each waits for its reply. ``set`` is not used: it adds absent
    items and drops the old item if the new one is too large.

    Each user who logged in has an item with the current epoch, which does not expire. A load
    reads it in the same round trip as the session. Ending a user's sessions deletes only the
    epoch: the sessions can no longer be loaded, and stay in memcached until they expire. If
    memcached evicts an epoch, its user has to log in again.

    memcached has limits. A full server evicts live sessions, and a restart loses all of them.
    An item above the server's limit (1 MB, raised by ``-I``) is refused with StoreError and
    the old one stays. Lifetimes are whole seconds, rounded up, and end in January 2038 at the
    latest. A loaded record has an expiry only if this process set it. Sessions cannot be
    listed or cleared. With several servers each key belongs to one of them, all keys of a user
    to the same one, and its sessions are unavailable while that one is down: a fail-over to
    another would later bring back sessions that were logged out.

    A session's lock is an item of its own, for which waiters poll. The lock of a killed holder
    ends after its ``ttl``.

    A key is stored after the prefix. Printable ASCII stays as it is; everything else and ``%``
    is percent-encoded. Beyond memcached's 250 bytes it is ``%sha256:`` and a digest.

    ``layout="connect-memcached"`` shares its items with an Express application. Only the names
    differ: by default there is no prefix, and a long name is the MD5 digest that npm's
    memcached uses. Ids with spaces, ``%`` or non-ASCII characters are not shared. ``epoch`` and
    ``end_user`` raise ConfigError, because Express does not check epochs.

    :param client: a ``pymemcache.PooledClient``, or a ``HashClient`` with
        ``use_pooling=True``, whose servers must not change later. Give it ``no_delay=True``,
        ``connect_timeout=`` and ``timeout=``, and no serde.
    :param layout: ``"native"``, ``"connect-memcached"`` or its other name ``"express"``.
    :param prefix: starts every key; printable ASCII without spaces. None is ``sess:``, or no
        prefix in the layout of connect-memcached.
    """

    def __init__(self, client: Any, *, layout: str = "native", prefix: str | None = None) -> None:
        pymemcache = driver()
        self._servers = servers_of(client)
        self._hasher = copy.deepcopy(getattr(client, "hasher", None))
        client_prefix = max(len(server.key_prefix) for server in self._servers.values())
        self._name = Names(layout, prefix, client_prefix)
        #: Whether Express may write the items, too.
        self.is_shared: bool = layout != "native"
        #: Whether some sessions can be read while others cannot.
        self.is_split: bool = len(self._servers) > 1
        self._owns_client = False
        self._server_error = pymemcache.MemcacheServerError
        self._hung_up = (ConnectionError, pymemcache.MemcacheUnexpectedCloseError)
        self._ends = KnownEnds()
        where = _place(self._servers.values())
        self._errors = DriverErrors(
            where,
            unavailable=(OSError, pymemcache.MemcacheUnexpectedCloseError),
            failed=(pymemcache.MemcacheError, RuntimeError),
            explain=partial(_explained, where),
        )

    @classmethod
    def from_url(
        cls, url: str, *, layout: str = "native", prefix: str | None = None, timeout: float = 5.0
    ) -> MemcachedStore:
        """Return a store with its own client, which connects on first use.

        :param url: ``memcached://host:11211``, or ``memcached://host1:11211,host2:11211``.
        :param timeout: seconds to wait for a connection, and for each reply.
        """
        check_seconds("timeout", timeout)
        pymemcache = driver()
        servers = servers_in(url)
        options = {
            "connect_timeout": timeout,
            "timeout": timeout,
            # Nagle's algorithm delays the second packet of a write by 40 ms.
            "no_delay": True,
            # Firewalls drop idle connections without a notice to either side.
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
        return self._current(key)

    def create(self, key: str, record: Record) -> bool:
        return self._write("add", key, record) is True

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        if replacing is None and is_expired(record.expires_at):
            return None if self.delete(key) else GONE
        if replacing is None:
            return None if self._write("replace", key, record) else GONE
        version = replacing.version
        if version is None:
            current = self._current(key)
            if current is None or current.payload != replacing.payload:
                return Refusal(current)
            version = current.version
        stored = self._write("cas", key, record, cas=version)
        if stored:
            return None
        return GONE if stored is None else Refusal(self._current(key))

    def touch(self, key: str, expires_at: datetime) -> bool:
        name, _, server = self._item(key)
        with self._errors, self._checked_out(server) as connection:
            touched = bool(connection.touch(name, _exptime(expires_at), noreply=False))
        self._ends.note(name, expires_at if touched else None)
        return touched

    def delete(self, key: str) -> bool:
        name, _, server = self._item(key)
        self._ends.note(name, None)
        with self._errors, self._checked_out(server) as connection:
            return bool(connection.delete(name, noreply=False))

    def epoch(self, user: str) -> str:
        name, fresh = self._name.epoch(user), new_epoch()
        with self._errors, self._checked_out(self._server(name)) as connection:
            held = connection.get(name)
            if held is None and not connection.add(name, fresh, noreply=False):
                held = connection.get(name)
        # If that is None, the user was ended meanwhile. The fresh epoch has ended with it.
        return decoded_epoch(fresh if held is None else held)

    def end_user(self, user: str) -> None:
        # The next epoch is random, so none has to be kept until then.
        name = self._name.epoch(user)
        with self._errors, self._checked_out(self._server(name)) as connection:
            connection.delete(name, noreply=False)

    def ping(self) -> None:
        for server in self._servers.values():
            with self._errors, self._checked_out(server) as connection:
                connection.version()

    def close(self) -> None:
        if self._owns_client:
            for server in self._servers.values():
                server.close()

    def _current(self, key: str) -> Record | None:
        name, epoch_name, server = self._item(key)
        names = [name] if epoch_name is None else [name, epoch_name]
        with self._errors, self._checked_out(server) as connection:
            items = connection.gets_many(names)
        payload, version = items.get(name, (None, None))
        if payload is None:
            return None
        if not isinstance(payload, bytes):
            raise PayloadError("A session in memcached is not bytes. Give the client no serde.")
        if epoch_name is not None and not is_of_epoch(key, items.get(epoch_name, (None,))[0]):
            return None
        return Record(payload, self._ends.get(name), version)

    def _write(self, command: str, key: str, record: Record, **version: object) -> bool | None:
        """Return True if it was stored, False if refused, None if ``cas`` found no item."""
        name, _, server = self._item(key)
        with self._errors, self._checked_out(server) as connection:
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
                    " Store less in it, or start memcached with a higher -I (1m by default)."
                ) from error
        if stored:
            self._ends.note(name, record.expires_at)
        return stored

    def _checked_out(self, server: Any) -> CheckedOut:
        return CheckedOut(server, all_end_with=self._hung_up if self._owns_client else ())

    def _item(self, key: str) -> tuple[str, str | None, Any]:
        """Return the names of a key's item and of its user's epoch, and the server of both.

        All records of a user are on one server, so that a load takes one round trip.
        """
        name, user = self._name(key), user_of(key)
        if user is None or self.is_shared:
            return name, None, self._server(name)
        epoch_name = self._name.epoch(user)
        return name, epoch_name, self._server(epoch_name)

    def _server(self, name: str) -> Any:
        # HashClient's own verbs return "not found" while a server is down, and later give its
        # keys to the other servers.
        return self._servers[self._hasher.get_node(name) if self._hasher else None]


def _place(clients: Iterable[Any]) -> str:
    servers = [client.server for client in clients]
    addresses = [each if isinstance(each, str) else f"{each[0]}:{each[1]}" for each in servers]
    return "memcached at " + ", ".join(addresses)


def _explained(where: str, error: BaseException) -> StoreError | None:
    is_full = isinstance(error, RuntimeError) and "Too many objects" in str(error)
    return exhausted(where, "max_pool_size") if is_full else None


def _exptime(expires_at: datetime | None) -> int:
    """Return an expiry for memcached: seconds from now, or since 1970 if it is far away."""
    if expires_at is None:
        return 0
    left = ceil((expires_at - utc_now()).total_seconds())
    if left <= 0:
        return -1  # ends it at once
    if left <= _LONGEST_RELATIVE_EXPIRY:
        return left
    return min(ceil(expires_at.timestamp()), _LATEST_ABSOLUTE_EXPIRY)
