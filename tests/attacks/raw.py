"""The rows of each store as somebody with access to the database sees and changes them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from datetime import timezone
from pathlib import Path
from typing import Any
from typing import Protocol
from urllib.parse import quote
from urllib.parse import unquote
from urllib.parse import urlsplit

import pymemcache
import pymongo
import redis
import sqlalchemy as sa

from flask_serversession import Record
from flask_serversession.stores.memory import MemoryStore

from ..concurrency.places import Place

FAR = datetime(2037, 1, 1, tzinfo=timezone.utc)


class Rows(Protocol):
    """The rows of a store by their keys, without a line of this package in between."""

    def read(self) -> dict[str, bytes]:
        """Return all rows."""

    def write(self, key: str, payload: bytes) -> None:
        """Insert or replace a row, to expire in many years."""

    def delete(self, key: str) -> None:
        """Remove a row."""

    def everything(self) -> bytes:
        """Return all bytes that the database has, with those of its indexes."""

    def close(self) -> None:
        """Hang up."""


class MemoryRows:
    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def read(self) -> dict[str, bytes]:
        return {key: record.payload for key, record in self._store._items()}

    def write(self, key: str, payload: bytes) -> None:
        self.delete(key)
        self._store._used[key] = Record(payload, FAR)

    def delete(self, key: str) -> None:
        self._store._used.pop(key, None)
        self._store._unused.pop(key, None)

    def everything(self) -> bytes:
        # Not by repr(), which hides an id.
        return b"\n".join(part for row in self.read().items() for part in map(_bytes, row))

    def close(self) -> None:
        pass


class RedisRows:
    def __init__(self, url: str, prefix: str) -> None:
        self.client = redis.Redis.from_url(url)
        self._prefix = prefix

    def read(self) -> dict[str, bytes]:
        names = sorted(self.client.scan_iter(f"{self._prefix}*"))
        found = {name: self.client.get(name) for name in names}
        return {name.decode()[len(self._prefix) :]: value for name, value in found.items()}

    def write(self, key: str, payload: bytes) -> None:
        self.client.set(self._prefix + key, payload)
        self.client.expireat(self._prefix + key, FAR)

    def delete(self, key: str) -> None:
        self.client.delete(self._prefix + key)

    def everything(self) -> bytes:
        names = sorted(self.client.scan_iter(f"*{self._prefix}*"))
        return b"\n".join(part for name in names for part in (name, *self._values(name)))

    def _values(self, name: bytes) -> list[bytes]:
        if self.client.type(name) == b"zset":
            return list(self.client.zrange(name, 0, -1))
        return [self.client.get(name) or b""]

    def close(self) -> None:
        self.client.close()


class SQLRows:
    def __init__(self, url: str, table: str) -> None:
        self._engine = sa.create_engine(url, poolclass=sa.NullPool)
        columns = [sa.column("id"), sa.column("payload"), sa.column("expires_at")]
        self._table = sa.table(table, *columns)

    def read(self) -> dict[str, bytes]:
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(self._table)).all()
        return {_text(row.id): bytes(row.payload) for row in rows}

    def write(self, key: str, payload: bytes) -> None:
        self.delete(key)
        ends = int(FAR.timestamp() * 1000)
        row = {"id": key, "payload": payload, "expires_at": ends}
        with self._engine.begin() as connection:
            connection.execute(sa.insert(self._table).values(row))

    def delete(self, key: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.delete(self._table).filter_by(id=key))

    def everything(self) -> bytes:
        return repr(self.read()).encode()

    def close(self) -> None:
        self._engine.dispose()


class MongoRows:
    def __init__(self, url: str, collection: str) -> None:
        client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(url)
        self._client = client
        self._documents = client.get_default_database("test")[collection]

    def read(self) -> dict[str, bytes]:
        return {each["_id"]: each["session"].encode() for each in self._documents.find({})}

    def write(self, key: str, payload: bytes) -> None:
        self.delete(key)
        document = {"_id": key, "session": payload.decode(errors="replace"), "expires": FAR}
        self._documents.insert_one(document)

    def delete(self, key: str) -> None:
        self._documents.delete_one({"_id": key})

    def everything(self) -> bytes:
        return repr(list(self._documents.find({}))).encode()

    def close(self) -> None:
        self._client.close()


class MemcachedRows:
    def __init__(self, url: str, prefix: str) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname or "", parts.port or 11211)
        self._client = pymemcache.Client(self._server)
        self._prefix = prefix

    def read(self) -> dict[str, bytes]:
        found = {name[len(self._prefix) :]: self._client.get(name) for name in self._names()}
        return {key: value for key, value in found.items() if value is not None}

    def write(self, key: str, payload: bytes) -> None:
        self._client.set(self._prefix + key, payload, expire=int(FAR.timestamp()), noreply=False)

    def delete(self, key: str) -> None:
        self._client.delete(self._prefix + key, noreply=False)

    def everything(self) -> bytes:
        return repr(self.read()).encode() + repr(self._names()).encode()

    def close(self) -> None:
        self._client.close()

    def _names(self) -> list[str]:
        with closing(socket.create_connection(self._server)) as connection:
            connection.sendall(b"lru_crawler metadump hash\r\n")
            answer = b""
            while not answer.endswith(b"END\r\n"):
                answer += connection.recv(65536)
        lines = answer.decode().splitlines()
        names = [unquote(line.split()[0].removeprefix("key=")) for line in lines if "key=" in line]
        return [name for name in names if name.startswith(self._prefix)]


class FileRows:
    def __init__(self, url: str) -> None:
        self._folder = Path(urlsplit(url).path)

    def read(self) -> dict[str, bytes]:
        return {unquote(file.stem): file.read_bytes() for file in self._files()}

    def write(self, key: str, payload: bytes) -> None:
        file = self._folder / f"{quote(key, safe='')}.session"
        file.write_bytes(payload)
        file.chmod(0o600)
        os.utime(file, (FAR.timestamp(), FAR.timestamp()))

    def delete(self, key: str) -> None:
        (self._folder / f"{quote(key, safe='')}.session").unlink(missing_ok=True)

    def everything(self) -> bytes:
        files = (each for each in self._folder.rglob("*") if each.is_file())
        return b"\n".join(each.name.encode() + b"\n" + each.read_bytes() for each in files)

    def close(self) -> None:
        pass

    def _files(self) -> Iterator[Path]:
        return self._folder.glob("*.session")


def rows_of(place: Place, store: Any) -> Rows:
    """Return the rows of a store."""
    option = next(iter(place.options.values()), "")
    if isinstance(store, MemoryStore):
        return MemoryRows(store)
    if place.name == "files":
        return FileRows(place.store)
    kind = {"Redis": RedisRows, "MongoDB": MongoRows, "memcached": MemcachedRows}
    return kind.get(place.name, SQLRows)(place.store, option)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()
