"""What a Redis server's replies mean."""

from __future__ import annotations

from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any

from ..base import GONE
from ..base import milliseconds_left
from ..base import Record
from ..base import Refusal
from ..base import utc_now

NEVER = datetime(9999, 1, 1, tzinfo=timezone.utc)


def text_of(name: bytes) -> str | None:
    """Return a key as text; None if it is not UTF-8, which no key of a store can be."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return None


def record_of(payload: bytes | None, left: int) -> Record | None:
    # PTTL is -1 for a key without a TTL and -2 for one that is gone.
    if payload is None or left in (0, -2):
        return None
    if left == -1:
        return Record(payload, None)
    # A TTL may end after the last of Python's years.
    left = min(left, milliseconds_left(NEVER))
    return Record(payload, utc_now() + timedelta(milliseconds=left))


def refusal_of(reply: Any) -> Refusal | None:
    """Return what the reply of replace.lua says; None if it replaced the record."""
    if reply == 1:
        return None
    current = record_of(*reply)
    return Refusal(current) if current else GONE
