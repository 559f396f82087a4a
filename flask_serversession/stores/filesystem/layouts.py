"""How a record becomes a file: its name, its content and its expiry."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any
from typing import NoReturn
from typing import Protocol
from typing import TypeGuard
from urllib.parse import quote

from ...errors import ConfigError
from ...errors import PayloadError
from ..base import check_seconds
from ..base import EPOCH
from ..base import epoch_milliseconds
from ..base import from_epoch_milliseconds
from ..base import is_expired
from ..base import Record
from .files import is_own
from .files import read_own

_MICROSECOND = timedelta(microseconds=1)
_FAR_FUTURE = EPOCH + timedelta(days=80_000)
_THOUSAND_YEARS = 365_000 * 86_400
_LATEST = epoch_milliseconds(datetime.max.replace(tzinfo=timezone.utc))

_LAST_ACCESS = "__lastAccess"
_LAST_ACCESS_MEMBER = b'"__lastAccess":'
#: Characters that no file name can have, and the percent sign that encodes them.
_NOT_IN_A_NAME = re.compile("[%/\0\ud800-\udfff]")
_SAFE_INTEGERS = 2**53


class Layout(Protocol):
    """Names, reads and writes the file of one record. The caller holds the lock."""

    suffix: str

    def stem(self, key: str) -> str:
        """Return the file's name without the suffix, percent-encoded and unique to the key."""

    def read(self, path: str) -> Record | None:
        """Return the live record, or None if there is none.

        :raises PayloadError: if the file cannot be parsed.
        """

    def is_live(self, path: str) -> bool:
        """Tell whether there is a live record."""

    def encode(self, record: Record) -> tuple[bytes, int | None]:
        """Return the file's content, and its modification time if that is the expiry."""

    def touch(self, path: str, expires_at: datetime, rewrite: Callable[[Record], None]) -> bool:
        """Move the expiry of a live record, calling ``rewrite`` if needed; False without one."""

    def are_same(self, one: bytes, other: bytes) -> bool:
        """Tell whether two payloads differ at most in what a touch changes."""


def layout_named(name: str, *, ttl: float) -> Layout:
    """Return the layout with that name; ``ttl`` is for session-file-store.

    :raises ConfigError: for an unknown layout or an impossible ttl.
    """
    if name == "native":
        return FileTime()
    if name not in ("session-file-store", "express"):
        raise ConfigError(
            f"The file store has no layout {name!r}: use 'native', 'session-file-store' or"
            " 'express', which is session-file-store's."
        )
    check_seconds("ttl", ttl, at_most=_THOUSAND_YEARS)
    return SessionFileStore(ttl)


class FileTime:
    """The payload alone, in a file whose modification time is the expiry."""

    suffix = ".session"

    def stem(self, key: str) -> str:
        return quote(key, safe="", errors="surrogatepass")

    def read(self, path: str) -> Record | None:
        found = read_own(path)
        if found is None:
            return None
        payload, status = found
        return Record(payload, _expiry(status)) if _is_ahead(status) else None

    def is_live(self, path: str) -> bool:
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            return False
        return is_own(status) and _is_ahead(status)

    def encode(self, record: Record) -> tuple[bytes, int | None]:
        return record.payload, _nanoseconds(record.expires_at or _FAR_FUTURE)

    def touch(self, path: str, expires_at: datetime, rewrite: Callable[[Record], None]) -> bool:
        if not self.is_live(path):
            return False
        moment = _nanoseconds(expires_at)
        os.utime(path, ns=(moment, moment), follow_symlinks=False)
        return True

    def are_same(self, one: bytes, other: bytes) -> bool:
        return one == other


class SessionFileStore:
    """npm's session-file-store: the payload with an additional member ``__lastAccess``.

    Node computes the expiry of a session as that moment, in milliseconds, plus the cookie's
    ``originalMaxAge`` or else ``ttl``. This layout writes the expiry minus that lifetime. A
    file without the number never expires, as in Node.

    :param ttl: the Node store's option of that name, in seconds.
    """

    suffix = ".json"

    def __init__(self, ttl: float) -> None:
        self._ttl = int(ttl * 1000)

    def stem(self, key: str) -> str:
        return _NOT_IN_A_NAME.sub(
            lambda found: quote(found[0], safe="", errors="surrogatepass"), key
        )

    def read(self, path: str) -> Record | None:
        found = read_own(path)
        if found is None:
            return None
        payload, document, last_access = _take_apart(found[0])
        expires_at = self._end(document, last_access)
        return None if is_expired(expires_at) else Record(payload, expires_at)

    def is_live(self, path: str) -> bool:
        try:
            return self.read(path) is not None
        except PayloadError:
            return True  # its expiry is unknown

    def encode(self, record: Record) -> tuple[bytes, int | None]:
        payload, document, _ = _take_apart(record.payload)
        if record.expires_at is None:
            return payload, None
        last_access = epoch_milliseconds(record.expires_at) - self._life(document)
        comma = b"," if document else b""
        member = b"%s%d}" % (_LAST_ACCESS_MEMBER, last_access)
        return payload.rstrip()[:-1] + comma + member, None

    def touch(self, path: str, expires_at: datetime, rewrite: Callable[[Record], None]) -> bool:
        record = self.read(path)
        if record is None:
            return False
        rewrite(Record(_with_cookie_expires(record.payload, expires_at), expires_at))
        return True

    def are_same(self, one: bytes, other: bytes) -> bool:
        return one == other or _without_cookie_expires(one) == _without_cookie_expires(other)

    def _end(self, document: dict[str, Any], last_access: object) -> datetime | None:
        if not _is_number(last_access):
            return None
        end = int(last_access) + self._life(document)
        return from_epoch_milliseconds(min(max(end, 0), _LATEST))

    def _life(self, document: dict[str, Any]) -> int:
        cookie = document.get("cookie")
        age = cookie.get("originalMaxAge") if isinstance(cookie, dict) else None
        return int(age) if _is_number(age) and age else self._ttl


def _take_apart(content: bytes) -> tuple[bytes, dict[str, Any], object]:
    """Return the payload and its document without the last access, and the last access."""
    document = _parse(content)
    if _LAST_ACCESS not in document:
        return content, document, None
    last_access = document.pop(_LAST_ACCESS)
    # It usually comes last, and the rest can stay unparsed. Express puts it in the middle when
    # a loaded session gets another member.
    head, _, tail = content.rpartition(_LAST_ACCESS_MEMBER)
    if head[-1:] in (b",", b"{") and tail[:-1].isdigit() and _LAST_ACCESS_MEMBER not in head:
        return head.rstrip(b",") + b"}", document, last_access
    return _dump(document), document, last_access


def _with_cookie_expires(payload: bytes, expires_at: datetime) -> bytes:
    document = _parse(payload)
    cookie = document.get("cookie")
    if not isinstance(cookie, dict) or not isinstance(cookie.get("expires"), str):
        return payload
    moment = expires_at.astimezone(timezone.utc).isoformat(timespec="milliseconds")
    cookie["expires"] = moment.replace("+00:00", "Z")
    return _dump(document)


def _without_cookie_expires(payload: bytes) -> bytes:
    document = _parse(payload)
    cookie = document.get("cookie")
    if isinstance(cookie, dict):
        cookie.pop("expires", None)
    return _dump(document)


def _parse(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise PayloadError("A session for session-file-store is not JSON.") from error
    if not isinstance(document, dict):
        raise PayloadError("A session for session-file-store is not a JSON object.")
    return document


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _dump(document: dict[str, Any]) -> bytes:
    # ASCII only: JSON.stringify may write a lone surrogate, which UTF-8 cannot encode.
    return json.dumps(document, separators=(",", ":")).encode()


def _is_number(value: object) -> TypeGuard[int | float]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) < _SAFE_INTEGERS


def _is_ahead(status: os.stat_result) -> bool:
    return status.st_mtime_ns > time.time_ns()


def _expiry(status: os.stat_result) -> datetime:
    # A file system's years may go beyond Python's.
    return EPOCH + min(status.st_mtime_ns // 1000, _LATEST * 1000) * _MICROSECOND


def _nanoseconds(moment: datetime) -> int:
    return (moment - EPOCH) // _MICROSECOND * 1000
