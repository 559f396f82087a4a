"""Compiled statements over idle connections, executed by the driver without SQLAlchemy.

SQLAlchemy compiles a statement and makes connections. Its work for each execution takes
several times as long as SQLite needs to find a row.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import exc

Process = Callable[[Any], Any]


class IdleConnections:
    """Connections in autocommit mode that stay checked out between statements.

    Nothing has to be reset between two of them. A pool checkout takes several times as long
    as SQLite needs to find a row. Idle connections count towards the pool's limit.

    :param limit: how many may stay idle; others return to the pool at once.
    """

    def __init__(self, engine: sa.Engine, limit: int) -> None:
        self._engine = engine
        self._limit = limit
        self._idle: deque[sa.PoolProxiedConnection] = deque()

    def take(self) -> sa.PoolProxiedConnection:
        """Return the idle connection used last, or one of the pool.

        :raises Exception: the driver's, if it cannot connect.
        """
        try:
            return self._idle.pop()
        except IndexError:
            return self._engine.raw_connection()

    def give(self, connection: sa.PoolProxiedConnection) -> None:
        """Make a connection idle, or return it to the pool if there are enough."""
        if len(self._idle) < self._limit:
            self._idle.append(connection)
        else:
            connection.close()

    def return_one(self) -> None:
        """Return an idle connection to the pool, whose next checkout then need not connect."""
        with suppress(IndexError):
            self._idle.popleft().close()

    def drop(self, error: BaseException | None = None) -> None:
        """Return all idle connections to the pool; with an error, invalidate them first."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return
            if error is not None:
                connection.invalidate(error)
            connection.close()

    def leave(self) -> Any:
        """Forget all idle connections without closing them, and return them."""
        left, self._idle = self._idle, deque()
        return left


class Outcome(NamedTuple):
    """The rows that a statement returned and how many it changed."""

    rows: Sequence[Sequence[Any]]
    #: Counts the rows found, because SQLAlchemy sets MySQL's CLIENT_FOUND_ROWS. An engine with
    #: a ``creator`` that does not set it leaves out rows that already have the new values.
    row_count: int


class Bind(NamedTuple):
    """A value in a statement, and the function that converts it for the driver."""

    #: Its name in the statement's text.
    name: str
    #: The name of its parameter.
    key: str
    default: object
    process: Process | None


class CompiledStatement:
    """Executes one statement on connections of one engine in autocommit mode.

    :param compiled: SQLAlchemy's, of a statement whose text does not depend on parameters.
    """

    def __init__(self, compiled: Any) -> None:
        self._dialect: sa.Dialect = compiled.dialect
        self._text: str = compiled.string
        self._is_positional: bool = compiled.positional
        # In text format, bytes are hexadecimal: twice the size, and to be decoded.
        self._cursor_options = {"binary": True} if self._dialect.driver == "psycopg" else {}
        by_name = {name: bind for bind, name in compiled.bind_names.items()}
        names = compiled.positiontup if self._is_positional else by_name
        self._binds = [_bind(name, by_name[name], self._dialect) for name in names]
        statement = compiled.statement
        columns = statement.selected_columns if isinstance(statement, sa.Select) else ()
        self._columns = [_result_process(column.type, self._dialect) for column in columns]
        self._as_fetched = not any(self._columns)

    @classmethod
    def of(cls, statement: sa.Executable, dialect: sa.Dialect) -> CompiledStatement | None:
        """Return the compiled statement; None if it has to be compiled for each execution."""
        if not isinstance(statement, (sa.Select, sa.Insert, sa.Update, sa.Delete)):
            return None
        compiled: Any = statement.compile(dialect=dialect)
        depends = compiled.post_compile_params or compiled.literal_execute_params
        # Column defaults that are Python functions.
        depends = depends or getattr(compiled, "insert_prefetch", ())
        depends = depends or getattr(compiled, "update_prefetch", ())
        return None if depends else cls(compiled)

    def send(self, connections: IdleConnections, parameters: Mapping[str, object]) -> Outcome:
        """Execute it.

        :raises sqlalchemy.exc.DBAPIError: like SQLAlchemy, without the parameters.
        """
        driver: Any = self._dialect.loaded_dbapi
        try:
            connection = connections.take()
        except driver.Error as error:
            raise self._translated(error, is_dead=False) from error
        try:
            fetched, row_count = self._execute(connection, parameters)
        except BaseException as error:
            is_dead = self._is_dead(error, connection)
            if is_dead:
                connection.invalidate(error)
                connections.drop(error)
            connection.close()
            if isinstance(error, driver.Error):
                raise self._translated(error, is_dead=is_dead) from error
            raise
        connections.give(connection)
        # An odd value in a row is not the connection's fault.
        return Outcome(self._rows(fetched), row_count)

    def _execute(
        self, connection: sa.PoolProxiedConnection, parameters: Mapping[str, object]
    ) -> Outcome:
        """Return the rows as the driver fetched them."""
        driver: Any = connection.dbapi_connection
        cursor = driver.cursor(**self._cursor_options)
        try:
            cursor.execute(self._text, self._values(parameters))
            fetched = cursor.fetchall() if self._columns else ()
            return Outcome(fetched, cursor.rowcount)
        finally:
            cursor.close()

    def _values(self, parameters: Mapping[str, object]) -> Any:
        values = [
            process(parameters.get(key, default)) if process else parameters.get(key, default)
            for _, key, default, process in self._binds
        ]
        if self._is_positional:
            return values
        return {bind.name: value for bind, value in zip(self._binds, values, strict=True)}

    def _rows(self, fetched: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
        if self._as_fetched:
            return fetched
        return [
            [
                process(value) if process else value
                for value, process in zip(row, self._columns, strict=True)
            ]
            for row in fetched
        ]

    def _is_dead(self, error: Any, connection: Any) -> bool:
        if not isinstance(error, self._dialect.loaded_dbapi.Error):
            return True  # interrupted: the next reply could belong to this statement
        return bool(self._dialect.is_disconnect(error, connection, None))

    def _translated(self, error: Any, *, is_dead: bool) -> Any:
        return exc.DBAPIError.instance(
            self._text,
            None,
            error,
            self._dialect.loaded_dbapi.Error,
            hide_parameters=True,
            connection_invalidated=is_dead,
            dialect=self._dialect,
        )


def _bind(name: str, bind: Any, dialect: sa.Dialect) -> Bind:
    process = bind.type.dialect_impl(dialect).bind_processor(dialect)
    return Bind(name, bind.key, bind.value, process)


def _result_process(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Process | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)
