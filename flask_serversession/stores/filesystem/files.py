"""Private files, read and written as a whole; what another user may have planted is refused."""

from __future__ import annotations

import errno
import os
import stat

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
#: A symbolic link is not followed, and a pipe is not waited for.
_AS_IT_IS = os.O_NOFOLLOW | os.O_NONBLOCK
#: Missing, a symbolic link, or a socket.
_NO_FILE = (errno.ENOENT, errno.ELOOP, errno.ENXIO)
#: The super-user may write everywhere anyway.
_ROOT = 0


def open_privately(path: str, flags: int) -> int:
    """Open a file; if it is created, only its owner may use it."""
    return os.open(path, flags | _AS_IT_IS, 0o600)


def open_own(path: str, flags: int) -> int:
    """Open or create a private file of this user.

    :raises PermissionError: if something else is in its place.
    """
    file = open_privately(path, flags)
    if is_own(os.fstat(file)):
        return file
    os.close(file)
    raise PermissionError(errno.EPERM, "not a regular file of this user with a single name", path)


def is_own(status: os.stat_result) -> bool:
    """Tell whether it is a regular file of this user with a single name, or none any more."""
    is_file = stat.S_ISREG(status.st_mode) and status.st_nlink <= 1
    return is_file and status.st_uid == os.geteuid()


def is_own_directory(path: str) -> bool:
    """Tell whether it is a directory of this user or of root, which not everybody may write.

    :raises NotADirectoryError: if it is something else.
    """
    status = os.stat(path)
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
    return status.st_uid in (os.geteuid(), _ROOT) and not status.st_mode & stat.S_IWOTH


def read_own(path: str) -> tuple[bytes, os.stat_result] | None:
    """Return the content and the status of a file of this user; None if there is no such file."""
    try:
        file = open_privately(path, os.O_RDONLY)
    except OSError as error:
        if error.errno in _NO_FILE:
            return None
        raise
    try:
        status = os.fstat(file)
        return (_read_all(file, status.st_size), status) if is_own(status) else None
    finally:
        os.close(file)


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
    """Remove a file; False if it is missing, or is a directory."""
    try:
        os.unlink(path)
    except (FileNotFoundError, IsADirectoryError):
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


def _read_all(file: int, size: int) -> bytes:
    content = b""
    while part := os.read(file, size + 1):
        content += part
    return content
