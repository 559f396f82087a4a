"""A move on any store: two steps, of which the second may undo the first."""

from __future__ import annotations

from .base import ENDED
from .base import Record
from .base import Refusal
from .base import Store
from .base import TAKEN


def move_record(
    store: Store,
    key: str,
    to: str,
    record: Record,
    *,
    replacing: Record | None = None,
    leaving: Record = ENDED,
) -> Refusal | None:
    """Do as :meth:`.base.SupportsMove.move` does.

    If the process is killed between the steps, the old record is as it was, and the new
    one is there under a key that nobody knows, until it expires.
    """
    if not store.create(to, record):
        return TAKEN
    refusal = store.save(key, leaving, replacing=replacing)
    if refusal is not None:
        store.delete(to)
    return refusal
