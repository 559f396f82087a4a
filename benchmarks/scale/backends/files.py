"""Files: each place is a directory."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from flask_serversession.stores.base import epoch_milliseconds
from flask_serversession.stores.filesystem import FileSystemStore

from ...performance.servers import OWN
from ..population import Entry

_BLOCK = 512  # the unit of st_blocks, whatever the file system's block size is


class Files:
    def __init__(self, url: str) -> None:
        self._url = url

    def store(self, place: int) -> FileSystemStore:
        return FileSystemStore.from_url(self._url.replace(OWN, str(place)))

    def fill(self, place: int, entries: Iterable[Entry]) -> None:
        folder = self._folder(place)
        for key, payload, expires_at in entries:
            path = f"{folder}/{key}.session"
            with open(path, "xb", buffering=0, opener=_for_the_owner) as file:
                file.write(payload)
            moment = epoch_milliseconds(expires_at) * 1_000_000
            os.utime(path, ns=(moment, moment))

    def bytes_held(self, place: int) -> int:
        """Return the size of the files' blocks, without their inodes."""
        with os.scandir(self._folder(place)) as entries:
            return sum(entry.stat().st_blocks for entry in entries) * _BLOCK

    def settings(self) -> str:
        parent = self._folder(0).parent
        found = subprocess.run(
            ["stat", "--file-system", "--format=%T", parent], capture_output=True, text=True
        )
        return f"files on {found.stdout.strip()}, no fsync"

    def _folder(self, place: int) -> Path:
        return Path(urlsplit(self._url.replace(OWN, str(place))).path)


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
