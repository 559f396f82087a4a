"""An engine, and how a single statement goes through it: alone, bounded, healed once."""

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
from ..driver_errors import DriverErrors
from ..forking import leave_in_child
from .fast_path import HeldConnections
from .fast_path import KeptStatement
from .fast_path import Outcome
from .psycopg import bound_answers
from .sqlite import write_ahead

T = TypeVar("T")

ERRORS = DriverErrors(
    "SQLAlchemy",
    unavailable=(exc.OperationalError, exc.InterfaceError, exc.TimeoutError),
    failed=(exc.SQLAlchemyError,),
)

#: MariaDB is a name of its own in a ``mariadb+…://`` URL.
MYSQL = ("mysql", "mariadb")

#: Seconds, or half the timeout, within which a connection that died in the pool is found
#: dead. A failure that took longer was a timeout, which trying again would double.
_AT_ONCE = 1.0

#: Connections that are kept between two statements: as many as a pool keeps by default.
_HELD = 5

#: How a transaction begins whose first statement is to hold rows. PostgreSQL would, in a
#: stricter one, fail where another changed them first. SQLite would refuse, and not wait,
#: if it were to write only after it has read.
_BEGIN = {"postgresql": "BEGIN ISOLATION LEVEL READ COMMITTED", "sqlite": "BEGIN IMMEDIATE"}


class Database:
    """Sends statements through an engine, each in a transaction of its own.

    :param engine: in autocommit mode, unless ``commits``.
    :param commits: commit after every statement.
    :param timeout: seconds that its engine waits for an answer.
    :param held: connections for statements as they were compiled once, of which an engine's
        events of execution see nothing; None to leave everything to SQLAlchemy.
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        commits: bool = False,
        held: HeldConnections | None = None,
        timeout: float = math.inf,
    ) -> None:
        self.engine = engine
        self._commits = commits
        self._held = held
        self._at_once = min(_AT_ONCE, timeout / 2)
        self._kept: dict[sa.Executable, KeptStatement | None] = {}
        leave_in_child(self, Database._leave)

    @classmethod
    def opened(cls, url: str | sa.URL, timeout: float, options: Mapping[str, Any]) -> Database:
        """Return one with a new engine, which connects when it is first used."""
        engine = _new_engine(url, timeout, options)
        _refuse_what_cannot_work(engine)
        if engine.dialect.name == "sqlite":
            write_ahead(engine, timeout)
        if engine.dialect.driver == "psycopg":
            bound_answers(engine, timeout)
        # Who set the pool up wants each connection to come from it.
        limit = 0 if any(name.startswith("pool") for name in options) else _HELD
        return cls(engine, held=HeldConnections(engine, limit), timeout=timeout)

    @classmethod
    def of_application(cls, engine: sa.Engine) -> Database:
        """Return one that borrows an application's connections, and never its transaction."""
        _refuse_what_cannot_work(engine)
        # MySQL's drivers ask the server for autocommit, and again for the way back, and
        # SQLAlchemy does not see a dead connection there: a COMMIT costs less.
        commits = engine.dialect.name in MYSQL
        options = {} if commits else {"isolation_level": "AUTOCOMMIT"}
        borrowed = engine.execution_options(**options)
        borrowed.hide_parameters = True
        return cls(borrowed, commits=commits)

    def send(self, statement: sa.Executable, parameters: Mapping[str, object]) -> Outcome:
        """Execute a statement; if its connection died in the pool, once more on a new one.

        :param statement: one of a fixed number, since what is made of it is kept.
        """
        kept = self._kept.get(statement)
        if kept is not None and self._held is not None:
            started = time.monotonic()
            try:
                return kept.send(self._held, parameters)
            except exc.DBAPIError as error:
                if not self._died_in_the_pool(error, started):
                    raise
        outcome = self.healed(lambda: self._send_once(statement, parameters))
        if self._held is not None and statement not in self._kept:
            # Only now is the dialect sure to know its server.
            self._kept[statement] = KeptStatement.of(statement, self.engine.dialect)
        return outcome

    def healed(self, call: Callable[[], T]) -> T:
        """Do what uses a connection; if that had died in the pool, once more on a new one."""
        started = time.monotonic()
        try:
            return call()
        except exc.DBAPIError as error:
            if not self._died_in_the_pool(error, started):
                raise
        return call()

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Give a connection in a transaction, which the end of the block commits.

        What the block raises rolls it back, and comes out as it is.
        """
        with ERRORS:
            connection = self.healed(self._begun)
        try:
            yield connection
            with ERRORS:
                connection.exec_driver_sql("COMMIT")
        except BaseException:
            _roll_back(connection)
            raise
        finally:
            with ERRORS:
                connection.close()

    def close(self) -> None:
        """Close every connection that nobody uses at the moment."""
        if self._held is not None:
            self._held.drop()
        self.engine.dispose()

    def connect(self) -> sa.Connection:
        """Borrow a connection from the pool."""
        if self._held is not None:
            self._held.give_back()
        return self.engine.connect()

    def detached(self) -> sa.Connection:
        """Return a connection outside the pool, whose place there is free again."""
        connection = self.connect()
        connection.detach()
        return connection

    def _leave(self) -> object:
        left = (self.engine.pool, self._held and self._held.leave())
        self.engine.dispose(close=False)
        return left

    def _died_in_the_pool(self, error: exc.DBAPIError, started: float) -> bool:
        return error.connection_invalidated and time.monotonic() - started <= self._at_once

    def _begun(self) -> sa.Connection:
        connection = self.connect()
        try:
            connection.exec_driver_sql(_BEGIN.get(self.engine.dialect.name, "BEGIN"))
        except BaseException:
            connection.close()
            raise
        return connection

    def _send_once(self, statement: sa.Executable, parameters: Mapping[str, object]) -> Outcome:
        with self.connect() as connection:
            result = connection.execute(statement, parameters)
            rows = result.all() if result.returns_rows else []
            if self._commits:
                connection.commit()
            return Outcome(rows, result.rowcount)


def _roll_back(connection: sa.Connection) -> None:
    try:
        connection.exec_driver_sql("ROLLBACK")
    except exc.SQLAlchemyError:
        connection.invalidate()  # else the next to use it would be in this transaction


def _new_engine(url: str | sa.URL, timeout: float, options: Mapping[str, Any]) -> sa.Engine:
    if timeout <= 0:
        raise ConfigError("timeout is a number of seconds above 0.")
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
            "SQLAlchemy cannot make an engine of this URL and the options"
            f" {sorted(options)}. Give a URL like sqlite:///sessions.db or"
            " postgresql+psycopg://user:password@host/database, and as options those of the"
            " store (table, schema, timeout, …) and arguments of create_engine;"
            " isolation_level, skip_autocommit_rollback and hide_parameters belong to it."
        ) from error


def _refuse_what_cannot_work(engine: sa.Engine) -> None:
    if engine.dialect.is_async:
        raise ConfigError(
            "The SQL store needs a synchronous driver, such as postgresql+psycopg,"
            " mysql+pymysql or sqlite."
        )
    if isinstance(engine.pool, (sa.StaticPool, sa.SingletonThreadPool)):
        raise ConfigError(
            "This engine has one connection for all, or one a thread, as for a SQLite database"
            " in memory: the store would share the application's transaction, or its threads"
            ' no data. Give it a database in a file, or use SESSION_STORE = "memory".'
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
            # Stricter ones refuse an UPDATE that had to wait for another, even a lone one.
            "options": f"-c statement_timeout={milliseconds}"
            r" -c default_transaction_isolation=read\ committed",
        }
    if driver in ("pymysql", "mysqldb"):
        return {"connect_timeout": whole, "read_timeout": whole, "write_timeout": whole}
    if driver == "pysqlite":
        return {"timeout": seconds}
    return {}
