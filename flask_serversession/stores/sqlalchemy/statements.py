"""The statements of the SQL store, built once for each store and compiled on first use."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from .table import byte_by_byte
from .table import ListedKey

#: How many rows one statement lists or prunes; an older SQLite takes 999 parameters.
BATCH = 500
_NO_BYTES: sa.ColumnElement[Any] = sa.literal_column("x''")


class Statements:
    """Every statement on one table, with the parameters ``key``, ``now`` and ``new_…``.

    :param dialect: the name of the database's.
    """

    def __init__(self, table: sa.Table, dialect: str) -> None:
        now: sa.BindParameter[int] = sa.bindparam("now")
        dead, live = table.c.expires_at <= now, table.c.expires_at > now
        key: sa.BindParameter[str] = sa.bindparam("key", type_=table.c.id.type)
        dead_key, live_key = sa.and_(table.c.id == key, dead), sa.and_(table.c.id == key, live)
        old: sa.BindParameter[bytes] = sa.bindparam("old_payload", type_=table.c.payload.type)
        is_old = table.c.payload == old
        new_expiry: dict[str, Any] = {"expires_at": sa.bindparam("new_expires_at")}
        new = {"payload": sa.bindparam("new_payload"), **new_expiry}

        load = sa.select(table.c.payload, table.c.expires_at).where(live_key)
        self.load: sa.Select[Any] = load
        #: The same as ``load`` on SQLite, whose transaction locks the file.
        self.load_locked: sa.Select[Any] = load.with_for_update()
        self.insert: sa.Insert = sa.insert(table).values(id=key, **new)
        self.replace_dead: sa.Update = sa.update(table).where(dead_key).values(new)
        self.save: sa.Update = sa.update(table).where(live_key).values(new)
        self.save_replacing: sa.Update = self.save.where(is_old)
        self.touch: sa.Update = sa.update(table).where(live_key).values(new_expiry)
        self.delete: sa.Delete = sa.delete(table).where(live_key)
        self.delete_replacing: sa.Delete = self.delete.where(is_old)
        self.delete_dead: sa.Delete = sa.delete(table).where(dead_key)

        self.ping: sa.Select[Any] = sa.select(sa.literal(1))
        self.count: sa.Select[Any] = sa.select(sa.func.count()).select_from(table).where(live)
        self.count_dead: sa.Select[Any] = sa.select(sa.func.count()).select_from(table).where(dead)
        self.clear: sa.Delete = sa.delete(table)
        listed = sa.type_coerce(table.c.id, ListedKey()) if dialect == "sqlite" else table.c.id
        # SQLite sorts bytes behind all text, and no key finds them.
        is_text = table.c.id < _NO_BYTES if dialect == "sqlite" else sa.true()
        keys = sa.select(listed).limit(BATCH)
        records = sa.select(listed, table.c.payload, table.c.expires_at).limit(BATCH)
        after, before = (sa.bindparam(name, type_=listed.type) for name in ("after", "before"))
        all_after = sa.and_(live, listed > after, is_text)
        self.keys: sa.Select[Any] = keys.where(all_after).order_by(table.c.id)
        self.records: sa.Select[Any] = records.where(all_after).order_by(table.c.id)
        by_byte = byte_by_byte(table.c.id) if dialect == "postgresql" else listed
        of_user = sa.and_(live, by_byte > after, by_byte < before)
        self.keys_of_user: sa.Select[Any] = keys.where(of_user).order_by(by_byte)
        self.records_of_user: sa.Select[Any] = records.where(of_user).order_by(by_byte)
        self.any_keys: sa.Select[Any] = keys
        self.dead_keys: sa.Select[Any] = keys.where(dead).order_by(table.c.expires_at)
        any_key: sa.BindParameter[str] = sa.bindparam("keys", expanding=True)
        self.delete_keys: sa.Delete = sa.delete(table).where(listed.in_(any_key))
        self.delete_dead_keys: sa.Delete = self.delete_keys.where(dead)
