"""The store as one request uses it: it stops at a failure, and after too many lost races."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import cast
from typing import Protocol

from .. import signals
from ..errors import PayloadError
from ..errors import SessionConflict
from ..errors import SessionGone
from ..errors import SessionLocked
from ..errors import StoreError
from ..errors import StoreUnavailable
from ..stores.base import GONE
from ..stores.base import Lock
from ..stores.base import Record
from ..stores.base import Refusal
from ..stores.base import same_json
from ..stores.base import Store
from ..stores.base import SupportsLock
from ..stores.base import SupportsLockedSave
from ..stores.record_lock import RecordLock
from ..stores.record_move import move_record
from .breaker import Breaker
from .settings import Settings

#: How often a merge may lose the race before it gives up. Each loss means that another
#: request won.
MERGE_ATTEMPTS = 64

#: Called with the payload that this request started from and the record that is there now.
#: Returns the record to store instead; an exception stores nothing.
Rebase = Callable[[bytes, Record], Record]


class Attempt(Protocol):
    """Stores a record, if ``replacing`` is what is there."""

    def __call__(self, record: Record, /, *, replacing: Record | None) -> Refusal | None: ...


@dataclass(slots=True)
class RequestStore:
    """Calls the store for one request, and stops after its first failure.

    An outage costs a request one bounded attempt, however often the view, the error handler
    and the end of the request come back to the session.
    """

    settings: Settings
    #: None calls the store even if it failed for others: a command or the manager asked for it.
    breaker: Breaker | None = None
    #: Why the store is left alone for the rest of the request.
    failure: StoreError | None = None

    def __enter__(self) -> Store:
        """Return the store, for one call; raises the earlier failure, if there was one."""
        if self.breaker is not None and self.breaker.is_open and self.failure is None:
            self._note_failure(self.breaker.refusal())
        if self.failure is not None:
            raise self.failure
        return self.settings.store

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if self.breaker is not None and (error is not None or self.breaker.failures):
            self.breaker.note(error)
        if isinstance(error, StoreError) and not isinstance(error, PayloadError):
            self._note_failure(error)

    def _note_failure(self, error: StoreError | None) -> None:
        if error is not None:
            self.failure = error
            self.settings.notify(signals.session_store_error, error=error)

    def forget_traceback(self) -> None:
        """Replace the failure by one without a traceback, whose frames hold the request.

        Such a cycle keeps what was uploaded in memory until the garbage collector runs.
        """
        self.failure = StoreUnavailable("The store failed earlier in this request.")

    def load(self, key: str) -> Record | None:
        """Return the record that is there now."""
        with self as store:
            return store.load(key)

    def create(self, key: str, record: Record) -> bool:
        """Insert the record; False if the key is taken."""
        with self as store:
            return store.create(key, record)

    def touch(self, key: str, expires_at: datetime) -> bool:
        """Move the expiry and leave the payload alone; False if the key has no session."""
        try:
            with self as store:
                return store.touch(key, expires_at)
        except PayloadError:
            return False

    def delete(self, key: str) -> bool:
        """Remove the record; False if there was none."""
        with self as store:
            return store.delete(key)

    def replace(self, key: str, known: Record, record: Record, rebase: Rebase) -> Record:
        """Replace the known record and return what was stored.

        If another request changed it, what ``rebase`` makes of theirs is stored instead. A
        store with locked saves does that in a second attempt that cannot fail.

        :raises SessionGone: if the key is gone, or what it holds now is not a session.
        :raises SessionConflict: after losing too often.
        """
        store = self.settings.store
        # Not by isinstance(), which takes longer than a local store does.
        if self._compares and hasattr(store, "save_locked"):
            locked = cast(SupportsLockedSave, store)
            outcome = self._save_locked(locked, key, known, record, rebase)
        else:
            outcome = self._insist(partial(store.save, key), known, record, rebase)
        if isinstance(outcome, Record):
            return outcome
        raise SessionGone("The session was ended elsewhere, so it was not saved.")

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
        """Store a record under a new key; return what was stored, or why nothing was.

        :param known: what the old key is known to hold. Others' changes to it are rebased.
        :param leaving: called with what the old key holds, returns what to leave there.
        """

        def attempt(record: Record, *, replacing: Record | None) -> Refusal | None:
            left = leaving(replacing or known)
            store = self.settings.store
            return move_record(store, key, to, record, replacing=replacing, leaving=left)

        return self._insist(attempt, known, record, rebase)

    @contextmanager
    def locked(
        self, key: str, *, timeout: float, ttl: float, lock: Lock | None = None
    ) -> Iterator[Callable[[], bool]]:
        """Hold a key's lock; the value renews it, and returns False once it was lost.

        Requests of this process wait for each other, and one at a time for other processes.

        :param lock: instead of the store's own.
        :raises SessionLocked: if others kept it for longer than ``timeout``, or too many of
            this process wait for it.
        """
        deadline = time.monotonic() + timeout
        if self.failure is not None:
            raise self.failure
        if lock is None:
            lock = self._lock_of(key, ttl)
        turn = self.settings.locks.turn(key, ttl=ttl)
        if not turn.acquire(timeout):
            raise self._locked_out(timeout)
        try:
            with self:
                is_acquired = lock.acquire(max(deadline - time.monotonic(), 0))
            if not is_acquired:
                raise self._locked_out(timeout)
            try:
                yield partial(self._renew, turn, lock)
            finally:
                # After a failure too, and without raising: the lock ends by itself.
                with suppress(StoreError):
                    lock.release()
        finally:
            turn.release()

    def _lock_of(self, key: str, ttl: float) -> Lock:
        store = self.settings.store
        if isinstance(store, SupportsLock):
            return store.lock(key, ttl=ttl)
        return RecordLock(store, key, ttl=ttl)

    def _locked_out(self, timeout: float) -> SessionLocked:
        most = self.settings.config.max_waiters
        return SessionLocked(
            f"Other requests kept the session's lock for more than {timeout} seconds, or {most}"
            " (SESSION_MAX_WAITERS) were waiting for it already. Wait longer (timeout=), or do"
            " less under the lock."
        )

    def _renew(self, turn: Lock, lock: Lock) -> bool:
        turn.renew()
        with self:
            return lock.renew()

    @property
    def _compares(self) -> bool:
        return self.settings.config.concurrency != "overwrite"

    def _save_locked(
        self,
        store: SupportsLockedSave,
        key: str,
        known: Record,
        record: Record,
        rebase: Rebase,
    ) -> Record | Refusal:
        stored = record

        def rebase_locked(current: Record) -> Record:
            nonlocal stored
            stored = rebase(known.payload, current)
            return stored

        try:
            with self:
                refusal = store.save_locked(key, record, replacing=known, rebase=rebase_locked)
        except PayloadError:
            return GONE
        return refusal or stored

    def _insist(
        self, attempt: Attempt, known: Record, record: Record, rebase: Rebase
    ) -> Record | Refusal:
        """Attempt until no other request is faster; return what was stored, or why nothing is."""
        compares = self._compares
        for _ in range(MERGE_ATTEMPTS):
            try:
                with self:
                    refusal = attempt(record, replacing=known if compares else None)
                if refusal is None:
                    return record
                if refusal.current is None:
                    return refusal
                if not same_json(refusal.current.payload, known.payload):
                    record = rebase(known.payload, refusal.current)
            except PayloadError:  # what is there now is not a session
                return GONE
            known = refusal.current
        raise SessionConflict(
            "The session was changed by other requests faster than this one could merge its"
            " own changes. They were not stored; the request may be sent again."
        )
