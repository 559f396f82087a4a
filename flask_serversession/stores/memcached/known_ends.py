"""What memcached does not tell: when its items end, as far as this process saw to it."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime

from ..base import is_expired


class KnownEnds:
    """Remembers the ends that this process gave to items, of the last so many.

    Another process may have moved an end since. It moved it on, then: it took the item for
    due, or stored it anew. Whoever believes what is remembered here extends an item's life
    too early at worst.

    :param limit: how many to remember.
    """

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._ends: OrderedDict[str, datetime] = OrderedDict()

    def get(self, name: str) -> datetime | None:
        """Return an item's end; None if it is not known, or is over for an item that lives."""
        ends = self._ends.get(name)
        return None if is_expired(ends) else ends

    def note(self, name: str, ends: datetime | None) -> None:
        """Remember the end that an item was given; None to forget it."""
        self._ends.pop(name, None)
        if ends is not None:
            self._ends[name] = ends
        if len(self._ends) > self._limit:
            self._ends.popitem(last=False)
