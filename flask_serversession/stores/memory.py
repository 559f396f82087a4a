"""Sessions in this process's memory: for development, tests and single-process applications."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from itertools import islice

from ..log import logger
from ..log import QuietLog
from .base import GONE
from .base import Lock
from .base import Record
from .base import Refusal
from .base import utc_now
from .memory_lock import MemoryLock
from .memory_lock import Places

_SWEEP_AT_LEAST_EVERY = 64
_LOOKED_AT = 4

_EVICTED = (
    "The memory session store holds its %d records and dropped one that had not expired. Raise"
    " max_records in SESSION_STORE_OPTIONS, or use a store with a server."
)


class MemoryStore:
    """Keeps records until they expire, the process ends or there are too many.

    :param max_records: how many records to keep. Each create beyond that removes one: an
        expired record if one is found at once, or else the oldest that was never used since its
        creation, or else the least recently used one. The log counts those that had not
        expired, in one line a minute.
    :param clock: returns the current time.
    """

    def __init__(
        self, *, max_records: int = 100_000, clock: Callable[[], datetime] = utc_now
    ) -> None:
        if max_records < 1:
            raise ValueError("max_records must be at least 1")
        self._max_records = max_records
        self._clock = clock
        #: Created and never used since, the oldest first.
        self._unused: OrderedDict[str, Record] = OrderedDict()
        #: The least recently used first.
        self._used: OrderedDict[str, Record] = OrderedDict()
        self._log = QuietLog()
        self._creates_until_sweep = _SWEEP_AT_LEAST_EVERY
        self._lock = threading.RLock()
        self._places = Places()
        self._process = os.getpid()

    def load(self, key: str) -> Record | None:
        with self._lock:
            return self._live(key)

    def create(self, key: str, record: Record) -> bool:
        with self._lock:
            if self._live(key):
                return False
            if self._size() >= self._max_records:
                self._evict_one()
            self._unused[key] = record
            self._warn_if_forked()
            self._sweep_now_and_then()
            return True

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        with self._lock:
            current = self._live(key)
            if current is None:
                return GONE
            if replacing is not None and current.payload != replacing.payload:
                return Refusal(current)
            self._used[key] = record
            self._live(key)  # removes it if it has already expired
            return None

    def touch(self, key: str, expires_at: datetime) -> bool:
        with self._lock:
            current = self._live(key)
            if current is None:
                return False
            self._used[key] = Record(current.payload, expires_at)
            self._live(key)
            return True

    def delete(self, key: str) -> bool:
        with self._lock:
            alive = self._live(key) is not None
            self._used.pop(key, None)
            return alive

    def lock(self, key: str, *, ttl: float) -> Lock:
        return MemoryLock(self._places, key, ttl=ttl)

    def keys(self) -> Iterator[str]:
        with self._lock:
            now = self._clock()
            return iter([key for key, record in self._items() if not _ended(record, now)])

    def records(self, user: str | None = None) -> Iterator[tuple[str, Record]]:
        with self._lock:
            now, start = self._clock(), "" if user is None else f"{user}."
            return iter(
                [
                    (key, record)
                    for key, record in self._items()
                    if key.startswith(start) and not _ended(record, now)
                ]
            )

    def count(self) -> int:
        return sum(1 for _ in self.keys())

    def clear(self) -> int:
        with self._lock:
            removed = self._size()
            self._unused.clear()
            self._used.clear()
            return removed

    def prune(self) -> int:
        return sum(self.pruning())

    def pruning(self, *, dry_run: bool = False) -> Iterator[int]:
        with self._lock:
            now = self._clock()
            expired = [key for key, record in self._items() if _ended(record, now)]
            for key in () if dry_run else expired:
                self._remove(key)
        yield len(expired)

    def _size(self) -> int:
        return len(self._unused) + len(self._used)

    def _items(self) -> Iterator[tuple[str, Record]]:
        return chain(self._unused.items(), self._used.items())

    def _remove(self, key: str) -> None:
        self._unused.pop(key, None)
        self._used.pop(key, None)

    def _live(self, key: str) -> Record | None:
        """Return a record, which is in use from now on; remove it if it has expired."""
        record = self._used.get(key)
        if record is None:
            record = self._unused.pop(key, None)
            if record is None:
                return None
            self._used[key] = record
        ends = record.expires_at  # not by _ended(): this is on the path of every request
        if ends is not None and ends <= self._clock():
            del self._used[key]
            return None
        self._used.move_to_end(key)
        return record

    def _warn_if_forked(self) -> None:
        if self._process == os.getpid():
            return
        self._process = os.getpid()
        logger.warning(
            "The memory session store is used by several processes, and each has its own"
            " sessions: a user is logged in at one worker and not at the next. Use a store that"
            " processes share, such as 'sqlite:///sessions.db'."
        )

    def _sweep_now_and_then(self) -> None:
        # A sweep visits every record, so the interval grows with their number. A create then
        # costs the same on average, and expired records stay fewer than the live ones.
        self._creates_until_sweep -= 1
        if self._creates_until_sweep > 0:
            return
        self.prune()
        self._creates_until_sweep = max(_SWEEP_AT_LEAST_EVERY, self._size() // 2)

    def _evict_one(self) -> None:
        now = self._clock()
        # A few from each end: a search for expired ones among all would cost more with each.
        for key, record in chain(_first(self._unused), _first(self._used)):
            if _ended(record, now):
                self._remove(key)
                return
        (self._unused or self._used).popitem(last=False)
        self._log.warn(_EVICTED, self._max_records)


def _first(records: OrderedDict[str, Record]) -> list[tuple[str, Record]]:
    return list(islice(records.items(), _LOOKED_AT))


def _ended(record: Record, now: datetime) -> bool:
    return record.expires_at is not None and record.expires_at <= now
