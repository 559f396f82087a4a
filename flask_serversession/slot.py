"""The store as one request may use it: bounded in failures, and in lost races."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import ParamSpec
from typing import Protocol
from typing import TypeVar

from .concurrency import Concurrency
from .errors import PayloadError
from .errors import SessionConflict
from .errors import SessionLocked
from .errors import StoreError
from .stores.base import Lock
from .stores.base import Record
from .stores.base import Refusal
from .stores.base import Store
from .stores.base import SupportsLock
from .stores.record_lock import RecordLock
from .stores.record_move import move_record

P = ParamSpec("P")
T = TypeVar("T")

#: How often a merge may lose the race before it gives up; each loss means somebody won.
MERGE_ATTEMPTS = 64

#: Given the payload this request started from and the record that is there now, returns
#: the record to store instead; what it raises is passed on and stores nothing.
Rebase = Callable[[bytes, Record], Record]


class Attempt(Protocol):
    """Stores a record, if ``replacing`` is what is there."""

    def __call__(self, record: Record, /, *, replacing: Record | None) -> Refusal | None: ...


class Slot:
    """Calls the store for one session, and stops calling it after its first failure.

    An outage therefore costs a request one bounded attempt, however often the view, the
    error handler and the end of the request come back to the session.
    """

    __slots__ = ("_compare", "_on_failure", "_store", "failure")

    def __init__(
        self, store: Store, concurrency: Concurrency, on_failure: Callable[[StoreError], object]
    ) -> None:
        self._store = store
        self._compare = concurrency != "overwrite"
        self._on_failure = on_failure
        #: Why the store is left alone for the rest of the request.
        self.failure: StoreError | None = None

    def raise_failure(self) -> None:
        """Raise the failure there was, if any, again."""
        if self.failure is not None:
            raise self.failure

    def load(self, key: str) -> Record | None:
        """Return the record that is there now."""
        return self._ask(self._store.load, key)

    def create(self, key: str, record: Record) -> bool:
        """Insert the record; False if the key is taken."""
        return self._ask(self._store.create, key, record)

    def replace(self, key: str, known: Record, record: Record, rebase: Rebase) -> Record | None:
        """Replace the known record and return what was stored; None if the key is gone.

        Where others changed it meanwhile, what ``rebase`` makes of theirs is stored: by a
        second attempt that cannot fail, if the store has one.

        :raises SessionConflict: after losing too often.
        """
        save_locked = getattr(self._store, "save_locked", None)
        if save_locked is None or not self._compare:
            outcome = self._insist(partial(self._store.save, key), known, record, rebase)
            return outcome if isinstance(outcome, Record) else None
        stored = record

        def rebase_locked(current: Record) -> Record:
            nonlocal stored
            stored = rebase(known.payload, current)
            return stored

        refusal = self._ask(save_locked, key, record, replacing=known, rebase=rebase_locked)
        return None if refusal else stored

    def move(
        self,
        key: str,
        to: str,
        known: Record,
        record: Record,
        rebase: Rebase,
        *,
        leaving: Callable[[Record], Record],
    ) -> Record | Refusal:
        """Store a record under a new key, and return what was stored or why nothing was.

        :param known: what the old key is known to hold; others' changes are rebased.
        :param leaving: given what the old key holds, returns what it is to hold.
        """

        def attempt(record: Record, *, replacing: Record | None) -> Refusal | None:
            left = leaving(replacing or known)
            return move_record(self._store, key, to, record, replacing=replacing, leaving=left)

        return self._insist(attempt, known, record, rebase)

    def touch(self, key: str, expires_at: datetime) -> bool:
        """Move the expiry and leave the payload alone; False if the key is gone."""
        return self._ask(self._store.touch, key, expires_at)

    def delete(self, key: str) -> bool:
        """Remove a record; False if there was none."""
        return self._ask(self._store.delete, key)

    @contextmanager
    def locked(self, key: str, *, timeout: float, ttl: float) -> Iterator[Callable[[], bool]]:
        """Hold a key's lock; the value renews it, and is False once it was lost.

        :raises SessionLocked: if others kept it for longer than ``timeout``.
        """
        lock = self._lock_of(key, ttl)
        if not self._ask(lock.acquire, timeout):
            raise SessionLocked(
                f"Another request kept the session's lock for more than {timeout} seconds."
                " Wait longer (timeout=), or do less under the lock."
            )
        try:
            yield lambda: self._ask(lock.renew)
        finally:
            # Tried after a failure too, and silent about its own: the lock ends by itself.
            with suppress(StoreError):
                lock.release()

    def _lock_of(self, key: str, ttl: float) -> Lock:
        if isinstance(self._store, SupportsLock):
            return self._store.lock(key, ttl=ttl)
        return RecordLock(self._store, key, ttl=ttl)

    def _insist(
        self, attempt: Attempt, known: Record, record: Record, rebase: Rebase
    ) -> Record | Refusal:
        """Attempt it until nobody was faster; return what was stored, or why nothing can be."""
        for _ in range(MERGE_ATTEMPTS):
            refusal = self._ask(attempt, record, replacing=known if self._compare else None)
            if refusal is None:
                return record
            if refusal.current is None:
                return refusal
            if refusal.current.payload != known.payload:
                record = rebase(known.payload, refusal.current)
            known = refusal.current
        raise SessionConflict(
            "The session was changed by other requests faster than this one could merge its"
            " own changes. They were not stored; the request may be sent again."
        )

    def _ask(self, verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self.raise_failure()
        try:
            return verb(*args, **kwargs)
        except PayloadError:
            raise
        except StoreError as error:
            self.failure = error
            self._on_failure(error)
            raise
