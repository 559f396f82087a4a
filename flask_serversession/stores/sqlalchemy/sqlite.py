"""SQLite in private files, in WAL mode: readers and a writer do not wait for each other."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs
from urllib.parse import unquote

import sqlalchemy as sa

#: Seconds between two attempts.
_PAUSE = 0.002


def create_privately(engine: sa.Engine) -> None:
    """Have a missing database file created for its owner only.

    SQLite gives the mode to the ``-wal`` and ``-shm`` files, too. An existing file keeps its
    own.
    """

    def create(_dialect: object, _record: object, arguments: list[Any], options: Any) -> None:
        path = _path_to_create(str(arguments[0]), is_uri=options.get("uri", False))
        if path is None:
            return
        # O_EXCL: an existing file is not opened, because closing it would free the locks that
        # other connections of this process have on it. SQLite reports every other failure.
        with suppress(OSError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))

    sa.event.listen(engine, "do_connect", create)


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


def _path_to_create(name: str, *, is_uri: bool) -> str | None:
    """Return the path of a database file; None if SQLite would not create one."""
    if is_uri and name.startswith("file:"):
        name, _, query = name.removeprefix("file:").partition("?")
        if parse_qs(query).get("mode", ["rwc"]) != ["rwc"]:
            return None
        name = unquote(name.partition("#")[0].removeprefix("//localhost"))
    return None if name in ("", ":memory:") else name
