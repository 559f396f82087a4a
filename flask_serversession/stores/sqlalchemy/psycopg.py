"""A connection of psycopg that waits for an answer no longer than it is told to.

libpq waits without end for a server that hangs on a machine that is well: the server's own
timeout hangs with it, and the network has nothing to complain of.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import sqlalchemy as sa

#: Seconds that a server has to say itself that it gives a statement up.
_FOR_THE_SERVER = 0.5


def bound_answers(engine: sa.Engine, seconds: float) -> None:
    """Have the connections of a psycopg engine wait at most so long for an answer."""

    def connect(dialect: Any, record: object, args: Any, parameters: dict[str, Any]) -> Any:
        connection = _bounded_connection().connect(*args, **parameters)
        connection.patience = seconds + _FOR_THE_SERVER
        return connection

    sa.event.listen(engine, "do_connect", connect)


@contextmanager
def more_patience(connection: sa.Connection, seconds: float) -> Iterator[None]:
    """Let a connection wait so much longer, if it is a bounded one."""
    driver: Any = connection.connection.dbapi_connection
    if not hasattr(driver, "patience"):
        yield
        return
    driver.patience += seconds
    try:
        yield
    finally:
        driver.patience -= seconds


@cache
def _bounded_connection() -> Any:
    import psycopg

    class BoundedConnection(psycopg.Connection[Any]):
        #: Seconds to wait for an answer.
        patience: float

        def wait(self, gen: Any, *args: Any, **options: Any) -> Any:
            return super().wait(_within(self.patience, gen, self._give_up), *args, **options)

        def _give_up(self) -> None:
            self.pgconn.finish()  # what is still to come would be taken for another's answer
            raise psycopg.OperationalError("the server did not answer in time")

    return BoundedConnection


def _within(
    seconds: float, waiting: Generator[Any, Any, Any], give_up: Callable[[], None]
) -> Generator[Any, Any, Any]:
    """Wait as ``waiting`` does; psycopg looks in several times a second."""
    deadline = time.monotonic() + seconds
    try:
        wanted = next(waiting)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > deadline:
                give_up()
            wanted = waiting.send(ready)
    except StopIteration as end:
        return end.value
