"""Builds the store of an application from its configuration: protected, moving, or both."""

from __future__ import annotations

from typing import Literal

from ...encryption import Encryption
from ..abilities import is_shared
from ..base import Store
from ..moving.abilities import moving_store
from .abilities import protected
from .preparing import PreparingStore

#: ``SESSION_HASH_IDS``: "prepare" stores ids as they are and reads hashed ones, "switch" stores
#: hashed ones and reads those of before.
HashIds = bool | Literal["prepare", "switch"]


def nested(
    store: Store, before: Store | None, *, hash_ids: HashIds, encryption: Encryption | None
) -> Store:
    """Return the store of an application: protected, moving sessions, or both.

    :param store: where sessions are kept.
    :param before: where they were kept, if it is another store.
    :raises ConfigError: if a store cannot be protected.
    """
    is_protected = bool(hash_ids) or encryption is not None
    if before is None:
        return _alone(store, hash_ids, encryption) if is_protected else store
    if not is_protected:
        return moving_store(store, before)
    is_other = hash_ids in ("prepare", "switch") or is_shared(before)
    if not is_other:
        both = moving_store(store, before)
        return protected(both, hash_ids=bool(hash_ids), encryption=encryption)
    # The two stores do not have the same keys: each is protected by itself.
    new = protected(store, hash_ids=bool(hash_ids), encryption=encryption)
    if encryption is None or is_shared(before):
        return moving_store(new, before)
    return moving_store(new, protected(before, hash_ids=False, encryption=encryption))


def _alone(store: Store, hash_ids: HashIds, encryption: Encryption | None) -> Store:
    if isinstance(hash_ids, bool):
        return protected(store, hash_ids=hash_ids, encryption=encryption)
    hashed = protected(store, hash_ids=True, encryption=encryption)
    raw = protected(store, hash_ids=False, encryption=encryption, is_view=True)
    both = moving_store(hashed, raw, *([PreparingStore] if hash_ids == "prepare" else []))
    both.is_split = hashed.is_split  # the two are on one server
    return both
