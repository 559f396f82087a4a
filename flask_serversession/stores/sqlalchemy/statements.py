"""What the SQL store says to its table, built once a store."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

#: How many rows one statement lists or prunes; an older SQLite takes 999 parameters.
BATCH = 500


class Statements:
    """What the store says to its table, with ``key``, ``now`` and ``new_…`` as parameters."""

    def __init__(self, table: sa.Table) -> None:
        now: sa.BindParameter[int] = sa.bindparam("now")
        dead, live = table.c.expires_at <= now, table.c.expires_at > now
        key: sa.BindParameter[str] = sa.bindparam("key", type_=table.c.id.type)
        dead_key, live_key = sa.and_(table.c.id == key, dead), sa.and_(table.c.id == key, live)
        old: sa.BindParameter[bytes] = sa.bindparam("old_payload", type_=table.c.payload.type)
        new_expiry: dict[str, Any] = {"expires_at": sa.bindparam("new_expires_at")}
        new = {"payload": sa.bindparam("new_payload"), **new_expiry}

        self.load = sa.select(table.c.payload, table.c.expires_at).where(live_key)
        self.load_locked = self.load.with_for_update()  # nothing more than load on SQLite
        self.insert = sa.insert(table).values(id=key, **new)
        self.replace_dead = sa.update(table).where(dead_key).values(new)
        self.save = sa.update(table).where(live_key).values(new)
        self.save_replacing = self.save.where(table.c.payload == old)
        self.touch = sa.update(table).where(live_key).values(new_expiry)
        self.delete = sa.delete(table).where(live_key)
        self.delete_replacing = self.delete.where(table.c.payload == old)
        self.delete_dead = sa.delete(table).where(dead_key)

        self.ping = sa.select(sa.literal(1))
        self.count = sa.select(sa.func.count()).select_from(table).where(live)
        self.clear = sa.delete(table)
        keys = sa.select(table.c.id).limit(BATCH)
        self.keys = keys.where(live, table.c.id > sa.bindparam("after")).order_by(table.c.id)
        self.dead_keys = keys.where(dead).order_by(table.c.expires_at)
        any_key: sa.BindParameter[str] = sa.bindparam("keys", expanding=True)
        self.delete_dead_keys = sa.delete(table).where(table.c.id.in_(any_key), dead)
