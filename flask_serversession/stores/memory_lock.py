"""Locks in this process's memory."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from dataclasses import field


@dataclass(slots=True)
class _Place:
    """The holder of a key, and when its ttl ends."""

    changed: threading.Condition
    holder: MemoryLock | None = None
    ends: float = 0.0
    #: Holder and waiters. The place is removed with the last of them.
    users: int = 0


@dataclass(slots=True)
class Places:
    """The keys that are locked or waited for."""

    guard: threading.Lock = field(default_factory=threading.Lock)
    by_key: dict[str, _Place] = field(default_factory=dict)
    #: Further waiters for a key are refused.
    most_waiting: float = math.inf


class MemoryLock:
    """Holds a key until it is released or ``ttl`` seconds after the last renewal.

    Waiters sleep until then. Beyond ``places.most_waiting`` of them, ``acquire`` returns False
    at once.
    """

    def __init__(self, places: Places, key: str, *, ttl: float) -> None:
        self._places = places
        self._key = key
        self._ttl = ttl

    def acquire(self, timeout: float) -> bool:
        deadline, is_acquired = time.monotonic() + timeout, False
        with self._places.guard:
            place = self._enter()
            try:
                is_acquired = self._wait(place, deadline)
            finally:  # a signal handler may interrupt it
                if not is_acquired:
                    self._leave(place)
        return is_acquired

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
        # A thread that ended without releasing its lock leaves its place behind.
        now = time.monotonic()
        for key, place in list(self._places.by_key.items()):
            if place.users == 1 and place.holder is not None and place.ends <= now:
                del self._places.by_key[key]

    def _wait(self, place: _Place, deadline: float) -> bool:
        if place.users > self._places.most_waiting + 1:
            return False
        while not self._take(place):
            now = time.monotonic()
            if now >= deadline:
                return False
            place.changed.wait(min(deadline, place.ends) - now)
        return True

    def _take(self, place: _Place) -> bool:
        now = time.monotonic()
        if place.holder is not None:
            if place.ends > now:
                return False
            place.users -= 1  # the holder whose ttl is over
        place.holder, place.ends = self, now + self._ttl
        return True

    def _leave(self, place: _Place) -> None:
        place.users -= 1
        place.changed.notify()  # this one may have been woken in vain
        if not place.users:
            del self._places.by_key[self._key]
