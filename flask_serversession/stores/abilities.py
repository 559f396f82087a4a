"""What a store can do beyond its verbs."""

from __future__ import annotations

from typing import Final

from .base import Store
from .base import SupportsEpochs
from .base import SupportsUsers

#: Characters of an id with a tag, and what is to spare for an epoch and for a longer id.
_ROOM_FOR_AN_ID: Final = 64


def is_shared(store: Store) -> bool:
    """Return whether Express may write the records of a store."""
    return bool(getattr(store, "is_shared", False))


def is_split(store: Store) -> bool:
    """Return whether one of several servers of a store may fail alone."""
    return bool(getattr(store, "is_split", False))


def opens_by_key(store: Store) -> bool:
    """Return whether the data of a session can be read without its browser's id."""
    return bool(getattr(store, "opens_by_key", True))


def has_epochs(store: Store) -> bool:
    """Return whether a store can end all sessions of a user without listing them."""
    # Express would still load them.
    return isinstance(store, SupportsEpochs) and not is_shared(store)


def can_tag(store: Store) -> bool:
    """Return whether ids in this store can begin with the tag of a user."""
    is_able = isinstance(store, SupportsUsers) or has_epochs(store)
    return is_able and getattr(store, "longest_key", _ROOM_FOR_AN_ID) >= _ROOM_FOR_AN_ID


def why_not_found(store: Store) -> str | None:
    """Return why the sessions of a user cannot be found in a store; None if they can."""
    if isinstance(store, SupportsUsers) and can_tag(store):
        return None
    return f"{type(store).__name__} cannot find the sessions of a user:" + (
        " its backend cannot list them."
        if not isinstance(store, SupportsUsers)
        else " the ids of this layout are too short to tell whose they are."
    )
