"""Sessions in the files of one directory: for one machine, with no server to run."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any
from urllib.parse import unquote
from urllib.parse import urlsplit

from ...errors import ConfigError
from ...errors import PayloadError
from ..base import check_seconds
from ..base import GONE
from ..base import is_expired
from ..base import Lock
from ..base import Record
from ..base import Refusal
from ..driver_errors import DriverErrors
from .files import is_own_directory
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
#: Starts the name of a hashed key. No percent-encoded key contains "%s".
_HASHED = "%sha256-"
_SHARDS = 64


class FileSystemStore:
    """Keeps each record in one private file, which also tells its expiry.

    A write renames a complete file over the old one, so a load takes no lock and always finds
    a whole version. The other verbs hold ``flock`` on one of 64 lock files, which stay open,
    while they check and write. The kernel frees the lock of a killed process. Its unfinished
    file is removed by the next write under that lock or by :meth:`prune`.

    A session's lock is ``flock`` on a file of its own, which exists while the lock is held. It
    ends at once with its holder, so its ``ttl`` is not used and it never has to be renewed.

    In the native layout a record is ``<key>.session``: the file is the payload, and its
    modification time is the expiry. A touch rewrites nothing, and a search for expired records
    opens no file. With ``"session-file-store"`` it is npm's ``<id>.json``, shared with an
    Express application: JSON with an ``__lastAccess`` in it. A touch then rewrites the file,
    including ``cookie.expires``, and a search reads every file. The key is the file's name,
    except for ``%``, ``/``, NUL and lone surrogates. A file that is not JSON raises
    PayloadError and stays as it is. Node takes no locks, so between Flask and Node the last
    write wins. Express has to run as the same user.

    Files have mode 0600, in a directory of mode 0700. An existing directory keeps its mode, and
    is refused if everybody may write to it, or if it belongs to a user who is neither this
    process's nor root. A record is a regular file of the process's user with a single name:
    symbolic links, hard links, pipes and others' files are not read. Files with another suffix
    are ignored; do not remove the ``.*.lock`` files while the store is in use.

    The store does not work on Windows or on file systems that ignore case. A network file
    system needs an ``flock`` that works between machines, and clocks that agree. A copy of the
    native layout has to keep modification times (``cp -p``, ``rsync -t``), otherwise all of
    its sessions have expired.

    :param directory: where the records are. A relative path is resolved at once.
    :param layout: ``"native"``, ``"session-file-store"`` or its other name ``"express"``.
    :param ttl: seconds; the Node store's option of that name, for its layout only. A session
        whose cookie has no max age lasts as long after its last access.
    :param fsync: wait until ``create``, ``save`` and ``delete`` are on the disk. Without it a
        power failure, but not a crash of the process, may undo or empty what was written in
        the seconds before. A native touch never waits.
    :param create: call :meth:`setup` on first use. If the directory disappears later, verbs
        raise StoreUnavailable until it is back.
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
            raise ConfigError(
                "The file store needs flock, which Windows does not have: use sqlite:///."
            )
        if not os.fspath(directory):
            raise ConfigError("The file store needs a directory, such as /var/lib/app/sessions.")
        check_seconds("lock_timeout", lock_timeout)
        self._directory = os.path.abspath(directory)
        self._layout = layout_named(layout, ttl=ttl)
        #: Whether Express may write the files, too.
        self.is_shared: bool = layout != "native"
        self._fsync = fsync
        self._make_directory = create
        self._is_ready = False
        self._shards = [f"{self._directory}/.{number:02x}" for number in range(_SHARDS)]
        self._locks = WriteLocks(lock_timeout)
        self._errors = DriverErrors(
            f"the directory {self._directory}",
            unavailable=(FileNotFoundError, NotADirectoryError, TimeoutError),
            failed=(OSError,),
        )

    @classmethod
    def from_url(cls, url: str, **options: Any) -> FileSystemStore:
        """Return the store for ``file:///absolute/path``, with the constructor's options."""
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

    def keys(self, start: str = "") -> Iterator[str]:
        """Yield the keys of live records, except those too long for a file name.

        A key of more than about 250 bytes, percent-encoded, is stored under its hash.
        ``count`` and ``clear`` include it, and files with a name that no key has.
        """
        for path in self._paths(live=True, start=start):
            stem = os.path.basename(path).removesuffix(self._layout.suffix)
            with suppress(UnicodeDecodeError):
                key = unquote(stem, errors="surrogatepass")
                if self._path(key) == path:
                    yield key

    def records(self, user: str | None = None) -> Iterator[tuple[str, Record]]:
        """Yield the keys and the live records of a user, or of everybody.

        Looks at the name of every file, which takes longer in a larger directory, and reads
        those of the user.
        """
        start = "" if user is None else f"{user}."
        for key in self.keys(start):
            with suppress(PayloadError):
                record = self.load(key)
                if record is not None:
                    yield key, record

    def count(self) -> int:
        return sum(1 for _ in self._paths(live=True))

    def clear(self) -> int:
        return sum(self.clearing())

    def clearing(self) -> Iterator[int]:
        yield from (self._remove(path) for path in self._paths())

    def prune(self) -> int:
        """Remove expired records, each under a short lock, and files of killed processes."""
        return sum(self.pruning())

    def pruning(self, *, dry_run: bool = False) -> Iterator[int]:
        if dry_run:
            yield from (1 for _ in self._paths(live=False))
            return
        for shard in self._shards:
            with self._errors, self._locked(shard):
                remove(shard + ".scratch")
        self._remove_left_locks()
        yield from (self._remove(path, unless_live=True) for path in self._paths(live=False))

    def setup(self) -> None:
        """Create the directory, for its owner only, if it is missing.

        :raises ConfigError: if other users could plant files in it.
        """
        with self._errors:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            self._refuse_a_foreign_directory()

    def ping(self) -> None:
        """Take and free a lock, which shows that the directory exists and is writable."""
        with self._errors, self._locked(self._shards[0]):
            pass

    def close(self) -> None:
        """Close the lock files; the next write opens them again."""
        self._locks.close()

    def _prepare(self) -> None:
        if self._is_ready:
            return
        if self._make_directory:
            self.setup()
        else:
            self._refuse_a_foreign_directory()
        self._is_ready = True

    def _refuse_a_foreign_directory(self) -> None:
        if not is_own_directory(self._directory):
            raise ConfigError(
                f"The directory {self._directory} belongs to another user, or everybody may"
                " write to it: others could plant sessions there. Name one that does not exist"
                " yet, which the store creates with mode 0700, or correct its owner and mode."
            )

    def _check_directory(self) -> None:
        os.stat(self._directory)  # raises if the record is missing because everything is

    def _path(self, key: str) -> str:
        name = self._layout.stem(key) + self._layout.suffix
        if len(name.encode()) > _LONGEST_NAME:
            name = _HASHED + sha256(name.encode()).hexdigest() + self._layout.suffix
        return f"{self._directory}/{name}"

    def _paths(self, *, live: bool | None = None, start: str = "") -> Iterator[str]:
        suffix = self._layout.suffix
        with self._errors:
            self._prepare()
            with os.scandir(self._directory) as entries:
                for entry in entries:
                    is_named = entry.name.startswith(start) and entry.name.endswith(suffix)
                    ours = is_named and entry.is_file(follow_symlinks=False)
                    if ours and (live is None or live is self._layout.is_live(entry.path)):
                        yield entry.path

    def _shard(self, path: str) -> str:
        # The common start of the paths of a lock and of its holder's scratch file.
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
