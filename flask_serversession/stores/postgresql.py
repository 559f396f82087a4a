"""The SQL store with what only PostgreSQL can do."""

from __future__ import annotations

from functools import cached_property

from ..errors import StoreError
from ..errors import StoreUnavailable
from .base import DueTouch
from .base import MILLISECOND
from .base import Record
from .sqlalchemy import SQLAlchemyStore

try:
    import sqlalchemy as sa

    from .sql_rows import first_record
    from .sql_rows import now
except ModuleNotFoundError:
    pass  # as SQLAlchemyStore says when it is made


class PostgreSQLStore(SQLAlchemyStore):
    """Touches a record that is due as it loads it, in one statement."""

    def load_and_touch(self, key: str, due: DueTouch) -> tuple[Record | None, bool]:
        if not self._rows.layout.native:
            return self.load(key), False
        moment, interval = now(), due.interval // MILLISECOND
        ends = moment + due.lifetime // MILLISECOND
        try:
            rows = self._rows.run(
                self._load_and_touch,
                key=key,
                now=moment,
                new_expires_at=ends,
                too_soon=ends - interval,
                too_late=ends + interval,
                beginning=due.beginning,
                length=len(due.beginning),
            ).rows
        except StoreUnavailable:
            raise
        except StoreError:
            # Where nothing can be written, as after a failover, sessions can be read.
            return self.load(key), False
        return first_record([row[:2] for row in rows]), any(row[2] for row in rows)

    @cached_property
    def _load_and_touch(self) -> sa.Select[tuple[bytes, int, bool]]:
        columns = self.table.c
        is_live = sa.and_(
            columns.id == sa.bindparam("key", type_=columns.id.type),
            columns.expires_at > sa.bindparam("now"),
        )
        is_due = sa.or_(
            columns.expires_at <= sa.bindparam("too_soon"),
            columns.expires_at >= sa.bindparam("too_late"),
        )
        beginning = sa.func.substr(columns.payload, 1, sa.bindparam("length"))
        touched = (
            sa.update(self.table)
            .where(is_live, is_due, beginning == sa.bindparam("beginning"))
            .values(expires_at=sa.bindparam("new_expires_at"))
            .returning(columns.expires_at)
            .cte("touched")
        )
        # The rest of a statement sees what was there before it.
        ends = sa.select(touched.c.expires_at).scalar_subquery()
        return sa.select(
            columns.payload, sa.func.coalesce(ends, columns.expires_at), ends.is_not(None)
        ).where(is_live)
