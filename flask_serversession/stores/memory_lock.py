"""Locks among the threads of one process."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from dataclasses import field


@dataclass(slots=True)
class _Place:
    """Who holds a key, and until when."""

    changed: threading.Condition
    holder: MemoryLock | None = None
    ends: float = 0.0
    #: How many hold it or wait; the place is given up with the last.
    users: int = 0


@dataclass(slots=True)
class Places:
    """The keys that are held or waited for."""

    guard: threading.Lock = field(default_factory=threading.Lock)
    by_key: dict[str, _Place] = field(default_factory=dict)


class MemoryLock:
    """Holds a key until it is released, or ``ttl`` seconds after the last renewal.

    Who waits sleeps until one of the two.
    """

    def __init__(self, places: Places, key: str, *, ttl: float) -> None:
        self._places = places
        self._key = key
        self._ttl = ttl

    def acquire(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        with self._places.guard:
            place = self._enter()
            while not self._take(place):
                left = deadline - time.monotonic()
                if left <= 0:
                    self._leave(place)
                    return False
                place.changed.wait(min(left, place.ends - time.monotonic()))
        return True

    def renew(self) -> bool:
        with self._places.guard:
            place = self._places.by_key.get(self._key)
            if place is None or place.holder is not self or place.ends <= time.monotonic():
                return False
            place.ends = time.monotonic() + self._ttl
            return True

    def release(self) -> None:
        with self._places.guard:
            place = self._places.by_key.get(self._key)
            if place is not None and place.holder is self:
                place.holder = None
                place.changed.notify()
                self._leave(place)

    def _enter(self) -> _Place:
        self._forget_lost_ones()
        place = self._places.by_key.get(self._key)
        if place is None:
            place = self._places.by_key[self._key] = _Place(
                threading.Condition(self._places.guard)
            )
        place.users += 1
        return place

    def _forget_lost_ones(self) -> None:
        # A thread that ended without a release gives no place up by itself.
        now = time.monotonic()
        for key, place in list(self._places.by_key.items()):
            if place.users == 1 and place.holder is not None and place.ends <= now:
                del self._places.by_key[key]

    def _take(self, place: _Place) -> bool:
        now = time.monotonic()
        if place.holder is not None:
            if place.ends > now:
                return False
            place.users -= 1  # the one who lost it
        place.holder, place.ends = self, now + self._ttl
        return True

    def _leave(self, place: _Place) -> None:
        place.users -= 1
        if not place.users:
            del self._places.by_key[self._key]
