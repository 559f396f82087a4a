"""The floor on Redis: a redis-py client with a pool, and one round trip per call."""

from __future__ import annotations

from typing import cast

import redis

from ..scenarios import LIFETIME


class Backend:
    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url)

    def load(self, sid: str) -> bytes | None:
        return cast("bytes | None", self._client.get(f"floor:{sid}"))

    def load_and_touch(self, sid: str) -> bytes | None:
        return cast("bytes | None", self._client.getex(f"floor:{sid}", ex=LIFETIME))

    def create(self, sid: str, payload: bytes) -> None:
        self._client.set(f"floor:{sid}", payload, ex=LIFETIME, nx=True)

    def save(self, sid: str, payload: bytes) -> None:
        self._client.set(f"floor:{sid}", payload, ex=LIFETIME, xx=True)

    def move(self, old_sid: str, sid: str, payload: bytes) -> None:
        both = self._client.pipeline(transaction=False)
        both.set(f"floor:{sid}", payload, ex=LIFETIME, nx=True)
        both.delete(f"floor:{old_sid}")
        both.execute()

    def delete(self, sid: str) -> None:
        self._client.delete(f"floor:{sid}")
