"""Where the requests of this process wait for a session's lock, before one asks the store."""

from __future__ import annotations

from ..stores.base import Lock
from ..stores.forking import leave_in_child
from ..stores.memory_lock import MemoryLock
from ..stores.memory_lock import Places


class LockQueue:
    """Gives each session's lock to one request of this process at a time.

    So waiting costs no connection to the store, and a single visitor cannot occupy every
    thread.
    """

    def __init__(self, most_waiting: int) -> None:
        self._most_waiting = most_waiting
        self._begin()
        leave_in_child(self, LockQueue._begin)

    def turn(self, key: str, *, ttl: float) -> Lock:
        """Return the lock to hold before the store's own.

        Its ``acquire`` returns False at once if too many are waiting.
        """
        return MemoryLock(self._places, key, ttl=ttl)

    def _begin(self) -> None:
        self._places = Places(most_waiting=self._most_waiting)
