"""Locks in Redis: a key that ends by itself, and a list at which the others sleep."""

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

#: Seconds after which a waiter asks again unwoken: another, woken in its place, may have died.
#: So long is a wake kept for those that are about to wait, too.
_LONGEST_WAIT = 1.0
#: Redis before 7 takes less for no limit.
_SHORTEST_WAIT = 0.001

#: What a Cluster takes for the slot of a key: its first braces, unless they are empty.
_TAGGED = re.compile(rb"[^{]*\{[^}]+\}")


class RedisLock:
    """Holds a key for as long as its ``ttl`` lasts, among all who use the server.

    Each verb is one round trip; a release wakes the one that has waited longest. A holder
    that was killed is waited for until its ``ttl`` is over.

    :param name: the record's, which is left alone.
    :param unknown_script: what a server that does not know a script raises.
    :param longest_wait: seconds that the client waits for an answer.
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
        self._lock, self._wakes = _beside(name)
        self._token = secrets.token_urlsafe(16).encode()
        self._ttl = _milliseconds(ttl)
        self._unknown_script = unknown_script
        # A server that answers when the wait is over shall not be taken for one that hangs.
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
        """Return 0 once the lock is taken, else the seconds for which it may be held yet."""
        if self._send("SET", self._lock, self._token, "NX", "PX", self._ttl):
            return 0
        holder, left = self._commands.send(("GET", self._lock), ("PTTL", self._lock))
        # A client that got no answer may have asked again by itself.
        return 0 if holder == self._token else max(left, 1) / 1000

    def _send(self, *command: str | bytes | int | float) -> Any:
        [reply] = self._commands.send(command)
        return reply

    def _run(self, script: Script, keys: list[bytes], milliseconds: int) -> Any:
        return script.run(self._commands, self._unknown_script, keys, self._token, milliseconds)


def _beside(name: bytes) -> tuple[bytes, bytes]:
    """Return a record's lock and its wakes: in its slot of a Cluster, and out of its prefix."""
    tagged = name if _TAGGED.match(name) else b"{%s}" % name.replace(b"}", b")")
    return b"lock:" + tagged, b"wake:" + tagged


def _milliseconds(seconds: float) -> int:
    return math.ceil(seconds * 1000)
