"""The epochs of users, for a store that keeps one of each user beside the sessions."""

from __future__ import annotations

import re
import secrets

from ..errors import PayloadError
from .base import USER_LENGTH

_EPOCH = re.compile(rb"[A-Za-z0-9_-]+")


def new_epoch() -> bytes:
    """Return 64 random bits as an epoch that no user had before."""
    return secrets.token_urlsafe(8).encode()


def is_of_epoch(key: str, stored: bytes | None) -> bool:
    """Tell whether a key with the tag of a user is of the epoch that the store holds.

    :param stored: what the store holds for this user, or None. Then no key is of its epoch.
    :raises PayloadError: if another program wrote it.
    """
    epoch, dot, _ = key[USER_LENGTH + 1 :].partition(".")
    return stored is not None and bool(dot) and epoch == decoded_epoch(stored)


def decoded_epoch(stored: bytes) -> str:
    """Return a stored epoch as it is in a key.

    :raises PayloadError: if another program wrote it.
    """
    if not _EPOCH.fullmatch(stored):
        raise PayloadError(
            "The store holds something else where the epoch of a user should be. Give the store"
            " a prefix that nothing else uses."
        )
    return stored.decode()
