"""SQLite with a log that is written ahead, so that readers and a writer do not wait."""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa

#: Seconds between two attempts.
_PAUSE = 0.002


def write_ahead(engine: sa.Engine, seconds: float) -> None:
    """Have the files of an engine write ahead, and wait for the disk at checkpoints only.

    :param seconds: to wait, if others keep a file locked.
    """
    dialect: Any = engine.dialect
    refused = dialect.dbapi.OperationalError

    def connect(connection: Any, _record: object) -> None:
        _turn(connection, refused, time.monotonic() + seconds)
        connection.execute("PRAGMA synchronous=NORMAL")

    sa.event.listen(engine, "connect", connect)


def _turn(connection: Any, refused: type[Exception], deadline: float) -> None:
    """Turn a file's journal into a log; what it is stays in the file.

    Of several that do so at once, SQLite refuses all but one without waiting as it is told
    to: each holds what another needs.
    """
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except refused as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE)
