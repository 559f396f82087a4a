"""Locks by ``flock``, which the kernel frees when their holder ends, even if it is killed."""

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
from .files import open_own

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

HAS_FLOCK = fcntl is not None

_PAUSE = 0.001
_LONGEST_PAUSE = 0.02
_NAME = re.compile(r"\.[0-9a-f]{64}\.lock")


class FileLock:
    """Holds a key until it is released or its process ends. There is no ttl.

    The file exists while the lock is held. The file of a killed holder stays for the next
    holder or for a prune. A forked child does not hold the lock. The lock is lost only if
    something else removes the file; :meth:`renew` then returns False.

    :param path: a file for this key only.
    :param errors: turns an OSError into the store's exceptions.
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
    """Locks for writers of a directory, on files that stay there and stay open.

    They exclude threads as well as processes: while a thread holds a lock, its open file is
    taken from the idle ones, so another thread opens the file again and waits in ``flock``.

    :param timeout: seconds to wait for other holders.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._idle: dict[str, _LockFile] = {}
        finalize(self, _close_all, self._idle)

    def of(self, path: str) -> WriteLock:
        """Return the lock on a file, which is created if it is missing."""
        return WriteLock(path, self._timeout, self._idle)

    def close(self) -> None:
        """Close the idle files; they are opened again when needed."""
        _close_all(self._idle)


class WriteLock:
    """Holds a lock within a ``with`` block.

    :param idle: open files by path; the lock's own file is among them while it is free.
    :raises TimeoutError: if others hold it for longer than ``timeout``.
    """

    __slots__ = ("_file", "_idle", "_path", "_timeout")

    def __init__(self, path: str, timeout: float, idle: dict[str, _LockFile]) -> None:
        self._path = path
        self._timeout = timeout
        self._idle = idle

    def __enter__(self) -> None:
        self._file = self._reuse() or self._wait()

    def __exit__(self, *_: object) -> None:
        self._file.unlock()
        if self._idle.setdefault(self._path, self._file) is not self._file:
            _close(self._file)

    def _reuse(self) -> _LockFile | None:
        file = self._idle.pop(self._path, None)
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
    """A file to lock, created if it is missing; closed in a forked child."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "ab", opener=open_own)
        self._path = path
        self._status = os.fstat(self.fileno())

    def lock(self) -> bool:
        """Take the lock; False if it is taken, or the file is no longer in place."""
        if self.closed:
            return False
        try:
            fcntl.flock(self, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return self.is_in_place()  # the previous holder may have removed the file

    def unlock(self) -> None:
        """Free the lock, even if a child that is about to exec has the file open, too."""
        if not self.closed:
            fcntl.flock(self, fcntl.LOCK_UN)

    def is_in_place(self) -> bool:
        """Tell whether the path still leads to this file."""
        if self.closed:
            return False
        try:
            return os.path.samestat(self._status, os.lstat(self._path))
        except FileNotFoundError:
            return False


def lock_path(path: str) -> str:
    """Return the path of the lock beside a record's file; no record has such a name."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{sha256(os.fsencode(name)).hexdigest()}.lock")


def lock_paths(folder: str) -> list[str]:
    """Return the paths of locks that are held or were left by killed holders."""
    with os.scandir(folder) as entries:
        return [
            entry.path
            for entry in entries
            if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
        ]


def _wait_for(path: str, timeout: float, *, longest_pause: float) -> _LockFile | None:
    # flock itself waits without a timeout.
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
    with no_fork():
        file = _LockFile(path)
        leave_in_child(file, _LockFile.close)
    return file


def _close(file: _LockFile) -> None:
    with no_fork():
        file.unlock()
        file.close()


def _close_all(files: dict[str, _LockFile]) -> None:
    for path in list(files):
        file = files.pop(path, None)
        if file is not None:
            _close(file)
