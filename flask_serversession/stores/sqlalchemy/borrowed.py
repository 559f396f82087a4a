"""An application's engine, used through a pool of the store's own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.base import OptionEngine


class BorrowedEngine(OptionEngine):
    """Connects as an application's engine does, with its events, but has its own pool.

    A view that holds a connection of the application's pool would otherwise wait for another
    one to load its session: with enough such requests, nobody returns one.
    """

    @cached_property
    def pool(self) -> Any:  # type: ignore[override] # the base class shares its engine's
        return self._proxied.pool.recreate()


def borrow(engine: sa.Engine, **options: Any) -> BorrowedEngine:
    """Return an engine that also disposes of its pool when the application's does."""
    borrowed = BorrowedEngine(engine, options)

    def dispose(disposed: sa.Engine) -> None:
        # SQLAlchemy calls this for borrowed engines, too.
        if not isinstance(disposed, BorrowedEngine):
            borrowed.dispose()

    sa.event.listen(engine, "engine_disposed", dispose)
    return borrowed


class HeldConnections:
    """Knows which connections of an application's SQLite engine each thread has checked out.

    SQLite allows one writer. If a request has written and not committed, the store would wait
    for a lock that the same thread holds.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._held: dict[int, tuple[int, Any]] = {}
        sa.event.listen(engine, "checkout", self._checked_out)
        sa.event.listen(engine, "checkin", self._checked_in)

    def may_block(self) -> bool:
        """Tell whether this thread has an open transaction."""
        me = threading.get_ident()
        return any(
            holder == me and getattr(connection, "in_transaction", False)
            for holder, connection in list(self._held.values())
        )

    def _checked_out(self, connection: Any, record: object, _proxy: object) -> None:
        self._held[id(record)] = threading.get_ident(), connection

    def _checked_in(self, _connection: object, record: object) -> None:
        self._held.pop(id(record), None)


@contextmanager
def without_waiting(connection: sa.Connection, is_held: bool) -> Iterator[None]:
    """If this thread may hold the lock, fail at once in the block if a SQLite file is locked."""
    if not is_held:
        yield
        return
    driver: Any = connection.connection.dbapi_connection
    ((before,),) = driver.execute("PRAGMA busy_timeout").fetchall()
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        yield
    finally:
        driver.execute(f"PRAGMA busy_timeout = {before}")
