"""The expiries that this process gave to items, which memcached does not return."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime

from ..base import is_expired


class KnownEnds:
    """Remembers the expiries that this process gave to the latest items.

    Another process may have moved an expiry since, but only to a later moment. So the worst
    effect of a stale entry is a touch that comes too early.

    :param limit: how many to remember.
    """

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._ends: OrderedDict[str, datetime] = OrderedDict()

    def get(self, name: str) -> datetime | None:
        """Return the expiry of a live item; None if it is unknown or already past."""
        ends = self._ends.get(name)
        return None if is_expired(ends) else ends

    def note(self, name: str, ends: datetime | None) -> None:
        """Remember an item's expiry; None forgets it."""
        self._ends.pop(name, None)
        if ends is not None:
            self._ends[name] = ends
        if len(self._ends) > self._limit:
            self._ends.popitem(last=False)
