"""Sessions in any cachelib cache that can store bytes."""

from __future__ import annotations

import copy
import struct
import sys
import threading
from datetime import datetime
from datetime import timezone
from typing import Any
from typing import IO
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..errors import PayloadError
from ..errors import StoreError
from .base import epoch_milliseconds
from .base import from_epoch_milliseconds
from .base import GONE
from .base import is_expired
from .base import milliseconds_left
from .base import Record
from .base import Refusal
from .base import user_of
from .driver_errors import DriverErrors
from .epochs import decoded_epoch
from .epochs import is_of_epoch
from .epochs import new_epoch
from .forking import leave_in_child

if TYPE_CHECKING:
    from cachelib import BaseCache

_EXPIRY = struct.Struct(">Q")
#: Starts every stored value: the expiry's first two bytes are zero until the year 10889.
_MARK = b"\0\0"
_FOR_EVER = 0
_LAST = epoch_milliseconds(datetime.max.replace(tzinfo=timezone.utc))
_LOCKS = 64


class CacheLibStore:
    """Keeps sessions in a cachelib cache, as bytes: eight of expiry, then the payload.

    **Verbs are atomic among the threads of one process, but not between processes.**
    cachelib has no compare-and-set, so every verb but ``load`` reads, decides and writes
    under a lock of this store. Between processes the last write wins: of two that save a
    session at once, one loses its changes, and a save can undo another process's logout.
    With several processes, use RedisStore, FileSystemStore, MongoDBStore or MemcachedStore
    on the same backend.

    A session's lock is a cache entry with the same limit: it excludes the threads of one
    process, and does not reliably exclude other processes.

    Each user who logged in has an entry with the current epoch, which does not expire. A load
    reads it with the session, by ``get_many``. Ending a user's sessions deletes only the epoch:
    the sessions can no longer be loaded, and stay in the cache until they expire. If the cache
    drops an epoch, its user has to log in again.

    Every exception of the cache becomes StoreUnavailable, because cachelib does not
    distinguish an outage from a refusal. Failures that it hides stay hidden: a session in an
    unreadable file of FileSystemCache is absent. A touch rewrites the payload. Keys cannot be
    listed.

    cachelib serializes with pickle, which can run code when it reads. This store works on a
    shallow copy of the cache whose serializer passes bytes through. It refuses caches without
    a serializer to replace (MemcachedCache, NullCache), and caches with a ``threshold``,
    which drop live sessions.

    :param cache: a ``RedisCache``, a ``FileSystemCache(directory, threshold=0)`` …
        The application closes it.
    :param prefix: starts every key.
    """

    def __init__(self, cache: BaseCache, *, prefix: str = "sess:") -> None:
        _check(cache)
        self._cache = with_bytes(cache)
        self._prefix = prefix
        self._errors = DriverErrors("cachelib", unavailable=(Exception,), failed=())
        self._renew_locks()
        leave_in_child(self, CacheLibStore._renew_locks)

    def load(self, key: str) -> Record | None:
        return self._current(key)

    def create(self, key: str, record: Record) -> bool:
        name = self._name(key)
        with self._lock(name):
            return self._add(name, record)

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        name = self._name(key)
        with self._lock(name):
            current = self._current(key)
            if current is None:
                return GONE
            if replacing is not None and current.payload != replacing.payload:
                return Refusal(current)
            self._put(name, record)
            return None

    def touch(self, key: str, expires_at: datetime) -> bool:
        name = self._name(key)
        with self._lock(name):
            current = self._current(key)
            if current is None:
                return False
            self._put(name, Record(current.payload, expires_at))
            return True

    def delete(self, key: str) -> bool:
        name = self._name(key)
        with self._lock(name):
            if not self._is_taken(name):
                return False
            self._remove(name)
            return True

    def epoch(self, user: str) -> str:
        name, fresh = self._epoch_name(user), Record(new_epoch(), None)
        with self._lock(name):
            held = self._live(name)
            if held is None and not self._add(name, fresh):
                held = self._live(name)
        # If that is None, the user was ended meanwhile. The fresh epoch has ended with it.
        return decoded_epoch((held or fresh).payload)

    def end_user(self, user: str) -> None:
        # The next epoch is random, so none has to be kept until then.
        name = self._epoch_name(user)
        with self._lock(name):
            self._remove(name)

    def _name(self, key: str) -> str:
        return self._prefix + key.replace("%", "%%")

    def _epoch_name(self, user: str) -> str:
        # No key has this name: its % is not doubled.
        return f"{self._prefix}%epoch:{user}"

    def _renew_locks(self) -> None:
        # In a child, a lock that another thread of the parent held would stay locked.
        self._locks = tuple(threading.Lock() for _ in range(_LOCKS))

    def _lock(self, name: str) -> threading.Lock:
        return self._locks[hash(name) % _LOCKS]

    def _current(self, key: str) -> Record | None:
        """Return the live record; None for a record of an earlier epoch of its user."""
        name, user = self._name(key), user_of(key)
        if user is None:
            return self._live(name)
        with self._errors:
            value, epoch = self._cache.get_many(name, self._epoch_name(user))
        record = _unframe_live(value)
        stored = _unframe_live(epoch)
        return record if stored is not None and is_of_epoch(key, stored.payload) else None

    def _live(self, name: str) -> Record | None:
        with self._errors:
            value = self._cache.get(name)
        return _unframe_live(value)

    def _add(self, name: str, record: Record) -> bool:
        if self._is_taken(name):
            return False
        if is_expired(record.expires_at):
            return True
        with self._errors:
            added = self._cache.add(name, _frame(record), _timeout(record.expires_at))
        if added:
            return True
        # Another process was faster, or an expired file is in the way: FileSystemCache
        # does not add where one is.
        if self._live(name):
            return False
        self._put(name, record)
        return True

    def _is_taken(self, name: str) -> bool:
        try:
            return self._live(name) is not None
        except PayloadError:
            return True

    def _put(self, name: str, record: Record) -> None:
        if is_expired(record.expires_at):
            self._remove(name)
            return
        with self._errors:
            stored = self._cache.set(name, _frame(record), _timeout(record.expires_at))
        if not stored:
            raise StoreError("The cachelib cache did not store a session; its log may say why.")

    def _remove(self, name: str) -> None:
        with self._errors:
            removed = self._cache.delete(name)
        if not removed and self._live(name):
            raise StoreError("The cachelib cache did not remove a session; its log may say why.")


def with_bytes(cache: Any) -> Any:
    """Return a copy of a cache that returns values as they are stored, without unpickling them."""
    ours = copy.copy(cache)
    ours.serializer = _Bytes()
    return ours


class _Bytes:
    """A cachelib serializer that passes bytes through."""

    def dumps(self, value: bytes) -> bytes:
        return value

    def loads(self, value: bytes | None) -> bytes | None:
        return value

    def dump(self, value: bytes, file: IO[bytes]) -> None:
        file.write(value)

    def load(self, file: IO[bytes]) -> bytes:
        return file.read()


def _frame(record: Record) -> bytes:
    expires_at = record.expires_at
    expiry = _FOR_EVER if expires_at is None else epoch_milliseconds(expires_at)
    return _EXPIRY.pack(expiry) + record.payload


def _unframe_live(value: bytes | None) -> Record | None:
    record = None if value is None else _unframe(value)
    return None if record is None or is_expired(record.expires_at) else record


def _unframe(value: bytes) -> Record:
    if type(value) is not bytes or len(value) < _EXPIRY.size or not value.startswith(_MARK):
        raise PayloadError(
            "A value in the cachelib cache was not written by this store. Give the store a"
            " prefix that nothing else uses."
        )
    (expiry,) = _EXPIRY.unpack_from(value)
    expires_at = None if expiry == _FOR_EVER else from_epoch_milliseconds(min(expiry, _LAST))
    return Record(value[_EXPIRY.size :], expires_at)


def _timeout(expires_at: datetime | None) -> int:
    if expires_at is None:
        return 0  # cachelib's "never"
    # One second more: caches round the current time down. The frame has the exact expiry.
    return -(-milliseconds_left(expires_at) // 1000) + 1


def _check(cache: BaseCache) -> None:
    try:
        from cachelib import BaseCache
        from cachelib import SimpleCache
    except ImportError as error:
        raise ConfigError("CacheLibStore needs cachelib: pip install cachelib") from error
    if not isinstance(cache, BaseCache):
        raise ConfigError(f"CacheLibStore needs a cachelib cache, not {type(cache).__name__}.")
    kind = type(cache).__name__
    if not hasattr(cache, "serializer"):
        raise ConfigError(
            f"{kind} always pickles: it has no serializer to replace. Use MemcachedStore for"
            " memcached, or another cache."
        )
    # SimpleCache takes 0 for 500.
    boundless = sys.maxsize if isinstance(cache, SimpleCache) else 0
    if getattr(cache, "_threshold", boundless) != boundless:
        raise ConfigError(
            f"{kind} drops live sessions above its threshold. Create it with threshold="
            f"{'sys.maxsize, or use MemoryStore' if boundless else '0'}."
        )
