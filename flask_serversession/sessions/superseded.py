"""What is left of a session under an id that is no longer its own. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from typing import Final
from typing import NamedTuple

from ..errors import PayloadError
from ..format.serializer import EMPTY
from ..stores.base import ENDED
from ..stores.base import from_epoch_milliseconds
from ..stores.base import Record
from ..stores.base import StoredKey
from .settings import Settings

#: The member of a stored cookie that makes its record read-only.
UNTIL: Final = "retiredUntil"
_SUCCESSOR = "successor"
_REASON = "endedReason"
#: How long the reason can be read, in ms.
_A_DAY = 86_400_000


class Superseded(NamedTuple):
    """What a record that was left under an old id says."""

    #: When it can no longer be read, in ms since 1970.
    until: int
    #: The key of the id that the session took next.
    successor: StoredKey | None
    #: Why others ended the session, which has no successor then.
    reason: str | None

    @classmethod
    def of(cls, cookie: Mapping[str, Any]) -> Superseded | None:
        """Return what a stored cookie tells; None for that of any other record."""
        until, successor = cookie.get(UNTIL), _text(cookie, _SUCCESSOR)
        if type(until) is not int:
            return None
        key = None if successor is None else StoredKey(successor)
        return cls(until, key, _text(cookie, _REASON))

    @classmethod
    def read(cls, settings: Settings, record: Record) -> Superseded | None:
        """Return what a record tells; None for any other, and for one that cannot be read."""
        if f'"{UNTIL}"'.encode() not in record.payload:
            return None
        try:
            cookie, _ = settings.serializer.decompose(record.payload)
        except PayloadError:
            return None
        return cls.of(cookie)

    @property
    def is_explained(self) -> bool:
        """Whether there is a successor or a reason. The mark of a move has neither."""
        return self.successor is not None or self.reason is not None


def leave_behind(settings: Settings, successor: str, record: Record) -> Record:
    """Return what to leave under the old id of a session: a read-only record, or ``ENDED``.

    :param successor: the new id, whose key is left. What ends the session under one id ends it
        under both.
    """
    grace = settings.config.regenerate_grace
    if not grace:
        return ENDED
    until = settings.clock() + grace
    members = {UNTIL: until, _SUCCESSOR: settings.left_key_of(successor)}
    payload = settings.serializer.add_to_cookie(record.payload, members)
    return Record(payload, from_epoch_milliseconds(until))


def tombstone(settings: Settings, record: Record, reason: str) -> Record:
    """Return what to leave of a session that others end: only the reason.

    It counts as absent, and cannot be written to. ``ENDED`` with SESSION_CONCURRENCY
    "overwrite", where a slow request would replace it.
    """
    if settings.config.concurrency == "overwrite":
        return ENDED
    cookie = {"originalMaxAge": None, UNTIL: 0, _REASON: reason}
    until = from_epoch_milliseconds(settings.clock() + _A_DAY)
    ends_at = until if record.expires_at is None else min(record.expires_at, until)
    return Record(settings.serializer.compose(cookie, EMPTY), ends_at)


def _text(cookie: Mapping[str, Any], member: str) -> str | None:
    value = cookie.get(member)
    return value if type(value) is str else None
