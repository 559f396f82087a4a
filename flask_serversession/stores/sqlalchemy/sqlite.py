"""SQLite in WAL mode, in which readers and a writer do not wait for each other."""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa

#: Seconds between two attempts.
_PAUSE = 0.002


def write_ahead(engine: sa.Engine, seconds: float) -> None:
    """Put an engine's files into WAL mode, and sync to disk at checkpoints only.

    :param seconds: how long to wait for a locked file.
    """
    dialect: Any = engine.dialect
    refused = dialect.dbapi.OperationalError

    def connect(connection: Any, _record: object) -> None:
        _set_wal_mode(connection, refused, time.monotonic() + seconds)
        connection.execute("PRAGMA synchronous=NORMAL")

    sa.event.listen(engine, "connect", connect)


def _set_wal_mode(connection: Any, refused: type[Exception], deadline: float) -> None:
    """Set a file's journal mode, which the file keeps.

    If several processes do so at once, SQLite refuses all but one without waiting for its
    busy timeout, because they would deadlock.
    """
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except refused as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE)
