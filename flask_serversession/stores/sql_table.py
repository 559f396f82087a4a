"""The SQL store's table and its statements, each built once and cached by SQLAlchemy."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import mysql

from .sql_engine import MYSQL

_LONGEST_KEY = 255

#: How many rows one statement lists or prunes; an older SQLite takes 999 parameters.
BATCH = 500


class Key(sa.TypeDecorator[str]):
    """Text compared byte by byte on every dialect: case and trailing spaces count.

    MySQL's own text types ignore trailing spaces even with a binary collation.
    """

    impl = sa.String
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name in MYSQL:
            return dialect.type_descriptor(sa.VARBINARY(_LONGEST_KEY))
        collation = "C" if dialect.name == "postgresql" else None
        return dialect.type_descriptor(sa.String(_LONGEST_KEY, collation))

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> Any:
        if value is not None and dialect.name in MYSQL:
            return value.encode()
        return value

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> str | None:
        return value.decode() if isinstance(value, bytes) else value


def sessions_table(name: str, schema: str | None) -> sa.Table:
    """Return the table, in a MetaData of its own: no other one of that name is in its way."""
    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("id", Key, primary_key=True),
        sa.Column(
            "payload",
            sa.LargeBinary().with_variant(mysql.LONGBLOB(), *MYSQL),
            nullable=False,
        ),
        # Milliseconds since 1970: no dialect has a time zone to add to a number.
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        # SQLAlchemy does not find an index again whose name it had to shorten.
        sa.Index(f"ix_{name}_expires_at", "expires_at"),
        schema=schema,
    )


def make_missing(connection: sa.Connection, table: sa.Table) -> None:
    """Make the table and its index, unless they are there or another process is faster."""
    parts: list[sa.Table | sa.Index] = [table, *table.indexes]
    for part in parts:
        try:
            part.create(connection, checkfirst=True)
        except exc.DBAPIError as error:
            if error.connection_invalidated:
                raise
            # It may have been made after we looked: look again.
            part.create(connection, checkfirst=True)


class Statements:
    """What the store says to its table, with ``key``, ``now`` and ``new_…`` as parameters."""

    def __init__(self, table: sa.Table) -> None:
        now: sa.BindParameter[int] = sa.bindparam("now")
        dead, live = table.c.expires_at <= now, table.c.expires_at > now
        key: sa.BindParameter[str] = sa.bindparam("key")
        dead_key, live_key = sa.and_(table.c.id == key, dead), sa.and_(table.c.id == key, live)
        new_expiry: dict[str, Any] = {"expires_at": sa.bindparam("new_expires_at")}
        new = {"payload": sa.bindparam("new_payload"), **new_expiry}

        self.load = sa.select(table.c.payload, table.c.expires_at).where(live_key)
        self.insert = sa.insert(table).values(id=key, **new)
        self.replace_dead = sa.update(table).where(dead_key).values(new)
        self.save = sa.update(table).where(live_key).values(new)
        self.save_replacing = self.save.where(table.c.payload == sa.bindparam("old_payload"))
        self.touch = sa.update(table).where(live_key).values(new_expiry)
        self.delete = sa.delete(table).where(live_key)
        self.delete_dead = sa.delete(table).where(dead_key)

        self.count = sa.select(sa.func.count()).select_from(table).where(live)
        self.clear = sa.delete(table)
        keys = sa.select(table.c.id).limit(BATCH)
        self.keys = keys.where(live, table.c.id > sa.bindparam("after")).order_by(table.c.id)
        self.dead_keys = keys.where(dead).order_by(table.c.expires_at)
        any_key: sa.BindParameter[str] = sa.bindparam("keys", expanding=True)
        self.delete_dead_keys = sa.delete(table).where(table.c.id.in_(any_key), dead)
