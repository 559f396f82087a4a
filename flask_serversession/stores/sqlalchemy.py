"""Sessions in a table of SQLite, PostgreSQL, MySQL or MariaDB, through SQLAlchemy."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Iterator
from datetime import datetime
from datetime import timezone
from functools import cached_property
from typing import Any

from ..errors import ConfigError
from .base import DriverErrors
from .base import epoch_milliseconds
from .base import from_epoch_milliseconds
from .base import GONE
from .base import Record
from .base import Refusal
from .base import utc_now

try:
    import sqlalchemy as sa
    from sqlalchemy import exc

    from .sql_engine import Database
    from .sql_engine import Outcome
    from .sql_layouts import Wanted
    from .sql_table import BATCH
    from .sql_table import Layout
    from .sql_table import make_missing
    from .sql_table import Statements
except ModuleNotFoundError:
    _INSTALLED = False
else:
    _INSTALLED = True

#: Seconds between two batches of a prune, in which waiting writers get in.
_PAUSE = 0.005
_NEVER = datetime.max.replace(tzinfo=timezone.utc)


class SQLAlchemyStore:
    """Keeps each record in one row, of a layout of its own or of one that Express reads too.

    Every verb is one statement that commits by itself, whatever transaction the
    application has open. A second one follows where the first found no row to change: a
    ``create`` of a taken key, a refused ``save`` or ``touch``, a ``delete`` of nothing.

    A pooled connection that turns out to be dead is replaced, and the statement sent once
    more. If the server had carried it out and died before it said so, ``create`` and
    ``delete`` answer False and ``save`` refuses, showing the record it wrote. Expired rows
    stay until :meth:`prune`. This machine's clock says what has expired.

    An application's engine lends a connection for one statement at a time. Its options
    and events stay in force, but parameters are not logged. On MySQL a COMMIT and a
    ROLLBACK follow then, which a store made from a URL does not send. SQLite lets one
    transaction write: while the application's is the one, nothing is stored, so give the
    sessions a file of their own. An engine with one connection for all, or one a thread
    (SQLite in memory), is refused: its transaction would be the store's too.

    After ``fork`` the child starts with an empty pool, also in an application's engine,
    and leaves the parent's connections alone.

    :param engine: a synchronous :class:`sqlalchemy.Engine`, or a function that returns
        one. It is called on first use, so it may need an application context then:
        ``lambda: db.engine``.
    :param layout: ``native``, or the Node store whose table to share: ``connect-pg-simple``,
        ``express-mysql-session``, ``connect-session-knex``, ``connect-session-sequelize``, or
        ``express`` for the usual one of the dialect. Some round an expiry to the second.
    :param table: the table's name, by default the layout's own.
    :param schema: the table's schema; on MySQL, another database.
    :param create: call :meth:`setup` on first use.
    :param time_zone: for ``connect-pg-simple``, the TimeZone of Node's connections; by
        default the one that the server gives this role in this database.
    :raises ConfigError: for an engine that cannot work, at once or on first use.
    """

    def __init__(
        self,
        engine: sa.Engine | Callable[[], sa.Engine],
        *,
        layout: str = "native",
        table: str | None = None,
        schema: str | None = None,
        create: bool = True,
        time_zone: str | None = None,
    ) -> None:
        _need_sqlalchemy()
        self._wanted = Wanted(layout, table, schema, time_zone)
        self._given: Database | Callable[[], sa.Engine]
        if isinstance(engine, sa.Engine):
            self._given = Database.of_application(engine)
            self._wanted.on(self._dialect)  # says at once what cannot work
        elif callable(engine):
            self._given = engine
        else:
            raise ConfigError(
                "The SQL store needs a synchronous SQLAlchemy Engine, or a function that"
                " returns one: lambda: db.engine."
            )
        self._setup_due = create
        self._own: Database | None = None
        self._errors = DriverErrors(
            "SQLAlchemy",
            unavailable=(exc.OperationalError, exc.InterfaceError, exc.TimeoutError),
            failed=(exc.SQLAlchemyError,),
        )

    @classmethod
    def from_url(
        cls,
        url: str | sa.URL,
        *,
        layout: str = "native",
        table: str | None = None,
        schema: str | None = None,
        create: bool = True,
        time_zone: str | None = None,
        timeout: float = 5.0,
        **engine_options: Any,
    ) -> SQLAlchemyStore:
        """Return a store with an engine of its own, which :meth:`close` disposes of.

        A SQLite file is put into WAL mode with ``synchronous=NORMAL``: a power failure,
        though not a crash, may undo the last writes. SQLite makes it with the process's
        umask.

        :param timeout: seconds to wait for a connection, for an answer and for SQLite's
            lock; known for psycopg, psycopg2, PyMySQL, mysqlclient and sqlite3, and at
            least 2 for a new connection of psycopg. libpq itself waits for an answer
            without end: the server is told to give a statement up, and a network that
            acknowledges nothing ends the connection, but a PostgreSQL process that hangs
            on a machine that is well is waited for. PgBouncer refuses a statement
            timeout; ``connect_args={"options": ""}`` leaves it out.
        :param engine_options: further arguments of :func:`sqlalchemy.create_engine`.
            What ``connect_args`` or the URL say goes before ``timeout``.
        :raises ConfigError: for a URL or options that cannot work, or a missing driver.
        """
        _need_sqlalchemy()
        database = Database.opened(url, timeout, engine_options)
        store = cls(
            lambda: database.engine,
            layout=layout,
            table=table,
            schema=schema,
            create=create,
            time_zone=time_zone,
        )
        store._given = store._own = database
        store._wanted.on(store._dialect)  # says at once what cannot work
        return store

    @cached_property
    def table(self) -> sa.Table:
        """The table, for an application whose migrations make it (with ``create=False``)."""
        return self._layout.table

    def load(self, key: str) -> Record | None:
        for payload, expires_at in self._run(self._sql.load, key=key, now=_now()).rows:
            return Record(payload, from_epoch_milliseconds(expires_at))
        return None

    def create(self, key: str, record: Record) -> bool:
        new = self._new(record)
        with self._errors:
            try:
                self._send(self._sql.insert, key=key, **new)
                return True
            except exc.IntegrityError:
                dead = self._sql.replace_dead
                return self._send(dead, key=key, now=_now(), **new).row_count > 0

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        new = self._new(record)
        if replacing is None:
            outcome = self._run(self._sql.save, key=key, now=_now(), **new)
        else:
            old = replacing.payload
            outcome = self._run(
                self._sql.save_replacing, key=key, now=_now(), old_payload=old, **new
            )
        if outcome.row_count:
            return None
        current = self.load(key)
        if current is None:
            return GONE
        expected = replacing is None or replacing.payload == current.payload
        if expected and self._new(current) == new:
            return None  # Outcome says when such a row is not counted.
        return GONE if replacing is None else Refusal(current)

    def touch(self, key: str, expires_at: datetime) -> bool:
        moment = self._layout.rounded(epoch_milliseconds(expires_at))
        if self._run(self._sql.touch, key=key, now=_now(), new_expires_at=moment).row_count:
            return True
        current = self.load(key)
        return current is not None and current.expires_at == from_epoch_milliseconds(moment)

    def delete(self, key: str) -> bool:
        if self._run(self._sql.delete, key=key, now=_now()).row_count:
            return True
        self._run(self._sql.delete_dead, key=key, now=_now())
        return False

    def keys(self) -> Iterator[str]:
        """Yield the live keys, a batch a statement; no connection is held between them."""
        last = ""
        while True:
            rows = self._run(self._sql.keys, now=_now(), after=last).rows
            for (last,) in rows:
                yield last
            if len(rows) < BATCH:
                return

    def count(self) -> int:
        ((number,),) = self._run(self._sql.count, now=_now()).rows
        return int(number)

    def clear(self) -> int:
        return self._run(self._sql.clear).row_count

    def prune(self) -> int:
        now = _now()
        removed = 0
        while True:
            # Looking first locks nothing. A DELETE that looks for itself locks the index on
            # MySQL, and a create that comes across it may be the victim of a deadlock.
            keys = [key for (key,) in self._run(self._sql.dead_keys, now=now).rows]
            if keys:
                removed += self._run(self._sql.delete_dead_keys, keys=keys, now=now).row_count
            if len(keys) < BATCH:
                return removed
            time.sleep(_PAUSE)

    def setup(self) -> None:
        """Make the table and its index if they are not there."""
        with self._errors, self._database.engine.connect() as connection:
            make_missing(connection, self._layout)
        self._setup_due = False

    def ping(self) -> None:
        with self._errors:
            self._database.send(sa.select(1))

    def close(self) -> None:
        if self._own is not None:
            self._own.engine.dispose()

    @cached_property
    def _database(self) -> Database:
        if isinstance(self._given, Database):
            return self._given
        with self._errors:
            return Database.of_application(self._given())

    def _dialect(self) -> str:
        return self._database.engine.dialect.name

    @cached_property
    def _layout(self) -> Layout:
        return self._wanted.on(self._dialect)

    @cached_property
    def _sql(self) -> Statements:
        return Statements(self.table)

    @cached_property
    def _constants(self) -> dict[str, object]:
        if not self._layout.local:
            return {}
        return {"time_zone": self._wanted.time_zone(self._database)}

    def _run(self, statement: sa.Executable, **parameters: object) -> Outcome:
        with self._errors:
            return self._send(statement, **parameters)

    def _send(self, statement: sa.Executable, **parameters: object) -> Outcome:
        if self._setup_due:
            self.setup()
        return self._database.send(statement, **parameters, **self._constants)

    def _new(self, record: Record) -> dict[str, object]:
        expires_at = self._layout.rounded(epoch_milliseconds(record.expires_at or _NEVER))
        return {"new_payload": record.payload, "new_expires_at": expires_at}


def _need_sqlalchemy() -> None:
    if not _INSTALLED:
        raise ConfigError(
            "The SQL store needs SQLAlchemy: pip install Flask-ServerSession[sqlalchemy]"
        )


def _now() -> int:
    return epoch_milliseconds(utc_now())
