"""Redis: each place is a database of one server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import redis

from flask_serversession.stores.base import milliseconds_left
from flask_serversession.stores.redis import RedisStore

from ..population import batches
from ..population import Entry

_PREFIX = "sess:"
_A_TRIP = 5_000


class Redis:
    def __init__(self, url: str) -> None:
        self._url = url

    def store(self, place: int) -> RedisStore:
        return RedisStore.from_url(f"{self._url}/{place}", prefix=_PREFIX)

    def fill(self, place: int, entries: Iterable[Entry]) -> None:
        with redis.Redis.from_url(f"{self._url}/{place}") as client:
            for batch in batches(entries, _A_TRIP):
                trip = client.pipeline(transaction=False)
                for key, payload, expires_at in batch:
                    trip.set(_PREFIX + key, payload, px=milliseconds_left(expires_at))
                trip.execute()

    def bytes_held(self, place: int) -> int:
        """Return the memory of the whole server, including other places."""
        return int(self._info("memory")["used_memory"])

    def settings(self) -> str:
        version, memory = self._info("server"), self._info("memory")
        return f"Redis {version['redis_version']}, nothing kept on disk, {memory['mem_allocator']}"

    def _info(self, section: str) -> dict[str, Any]:
        with redis.Redis.from_url(self._url) as client:
            found: dict[str, Any] = client.info(section)
            return found
