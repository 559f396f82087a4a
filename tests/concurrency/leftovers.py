"""What is left in a backend, as its own client sees it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime
from datetime import timezone
from typing import Any
from urllib.parse import urlsplit

import pymongo
import redis
import sqlalchemy as sa

from .places import Place


def names_in(place: Place) -> list[str]:
    """Return the names of all that a place's backend holds of its sessions, users and locks."""
    scheme = urlsplit(place.store).scheme.partition("+")[0]
    return sorted(_LISTS[scheme](place))


def _in_redis(place: Place) -> list[str]:
    with _redis_client(place) as client:
        pattern = f"*{place.options['prefix']}*"
        return [name.decode() for name in client.scan_iter(pattern, count=1000)]


def _redis_client(place: Place) -> Any:
    if place.name != "Redis-Cluster":
        return redis.Redis.from_url(place.store)
    host, _, port = urlsplit(place.store).netloc.partition(",")[0].rpartition(":")
    return redis.RedisCluster(host=host, port=int(port))


def _in_tables(place: Place) -> list[str]:
    table = place.options["table"]
    engine = sa.create_engine(place.store, poolclass=sa.NullPool)
    with engine.connect() as connection:
        rows = list(connection.execute(sa.text(f"SELECT * FROM {table}")))
        if sa.inspect(connection).has_table(f"{table}_locks"):
            # A process removes those of killed processes when it first takes a lock.
            live = sa.text(f"SELECT * FROM {table}_locks WHERE expires_at > :now")
            rows += connection.execute(live, {"now": time.time() * 1000})
    return [str(row) for row in rows]


def _in_collections(place: Place) -> list[str]:
    # The TTL monitor removes expired documents once a minute. Those of sessions are pruned.
    live = {"expires": {"$gt": datetime.now(timezone.utc)}}
    found = []
    with pymongo.MongoClient(place.store) as client:
        database = client.get_default_database("test")
        for name in database.list_collection_names():
            if name.startswith(place.options["collection"]):
                wanted = live if name.endswith("_locks") else {}
                found += [str(document["_id"]) for document in database[name].find(wanted)]
    return found


def _in_files(place: Place) -> list[str]:
    # The locks of writers stay.
    names = os.listdir(urlsplit(place.store).path)
    return [name for name in names if not (len(name) == 8 and name.endswith(".lock"))]


_LISTS: dict[str, Callable[[Place], list[str]]] = {
    "redis": _in_redis,
    "postgresql": _in_tables,
    "mysql": _in_tables,
    "sqlite": _in_tables,
    "mongodb": _in_collections,
    "file": _in_files,
}
