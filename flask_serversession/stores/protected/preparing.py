"""Keeps sessions under raw ids, beside processes that already move them to hashed ids."""

from __future__ import annotations

from datetime import datetime

from ...errors import StoreError
from ..base import Rebase
from ..base import Record
from ..base import Refusal
from ..moving.mark import Mark
from ..moving.store import ATTEMPTS
from ..moving.store import MovingStore


class PreparingStore(MovingStore):
    """Finds sessions under hashed ids, and leaves those under raw ids where they are.

    Sessions are moved in one direction only, so that no two processes move one back and forth.
    """

    def left_key_of(self, name: str) -> str:
        """Return the key that a record names: one that processes without hashed ids know, too."""
        return name

    def load(self, key: str) -> Record | None:
        there: Record | None = self._before.load(key)
        return there if _is_session(there) else super().load(key)

    def create(self, key: str, record: Record) -> bool:
        return bool(self._before.create(key, record))

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        for _ in range(ATTEMPTS):
            known = replacing or self._before.load(key)
            if not _is_session(known):
                break
            refusal: Refusal | None = self._before.save(key, record, replacing=known)
            if refusal is None or (replacing and _is_session(refusal.current)):
                return refusal
            if replacing:
                break
        return super().save(key, record, replacing=replacing)

    def touch(self, key: str, expires_at: datetime) -> bool:
        return self._before.touch(key, expires_at) or super().touch(key, expires_at)

    def save_locked(
        self, key: str, record: Record, *, replacing: Record, rebase: Rebase
    ) -> Refusal | None:
        for _ in range(ATTEMPTS):
            refusal = self.save(key, record, replacing=replacing)
            if refusal is None or refusal.current is None:
                return refusal
            replacing, record = refusal.current, rebase(refusal.current)
        raise StoreError("Other requests kept changing the session.")


def _is_session(record: Record | None) -> bool:
    return record is not None and Mark.of(record) is None
