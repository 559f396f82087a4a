"""A store that records the calls it gets."""

from __future__ import annotations

from datetime import datetime

from flask_serversession import Record
from flask_serversession import Refusal
from flask_serversession import Store


class CountingStore:
    """Passes the five verbs on to another store and records them. Has no optional ability."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.calls: list[str] = []

    def load(self, key: str) -> Record | None:
        self.calls.append("load")
        return self._store.load(key)

    def create(self, key: str, record: Record) -> bool:
        self.calls.append("create")
        return self._store.create(key, record)

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        self.calls.append("save")
        return self._store.save(key, record, replacing=replacing)

    def touch(self, key: str, expires_at: datetime) -> bool:
        self.calls.append("touch")
        return self._store.touch(key, expires_at)

    def delete(self, key: str) -> bool:
        self.calls.append("delete")
        return self._store.delete(key)
