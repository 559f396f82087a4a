"""The backends that are filled and measured. Each has several places, numbered from 0.

A place holds the sessions of one store. It is filled in bulk, without the store, with the rows
that the store would have written.
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
        """Return a store on that place. The caller closes it."""

    def fill(self, place: int, entries: Iterable[Entry]) -> None:
        """Add sessions to a place that a store has set up."""

    def bytes_held(self, place: int) -> int:
        """Return the size of a place, perhaps plus a constant."""

    def settings(self) -> str:
        """Return the version and the settings that affect speed."""


_KINDS: dict[str, Callable[[str], Backend]] = {"redis": Redis, "files": Files}


def backend(name: str, url: str) -> Backend:
    """Return the backend of that name at a URL from :mod:`benchmarks.performance.servers`."""
    return _KINDS.get(name, SQL)(url)
