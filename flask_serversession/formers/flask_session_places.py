"""Where Flask-Session keeps its records, and where this package keeps its own beside them."""

from __future__ import annotations

import hashlib
import os
import struct
import time
from collections.abc import Callable
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from datetime import timezone
from pathlib import Path
from typing import Any
from typing import cast
from typing import Final
from typing import NamedTuple

from ..errors import ConfigError

#: What the names of this package's own records, tables and collections start with.
_OURS = "server_sessions"
_PREFIX = {"prefix": f"{_OURS}:"}
#: The clients' keys, and what Flask-Session used without them.
_CLIENTS: Final = {
    "redis": ("SESSION_REDIS", "redis.Redis()"),
    "memcached": ("SESSION_MEMCACHED", "pymemcache.PooledClient('127.0.0.1:11211')"),
    "mongodb": ("SESSION_MONGODB", "pymongo.MongoClient()"),
    "sqlalchemy": ("SESSION_SQLALCHEMY", "flask_sqlalchemy.SQLAlchemy(app)"),
    "cachelib": ("SESSION_CACHELIB", "cachelib.FileSystemCache('flask_session', threshold=0)"),
}
_PICKLED = ("cachelib", "filesystem")
#: What starts a file of cachelib, and the hashes that named it since 0.16 and before.
_EXPIRY = struct.Struct("I")
_HASHES = ("sha256", "md5")


class Place(NamedTuple):
    """The records of Flask-Session by their names, and the store to use instead."""

    #: Returns a record; None if there is none or it has expired.
    read: Callable[[str], bytes | None]
    delete: Callable[[str], object]
    #: What SESSION_STORE and SESSION_STORE_OPTIONS can be for records beside them.
    store: Any
    options: Mapping[str, Any]
    #: How an application writes the first one.
    written: str


def place_of(config: Mapping[str, Any], *, unpickles: bool) -> Place:
    """Return the place that Flask-Session's keys name. Nothing connects yet.

    :raises ConfigError: if they name none, or one whose records cannot be read.
    """
    kind = str(config.get("SESSION_TYPE") or "").lower()
    if kind not in (*_CLIENTS, "filesystem"):
        raise ConfigError(
            f"SESSION_TYPE is {kind or None!r}, and the sessions of Flask-Session can be taken"
            f" over from {', '.join(map(repr, (*_CLIENTS, 'filesystem')))}. Keep its keys in the"
            " config while SESSION_ADOPT names it. If none of its sessions is left, remove it from"
            " SESSION_ADOPT. Do so with any other type, too: everybody logs in once more."
        )
    if kind in _PICKLED and not unpickles:
        raise ConfigError(
            f"Flask-Session pickles the sessions of SESSION_TYPE = {kind!r}, and reading a pickle"
            " can run code. SESSION_ADOPT = ['flask-session-pickle'] reads pickles of plain"
            " values only. Without it, remove 'flask-session' and set SESSION_STORE: everybody"
            " logs in once more."
        )
    if kind == "filesystem":
        return _files(config)
    key, default = _CLIENTS[kind]
    client = config.get(key)
    if client is None:
        raise ConfigError(
            f"SESSION_TYPE is {kind!r} and {key} is not set. Set it to the client that"
            f" Flask-Session used, which without this key was {default}."
        )
    if isinstance(client, str):
        raise ConfigError(
            f"{key} is text. Set it to the client that Flask-Session used, not to its URL."
        )
    return _FIND[kind](client, config)


def _redis(client: Any, config: Mapping[str, Any]) -> Place:
    def read(name: str) -> bytes | None:
        value = client.get(name)
        # A client with decode_responses=True returns text.
        return value.encode() if isinstance(value, str) else cast("bytes | None", value)

    return Place(read, client.delete, client, _PREFIX, "app.config['SESSION_REDIS']")


def _memcached(client: Any, config: Mapping[str, Any]) -> Place:
    from ..stores.memcached.clients import passes_bytes_through

    servers = getattr(client, "clients", {None: client}).values()
    serdes = [getattr(server, "serde", None) for server in servers]
    if not all(map(passes_bytes_through, serdes)):
        raise ConfigError(
            f"SESSION_MEMCACHED is a {type(client).__module__}.{type(client).__qualname__}, which"
            " may unpickle what it reads. Set it to a pymemcache.PooledClient without a serde, or"
            " to a HashClient with use_pooling=True, of the same servers. Flask-Session works"
            " with those, too."
        )
    return Place(client.get, client.delete, client, _PREFIX, "app.config['SESSION_MEMCACHED']")


def _mongodb(client: Any, config: Mapping[str, Any]) -> Place:
    database = config.get("SESSION_MONGODB_DB", "flask_session")
    records = client[database][config.get("SESSION_MONGODB_COLLECT", "sessions")]

    def read(name: str) -> bytes | None:
        found = records.find_one({"id": name})
        if found is None or not _is_live(found.get("expiration")):
            return None
        return bytes(found.get("val") or b"")

    def delete(name: str) -> None:
        records.delete_many({"id": name})

    options = {"database": database, "collection": _OURS}
    return Place(read, delete, client, options, "app.config['SESSION_MONGODB']")


def _sqlalchemy(db: Any, config: Mapping[str, Any]) -> Place:
    import sqlalchemy as sa

    schema, bind = (config.get(f"SESSION_SQLALCHEMY_{key}") for key in ("SCHEMA", "BIND_KEY"))
    records = sa.table(
        config.get("SESSION_SQLALCHEMY_TABLE", "sessions"),
        *map(sa.column, ("session_id", "data")),
        sa.column("expiry", sa.DateTime()),
        schema=schema,
    )

    def engine() -> sa.Engine:
        return cast("sa.Engine", db.engines[bind])

    def read(name: str) -> bytes | None:
        with engine().connect() as connection:
            found = connection.execute(sa.select(records).filter_by(session_id=name)).first()
        # MySQL compares without case and trailing spaces.
        if found is None or found.session_id != name or not _is_live(found.expiry):
            return None
        return bytes(found.data or b"")

    def delete(name: str) -> None:
        with engine().begin() as connection:
            connection.execute(sa.delete(records).filter_by(session_id=name))

    options = {"table": _OURS, **({"schema": schema} if schema else {})}
    if bind is None:
        return Place(read, delete, db, options, "app.config['SESSION_SQLALCHEMY']")
    from ..stores.sqlalchemy import SQLAlchemyStore

    given = "".join(f", {key}={value!r}" for key, value in options.items())
    written = f"SQLAlchemyStore(lambda: db.engines[{bind!r}]{given})"
    return Place(read, delete, SQLAlchemyStore(engine, **options), {}, written)


def _cachelib(cache: Any, config: Mapping[str, Any]) -> Place:
    from ..stores.cachelib import with_bytes

    if not hasattr(cache, "serializer"):
        raise ConfigError(
            f"SESSION_CACHELIB is a {type(cache).__name__}, which unpickles what it reads without"
            " a serializer that could be replaced. Its sessions cannot be taken over: remove"
            " SESSION_ADOPT and set SESSION_STORE, and everybody logs in once more."
        )
    records = with_bytes(cache)
    return Place(records.get, cache.delete, cache, _PREFIX, "app.config['SESSION_CACHELIB']")


def _files(config: Mapping[str, Any]) -> Place:
    folder = Path(config.get("SESSION_FILE_DIR") or os.path.join(os.getcwd(), "flask_session"))

    def files(name: str) -> list[Path]:
        hashed = (hashlib.new(kind, name.encode(), usedforsecurity=False) for kind in _HASHES)
        return [folder / each.hexdigest() for each in hashed]

    def read(name: str) -> bytes | None:
        for file in files(name):
            with suppress(FileNotFoundError, struct.error):
                content = file.read_bytes()
                [ends] = _EXPIRY.unpack_from(content)
                if ends == 0 or ends >= time.time():
                    return content[_EXPIRY.size :]
        return None

    def delete(name: str) -> None:
        for file in files(name):
            file.unlink(missing_ok=True)

    store = Path(f"{folder.absolute()}_{_OURS}").as_uri()
    return Place(read, delete, store, {}, repr(store))


def _is_live(ends: datetime | None) -> bool:
    """Return whether this moment, in UTC, is still to come. Without one a session has ended."""
    if ends is None:
        return False
    moment = ends if ends.tzinfo else ends.replace(tzinfo=timezone.utc)
    return moment > datetime.now(timezone.utc)


_FIND: Final[dict[str, Callable[[Any, Mapping[str, Any]], Place]]] = {
    "redis": _redis,
    "memcached": _memcached,
    "mongodb": _mongodb,
    "sqlalchemy": _sqlalchemy,
    "cachelib": _cachelib,
}
