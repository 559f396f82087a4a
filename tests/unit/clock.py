"""A clock that moves when it is told to."""

from __future__ import annotations

#: 2026-11-21T00:04:27.024Z
START = 1_795_219_467_024


class Clock:
    """Says the same milliseconds since 1970 until :meth:`tick`."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now

    def tick(self, milliseconds: int) -> None:
        self.now += milliseconds
