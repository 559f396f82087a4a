"""Lists the live keys and records of a table in batches of one statement each.

No connection stays checked out between two batches.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ...errors import PayloadError
from ..base import Record
from .rows import first_record
from .rows import now
from .rows import Rows
from .statements import BATCH

#: Keys with their records, where those can be read.
_Found = list[tuple[str, Record | None]]


def listed_keys(rows: Rows) -> Iterator[str]:
    """Yield the live keys."""

    def found(after: str) -> _Found:
        return [(key, None) for (key,) in rows.run(rows.sql.keys, now=now(), after=after).rows]

    return (key for key, _ in _in_batches(found, ""))


def listed_records(rows: Rows, user: str | None) -> Iterator[tuple[str, Record]]:
    """Yield the keys and the live records of a user, or of everybody."""
    sql, start = rows.sql, ""
    keys, records, end = sql.keys, sql.records, {}
    if user is not None:
        start, end = f"{user}.", {"before": f"{user}/"}
        keys, records = sql.keys_of_user, sql.records_of_user

    def found(after: str) -> _Found:
        bounds = {"now": now(), "after": after, **end}
        try:
            return [(key, _readable([row])) for key, *row in rows.run(records, **bounds).rows]
        except PayloadError:  # for one odd value of the whole batch
            return [(key, _loaded(rows, key)) for (key,) in rows.run(keys, **bounds).rows]

    for key, record in _in_batches(found, start):
        # The collation of a Node store's table on MySQL may order other keys in between.
        if record is not None and key.startswith(start):
            yield key, record


def _in_batches(found: Callable[[str], _Found], after: str) -> Iterator[tuple[str, Record | None]]:
    while True:
        batch = found(after)
        yield from (pair for pair in batch if _is_utf8(pair[0]))
        if len(batch) < BATCH:
            return
        after = batch[-1][0]


def _loaded(rows: Rows, key: str) -> Record | None:
    with suppress(PayloadError):
        return _readable(rows.run(rows.sql.load, key=key, now=now()).rows)
    return None


def _readable(found: Sequence[Sequence[Any]]) -> Record | None:
    with suppress(PayloadError):
        return first_record(found)
    return None


def _is_utf8(key: str) -> bool:
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True
