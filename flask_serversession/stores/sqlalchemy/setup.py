"""Creates the store's table and its indexes, and checks those that are there."""

from __future__ import annotations

import logging

import sqlalchemy as sa
from sqlalchemy import exc

from ...errors import ConfigError
from .table import Layout

logger: logging.Logger = logging.getLogger("flask_serversession")


def make_missing(connection: sa.Connection, layout: Layout) -> None:
    """Create the table and its indexes if they are missing; other processes may be faster."""
    table, is_new = layout.table, not _is_there(connection, layout.table)
    if is_new:
        _create(connection, table)
    if is_new or layout.native:
        # A faster process may have kept this one from creating all of them.
        for index in table.indexes:
            _create(connection, index)
    if layout.users_index is not None:
        _create_if_possible(connection, layout.users_index)


def check_table(connection: sa.Connection, layout: Layout) -> list[str]:
    """Return what makes the table slow; raise ConfigError if it is missing or another's."""
    table, flaws = layout.table, []
    if not _is_there(connection, table):
        raise ConfigError(
            f"The table {table.name!r} does not exist: run flask sessions setup, or the"
            " application's migrations."
        )
    expiry = table.c.expires_at.name
    indexes = sa.inspect(connection).get_indexes(table.name, schema=table.schema)
    if not any(index["column_names"][:1] == [expiry] for index in indexes):
        flaws.append(
            f"The table {table.name!r} has no index on {expiry}, so prune reads every row."
        )
    users = layout.users_index
    if users is not None and not any(index["name"] == users.name for index in indexes):
        flaws.append(
            f"The table {table.name!r} has no index {users.name!r}, so every search for the"
            " sessions of a user reads all rows. Run flask sessions setup as the table's owner."
        )
    return flaws


def _create(connection: sa.Connection, part: sa.Table | sa.Index) -> None:
    try:
        part.create(connection, checkfirst=True)
    except exc.DBAPIError as error:
        if error.connection_invalidated:
            raise
        # Another process may have created it after the check: check again.
        part.create(connection, checkfirst=True)


def _create_if_possible(connection: sa.Connection, index: sa.Index) -> None:
    try:
        index.create(connection, checkfirst=True)
    except exc.DBAPIError as error:
        if error.connection_invalidated:
            raise
        # The table may belong to the role of Node, or be too large for the timeout. Another
        # attempt would block Express for as long again.
        logger.info("The index %s of the sessions' table was not created.", index.name)


def _is_there(connection: sa.Connection, table: sa.Table) -> bool:
    """Tell whether the table exists; raise ConfigError if it is another's."""
    inspector = sa.inspect(connection)
    if not inspector.has_table(table.name, schema=table.schema):
        return False
    there = {column["name"] for column in inspector.get_columns(table.name, schema=table.schema)}
    missing = [column.name for column in table.columns if column.name not in there]
    if missing:
        raise ConfigError(
            f"The table {table.name!r} exists and is not one of this store: it has no"
            f" {' and no '.join(missing)}. Name another table with the option table, or the"
            " layout of this one with the option layout."
        )
    return True
