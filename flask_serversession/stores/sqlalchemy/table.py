"""The layouts of the SQL store's table: its columns, types and index."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from datetime import timezone
from typing import Any
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from ..base import epoch_milliseconds
from .engine import MYSQL

Value = sa.ColumnElement[Any]

LONGEST_KEY = 255
_LAST = epoch_milliseconds(datetime.max.replace(tzinfo=timezone.utc))


class BinaryKey(sa.TypeDecorator[str]):
    """Text as bytes, because MySQL's text types ignore trailing spaces in any collation."""

    impl: sa.types.TypeEngine[Any] | type[sa.types.TypeEngine[Any]] = sa.VARBINARY(LONGEST_KEY)
    cache_ok: bool | None = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> bytes | None:
        return None if value is None else value.encode(errors="surrogateescape")

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> str:
        return bytes(value).decode(errors="surrogateescape")


class ListedKey(BinaryKey):
    """SQLite's text as bytes, because a row of another program need not be UTF-8."""

    impl: sa.types.TypeEngine[Any] | type[sa.types.TypeEngine[Any]] = sa.LargeBinary
    cache_ok: bool | None = True

    def bind_expression(self, bindvalue: sa.BindParameter[Any]) -> Value:
        return sa.cast(bindvalue, sa.Text)

    def column_expression(self, column: Value) -> Value:
        return sa.type_coerce(sa.cast(column, sa.LargeBinary), self)


#: Text compared byte by byte on every dialect: case and trailing spaces count.
KEY = (
    sa.String(LONGEST_KEY)
    .with_variant(sa.String(LONGEST_KEY, "C"), "postgresql")
    .with_variant(BinaryKey(), *MYSQL)
)


class Stored(sa.types.UserDefinedType[Any]):
    """A column type of one dialect, by its name in SQL, with functions to write and read."""

    cache_ok: bool | None = True

    def __init__(
        self,
        ddl: str,
        write: Callable[[Any], Any] | None = None,
        read: Callable[[Any], Any] | None = None,
    ) -> None:
        self.ddl = ddl
        self.write = write
        self.read = read

    def get_col_spec(self, **_options: Any) -> str:
        return self.ddl

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[Any], Any] | None:
        return self.write

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Any:
        return self.read


class JsonText(Stored):
    """PostgreSQL's ``json`` as its stored text, which can be compared and is not parsed."""

    cache_ok: bool | None = True

    def bind_expression(self, bindvalue: sa.BindParameter[Any]) -> Value:
        return sa.cast(bindvalue, Stored(self.ddl))

    def column_expression(self, column: Value) -> Value:
        return sa.type_coerce(sa.cast(column, sa.Text), self)

    class comparator_factory(sa.types.UserDefinedType.Comparator[Any]):
        def __eq__(self, other: Any) -> Value:  # type: ignore[override]
            return sa.cast(self.expr, sa.Text) == sa.cast(other, sa.Text)


class MySQLText(Stored):
    """Text compared byte by byte, in any character set and collation of the column."""

    cache_ok: bool | None = True

    class comparator_factory(sa.types.UserDefinedType.Comparator[Any]):
        def __eq__(self, other: Any) -> Value:  # type: ignore[override]
            return _utf8(self.expr) == _utf8(other)


class MySQLJson(Stored):
    """The ``json`` of MySQL or MariaDB, compared in the server's spelling."""

    cache_ok: bool | None = True

    class comparator_factory(sa.types.UserDefinedType.Comparator[Any]):
        def __eq__(self, other: Any) -> Value:  # type: ignore[override]
            root: Value = sa.literal_column("'$'")
            ours, theirs = (sa.func.json_extract(json, root) for json in (self.expr, other))
            return _utf8(ours) == _utf8(theirs)


class MySQLKey(Stored):
    """MySQLText that uses the column's index first, which may ignore case and spaces."""

    cache_ok: bool | None = True

    class comparator_factory(sa.types.UserDefinedType.Comparator[Any]):
        def __eq__(self, other: Any) -> Value:  # type: ignore[override]
            found = sa.type_coerce(self.expr, sa.String) == other
            return sa.and_(found, _utf8(self.expr) == _utf8(other))


def _utf8(text: Value) -> Value:
    return sa.cast(sa.cast(text, mysql.CHAR(charset="utf8mb4")), sa.LargeBinary)


class Timestamp(Stored):
    """PostgreSQL's timestamps as milliseconds, independent of the connection's TimeZone.

    :param local: the column has no time zone and stores the local time of ``:time_zone``.
    """

    cache_ok: bool | None = True

    # SQLAlchemy copies a type by its positional parameters.
    def __init__(self, ddl: str, local: bool = False) -> None:
        super().__init__(ddl, _seconds, _milliseconds)
        self.local = local

    def bind_expression(self, bindvalue: sa.BindParameter[Any]) -> Value:
        return self._in_zone(sa.func.to_timestamp(bindvalue))

    def column_expression(self, column: Value) -> Value:
        return sa.type_coerce(sa.extract("epoch", self._in_zone(column)), self)

    def _in_zone(self, moment: Value) -> Value:
        # The function behind AT TIME ZONE, which converts in both directions.
        return sa.func.timezone(_TIME_ZONE, moment) if self.local else moment


_TIME_ZONE: sa.BindParameter[str] = sa.bindparam("time_zone", type_=sa.Text)


def _seconds(milliseconds: int) -> float:
    return milliseconds / 1000


def _milliseconds(seconds: Any) -> int:
    # PostgreSQL's years go beyond Python's.
    milliseconds: int = round(min(seconds * 1000, _LAST))
    return milliseconds


class Layout(NamedTuple):
    """A table with the columns ``id``, ``payload`` and ``expires_at``.

    Those are the columns' keys. Their names and types in the database depend on the layout;
    for the statements they are text, bytes and milliseconds since 1970.
    """

    table: sa.Table
    #: Rounds a moment, in milliseconds, as the expiry column does.
    rounded: Callable[[int], int] = int
    #: The expiry is a local time, and the statements have a parameter ``time_zone``.
    local: bool = False
    #: The layout of this package: setup adds a missing index to an existing table.
    native: bool = False
    #: An index of this package in a Node store's table, which setup adds if it may.
    users_index: sa.Index | None = None


def native_layout(name: str | None, schema: str | None) -> Layout:
    """Return the layout of this package, for every dialect."""
    name = name or "server_sessions"
    table = sa.Table(
        name,
        # Its own, so that the application may have a table of that name.
        sa.MetaData(),
        sa.Column("id", KEY, primary_key=True),
        sa.Column(
            "payload",
            sa.LargeBinary().with_variant(mysql.LONGBLOB(), *MYSQL),
            nullable=False,
        ),
        # Milliseconds since 1970: no dialect can apply a time zone to a number.
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        # A name given here: SQLAlchemy does not find an index whose name it had to shorten.
        sa.Index(f"ix_{name}_expires_at", "expires_at"),
        schema=schema,
    )
    return Layout(table, native=True)


class Column(NamedTuple):
    """A column of a Node store's table."""

    key: str
    name: str
    type: Stored
    nullable: bool = False
    default: Callable[[], Any] | None = None
    onupdate: Callable[[], Any] | None = None


def node_layout(
    name: str,
    schema: str | None,
    *columns: Column,
    index: str | None = None,
    rounded: Callable[[int], int] = int,
    local: bool = False,
) -> Layout:
    """Return the layout of a Node store's table; ``index`` is the name of one on the expiry."""
    table = sa.Table(name, sa.MetaData(), *map(_column, columns), schema=schema)
    if index:
        sa.Index(index, table.c.expires_at)
    return Layout(table, rounded, local)


def with_users_index(layout: Layout) -> Layout:
    """Add the index that finds the keys of a user, for columns in the database's collation."""
    table = layout.table
    name, key = f"ix_{table.name}_{table.c.id.name}_c", table.c.id
    # In the place of an operator class, because Alembic replaces an index on an expression with
    # each migration. The index in a migration knows the column by its name.
    collation = dict.fromkeys((key.key, key.name), 'COLLATE "C"')
    return layout._replace(users_index=sa.Index(name, key, postgresql_ops=collation))


def byte_by_byte(text: Value) -> Value:
    """Return a text of PostgreSQL that is ordered and compared byte by byte."""
    return sa.collate(text, "C")


def _column(column: Column) -> sa.Column[Any]:
    return sa.Column(
        column.name,
        column.type,
        key=column.key,
        primary_key=column.key == "id",
        nullable=column.nullable,
        default=column.default,
        onupdate=column.onupdate,
    )


#: The TimeZone of a connection that does not set one. If this connection does (PGTZ,
#: ``options``, SET), that of the role or the database; NULL if neither has one.
TIME_ZONE_OF_OTHERS = sa.text(
    """
    SELECT CASE WHEN source NOT IN ('client', 'session') THEN setting ELSE (
        SELECT substring(config FROM '=(.*)')
        FROM pg_db_role_setting, unnest(setconfig) AS config
        WHERE lower(split_part(config, '=', 1)) = 'timezone'
        AND setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = session_user))
        AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
        ORDER BY setrole = 0, setdatabase = 0 LIMIT 1
    ) END
    FROM pg_settings WHERE name = 'TimeZone'
    """
)
