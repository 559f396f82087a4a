"""PostgreSQL, MariaDB and SQLite: each place is a table, in SQLite in a file of its own."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping

import sqlalchemy as sa

from flask_serversession.stores.base import epoch_milliseconds
from flask_serversession.stores.sqlalchemy import SQLAlchemyStore

from ...performance.servers import OWN
from ..population import batches
from ..population import Entry

_A_TRANSACTION = 10_000

_BYTES = {
    "postgresql": "SELECT pg_total_relation_size('{table}')",
    "mysql": "SELECT file_size FROM information_schema.innodb_sys_tablespaces"
    " WHERE name = concat(database(), '/{table}')",
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
}
_SETTINGS = {
    "postgresql": "SELECT concat('PostgreSQL ',"
    " split_part(current_setting('server_version'), ' ', 1), ', fsync ',"
    " current_setting('fsync'), ', synchronous_commit ', current_setting('synchronous_commit'),"
    " ', shared_buffers ', current_setting('shared_buffers'))",
    "mysql": "SELECT concat(version(), ', innodb_flush_log_at_trx_commit ',"
    " @@innodb_flush_log_at_trx_commit, ', innodb_buffer_pool_size ',"
    " @@innodb_buffer_pool_size DIV 1048576, 'MB')",
    "sqlite": "SELECT 'SQLite ' || sqlite_version() || ', journal_mode WAL, synchronous NORMAL'",
}


#: What the server would otherwise do during the measurement, after so many new rows.
_SETTLE = {"postgresql": "VACUUM ANALYZE {table}"}


class SQL:
    def __init__(self, url: str) -> None:
        self._url = url

    def store(self, place: int) -> SQLAlchemyStore:
        return SQLAlchemyStore.from_url(self._address(place), table=_table(place))

    def fill(self, place: int, entries: Iterable[Entry]) -> None:
        store = self.store(place)
        insert = sa.insert(store._rows.layout.table)
        store.close()
        engine = self._engine(place)
        for batch in batches(entries, _A_TRANSACTION):
            with engine.begin() as connection:
                connection.execute(insert, [_row(entry) for entry in batch])
        if engine.dialect.name in _SETTLE:
            with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
                connection.exec_driver_sql(
                    _SETTLE[engine.dialect.name].format(table=_table(place))
                )

    def bytes_held(self, place: int) -> int:
        return int(str(self._ask(_BYTES, place)))

    def settings(self) -> str:
        return str(self._ask(_SETTINGS, place=0))

    def _ask(self, questions: Mapping[str, str], place: int) -> object:
        engine = self._engine(place)
        question = questions[engine.dialect.name].format(table=_table(place))
        with engine.connect() as connection:
            return connection.exec_driver_sql(question).scalar()

    def _engine(self, place: int) -> sa.Engine:
        return sa.create_engine(self._address(place), poolclass=sa.NullPool)

    def _address(self, place: int) -> str:
        return self._url.replace(OWN, str(place))


def _table(place: int) -> str:
    return f"sessions_{place}"


def _row(entry: Entry) -> dict[str, object]:
    key, payload, expires_at = entry
    return {
        "id": key,
        "payload": payload,
        "expires_at": epoch_milliseconds(expires_at),
    }
