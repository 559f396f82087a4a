"""Files that are their owner's alone: read and written whole, never through a symbolic link."""

from __future__ import annotations

import errno
import os

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL


def open_privately(path: str, flags: int) -> int:
    """Open a file, and make it for its owner only if it is to be made."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def open_to_read(path: str) -> int | None:
    """Open a file if there is one, else return None; a symbolic link is none."""
    try:
        return open_privately(path, os.O_RDONLY)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            return None
        raise


def read_all(file: int) -> tuple[bytes, os.stat_result]:
    """Return what is in an open file, and its status."""
    status = os.fstat(file)
    content = b""
    while part := os.read(file, status.st_size + 1):
        content += part
    return content, status


def write_new(path: str, content: bytes, *, modified: int | None, fsync: bool) -> None:
    """Write a file that nobody reads before it has another name; what was there goes.

    :param modified: the modification time that it gets, in nanoseconds.
    :param fsync: wait until the disk has it.
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
    """Remove a file; False if there was none."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def sync_directory(path: str) -> None:
    """Wait until the disk has what was made, renamed and removed there."""
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
