"""What is filled and measured: places side by side in one backend, numbered from 0.

Each has a store of ours in front of it. What fills it goes past the store, in bulk, and
leaves what the store would have left.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from typing import Protocol

from flask_serversession.stores.base import Store

from ..population import Entry
from .files import Files
from .redis import Redis
from .sql import SQL

NAMES = ("redis", "postgresql", "mariadb", "sqlite", "files")


class Backend(Protocol):
    def store(self, place: int) -> Store:
        """Return a store of that place; the caller closes it."""

    def fill(self, place: int, entries: Iterable[Entry]) -> None:
        """Add sessions to a place, which a store of it has made."""

    def bytes_held(self, place: int) -> int:
        """Return what a place takes, perhaps with a constant on top."""

    def settings(self) -> str:
        """Tell which version runs, and whatever decides how fast."""


_KINDS: dict[str, Callable[[str], Backend]] = {"redis": Redis, "files": Files}


def backend(name: str, url: str) -> Backend:
    """Return the backend of that name at a URL of :mod:`benchmarks.performance.servers`."""
    return _KINDS.get(name, SQL)(url)
