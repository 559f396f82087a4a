"""Locks by ``flock``, which the kernel frees when their holder ends, however it ends."""

from __future__ import annotations

import os
import re
import time
from hashlib import sha256
from io import FileIO
from weakref import finalize

from ..driver_errors import DriverErrors
from ..forking import leave_in_child
from ..forking import no_fork
from .files import open_privately

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

HAS_FLOCK = fcntl is not None

_PAUSE = 0.001
_LONGEST_PAUSE = 0.02
_NAME = re.compile(r"\.[0-9a-f]{64}\.lock")


class FileLock:
    """Holds a key until it is released or its process ends; no time has to be renewed.

    The file is there meanwhile. A holder that is killed leaves it to the next one, or to a
    prune. A child that is forked meanwhile does not hold the lock. It is lost only if
    somebody else removes the file, and :meth:`renew` then says so.

    :param path: the file, of this key alone.
    :param errors: what turns an OSError into the store's.
    """

    def __init__(self, path: str, errors: DriverErrors) -> None:
        self._path = path
        self._errors = errors
        self._file: _LockFile | None = None

    def acquire(self, timeout: float) -> bool:
        with self._errors:
            file = _wait_for(self._path, timeout, longest_pause=_LONGEST_PAUSE)
        if file is None:
            return False
        self._file = file
        return True

    def renew(self) -> bool:
        with self._errors:
            return self._file is not None and self._file.is_in_place()

    def release(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        with self._errors:
            try:
                if file.is_in_place():
                    os.unlink(self._path)
            finally:
                _close(file)


class WriteLocks:
    """The locks of those who change a directory, on files that stay there and stay open.

    Threads exclude each other as processes do: while one of them holds a lock its file is
    out of use, and who wants it opens another, which is another holder to ``flock``.

    :param timeout: seconds to wait for others.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._unused: dict[str, _LockFile] = {}
        finalize(self, _close_all, self._unused)

    def of(self, path: str) -> WriteLock:
        """Return the lock of a file, which is made if it is missing."""
        return WriteLock(path, self._timeout, self._unused)

    def close(self) -> None:
        """Close the files that are out of use; who wants one again opens it."""
        _close_all(self._unused)


class WriteLock:
    """Holds a lock within a ``with`` block.

    :param unused: files that are open, by path; the lock's own is there while nobody holds it.
    :raises TimeoutError: if others held it for longer than ``timeout``.
    """

    __slots__ = ("_file", "_path", "_timeout", "_unused")

    def __init__(self, path: str, timeout: float, unused: dict[str, _LockFile]) -> None:
        self._path = path
        self._timeout = timeout
        self._unused = unused

    def __enter__(self) -> None:
        self._file = self._reuse() or self._wait()

    def __exit__(self, *_: object) -> None:
        self._file.unlock()
        if self._unused.setdefault(self._path, self._file) is not self._file:
            _close(self._file)

    def _reuse(self) -> _LockFile | None:
        file = self._unused.pop(self._path, None)
        if file is None or file.lock():
            return file
        _close(file)
        return None

    def _wait(self) -> _LockFile:
        file = _wait_for(self._path, self._timeout, longest_pause=_PAUSE)
        if file is None:
            raise TimeoutError("another process holds the lock")
        return file


class _LockFile(FileIO):
    """A file to lock, which is made if it is missing; closed in a forked child."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "ab", opener=open_privately)
        self._path = path
        self._status = os.fstat(self.fileno())

    def lock(self) -> bool:
        """Take the lock; False if another has it, or the file is not in place any more."""
        if self.closed:
            return False
        try:
            fcntl.flock(self, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return self.is_in_place()  # who had it before may have removed the file

    def unlock(self) -> None:
        """Free the lock, though a child on its way to exec has the file open as well."""
        if not self.closed:
            fcntl.flock(self, fcntl.LOCK_UN)

    def is_in_place(self) -> bool:
        """Tell whether it is still this file that is found at the path."""
        if self.closed:
            return False
        try:
            return os.path.samestat(self._status, os.lstat(self._path))
        except FileNotFoundError:
            return False


def lock_path(path: str) -> str:
    """Return the path of the lock for a record's file: beside it, and never a record's."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{sha256(os.fsencode(name)).hexdigest()}.lock")


def lock_paths(folder: str) -> list[str]:
    """Return the paths of the locks that are held, and of those that killed holders left."""
    with os.scandir(folder) as entries:
        return [
            entry.path
            for entry in entries
            if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
        ]


def _wait_for(path: str, timeout: float, *, longest_pause: float) -> _LockFile | None:
    # flock can wait by itself, but only for ever.
    deadline = time.monotonic() + timeout
    pause = _PAUSE
    while (file := _open_locked(path)) is None:
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        time.sleep(min(pause, left))
        pause = min(pause * 2, longest_pause)
    return file


def _open_locked(path: str) -> _LockFile | None:
    file = _open(path)
    is_ours = False
    try:
        is_ours = file.lock()
    finally:
        if not is_ours:
            _close(file)
    return file if is_ours else None


# A forked child shares the parent's open files, and would keep the locks of a parent that is
# killed. So it closes them all, and none is opened or closed during a fork.


def _open(path: str) -> _LockFile:
    with no_fork:
        file = _LockFile(path)
        leave_in_child(file, _LockFile.close)
    return file


def _close(file: _LockFile) -> None:
    with no_fork:
        file.unlock()
        file.close()


def _close_all(files: dict[str, _LockFile]) -> None:
    for path in list(files):
        file = files.pop(path, None)
        if file is not None:
            _close(file)
