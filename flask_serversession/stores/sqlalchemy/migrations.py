"""What a migration tool sees of the store's tables."""

from __future__ import annotations

import re
from typing import Any
from typing import cast

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import postgresql

from .engine import MYSQL
from .table import KEY
from .table import LONGEST_KEY
from .table import Stored

_Type = sa.types.TypeEngine[Any]

_PLAIN_KEY = (
    sa.String(LONGEST_KEY)
    .with_variant(sa.String(LONGEST_KEY, "C"), "postgresql")
    .with_variant(sa.VARBINARY(LONGEST_KEY), *MYSQL)
)
_DDL = re.compile(r"(?P<name>\w+)(\((?P<size>\d+)\))?( unsigned)?( COLLATE (?P<collation>\w+))?")


def plain_table(table: sa.Table) -> sa.Table:
    """Return a copy of a table that has SQLAlchemy's own types, which Alembic can write down."""
    copy = table.to_metadata(sa.MetaData())
    for column in copy.columns:
        column.type = _plain(column.type)
    return copy


def belongs_to(table: sa.Table, item: Any) -> bool:
    """Tell whether a table, column, index or constraint is part of a table or of its locks."""
    found = getattr(item, "table", item)
    its_names = (table.name, f"{table.name}_locks")
    return found.name in its_names and found.schema == table.schema


def _plain(kind: _Type) -> _Type:
    if kind is KEY:
        return _PLAIN_KEY
    return _of_ddl(kind.ddl) if isinstance(kind, Stored) else kind


def _of_ddl(ddl: str) -> _Type:
    parts = cast("re.Match[str]", _DDL.fullmatch(ddl))
    size = int(parts["size"]) if parts["size"] else None
    collation = parts["collation"]
    plain: dict[str, _Type] = {
        "varchar": sa.VARCHAR(size, collation),
        "text": sa.TEXT(collation=collation),
        "mediumtext": mysql.MEDIUMTEXT(collation=collation),
        "json": sa.JSON(),
        "int": mysql.INTEGER(display_width=size, unsigned=True),
        "datetime": sa.DATETIME(),
        "timestamp": postgresql.TIMESTAMP(precision=size),
        "timestamptz": sa.TIMESTAMP(timezone=True),
    }
    return plain[parts["name"].lower()]
