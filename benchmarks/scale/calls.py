"""The two calls that are timed."""

from __future__ import annotations

from time import monotonic
from typing import NamedTuple

from flask_serversession.stores.base import Record
from flask_serversession.stores.base import Store
from flask_serversession.stores.base import utc_now

from .population import LIFETIME
from .population import with_a_visit


class Span(NamedTuple):
    """A span of time on the monotonic clock, which all processes share."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin


def timed_load(store: Store, key: str) -> tuple[Span, Record]:
    """Load a session, which must exist."""
    begin = monotonic()
    found = store.load(key)
    end = monotonic()
    assert found is not None, "a live session is missing"
    return Span(begin, end), found


def timed_save(store: Store, key: str, found: Record) -> Span:
    """Change a session that was just loaded. No other process may write it."""
    changed = Record(with_a_visit(found.payload), utc_now() + LIFETIME)
    begin = monotonic()
    refusal = store.save(key, changed, replacing=found)
    end = monotonic()
    assert refusal is None, "a save was refused, although no other process writes this session"
    return Span(begin, end)
