"""Sessions in a table of SQLite, PostgreSQL, MySQL or MariaDB, through SQLAlchemy."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cached_property
from typing import Any

from ...errors import ConfigError
from ..base import from_epoch_milliseconds
from ..base import GONE
from ..base import Lock
from ..base import Rebase
from ..base import Record
from ..base import Refusal
from ..base import same_json
from ..record_lock import RecordLock

try:
    import sqlalchemy as sa
    from sqlalchemy import exc

    from .engine import Database
    from .layouts import Wanted
    from .listing import listed_keys
    from .listing import listed_records
    from .lock import CONNECTION_LOCKS
    from .migrations import belongs_to
    from .migrations import plain_table
    from .rows import first_record
    from .rows import now
    from .rows import Rows
    from .statements import BATCH
except ModuleNotFoundError:
    _INSTALLED = False
else:
    _INSTALLED = True

#: Seconds between two batches of a prune, at least, so that waiting writers proceed.
_PAUSE = 0.005


class SQLAlchemyStore:
    """Keeps each record in one row, in the store's own layout or in one that Express reads.

    Every verb is one statement that commits by itself, even while the application has a
    transaction open. A second statement follows if the first found no row: for a ``create``
    of a taken key, a refused ``save`` or ``touch``, and a ``delete`` of an absent record. Only
    ``save_locked`` then opens a transaction, on one connection.

    A dead connection in the pool is replaced and the statement is sent once more. If the
    server had executed it and died before it answered, ``create`` and ``delete`` return False,
    and ``save`` is refused with the record that it wrote. Expired rows stay until
    :meth:`prune`. The application's clock decides what has expired.

    An application's engine makes the connections, in a pool of the store's own with the same
    limits: a view that holds connections of the application's pool cannot keep its session
    from loading. The engine's options and events apply, except that parameters are not logged,
    and ``engine.dispose()`` empties both pools. On MySQL each statement is followed by a
    COMMIT and a ROLLBACK, which a store made from a URL does not send. SQLite allows one
    writer: nothing can be stored while the application is writing in a transaction, so give
    sessions a file of their own. An engine with a single connection, or one for each thread
    (SQLite in memory), is refused, because the store would be part of its transaction.

    After ``fork`` the child starts with an empty pool and leaves the parent's connections
    alone.

    :param engine: a synchronous :class:`sqlalchemy.Engine`, or a function that returns one.
        The function is called on first use, in the context of the application that has the
        store in ``SESSION_STORE``: ``lambda: db.engine``.
    :param layout: ``native``, or the Node store whose table to share: ``connect-pg-simple``,
        ``express-mysql-session``, ``connect-session-knex``, ``connect-session-sequelize``.
        ``express`` is the usual one of the dialect. Some round an expiry to the second.
    :param table: the table's name; by default the layout's.
    :param schema: the table's schema; on MySQL, another database.
    :param create: call :meth:`setup` on first use, and again if the table was dropped.
    :param time_zone: for ``connect-pg-simple``, the TimeZone of Node's connections; by
        default the server's for this role and database.
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
        wanted = Wanted(layout, table, schema, time_zone)
        #: How many characters a key may have.
        self.longest_key: int = wanted.longest_key
        #: Whether Express may write the rows, too.
        self.is_shared: bool = layout != "native"
        if isinstance(engine, sa.Engine):
            self._rows = Rows(wanted, lambda: engine, create=create)
            self._rows.use(Database.of_application(engine))
        elif callable(engine):
            self._rows = Rows(wanted, engine, create=create)
        else:
            raise ConfigError(
                "The SQL store needs a synchronous SQLAlchemy Engine, or a function that"
                " returns one: lambda: db.engine."
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
        """Return a store with its own engine.

        A SQLite file is put into WAL mode with ``synchronous=NORMAL``: a power failure, but
        not a crash, may undo the last writes. SQLite creates it with the process's umask.

        :param timeout: seconds to wait for a connection, for an answer and for SQLite's lock.
            It applies to psycopg, psycopg2, PyMySQL, mysqlclient and sqlite3; a new connection
            of psycopg takes at least 2. psycopg2 has no limit if a PostgreSQL process hangs
            and its machine does not. The server is told the timeout too; PgBouncer refuses
            that, and psycopg then leaves it out. For psycopg2,
            ``connect_args={"options": ""}`` does.
        :param engine_options: further arguments of :func:`sqlalchemy.create_engine`.
            ``connect_args`` and the URL take precedence over ``timeout``.
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
        store._rows.use(database)
        return store

    def find_engine_in(self, context: Callable[[], AbstractContextManager[object]]) -> None:
        """Call the function that returns the engine inside this context."""
        self._rows.context = context

    @cached_property
    def table(self) -> sa.Table:
        """A copy of the table for the migrations of an application.

        Its types are SQLAlchemy's own.
        """
        return plain_table(self._rows.layout.table)

    def include_object(self, item: Any, *_others: Any) -> bool:
        """Return False for this store's table, its indexes and the table of its locks.

        This is an ``include_object`` for Alembic, whose ``autogenerate`` then leaves tables
        alone that the store creates.
        """
        return not belongs_to(self._rows.layout.table, item)

    def load(self, key: str) -> Record | None:
        return first_record(self._rows.run(self._rows.sql.load, key=key, now=now()).rows)

    def create(self, key: str, record: Record) -> bool:
        new, sql = self._rows.values(record), self._rows.sql
        with self._rows.database.errors:
            try:
                self._rows.send(sql.insert, key=key, **new)
                return True
            except exc.IntegrityError:
                dead = self._rows.send(sql.replace_dead, key=key, now=now(), **new)
                return dead.row_count > 0

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        if self._rows.replace(key, record, replacing).row_count:
            return None
        current = self.load(key)
        if current is None:
            return GONE
        expected = replacing is None or same_json(replacing.payload, current.payload)
        if expected and self._rows.are_same(current, record):
            return None  # unchanged rows may not be counted: see Outcome.row_count
        return GONE if replacing is None else Refusal(current)

    def save_locked(
        self, key: str, record: Record, *, replacing: Record, rebase: Rebase
    ) -> Refusal | None:
        """Save, or lock the row in a transaction of one connection while ``rebase`` runs."""
        if self._rows.replace(key, record, replacing).row_count:
            return None
        with self._rows.locked(key) as row:
            if row.record is None:
                return GONE
            # Unchanged rows may not be counted: see Outcome.row_count.
            is_base = same_json(row.record.payload, replacing.payload)
            row.replace(record if is_base else rebase(row.record))
        return None

    def touch(self, key: str, expires_at: datetime) -> bool:
        moment = self._rows.rounded(expires_at)
        touch = self._rows.sql.touch
        if self._rows.run(touch, key=key, now=now(), new_expires_at=moment).row_count:
            return True
        current = self.load(key)
        return current is not None and current.expires_at == from_epoch_milliseconds(moment)

    def delete(self, key: str) -> bool:
        if self._rows.run(self._rows.sql.delete, key=key, now=now()).row_count:
            return True
        self._rows.run(self._rows.sql.delete_dead, key=key, now=now())
        return False

    def lock(self, key: str, *, ttl: float) -> Lock:
        """Return a lock of the server, or on SQLite a row of ``<table>_locks``.

        The server's lock, PostgreSQL's advisory lock or MySQL's GET_LOCK, has no ttl: it ends
        with its connection. Holders and waiters each have a connection outside the pool, which
        does not count towards its limit. PgBouncer needs ``pool_mode=session``; with
        ``transaction`` there would be no lock. SQLite's table is created on first use.
        """
        dialect = self._rows.database.engine.dialect.name
        if dialect in CONNECTION_LOCKS:
            return CONNECTION_LOCKS[dialect](self._rows.database, self.table.name, key)
        return RecordLock(self._locks, key, ttl=ttl)

    def keys(self) -> Iterator[str]:
        """Yield the live keys in batches; no connection stays checked out in between.

        Another program's row whose id is not UTF-8 text is passed over.
        """
        return listed_keys(self._rows)

    def records(self, user: str | None = None) -> Iterator[tuple[str, Record]]:
        """Yield keys and live records in batches; those of a user by an index on the keys.

        In a table of ``connect-pg-simple`` or ``connect-session-knex`` on PostgreSQL that is
        an index of this store's, which :meth:`setup` creates. Without it every row is read.
        """
        return listed_records(self._rows, user)

    def count(self) -> int:
        ((number,),) = self._rows.run(self._rows.sql.count, now=now()).rows
        return int(number)

    def clear(self) -> int:
        return sum(self.clearing())

    def clearing(self) -> Iterator[int]:
        yield from self._removing(self._rows.sql.any_keys, self._rows.sql.delete_keys)
        # Ids that are not text match no parameter.
        yield self._rows.run(self._rows.sql.clear).row_count

    def prune(self) -> int:
        """Remove expired rows in batches; return how many."""
        return sum(self.pruning())

    def pruning(self, *, dry_run: bool = False) -> Iterator[int]:
        sql, moment = self._rows.sql, now()
        if dry_run:
            ((number,),) = self._rows.run(sql.count_dead, now=moment).rows
            yield int(number)
        else:
            yield from self._removing(sql.dead_keys, sql.delete_dead_keys, now=moment)

    def setup(self) -> None:
        """Create the table and its indexes if they are missing.

        A Node store's table gets at most one more index, for the sessions of a user.
        """
        self._rows.setup()

    def ping(self) -> None:
        with self._rows.database.errors:
            self._rows.database.send(self._rows.sql.ping, {})

    def check(self) -> list[str]:
        """Compare the table in the database with the layout."""
        return self._rows.check()

    def close(self) -> None:
        """Close the store's own connections; those of an application's pool stay open."""
        if "database" in vars(self._rows):
            self._rows.database.close()

    def _removing(
        self, select: sa.Select[Any], delete: sa.Delete, **parameters: object
    ) -> Iterator[int]:
        """Delete what is selected in batches; after each yield how many rows it deleted."""
        run = self._rows.run
        while True:
            began = time.monotonic()
            # A SELECT locks nothing. A DELETE that searches locks the index on MySQL, and may
            # deadlock with a create.
            keys = [key for (key,) in run(select, **parameters).rows]
            number = run(delete, keys=keys, **parameters).row_count if keys else 0
            yield number
            if len(keys) < BATCH or not number:
                return
            # SQLite's writers poll. After a shorter pause they may never find the file free.
            time.sleep(max(_PAUSE, time.monotonic() - began))

    @cached_property
    def _locks(self) -> SQLAlchemyStore:
        rows, table = self._rows, self.table
        locks = SQLAlchemyStore(
            lambda: rows.database.engine, table=f"{table.name}_locks", schema=table.schema
        )
        locks._rows.use(rows.database)
        locks.prune()  # removes the locks of killed holders
        return locks


def _need_sqlalchemy() -> None:
    if not _INSTALLED:
        raise ConfigError(
            "The SQL store needs SQLAlchemy: pip install Flask-ServerSession[sqlalchemy]"
        )
