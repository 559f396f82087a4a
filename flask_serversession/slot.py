"""One session's place in the store: its record, as one request knows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import ParamSpec
from typing import TypeVar

from .concurrency import Concurrency
from .errors import PayloadError
from .errors import SessionConflict
from .errors import StoreError
from .stores.base import Record
from .stores.base import Store

P = ParamSpec("P")
T = TypeVar("T")

#: How often a merge may lose the race before it gives up; each loss means somebody won.
MERGE_ATTEMPTS = 16

#: Given the payload this request started from and the one that is there now, returns the
#: record with both sides' changes, or raises SessionConflict.
Rebase = Callable[[bytes, bytes], Record]


class Slot:
    """Calls the store for one session, and stops calling it after its first failure.

    An outage therefore costs a request one bounded attempt, however often the view, the
    error handler and the end of the request come back to the session.
    """

    __slots__ = ("_compare", "_on_failure", "_store", "failure", "record")

    def __init__(
        self, store: Store, concurrency: Concurrency, on_failure: Callable[[StoreError], object]
    ) -> None:
        self._store = store
        self._compare = concurrency != "overwrite"
        self._on_failure = on_failure
        #: What the store holds, as far as this request knows; None for nothing.
        self.record: Record | None = None
        #: Why the store is left alone for the rest of the request.
        self.failure: StoreError | None = None

    def raise_failure(self) -> None:
        """Raise the failure there was, if any, again."""
        if self.failure is not None:
            raise self.failure

    def load(self, key: str) -> Record | None:
        """Return the record that is there now, and take it for the one to replace."""
        self.record = self._ask(self._store.load, key)
        return self.record

    def create(self, key: str, record: Record) -> bool:
        """Insert the record; False if the key is taken."""
        created = self._ask(self._store.create, key, record)
        if created:
            self.record = record
        return created

    def replace(self, key: str, known: Record, record: Record, rebase: Rebase) -> bool:
        """Replace the known record, rebasing as often as others get there first.

        Returns False if the key is gone.

        :raises SessionConflict: when ``rebase`` refuses, or after losing too often.
        """
        for _ in range(MERGE_ATTEMPTS):
            base = known if self._compare else None
            refusal = self._ask(self._store.save, key, record, replacing=base)
            if refusal is None:
                self.record = record
                return True
            if refusal.current is None:
                self.record = None
                return False
            if refusal.current.payload != known.payload:
                record = rebase(known.payload, refusal.current.payload)
            known = refusal.current
        raise SessionConflict(
            "The session was changed by other requests faster than this one could merge its"
            " own changes. They were not stored; the request may be sent again."
        )

    def touch(self, key: str, expires_at: datetime) -> bool:
        """Move the expiry and leave the payload alone; False if the key is gone."""
        touched = self._ask(self._store.touch, key, expires_at)
        if touched and self.record is not None:
            self.record = replace(self.record, expires_at=expires_at)
        return touched

    def delete(self, key: str) -> bool:
        """Remove a record; False if there was none."""
        return self._ask(self._store.delete, key)

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
