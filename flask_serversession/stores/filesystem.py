"""Sessions in the files of one directory: for one machine, with no server to run."""

from __future__ import annotations

import errno
import os
import stat
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import quote
from urllib.parse import unquote
from urllib.parse import urlsplit

from ..errors import ConfigError
from .base import DriverErrors
from .base import EPOCH
from .base import GONE
from .base import is_expired
from .base import Record
from .base import Refusal

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_SUFFIX = ".session"
_LONGEST_NAME = 255
#: Starts a name that only hashes its key. No quoted key holds "%s".
_HASHED = "%sha256-"
_SHARDS = [f"{number:02x}" for number in range(64)]
_MICROSECOND = timedelta(microseconds=1)
_FAR_FUTURE = EPOCH + timedelta(days=80_000)


class FileSystemStore:
    """Keeps each record in a private file whose modification time is its expiry.

    So a touch rewrites nothing, and a search for expired records opens no file. A write
    renames a complete file over the old one: ``load`` takes no lock and finds one whole
    version. The other verbs hold ``flock`` on one of 64 lock files while they check and
    write. The kernel frees the lock of a process that is killed; what it had half written
    goes with the next write under that lock, or with :meth:`prune`.

    A record is a file ``<key>.session`` of mode 0600 in a directory of mode 0700 (one that
    was there already keeps its mode). Symbolic links are not followed, and files with other
    names are left alone, as the ``.*.lock`` files should be while the store is in use.

    Limits: not on Windows, nor on a file system that ignores case. On a network file
    system only where ``flock`` works between machines and their clocks agree. A copy must
    keep modification times (``cp -p``, ``rsync -t``), or all of its sessions have expired.

    :param directory: where the records are; its path is made absolute at once.
    :param fsync: wait until the disk has what ``create``, ``save`` and ``delete`` did.
        Without it a power failure, though not a crash of the process, may undo or empty
        what was written in the seconds before it. A touch never waits.
    :param create: call :meth:`setup` on first use. A directory that vanishes after that is
        an outage and not a new start: StoreUnavailable until it is back.
    :param lock_timeout: seconds to wait for other writers before StoreUnavailable.
    :raises ConfigError: for an argument that cannot work, and on Windows.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        fsync: bool = False,
        create: bool = True,
        lock_timeout: float = 5.0,
    ) -> None:
        if fcntl is None:
            raise ConfigError("Windows has no flock for the file store: use sqlite:/// there.")
        if not os.fspath(directory):
            raise ConfigError("The file store needs a directory, such as /var/lib/app/sessions.")
        self._directory = os.path.abspath(directory)
        self._fsync = fsync
        self._make_directory = create
        self._lock_timeout = lock_timeout
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
            record = _read(self._path(key))
            if record is None:
                os.stat(self._directory)  # raises if the record went with everything else
            return record

    def create(self, key: str, record: Record) -> bool:
        path = self._path(key)
        with self._errors, self._locked(_shard(path)) as scratch:
            if _is_live(path):
                return False
            self._write(scratch, path, record)
            return True

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        path = self._path(key)
        with self._errors, self._locked(_shard(path)) as scratch:
            current = _read(path)
            if current is None:
                return GONE
            if replacing is not None and current.payload != replacing.payload:
                return Refusal(current)
            self._write(scratch, path, record)
            return None

    def touch(self, key: str, expires_at: datetime) -> bool:
        path = self._path(key)
        with self._errors, self._locked(_shard(path)):
            if not _is_live(path):
                return False
            moment = _nanoseconds(expires_at)
            os.utime(path, ns=(moment, moment), follow_symlinks=False)
            return True

    def delete(self, key: str) -> bool:
        path = self._path(key)
        with self._errors, self._locked(_shard(path)):
            alive = _is_live(path)
            _unlink(path)
            self._sync_directory()
            return alive

    def keys(self) -> Iterator[str]:
        """Yield the keys of live records, except those too long to be a file's name.

        Such a key, of 248 or more bytes once percent-encoded, is stored under its hash;
        ``count`` and ``clear`` do include it.
        """
        for path in self._paths(live=True):
            name = os.path.basename(path)
            if not name.startswith(_HASHED):
                yield unquote(name.removesuffix(_SUFFIX), errors="surrogatepass")

    def count(self) -> int:
        return sum(1 for _ in self._paths(live=True))

    def clear(self) -> int:
        return sum(self._remove(path) for path in self._paths())

    def prune(self) -> int:
        """Remove expired records, each under its own short lock, and what the killed left."""
        for shard in _SHARDS:
            with self._errors, self._locked(shard) as scratch:
                _unlink(scratch)
        return sum(self._remove(path, unless_live=True) for path in self._paths(live=False))

    def setup(self) -> None:
        """Make the directory, for its owner only, if it is missing."""
        with self._errors:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)

    def ping(self) -> None:
        """Take and free a lock, which shows that the directory is there and writable."""
        with self._errors, self._locked(_SHARDS[0]):
            pass

    def _prepare(self) -> None:
        if self._make_directory:
            self.setup()
            self._make_directory = False

    def _path(self, key: str) -> str:
        name = quote(key, safe="", errors="surrogatepass") + _SUFFIX
        if len(name) > _LONGEST_NAME:
            name = _HASHED + sha256(name.encode()).hexdigest() + _SUFFIX
        return os.path.join(self._directory, name)

    def _paths(self, *, live: bool | None = None) -> Iterator[str]:
        with self._errors:
            self._prepare()
            with os.scandir(self._directory) as entries:
                for entry in entries:
                    ours = entry.name.endswith(_SUFFIX) and entry.is_file(follow_symlinks=False)
                    if ours and (live is None or live is _is_live(entry.path)):
                        yield entry.path

    @contextmanager
    def _locked(self, shard: str) -> Iterator[str]:
        # Gives the path of the shard's scratch file, which is the lock holder's alone.
        self._prepare()
        lock = _open(os.path.join(self._directory, f".{shard}.lock"), os.O_RDWR | os.O_CREAT)
        try:
            self._wait_for(lock)
            yield os.path.join(self._directory, f".{shard}.scratch")
        finally:
            # A process that another thread has forked meanwhile keeps the file open.
            fcntl.flock(lock, fcntl.LOCK_UN)
            os.close(lock)

    def _wait_for(self, lock: int) -> None:
        deadline = time.monotonic() + self._lock_timeout
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:  # flock can wait by itself, but only for ever
                if time.monotonic() > deadline:
                    raise TimeoutError("another process holds the lock") from None
            time.sleep(0.001)

    def _write(self, scratch: str, path: str, record: Record) -> None:
        moment = _nanoseconds(record.expires_at or _FAR_FUTURE)
        _unlink(scratch)
        with open(scratch, "xb", opener=_open) as file:
            file.write(record.payload)
            file.flush()
            os.utime(file.fileno(), ns=(moment, moment))
            if self._fsync:
                os.fsync(file.fileno())
        os.replace(scratch, path)
        self._sync_directory()

    def _remove(self, path: str, *, unless_live: bool = False) -> bool:
        with self._errors, self._locked(_shard(path)):
            return not (unless_live and _is_live(path)) and _unlink(path)

    def _sync_directory(self) -> None:
        if not self._fsync:
            return
        descriptor = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _shard(path: str) -> str:
    return _SHARDS[zlib.crc32(os.fsencode(os.path.basename(path))) % len(_SHARDS)]


def _read(path: str) -> Record | None:
    try:
        with open(path, "rb", buffering=0, opener=_open) as file:
            expires_at = _expiry(os.fstat(file.fileno()))
            return None if is_expired(expires_at) else Record(file.read(), expires_at)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):  # a symbolic link is no record
            return None
        raise


def _is_live(path: str) -> bool:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(status.st_mode) and not is_expired(_expiry(status))


def _unlink(path: str) -> bool:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _expiry(status: os.stat_result) -> datetime:
    return EPOCH + status.st_mtime_ns // 1000 * _MICROSECOND


def _nanoseconds(moment: datetime) -> int:
    return (moment - EPOCH) // _MICROSECOND * 1000
