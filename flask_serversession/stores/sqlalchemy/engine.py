"""Sends single statements through an engine: autocommitted, bounded in time, retried once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from ...errors import ConfigError
from ..base import check_seconds
from ..driver_errors import DriverErrors
from ..forking import leave_in_child
from .answers import errors_of
from .answers import is_deadlock
from .answers import is_read_only
from .answers import place
from .borrowed import borrow
from .borrowed import HeldConnections
from .borrowed import without_waiting
from .fast_path import CompiledStatement
from .fast_path import IdleConnections
from .fast_path import Outcome
from .psycopg import bound_answers
from .psycopg import prepare_nothing_behind_a_pooler
from .sqlite import create_privately
from .sqlite import write_ahead

T = TypeVar("T")

#: A ``mariadb+…://`` URL has a dialect name of its own.
MYSQL = ("mysql", "mariadb")

#: A connection that died in the pool fails within so many seconds, or half the timeout. A
#: later failure is a timeout, and a retry would double it.
_AT_ONCE = 1.0

#: Idle connections at most: as many as SQLAlchemy's pool keeps by default.
_MOST_IDLE = 5

#: How a transaction that locks rows begins. In a stricter isolation level PostgreSQL fails if
#: another transaction has changed them. SQLite, if it reads before it writes, fails instead of
#: waiting.
_BEGIN = {"postgresql": "BEGIN ISOLATION LEVEL READ COMMITTED", "sqlite": "BEGIN IMMEDIATE"}


class Database:
    """Sends statements through an engine, each in a transaction of its own.

    :param engine: in autocommit mode, unless ``commits``.
    :param commits: commit after every statement.
    :param timeout: seconds that the engine waits for an answer.
    :param idle: connections for compiled statements, which the engine's execution events do
        not see; None to execute everything through SQLAlchemy.
    :param held: the application's own connections to the same SQLite file.
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        commits: bool = False,
        idle: IdleConnections | None = None,
        timeout: float = math.inf,
        held: HeldConnections | None = None,
    ) -> None:
        self.engine = engine
        #: Turns SQLAlchemy's exceptions into this package's.
        self.errors: DriverErrors = errors_of(place(engine))
        self._held = held
        self._commits = commits
        self._idle = idle
        self._at_once = min(_AT_ONCE, timeout / 2)
        self._compiled: dict[sa.Executable, CompiledStatement | None] = {}
        leave_in_child(self, Database._leave)

    @classmethod
    def opened(cls, url: str | sa.URL, timeout: float, options: Mapping[str, Any]) -> Database:
        """Return a database with a new engine, which connects on first use."""
        engine = _new_engine(url, timeout, options)
        _refuse_what_cannot_work(engine)
        if engine.dialect.name == "sqlite":
            create_privately(engine)
            write_ahead(engine, timeout)
        if engine.dialect.driver == "psycopg":
            bound_answers(engine, timeout)
            prepare_nothing_behind_a_pooler(engine.pool)
        # An application that configures the pool expects every checkout there.
        limit = 0 if any(name.startswith("pool") for name in options) else _MOST_IDLE
        return cls(engine, idle=IdleConnections(engine, limit), timeout=timeout)

    @classmethod
    def of_application(cls, engine: sa.Engine) -> Database:
        """Return one that connects as an application's engine does, in a pool of its own."""
        _refuse_what_cannot_work(engine)
        # A COMMIT is cheaper on MySQL: its drivers switch autocommit with a round trip each
        # way, in which SQLAlchemy does not detect a dead connection.
        commits = engine.dialect.name in MYSQL
        options = {} if commits else {"isolation_level": "AUTOCOMMIT"}
        borrowed = borrow(engine, **options)
        borrowed.hide_parameters = True
        held = HeldConnections(engine) if engine.dialect.name == "sqlite" else None
        return cls(borrowed, commits=commits, held=held)

    def send(self, statement: sa.Executable, parameters: Mapping[str, object]) -> Outcome:
        """Execute a statement; if its connection was dead, retry on a new one.

        :param statement: one of a fixed set, because its compiled form is cached.
        """
        compiled = self._compiled.get(statement)
        if compiled is not None and self._idle is not None:
            started = time.monotonic()
            try:
                return compiled.send(self._idle, parameters)
            except exc.DBAPIError as error:
                if not self._may_send_again(error, started):
                    raise
        outcome = self.healed(lambda: self._send_once(statement, parameters))
        if self._idle is not None and statement not in self._compiled:
            # The dialect knows its server only after the first connection.
            self._compiled[statement] = CompiledStatement.of(statement, self.engine.dialect)
        return outcome

    def healed(self, call: Callable[[], T]) -> T:
        """Call a function; if a new connection may help, call it again on one.

        After a deadlock it is called again until it succeeds or the time is over.
        """
        started, is_again = time.monotonic(), False
        while True:
            try:
                return call()
            except exc.DBAPIError as error:
                is_last = is_again and not is_deadlock(error)
                if is_last or not self._may_send_again(error, started):
                    raise
            is_again = True

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Give a connection in a transaction that is committed at the end of the block.

        An exception rolls it back and is raised unchanged.
        """
        with self.errors:
            connection = self.healed(self._begun)
        try:
            yield connection
            with self.errors:
                connection.exec_driver_sql("COMMIT")
        except BaseException:
            _roll_back(connection)
            raise
        finally:
            with self.errors:
                connection.close()

    def close(self) -> None:
        """Close every connection that is not in use."""
        if self._idle is not None:
            self._idle.drop()
        self.engine.dispose()

    def connect(self) -> sa.Connection:
        """Check a connection out of the pool."""
        if self._idle is not None:
            self._idle.return_one()
        return self.engine.connect()

    def detached(self) -> sa.Connection:
        """Return a connection outside the pool, which does not count towards its limit."""
        connection = self.connect()
        connection.detach()
        return connection

    def _leave(self) -> object:
        left = (self.engine.pool, self._idle and self._idle.leave())
        self.engine.dispose(close=False)
        return left

    def _may_send_again(self, error: exc.DBAPIError, started: float) -> bool:
        """Tell whether the statement had no effect: its connection was dead, or in a deadlock.

        A node that takes no writes counts as dead: after a failover, a new connection may
        reach the one that does.
        """
        if is_read_only(error):
            self.close()
        elif not (error.connection_invalidated or is_deadlock(error)):
            return False
        return time.monotonic() - started <= self._at_once

    def _begun(self) -> sa.Connection:
        connection = self.connect()
        try:
            connection.exec_driver_sql(_BEGIN.get(self.engine.dialect.name, "BEGIN"))
        except BaseException:
            connection.close()
            raise
        return connection

    def _send_once(self, statement: sa.Executable, parameters: Mapping[str, object]) -> Outcome:
        is_held = self._held is not None and self._held.may_block()
        with self.connect() as connection, without_waiting(connection, is_held):
            result = connection.execute(statement, parameters)
            rows = result.all() if result.returns_rows else []
            if self._commits:
                connection.commit()
            return Outcome(rows, result.rowcount)


def _roll_back(connection: sa.Connection) -> None:
    try:
        connection.exec_driver_sql("ROLLBACK")
    except exc.SQLAlchemyError:
        connection.invalidate()  # it may still be in this transaction


def _new_engine(url: str | sa.URL, timeout: float, options: Mapping[str, Any]) -> sa.Engine:
    check_seconds("timeout", timeout)
    try:
        address = sa.make_url(url)
        return sa.create_engine(
            address,
            **_with_timeouts(address, timeout, options),
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
            hide_parameters=True,
        )
    except ModuleNotFoundError as missing:
        raise ConfigError(
            f"The URL of the SQL store needs the driver {missing.name}, which is not installed."
            " Install it, or name another one in the URL: postgresql+psycopg:// (pip install"
            ' "psycopg[binary]"), mysql+pymysql:// (pip install PyMySQL) or sqlite:///.'
        ) from missing
    except (exc.ArgumentError, TypeError, ValueError) as error:
        raise ConfigError(
            "SQLAlchemy cannot make an engine from this URL and the options"
            f" {sorted(options)}. Give a URL like sqlite:///sessions.db or"
            " postgresql+psycopg://user:password@host/database. Options are those of the store"
            " (table, schema, timeout, …) and the arguments of create_engine, except"
            " isolation_level, skip_autocommit_rollback and hide_parameters, which the store sets."
        ) from error


def _refuse_what_cannot_work(engine: sa.Engine) -> None:
    if engine.dialect.is_async:
        raise ConfigError(
            "The SQL store needs a synchronous driver, such as postgresql+psycopg,"
            " mysql+pymysql or sqlite."
        )
    if isinstance(engine.pool, (sa.StaticPool, sa.SingletonThreadPool)):
        raise ConfigError(
            "This engine has a single connection, or one for each thread, as for a SQLite"
            " database in memory: the store would be part of the application's transaction, or"
            " its threads would not share data. Use a database in a file, or"
            ' SESSION_STORE = "memory".'
        )


def _with_timeouts(address: sa.URL, timeout: float, options: Mapping[str, Any]) -> dict[str, Any]:
    connect_args = {
        name: value
        for name, value in _connect_timeouts(address.get_driver_name(), timeout).items()
        if name not in address.query
    }
    bounded = {**options, "connect_args": connect_args | options.get("connect_args", {})}
    dialect: Any = address.get_dialect()
    if issubclass(options.get("poolclass", dialect.get_pool_class(address)), sa.QueuePool):
        bounded.setdefault("pool_timeout", timeout)
    return bounded


def _connect_timeouts(driver: str, seconds: float) -> dict[str, Any]:
    whole, milliseconds = math.ceil(seconds), math.ceil(seconds * 1000)
    if driver in ("psycopg", "psycopg2"):
        return {
            "connect_timeout": whole,
            "tcp_user_timeout": milliseconds,
            # In stricter levels even a single UPDATE fails if it had to wait for another.
            "options": f"-c statement_timeout={milliseconds}"
            r" -c default_transaction_isolation=read\ committed",
        }
    if driver in ("pymysql", "mysqldb"):
        return {"connect_timeout": whole, "read_timeout": whole, "write_timeout": whole}
    if driver == "pysqlite":
        return {"timeout": seconds}
    return {}
