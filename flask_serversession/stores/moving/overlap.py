"""Finds out whether two stores keep their records in the same place."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from ...errors import ConfigError
from ..base import Record
from ..base import utc_now

_PROBE = b'{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}}'
_LIFE_OF_THE_PROBE = timedelta(minutes=1)


def refuse_overlap(store: Any, before: Any) -> None:
    """Refuse two stores if the former lists what the new one keeps.

    :raises ConfigError: naming what to change.
    """
    key = f"check-{secrets.token_urlsafe(24)}"
    store.create(key, Record(_PROBE, utc_now() + _LIFE_OF_THE_PROBE))
    try:
        is_one = any(before.load(name) is not None for name in _names(key, store, before))
    finally:
        store.delete(key)
    if is_one:
        raise ConfigError(
            "SESSION_STORE_BEFORE finds what SESSION_STORE keeps: both are the same store, or the"
            " prefix of the new one begins with that of the former. Give the new store another"
            " prefix, table, collection or directory in SESSION_STORE_OPTIONS."
        )


def _names(key: str, store: Any, before: Any) -> Iterator[str]:
    """Yield the keys under which the former store may have a record of the new one."""
    yield key
    if hasattr(store, "key_of"):
        key = str(store.key_of(key))
        yield key
    ours, theirs = _prefix(store), _prefix(before)
    if ours != theirs and ours.startswith(theirs):
        yield ours.removeprefix(theirs) + key


def _prefix(store: Any) -> str:
    prefix = getattr(store, "_prefix", "")
    return prefix.decode() if isinstance(prefix, bytes) else str(prefix)
