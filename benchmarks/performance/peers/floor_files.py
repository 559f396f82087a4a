"""The floor on files: reads a file, or writes a temporary one and renames it."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from urllib.parse import urlsplit

from ..scenarios import LIFETIME


class Backend:
    """Keeps the expiry in the file's modification time."""

    def __init__(self, url: str) -> None:
        self._folder = urlsplit(url).path
        os.makedirs(self._folder, mode=0o700, exist_ok=True)

    def load(self, sid: str) -> bytes | None:
        with suppress(FileNotFoundError), open(f"{self._folder}/{sid}", "rb", 0) as file:
            if os.fstat(file.fileno()).st_mtime > time.time():
                return file.read()
        return None

    def load_and_touch(self, sid: str) -> bytes | None:
        payload = self.load(sid)
        if payload is not None:
            ends = time.time() + LIFETIME
            os.utime(f"{self._folder}/{sid}", (ends, ends))
        return payload

    def create(self, sid: str, payload: bytes) -> None:
        ends = time.time() + LIFETIME
        temporary = f"{self._folder}/.{sid}"
        with open(temporary, "wb", 0) as file:
            file.write(payload)
            os.utime(file.fileno(), (ends, ends))
        os.replace(temporary, f"{self._folder}/{sid}")

    save = create

    def move(self, old_sid: str, sid: str, payload: bytes) -> None:
        self.create(sid, payload)
        self.delete(old_sid)

    def delete(self, sid: str) -> None:
        os.unlink(f"{self._folder}/{sid}")
