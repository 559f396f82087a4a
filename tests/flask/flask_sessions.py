"""Writes records where Flask-Session keeps its own, in its layouts."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

SOON = timedelta(days=31)
KINDS = ["redis", "memcached", "mongodb", "sqlalchemy"]
PICKLED_KINDS = ["filesystem", "cachelib"]


@dataclass
class Records:
    """The records of one application."""

    #: Flask-Session's keys.
    config: dict[str, Any]
    #: Stores bytes under a name; they last for so long.
    put: Callable[[str, bytes, timedelta], object]
    has: Callable[[str], bool]
    #: Called with the application before its extension is made.
    prepare: Callable[[Flask], object] = lambda app: None
    close: Callable[[], object] = lambda: None


def records_in(kind: str, request: pytest.FixtureRequest, folder: Path) -> Records:
    """Return an empty place of this SESSION_TYPE, on its real server."""
    make = _MAKE[kind]
    given = request.getfixturevalue(f"{kind}_url") if kind in _SERVERS else folder
    records = make(given)
    records.config["SESSION_TYPE"] = kind
    return records


def _in_redis(url: str) -> Records:
    import redis

    client = redis.Redis.from_url(url)
    client.flushdb()

    def put(name: str, value: bytes, lasting: timedelta) -> None:
        client.set(name, value, ex=lasting)

    def has(name: str) -> bool:
        return bool(client.exists(name))

    return Records({"SESSION_REDIS": client}, put, has, close=client.close)


def _in_memcached(url: str) -> Records:
    import pymemcache

    address = url.removeprefix("memcached://")
    client = pymemcache.PooledClient(address, timeout=60, connect_timeout=60, no_delay=True)
    client.flush_all()

    def put(name: str, value: bytes, lasting: timedelta) -> None:
        ends = datetime.now(timezone.utc) + lasting
        client.set(name, value, int(ends.timestamp()), noreply=False)

    def has(name: str) -> bool:
        return client.get(name) is not None

    return Records({"SESSION_MEMCACHED": client}, put, has, close=client.close)


def _in_mongodb(url: str) -> Records:
    import pymongo

    client = pymongo.MongoClient[dict[str, Any]](url)
    client.drop_database("flask_session")
    records = client["flask_session"]["sessions"]

    def put(name: str, value: bytes, lasting: timedelta) -> None:
        ends = datetime.now(timezone.utc).replace(tzinfo=None) + lasting
        document = {"id": name, "val": value, "expiration": ends}
        records.update_one({"id": name}, {"$set": document}, upsert=True)

    def has(name: str) -> bool:
        return records.find_one({"id": name}) is not None

    return Records({"SESSION_MONGODB": client}, put, has, close=client.close)


def _in_sqlalchemy(folder: Path) -> Records:
    url = f"sqlite:///{folder / 'app.db'}"
    table = sa.Table(
        "sessions",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("session_id", sa.String(255), unique=True),
        sa.Column("data", sa.LargeBinary),
        sa.Column("expiry", sa.DateTime),
    )
    engine = sa.create_engine(url)
    table.create(engine)

    def put(name: str, value: bytes, lasting: timedelta) -> None:
        ends = datetime.now(timezone.utc).replace(tzinfo=None) + lasting
        with engine.begin() as connection:
            connection.execute(sa.delete(table).filter_by(session_id=name))
            values = {"session_id": name, "data": value, "expiry": ends}
            connection.execute(sa.insert(table).values(values))

    def has(name: str) -> bool:
        with engine.connect() as connection:
            return (
                connection.execute(sa.select(table).filter_by(session_id=name)).first() is not None
            )

    db = SQLAlchemy()
    config = {"SQLALCHEMY_DATABASE_URI": url, "SESSION_SQLALCHEMY": db}
    return Records(config, put, has, prepare=db.init_app, close=engine.dispose)


def _in_filesystem(folder: Path, hashed: Any = hashlib.sha256) -> Records:
    directory = folder / "flask_session"
    directory.mkdir()

    def file(name: str) -> Path:
        return directory / str(hashed(name.encode()).hexdigest())

    def put(name: str, value: bytes, lasting: timedelta) -> None:
        ends = int((datetime.now(timezone.utc) + lasting).timestamp())
        file(name).write_bytes(struct.pack("I", ends) + value)

    return Records({"SESSION_FILE_DIR": str(directory)}, put, lambda name: file(name).exists())


def _in_cachelib(folder: Path) -> Records:
    from cachelib import FileSystemCache

    records = _in_filesystem(folder)
    cache = FileSystemCache(str(folder / "flask_session"), threshold=0)
    records.config = {"SESSION_CACHELIB": cache}
    return records


_SERVERS = ("redis", "memcached", "mongodb")
_MAKE: dict[str, Callable[[Any], Records]] = {
    "redis": _in_redis,
    "memcached": _in_memcached,
    "mongodb": _in_mongodb,
    "sqlalchemy": _in_sqlalchemy,
    "filesystem": _in_filesystem,
    "cachelib": _in_cachelib,
}
