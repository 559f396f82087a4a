"""A statement compiled once, and then given to its driver with nothing in between.

SQLAlchemy makes the text, the connection and its pool. What it does besides at each
execution takes several times what SQLite takes to find a row.
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


class HeldConnections:
    """Lends connections in autocommit mode, which have nothing to be reset in between.

    To borrow one from the pool and give it back takes several times what SQLite takes to
    find a row. Those lent count as the pool's, whose limit holds for them.

    :param limit: how many to keep at most when nobody uses them; the rest go back at once.
    """

    def __init__(self, engine: sa.Engine, limit: int) -> None:
        self._engine = engine
        self._limit = limit
        self._idle: deque[sa.PoolProxiedConnection] = deque()

    def take(self) -> sa.PoolProxiedConnection:
        """Return a connection, the one used last if one is kept.

        :raises Exception: the driver's, if a new one cannot be made.
        """
        try:
            return self._idle.pop()
        except IndexError:
            return self._engine.raw_connection()

    def give(self, connection: sa.PoolProxiedConnection) -> None:
        """Take a connection back."""
        if len(self._idle) < self._limit:
            self._idle.append(connection)
        else:
            connection.close()

    def give_back(self) -> None:
        """Have one in the pool for who borrows there, rather than have a new one made."""
        with suppress(IndexError):
            self._idle.popleft().close()

    def drop(self, error: BaseException | None = None) -> None:
        """Give all back to the pool; with an error, as ones that are as dead as another was."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return
            if error is not None:
                connection.invalidate(error)
            connection.close()

    def leave(self) -> Any:
        """Forget all without a word to the server, and return them to be kept somewhere."""
        left, self._idle = self._idle, deque()
        return left


class Outcome(NamedTuple):
    """What a statement found and how many rows it changed."""

    rows: Sequence[Sequence[Any]]
    #: Found rows, as SQLAlchemy asks of MySQL. An engine whose own ``creator`` does not ask
    #: counts changed rows there, and not the ones that are as they should be already.
    row_count: int


class Bind(NamedTuple):
    """A value in a statement, and what makes the driver's of it."""

    #: What the statement's text calls it.
    name: str
    #: What its parameter is called.
    key: str
    default: object
    process: Process | None


class KeptStatement:
    """Executes a statement on connections of one engine, which is in autocommit mode.

    :param compiled: of a statement whose text does not depend on its parameters.
    """

    def __init__(self, compiled: Any) -> None:
        self._dialect: sa.Dialect = compiled.dialect
        self._text: str = compiled.string
        self._is_positional: bool = compiled.positional
        # As text, bytes are twice as many and have to be decoded.
        self._cursor_options = {"binary": True} if self._dialect.driver == "psycopg" else {}
        by_name = {name: bind for bind, name in compiled.bind_names.items()}
        names = compiled.positiontup if self._is_positional else by_name
        self._binds = [_bind(name, by_name[name], self._dialect) for name in names]
        statement = compiled.statement
        columns = statement.selected_columns if isinstance(statement, sa.Select) else ()
        self._columns = [_result_process(column.type, self._dialect) for column in columns]
        self._as_fetched = not any(self._columns)

    @classmethod
    def of(cls, statement: sa.Executable, dialect: sa.Dialect) -> KeptStatement | None:
        """Return a statement's kept form; None if it has to be made for each execution."""
        if not isinstance(statement, (sa.Select, sa.Insert, sa.Update, sa.Delete)):
            return None
        compiled: Any = statement.compile(dialect=dialect)
        depends = compiled.post_compile_params or compiled.literal_execute_params
        # Defaults that are functions of the application.
        depends = depends or getattr(compiled, "insert_prefetch", ())
        depends = depends or getattr(compiled, "update_prefetch", ())
        return None if depends else cls(compiled)

    def send(self, connections: HeldConnections, parameters: Mapping[str, object]) -> Outcome:
        """Execute it.

        :raises sqlalchemy.exc.DBAPIError: as SQLAlchemy does, without parameters.
        """
        driver: Any = self._dialect.loaded_dbapi
        try:
            connection = connections.take()
        except driver.Error as error:
            raise self._translated(error, is_dead=False) from error
        try:
            outcome = self._execute(connection, parameters)
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
        return outcome

    def _execute(
        self, connection: sa.PoolProxiedConnection, parameters: Mapping[str, object]
    ) -> Outcome:
        driver: Any = connection.dbapi_connection
        cursor = driver.cursor(**self._cursor_options)
        try:
            cursor.execute(self._text, self._values(parameters))
            rows = self._rows(cursor.fetchall()) if self._columns else ()
            return Outcome(rows, cursor.rowcount)
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
            return True  # interrupted: what it would answer next is anybody's guess
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
