"""The floor on memcached: pymemcache, without the delay of Nagle's algorithm."""

from __future__ import annotations

from urllib.parse import urlsplit

from pymemcache import Client

from ..scenarios import LIFETIME


class Backend:
    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        server = (parts.hostname or "127.0.0.1", parts.port or 11211)
        self._client = Client(server, no_delay=True, default_noreply=False, key_prefix=b"floor:")

    def load(self, sid: str) -> bytes | None:
        payload: bytes | None = self._client.get(sid)
        return payload

    def load_and_touch(self, sid: str) -> bytes | None:
        payload = self.load(sid)
        self._client.touch(sid, LIFETIME)
        return payload

    def create(self, sid: str, payload: bytes) -> None:
        self._client.add(sid, payload, LIFETIME)

    def save(self, sid: str, payload: bytes) -> None:
        self._client.replace(sid, payload, LIFETIME)

    def move(self, old_sid: str, sid: str, payload: bytes) -> None:
        self._client.add(sid, payload, LIFETIME)
        self._client.delete(old_sid)

    def delete(self, sid: str) -> None:
        self._client.delete(sid)
