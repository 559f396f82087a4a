"""Locks in Redis: a key with a TTL, and a list on which waiters block."""

from __future__ import annotations

import math
import re
import secrets
import time
from typing import Any

from ..driver_errors import DriverErrors
from .commands import Commands
from .commands import Script

_RENEW = Script("renew.lua")
_RELEASE = Script("release.lua")

#: Seconds after which a waiter tries again without a wake: the waiter that got it may have
#: died. A wake is kept as long, for waiters that are about to block.
_LONGEST_WAIT = 1.0
#: Redis before 7 treats a shorter timeout as none.
_SHORTEST_WAIT = 0.001

#: A Cluster takes the slot from the text in the first braces of a key, unless it is empty.
_TAGGED = re.compile(rb"[^{]*\{[^}]+\}")


class RedisLock:
    """Holds a key until it is released or its ``ttl`` is over.

    Each verb is one round trip. A release wakes the longest waiter. The lock of a killed
    holder ends after its ``ttl``.

    :param name: the record's name in Redis; the record is not used.
    :param unknown_script: the exception for an unknown script.
    :param longest_wait: seconds after which the client's own timeout ends a command.
    """

    def __init__(
        self,
        commands: Commands,
        errors: DriverErrors,
        name: bytes,
        *,
        ttl: float,
        unknown_script: type[Exception],
        longest_wait: float,
    ) -> None:
        self._commands = commands
        self._errors = errors
        self._lock, self._wakes = beside(name)
        self._token = secrets.token_urlsafe(16).encode()
        self._ttl = _milliseconds(ttl)
        self._unknown_script = unknown_script
        # Shorter than the client's timeout, which would look like a server that hangs.
        self._longest_wait = min(longest_wait / 2, _LONGEST_WAIT)

    def acquire(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        with self._errors:
            while held_for := self._take():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                wait = max(min(left, held_for, self._longest_wait), _SHORTEST_WAIT)
                self._send("BLPOP", self._wakes, wait)
        return True

    def renew(self) -> bool:
        with self._errors:
            return bool(self._run(_RENEW, [self._lock], self._ttl))

    def release(self) -> None:
        with self._errors:
            self._run(_RELEASE, [self._lock, self._wakes], _milliseconds(_LONGEST_WAIT))

    def _take(self) -> float:
        """Return 0 once the lock is taken, otherwise the seconds it may still be held."""
        if self._send("SET", self._lock, self._token, "NX", "PX", self._ttl):
            return 0
        holder, left = self._commands.send(("GET", self._lock), ("PTTL", self._lock))
        # A client that retries may have taken it with its first attempt.
        return 0 if holder == self._token else max(left, 1) / 1000

    def _send(self, *command: str | bytes | int | float) -> Any:
        [reply] = self._commands.send(command)
        return reply

    def _run(self, script: Script, keys: list[bytes], milliseconds: int) -> Any:
        return script.run(self._commands, self._unknown_script, keys, self._token, milliseconds)


def beside(name: bytes) -> tuple[bytes, bytes]:
    """Return the names of a record's lock and wakes, in its Cluster slot, without its prefix."""
    tagged = name if _TAGGED.match(name) else b"{%s}" % name.replace(b"}", b")")
    return b"lock:" + tagged, b"wake:" + tagged


def _milliseconds(seconds: float) -> int:
    return math.ceil(seconds * 1000)
