"""Gives a record a new key, by the verbs that every store has."""

from __future__ import annotations

from .base import ENDED
from .base import GONE
from .base import Record
from .base import Refusal
from .base import Store
from .base import SupportsEpochs
from .base import TAKEN
from .base import user_of


def move_record(
    store: Store,
    key: str,
    to: str,
    record: Record,
    *,
    replacing: Record | None = None,
    leaving: Record = ENDED,
) -> Refusal | None:
    """Create a record under a new key, then save what is left under the old one.

    With ``replacing``, only if the old payload is still that record's. Refused like a save
    of the old key, or with :data:`~.base.TAKEN`; then neither key changes. If the process is
    killed between the two steps, the old record is unchanged and the new one stays, under a
    key that nobody knows, until it expires.

    :param to: a key that nobody else knows before this returns.
    :param leaving: by default what ends the old key.
    """
    if not store.create(to, record):
        return TAKEN
    if isinstance(store, SupportsEpochs) and user_of(key) and store.load(key) is None:
        refusal: Refusal | None = GONE  # a save may not notice that an epoch has ended
    else:
        refusal = store.save(key, leaving, replacing=replacing)
    if refusal is not None:
        store.delete(to)
    return refusal
