"""psycopg's connections: with a timeout for every answer, and behind PgBouncer.

libpq waits for ever if a server process hangs and its machine does not: the server's
statement timeout hangs with it, and the network sees no failure.
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

#: What a PgBouncer says to a connection that sets the server's options.
_PGBOUNCER_REFUSES = "unsupported startup parameter"

#: Extra seconds for the server's own statement timeout to arrive.
_FOR_THE_SERVER = 0.5


def bound_answers(engine: sa.Engine, seconds: float) -> None:
    """Limit the time that connections of a psycopg engine wait for an answer."""

    def connect(dialect: Any, record: object, args: Any, parameters: dict[str, Any]) -> Any:
        bounded = _bounded_connection()
        try:
            connection = bounded.connect(*args, **parameters)
        except bounded.refused as error:
            if _PGBOUNCER_REFUSES not in str(error):
                raise
            parameters["options"] = ""  # SQLAlchemy keeps this for later connections
            connection = bounded.connect(*args, **parameters)
        connection.patience = seconds + _FOR_THE_SERVER
        return connection

    sa.event.listen(engine, "do_connect", connect)


def prepare_nothing_behind_a_pooler(pool: sa.Pool) -> None:
    """Turn prepared statements off if the server's process is not the one that answered.

    PgBouncer in transaction mode sends each transaction to any of its servers. One that does
    not have a prepared statement fails, and one that has another of that name executes it.
    """
    found: list[bool] = []

    def connect(connection: Any, _record: object) -> None:
        if not found:
            ((process,),) = connection.execute("SELECT pg_backend_pid()").fetchall()
            connection.rollback()
            found.append(process != connection.info.backend_pid)
        if found[0]:
            connection.prepare_threshold = None

    sa.event.listen(pool, "connect", connect)


@contextmanager
def more_patience(connection: sa.Connection, seconds: float) -> Iterator[None]:
    """Extend the timeout of a bounded connection; other connections are unchanged."""
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
        refused = psycopg.OperationalError

        def wait(self, gen: Any, *args: Any, **options: Any) -> Any:
            return super().wait(_within(self.patience, gen, self._give_up), *args, **options)

        def _give_up(self) -> None:
            self.pgconn.finish()  # the late answer would be read as that of another statement
            raise psycopg.OperationalError("the server did not answer in time")

    return BoundedConnection


def _within(
    seconds: float, waiting: Generator[Any, Any, Any], give_up: Callable[[], None]
) -> Generator[Any, Any, Any]:
    """Wait as ``waiting`` does; psycopg resumes the generator several times a second."""
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
