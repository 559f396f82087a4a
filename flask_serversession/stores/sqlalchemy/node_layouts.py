"""The tables of four Node stores: their names, column types and formats.

Express reads these rows, and Node may have created the table. The columns bring limits: a key
has at most 128 characters in express-mysql-session and 36 in connect-session-sequelize, whose
TEXT holds 64 kB on MySQL. The json of MySQL and MariaDB refuses half a surrogate pair. MySQL's
returns a payload with equal values, but sorts the members of each object.
"""

from __future__ import annotations

from datetime import datetime
from datetime import timezone

from ..base import epoch_milliseconds
from ..base import from_epoch_milliseconds
from ..base import utc_now
from .table import Column
from .table import JsonText
from .table import Layout
from .table import MySQLJson
from .table import MySQLKey
from .table import MySQLText
from .table import node_layout
from .table import Stored
from .table import Timestamp
from .table import with_users_index

#: Where Node does not name a collation, the database's may ignore case and refuse emoji.
_BINARY = "COLLATE utf8mb4_bin"

#: The end of an ``int unsigned``, in 2106.
_LAST_SECOND = 2**32 - 1


def connect_pg_simple(name: str | None, schema: str | None) -> Layout:
    name = name or "session"
    layout = node_layout(
        name,
        schema,
        Column("id", "sid", Stored("varchar")),
        Column("payload", "sess", JsonText("json", bytes.decode, _encoded)),
        Column("expires_at", "expire", Timestamp("timestamp(6)", local=True)),
        index=f"IDX_{name}_expire",
        rounded=_second_after,
        local=True,
    )
    return with_users_index(layout)


def express_mysql_session(name: str | None, schema: str | None) -> Layout:
    data = MySQLText(f"mediumtext {_BINARY}", bytes.decode, _encoded)
    return node_layout(
        name or "sessions",
        schema,
        Column("id", "session_id", MySQLKey(f"varchar(128) {_BINARY}")),
        Column("expires_at", "expires", Stored("int(11) unsigned", _seconds, _from_seconds)),
        Column("payload", "data", data, nullable=True),
        rounded=_nearest_second,
    )


def knex_on_postgresql(name: str | None, schema: str | None) -> Layout:
    key, payload = Stored("varchar(255)"), JsonText("json", bytes.decode, _encoded)
    return with_users_index(_knex(name, schema, key, payload, Timestamp("timestamptz")))


def knex_on_mysql(name: str | None, schema: str | None) -> Layout:
    key = MySQLKey(f"varchar(255) {_BINARY}")
    payload = MySQLJson("json", bytes.decode, _encoded)
    return _knex(name, schema, key, payload, _mysql_datetime())._replace(rounded=_second_before)


def knex_on_sqlite(name: str | None, schema: str | None) -> Layout:
    key, payload = Stored("varchar(255)"), Stored("json", bytes.decode, _encoded)
    return _knex(name, schema, key, payload, Stored("datetime", _iso_text, _from_text))


def _knex(
    name: str | None, schema: str | None, key: Stored, payload: Stored, expiry: Stored
) -> Layout:
    name = name or "sessions"
    return node_layout(
        name,
        schema,
        Column("id", "sid", key),
        Column("payload", "sess", payload),
        Column("expires_at", "expired", expiry),
        index=f"{name}_expired_index".lower(),
    )


def sequelize_on_postgresql(name: str | None, schema: str | None) -> Layout:
    key, data = Stored("varchar(36)"), Stored("text", bytes.decode, _encoded)
    return _sequelize(name, schema, key, data, Timestamp("timestamptz"))


def sequelize_on_mysql(name: str | None, schema: str | None) -> Layout:
    key = MySQLKey(f"varchar(36) {_BINARY}")
    data = MySQLText(f"text {_BINARY}", bytes.decode, _encoded)
    layout = _sequelize(name, schema, key, data, _mysql_datetime())
    return layout._replace(rounded=_second_before)


def sequelize_on_sqlite(name: str | None, schema: str | None) -> Layout:
    key, data = Stored("VARCHAR(36)"), Stored("TEXT", bytes.decode, _encoded)
    return _sequelize(name, schema, key, data, Stored("DATETIME", _sequelize_text, _from_text))


def _sequelize(
    name: str | None, schema: str | None, key: Stored, data: Stored, moment: Stored
) -> Layout:
    return node_layout(
        name or "Sessions",
        schema,
        Column("id", "sid", key),
        Column("expires_at", "expires", moment, nullable=True),
        Column("payload", "data", data, nullable=True),
        Column("createdAt", "createdAt", moment, default=_now),
        Column("updatedAt", "updatedAt", moment, default=_now, onupdate=_now),
    )


def _now() -> int:
    return epoch_milliseconds(utc_now())


def _encoded(text: str | None) -> bytes:
    # Node treats NULL as no session. An empty payload has no document and is none either.
    return (text or "").encode()


# Expiries: how each store rounds them


def _second_after(milliseconds: int) -> int:
    return -(-milliseconds // 1000) * 1000


def _second_before(milliseconds: int) -> int:
    return milliseconds // 1000 * 1000


def _nearest_second(milliseconds: int) -> int:
    return min((milliseconds + 500) // 1000, _LAST_SECOND) * 1000


# Expiries: how each store writes them


def _seconds(milliseconds: int) -> int:
    return milliseconds // 1000


def _from_seconds(seconds: int) -> int:
    return seconds * 1000


def _mysql_datetime() -> Stored:
    return Stored("datetime", _utc_clock, _from_utc_clock)


def _utc_clock(milliseconds: int) -> datetime:
    return from_epoch_milliseconds(_second_before(milliseconds)).replace(tzinfo=None)


def _from_utc_clock(clock: datetime) -> int:
    return epoch_milliseconds(clock.replace(tzinfo=timezone.utc))


def _iso_text(milliseconds: int) -> str:
    clock = from_epoch_milliseconds(milliseconds).replace(tzinfo=None)
    return clock.isoformat(timespec="milliseconds") + "Z"


def _sequelize_text(milliseconds: int) -> str:
    clock = from_epoch_milliseconds(milliseconds).replace(tzinfo=None)
    return clock.isoformat(" ", "milliseconds") + " +00:00"


def _from_text(text: str) -> int:
    return _from_utc_clock(datetime.fromisoformat(text[:23]))
