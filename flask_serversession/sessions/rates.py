"""How often something happened in the last minute."""

from __future__ import annotations

import time
from typing import Final

_SECONDS: Final = 60


class Rate:
    """Counts the events of the last 60 seconds, in this process.

    It has no lock, because it only has to show an attack: of two events in the same moment,
    one may not be counted.
    """

    def __init__(self) -> None:
        #: For each of the last 60 seconds, that second and its events, in no order.
        self._seconds = [(0, 0)] * _SECONDS

    def count(self) -> int:
        """Count one event; return how many there were in the last 60 seconds, with this one."""
        now = int(time.monotonic())
        second, events = self._seconds[now % _SECONDS]
        self._seconds[now % _SECONDS] = now, events + 1 if second == now else 1
        return sum(events for second, events in self._seconds if second > now - _SECONDS)
