"""Locks by ``flock``, which the kernel frees when their holder ends, however it ends."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from io import FileIO
from weakref import WeakSet

from .base import DriverErrors
from .filesystem_layouts import open_privately

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
        self._file: FileIO | None = None

    def acquire(self, timeout: float) -> bool:
        with self._errors:
            return _keep_trying(self._try, timeout, longest_pause=_LONGEST_PAUSE)

    def renew(self) -> bool:
        with self._errors:
            return self._file is not None and _is_at(self._path, self._file)

    def release(self) -> None:
        file, self._file = self._file, None
        if file is None or file.closed:
            return
        with self._errors, _closing(file):
            if _is_at(self._path, file):
                os.unlink(self._path)

    def _try(self) -> bool:
        file = _open(self._path)
        try:
            # The holder before may have removed the file since it was opened here.
            if _flock(file) and _is_at(self._path, file):
                self._file = file
        finally:
            if self._file is not file:
                _close(file)
        return self._file is file


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


@contextmanager
def locked(path: str, timeout: float) -> Iterator[None]:
    """Hold the lock of a file that stays there.

    :raises TimeoutError: if others held it for longer than that.
    """
    with _closing(_open(path)) as file:
        if not _keep_trying(partial(_flock, file), timeout, longest_pause=_PAUSE):
            raise TimeoutError("another process holds the lock")
        yield


def _keep_trying(attempt: Callable[[], bool], timeout: float, *, longest_pause: float) -> bool:
    # flock can wait by itself, but only for ever.
    deadline = time.monotonic() + timeout
    pause = _PAUSE
    while not attempt():
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(pause, left))
        pause = min(pause * 2, longest_pause)
    return True


def _flock(file: FileIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(path: str, file: FileIO) -> bool:
    if file.closed:
        return False
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.lstat(path))
    except FileNotFoundError:
        return False


# A forked child shares what its parent has open, and would keep the locks of one that is
# killed. So it closes all of that, and nothing is opened or closed while there is a fork.
_no_fork = threading.RLock()
_opened: WeakSet[FileIO] = WeakSet()


def _open(path: str) -> FileIO:
    with _no_fork:
        file = open(path, "ab", buffering=0, opener=open_privately)  # noqa: SIM115
        _opened.add(file)
    return file


def _close(file: FileIO) -> None:
    with _no_fork:
        # To close it would not free the lock: a child on its way to exec has it open as well.
        fcntl.flock(file, fcntl.LOCK_UN)
        file.close()


@contextmanager
def _closing(file: FileIO) -> Iterator[FileIO]:
    try:
        yield file
    finally:
        _close(file)


def _close_in_child() -> None:
    for file in _opened:
        file.close()
    _no_fork.release()


if HAS_FLOCK:
    os.register_at_fork(
        before=_no_fork.acquire,
        after_in_parent=_no_fork.release,
        after_in_child=_close_in_child,
    )
