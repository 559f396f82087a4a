"""A lock that works on any store: a record that only one process can create."""

from __future__ import annotations

import random
import secrets
import time
from datetime import timedelta

from ..errors import PayloadError
from .base import ENDED
from .base import Record
from .base import Store
from .base import utc_now

_FIRST_PAUSE = 0.002
_LONGEST_PAUSE = 0.05
#: Begins the key of a lock. As long as a tag, so that user_of() takes no lock for a record of
#: its user.
LOCK = "lock-of-session:"


def is_lock(key: str) -> bool:
    """Tell whether a key is that of a lock, and not of a session."""
    return key.startswith(LOCK)


class RecordLock:
    """Holds a key as long as the lock's own record, stored beside it, exists.

    Waiters poll with jittered exponential back-off. The lock of a killed holder ends after
    its ``ttl``.

    :param store: where the lock's record is; ``keys`` lists it, too.
    :param key: what to lock.
    :param ttl: seconds after which others may take the lock.
    """

    def __init__(self, store: Store, key: str, *, ttl: float) -> None:
        self._store = store
        self._key = type(key)(LOCK + key)  # which may hide it in tracebacks
        self._ttl = timedelta(seconds=ttl)
        self._payload = b'{"holder":"%s"}' % secrets.token_urlsafe(16).encode()

    def acquire(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        pause = _FIRST_PAUSE
        while not self._store.create(self._key, self._mine()):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(left, pause * random.uniform(0.5, 1)))  # noqa: S311 - no secret
            pause = min(pause * 2, _LONGEST_PAUSE)
        return True

    def renew(self) -> bool:
        mine = self._mine()
        try:
            return self._store.save(self._key, mine, replacing=mine) is None
        except PayloadError:  # somebody wrote something else there
            return False

    def release(self) -> None:
        self._store.save(self._key, ENDED, replacing=self._mine())

    def _mine(self) -> Record:
        return Record(self._payload, utc_now() + self._ttl)
