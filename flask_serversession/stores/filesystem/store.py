"""Sessions in the files of one directory: for one machine, with no server to run."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any
from urllib.parse import unquote
from urllib.parse import urlsplit

from ...errors import ConfigError
from ..base import GONE
from ..base import is_expired
from ..base import Lock
from ..base import Record
from ..base import Refusal
from ..driver_errors import DriverErrors
from .files import remove
from .files import sync_directory
from .files import write_new
from .layouts import layout_named
from .lock import FileLock
from .lock import HAS_FLOCK
from .lock import lock_path
from .lock import lock_paths
from .lock import WriteLock
from .lock import WriteLocks

_LONGEST_NAME = 255
#: Starts a name that only hashes its key. No percent-encoded key holds "%s".
_HASHED = "%sha256-"
_SHARDS = 64


class FileSystemStore:
    """Keeps each record in one private file, which tells its expiry.

    A write renames a complete file over the old one: a load takes no lock, finds one whole
    version, and touches no other. The other verbs hold ``flock`` on one of 64 lock files,
    which stay open, while they check and write. The kernel frees the lock of a process that
    is killed; what it had half written goes with the next write under that lock, or with
    :meth:`prune`.

    A session's lock is ``flock`` on a file of its own, which is there while it is held: it
    ends with its holder, at once, so a ``ttl`` has no part in it and there is none to renew.

    In the native layout a record is ``<key>.session``, the payload alone, and the file's
    modification time is the expiry: a touch rewrites nothing, and a search for expired
    records opens no file. As ``"session-file-store"`` it is npm's ``<id>.json``, which an
    Express app shares: the JSON with ``__lastAccess`` in it, so a touch rewrites the file,
    ``cookie.expires`` too, and a search reads every one. A key is the name as it is, but
    for ``%``, ``/``, NUL and lone surrogates. A file that is not JSON raises PayloadError
    and is left alone. Node takes no locks, so between the two the last write wins. Express
    has to run as the same user.

    Files are of mode 0600, in a directory of mode 0700 (one that was there already keeps
    its mode). Symbolic links are not followed, and files of another suffix are left alone,
    as the ``.*.lock`` files should be while the store is in use.

    Limits: not on Windows, nor on a file system that ignores case. On a network file
    system only where ``flock`` works between machines and their clocks agree. A copy of
    the native layout must keep modification times (``cp -p``, ``rsync -t``), or all of its
    sessions have expired.

    :param directory: where the records are; its path is made absolute at once.
    :param layout: ``"native"``, ``"session-file-store"`` or, for the same, ``"express"``.
    :param ttl: seconds, the Node store's option of that name. Only for its layout, where
        the end of a session whose cookie has no max age is counted from it.
    :param fsync: wait until the disk has what ``create``, ``save`` and ``delete`` did.
        Without it a power failure, though not a crash of the process, may undo or empty
        what was written in the seconds before it. A native touch never waits.
    :param create: call :meth:`setup` on first use. A directory that vanishes after that is
        an outage and not a new start: StoreUnavailable until it is back.
    :param lock_timeout: seconds to wait for other writers before StoreUnavailable.
    :raises ConfigError: for an argument that cannot work, and on Windows.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        layout: str = "native",
        ttl: float = 3600.0,
        fsync: bool = False,
        create: bool = True,
        lock_timeout: float = 5.0,
    ) -> None:
        if not HAS_FLOCK:
            raise ConfigError("Windows has no flock for the file store: use sqlite:/// there.")
        if not os.fspath(directory):
            raise ConfigError("The file store needs a directory, such as /var/lib/app/sessions.")
        self._directory = os.path.abspath(directory)
        self._layout = layout_named(layout, ttl=ttl)
        self._fsync = fsync
        self._make_directory = create
        self._shards = [f"{self._directory}/.{number:02x}" for number in range(_SHARDS)]
        self._locks = WriteLocks(lock_timeout)
        self._errors = DriverErrors(
            f"the directory {self._directory}",
            unavailable=(FileNotFoundError, NotADirectoryError, TimeoutError),
            failed=(OSError,),
        )

    @classmethod
    def from_url(cls, url: str, **options: Any) -> FileSystemStore:
        """Return the store of ``file:///absolute/path``; the options are the constructor's."""
        scheme, host, path, query, fragment = urlsplit(url)
        local = scheme == "file" and host in ("", "localhost") and path.startswith("/")
        if not local or query or fragment:
            raise ConfigError(
                "The URL of a file store is file:///absolute/path, with three slashes."
                " Its options go into SESSION_STORE_OPTIONS."
            )
        return cls(unquote(path), **options)

    def load(self, key: str) -> Record | None:
        with self._errors:
            self._prepare()
            record = self._layout.read(self._path(key))
            if record is None:
                self._check_directory()
            return record

    def create(self, key: str, record: Record) -> bool:
        path = self._path(key)
        with self._errors, self._locked(self._shard(path)):
            if self._layout.is_live(path):
                return False
            self._write(path, record)
            return True

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        path = self._path(key)
        with self._errors, self._locked(self._shard(path)):
            current = self._layout.read(path)
            if current is None:
                return GONE
            if replacing and not self._layout.are_same(current.payload, replacing.payload):
                return Refusal(current)
            if is_expired(record.expires_at):
                self._erase(path)
            else:
                self._write(path, record)
            return None

    def touch(self, key: str, expires_at: datetime) -> bool:
        path = self._path(key)
        with self._errors, self._locked(self._shard(path)):
            return self._layout.touch(path, expires_at, partial(self._write, path))

    def delete(self, key: str) -> bool:
        path = self._path(key)
        with self._errors, self._locked(self._shard(path)):
            alive = self._layout.is_live(path)
            self._erase(path)
            return alive

    def lock(self, key: str, *, ttl: float) -> Lock:
        with self._errors:
            self._prepare()
        return FileLock(lock_path(self._path(key)), self._errors)

    def keys(self) -> Iterator[str]:
        """Yield the keys of live records, except those too long to be a file's name.

        Such a key, of about 250 bytes once percent-encoded, is stored under its hash;
        ``count`` and ``clear`` do include it.
        """
        for path in self._paths(live=True):
            name = os.path.basename(path)
            if not name.startswith(_HASHED):
                yield unquote(name.removesuffix(self._layout.suffix), errors="surrogatepass")

    def count(self) -> int:
        return sum(1 for _ in self._paths(live=True))

    def clear(self) -> int:
        return sum(self._remove(path) for path in self._paths())

    def prune(self) -> int:
        """Remove expired records, each under its own short lock, and what the killed left."""
        for shard in self._shards:
            with self._errors, self._locked(shard):
                remove(shard + ".scratch")
        self._remove_left_locks()
        return sum(self._remove(path, unless_live=True) for path in self._paths(live=False))

    def setup(self) -> None:
        """Make the directory, for its owner only, if it is missing."""
        with self._errors:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)

    def ping(self) -> None:
        """Take and free a lock, which shows that the directory is there and writable."""
        with self._errors, self._locked(self._shards[0]):
            pass

    def close(self) -> None:
        """Close the lock files; the next write opens the one that it needs."""
        self._locks.close()

    def _prepare(self) -> None:
        if self._make_directory:
            self.setup()
            self._make_directory = False

    def _check_directory(self) -> None:
        os.stat(self._directory)  # raises if a record went with everything else

    def _path(self, key: str) -> str:
        name = self._layout.stem(key) + self._layout.suffix
        if len(name.encode()) > _LONGEST_NAME:
            name = _HASHED + sha256(name.encode()).hexdigest() + self._layout.suffix
        return f"{self._directory}/{name}"

    def _paths(self, *, live: bool | None = None) -> Iterator[str]:
        suffix = self._layout.suffix
        with self._errors:
            self._prepare()
            with os.scandir(self._directory) as entries:
                for entry in entries:
                    ours = entry.name.endswith(suffix) and entry.is_file(follow_symlinks=False)
                    if ours and (live is None or live is self._layout.is_live(entry.path)):
                        yield entry.path

    def _shard(self, path: str) -> str:
        # What the paths of its lock and of the scratch file of the lock's holder begin with.
        name = path.rpartition("/")[2]
        return self._shards[zlib.crc32(os.fsencode(name)) % _SHARDS]

    def _locked(self, shard: str) -> WriteLock:
        self._prepare()
        return self._locks.of(shard + ".lock")

    def _write(self, path: str, record: Record) -> None:
        content, modified = self._layout.encode(record)
        scratch = self._shard(path) + ".scratch"
        write_new(scratch, content, modified=modified, fsync=self._fsync)
        os.replace(scratch, path)
        self._sync_directory()

    def _remove(self, path: str, *, unless_live: bool = False) -> bool:
        with self._errors, self._locked(self._shard(path)):
            return not (unless_live and self._layout.is_live(path)) and remove(path)

    def _erase(self, path: str) -> None:
        remove(path)
        self._sync_directory()

    def _remove_left_locks(self) -> None:
        with self._errors:
            paths = lock_paths(self._directory)
        for path in paths:
            lock = FileLock(path, self._errors)
            if lock.acquire(0):
                lock.release()

    def _sync_directory(self) -> None:
        if self._fsync:
            sync_directory(self._directory)
