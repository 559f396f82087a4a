"""Private files, read and written as a whole, never through a symbolic link."""

from __future__ import annotations

import errno
import os

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL


def open_privately(path: str, flags: int) -> int:
    """Open a file; if it is created, only its owner may use it."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def open_to_read(path: str) -> int | None:
    """Open a file for reading; None if it is missing or a symbolic link."""
    try:
        return open_privately(path, os.O_RDONLY)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            return None
        raise


def read_all(file: int) -> tuple[bytes, os.stat_result]:
    """Return the content and the status of an open file."""
    status = os.fstat(file)
    content = b""
    while part := os.read(file, status.st_size + 1):
        content += part
    return content, status


def write_new(path: str, content: bytes, *, modified: int | None, fsync: bool) -> None:
    """Write a file that is renamed before anybody reads it, in place of a leftover.

    :param modified: its modification time, in nanoseconds.
    :param fsync: wait until it is on the disk.
    """
    file = _make(path)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(file, left) :]
        if modified is not None:
            os.utime(file, ns=(modified, modified))
        if fsync:
            os.fsync(file)
    finally:
        os.close(file)


def remove(path: str) -> bool:
    """Remove a file; False if it is missing."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def sync_directory(path: str) -> None:
    """Wait until the directory's changes are on the disk."""
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _make(path: str) -> int:
    try:
        return open_privately(path, _NEW)
    except FileExistsError:
        os.unlink(path)
        return open_privately(path, _NEW)
