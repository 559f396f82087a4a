"""The data and the cookie that a request edits, compared with what it found. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from typing import Any
from typing import cast
from typing import NamedTuple

from ..cookies.cookie import SessionCookie
from ..cookies.options import CookieOptions
from ..format.merge import merge
from ..format.serializer import EMPTY
from ..format.serializer import ends_with
from ..format.tags import MAX_DEPTH
from ..stores.base import EPOCH
from ..stores.base import from_epoch_milliseconds
from ..stores.base import MILLISECOND
from ..stores.base import Record
from ..stores.base import same_json
from ..stores.base import StoredKey
from .login import is_moment
from .login import Login
from .settings import Settings
from .size import check_size
from .superseded import Superseded
from .superseded import UNTIL

#: The member of a cookie that says when the session began, if that limits it.
_BEGAN = "began"
#: The member of a cookie that tells which session of another kind this one was.
_ORIGIN = "origin"
#: In milliseconds. Without SESSION_TOUCH_INTERVAL a session is touched once a minute, or
#: once in a tenth of its lifetime if that is shorter.
_LONGEST_INTERVAL = 60_000
_INTERVALS_A_LIFE = 10


class Origin(NamedTuple):
    """Which session of another kind a session was taken over from."""

    name: str
    #: Until when that one could be taken over again, in ms since 1970.
    ends: int

    @classmethod
    def of(cls, cookie: Mapping[str, Any]) -> Origin | None:
        """Return the origin that a stored cookie names."""
        match cookie[_ORIGIN]:
            case [str(name), ends] if is_moment(ends):
                return cls(name, ends)
        return None


@dataclass(slots=True)
class Draft:
    """The data and the cookie of one session. Made by :meth:`new` or :meth:`of`."""

    settings: Settings
    data: dict[str, Any] = field(repr=False)
    cookie: SessionCookie
    #: The cookie's attributes as they were found.
    cookie_found: tuple[object, ...]
    #: The cookie's attributes as the store has them; None if it has to be stored in any case.
    cookie_stored: tuple[object, ...] | None
    #: The payload that was read; None for a new session.
    found: bytes | None = field(default=None, repr=False)
    #: The request that began the session is still using it.
    is_first: bool = False
    #: How many members the data had then.
    size: int = 0
    #: When the session began, in ms since 1970.
    began: int = 0
    #: What the record tells if it was left under an old id: the session can only be read then.
    superseded: Superseded | None = field(default=None, repr=False)
    #: The newest key of a superseded session, as far as it is known.
    successor: StoredKey | None = field(default=None, repr=False)
    #: The session of another kind that it was taken over from.
    origin: Origin | None = None
    #: A key was assigned or deleted.
    assigned: bool = False
    #: ``session.modified = True``.
    forced: bool = False
    #: ``session.clear()`` ended the session as found, as it does where no empty one is kept.
    cleared: bool = False
    #: The data that ``session.save()`` stored; None if it was not called.
    saved: bytes | None = field(default=None, repr=False)
    #: An earlier draft of this request stored data that differ from what it found.
    had_changed: bool = False

    @classmethod
    def new(cls, settings: Settings, options: CookieOptions) -> Draft:
        """Return the empty draft of a session that is not stored yet."""
        cookie = SessionCookie(options, settings.clock)
        attributes = cookie.settings
        began = settings.clock()
        return cls(settings, {}, cookie, attributes, attributes, is_first=True, began=began)

    @classmethod
    def of(cls, settings: Settings, record: Record) -> Draft:
        """Return what a stored record holds.

        :raises PayloadError: if it is not a session.
        """
        config = settings.config
        document, data = settings.serializer.decompose(record.payload)
        cookie = SessionCookie.from_document(document, settings.clock, config.renewed_cookie)
        if record.expires_at is not None:
            ends = (record.expires_at - EPOCH) // MILLISECOND
            # In its first lifetime a record ends before its cookie does.
            cookie.follow(ends, forward_only=config.first_lifetime is not None)
        attributes = cookie.settings
        is_limited = config.absolute_timeout is not None
        is_undated = is_limited and _BEGAN not in document
        superseded = Superseded.of(document) if UNTIL in document else None
        return cls(
            settings,
            data,
            cookie,
            attributes,
            None if cookie.is_renewed or is_undated or record.outdated else attributes,
            found=record.payload,
            size=len(data),
            began=_began(document, data, settings) if is_limited else 0,
            superseded=superseded,
            successor=superseded and superseded.successor,
            origin=Origin.of(document) if _ORIGIN in document else None,
        )

    @property
    def is_over(self) -> bool:
        """Whether the time to read a superseded session is over, or the absolute timeout is."""
        end = self.superseded.until if self.superseded else self.absolute_end
        return end is not None and end <= self.settings.clock()

    @property
    def absolute_end(self) -> int | None:
        """When the session ends whatever its use, in ms since 1970; None without such a limit.

        The limit counts from the login, or from the beginning if nobody proved who they are.
        """
        timeout = self.settings.config.absolute_timeout
        if timeout is None:
            return None
        login = Login.of(self.data)
        return timeout + (self.began if login is None or login.at is None else login.at)

    @property
    def is_modified(self) -> bool:
        """Whether the data differ from those found or last saved.

        :raises SessionSerializationError: if a value cannot be stored.
        """
        body = self.dump()
        return self.differs(body) if self.saved is None else not self.is_saved(body)

    def dump(self) -> bytes:
        """Return the data as they are stored, without the cookie.

        :raises SessionSerializationError: if a value cannot be stored; the message names it.
        """
        return self.settings.serializer.dumps(self.data)

    def differs(self, body: bytes) -> bool:
        """Return whether the data, dumped as ``body``, differ from what was found."""
        if self.forced:
            return True
        if self.found is None:
            return body != EMPTY
        if len(self.data) == self.size and ends_with(self.found, body):
            return False
        if self.assigned:
            return True
        # Another program may spell the same data differently.
        _, data = self.settings.serializer.decompose(self.found)
        return body != self.settings.serializer.dumps(data)

    def is_saved(self, body: bytes | None) -> bool | None:
        """Return whether ``session.save()`` stored these data; None if it was not called."""
        return None if self.saved is None else self.saved == body and not self.forced

    def note_saved(self) -> None:
        """Note that ``session.save()`` stored data and cookie as they are."""
        self.saved = self.dump()
        self.forced = False
        self.cookie_stored = self.cookie.settings

    def follow(self, earlier: Draft) -> None:
        """Take the place of a draft that was read earlier in the same request."""
        self.is_first = earlier.is_first
        self.had_changed = earlier.had_changed or (
            earlier.saved is not None and earlier.differs(earlier.saved)
        )
        if self.had_changed or earlier.saved is not None:
            self.saved = self.dump()

    def record(self, body: bytes) -> Record:
        """Return the record to store: the cookie, and the data dumped as ``body``.

        :raises SessionTooLarge: if it is larger than is allowed; the message names a member.
        """
        config, serializer = self.settings.config, self.settings.serializer
        document = self.cookie.to_document(config.renewed_cookie)
        if config.absolute_timeout is not None:
            document[_BEGAN] = self.began
        if self.origin is not None:
            document[_ORIGIN] = [*self.origin]
        payload = serializer.compose(document, body)
        is_large = len(payload) > config.max_bytes or len(self.data) > config.max_members
        if is_large or config.max_depth < MAX_DEPTH:
            check_size(config, serializer, self.data, body, len(payload))
        return Record(payload, self.ends())

    def restart(self) -> None:
        """Start the cookie's max age again, up to the absolute timeout."""
        self.cookie.reset_max_age()
        if self.settings.config.absolute_timeout is not None:
            self.cookie.end_by(cast(int, self.absolute_end))

    def ends(self) -> datetime:
        """Return when the record expires if its lifetime starts now."""
        config = self.settings.config
        end = self.cookie.expires_at(config.idle_timeout)
        if config.absolute_timeout is not None:
            end = min(end, cast(int, self.absolute_end))
        if config.first_lifetime is not None and self._may_never_return:
            end = min(end, self.settings.clock() + config.first_lifetime)
        return from_epoch_milliseconds(end)

    @property
    def _may_never_return(self) -> bool:
        """Whether the session is new, of a visitor who is not logged in, and not taken over."""
        return self.is_first and self.origin is None and Login.of(self.data) is None

    def is_stale(self, base: Record | None) -> bool:
        """Return whether enough of the session's lifetime has passed to extend it.

        :param base: what the store is known to hold.
        """
        if base is None or base.expires_at is None:
            return True
        config, now = self.settings.config, self.settings.clock()
        lifetime = self.cookie.lifetime(config.idle_timeout)
        if config.absolute_timeout is not None:
            lifetime = min(lifetime, cast(int, self.absolute_end) - now)
        interval = config.touch_interval
        if interval is None:
            interval = min(_LONGEST_INTERVAL, lifetime // _INTERVALS_A_LIFE)
        left = (base.expires_at - EPOCH) // MILLISECOND - now
        # One with more time left than configured is stale too: the configuration was tightened.
        return abs(lifetime - left) >= interval

    def rebase(self, base: bytes, theirs: bytes) -> Record:
        """Apply this request's changes to what another request stored; return the record.

        :param base: the payload that both requests started from.
        :param theirs: the payload that is there now.
        """
        settings = self.settings
        _, before = settings.serializer.decompose(base)
        their_cookie, there = settings.serializer.decompose(theirs)
        resolve = settings.config.resolve
        self.data = merge(before, there, self.data, same=self._are_stored_alike, resolve=resolve)
        if self.cookie.settings == self.cookie_found:
            renewed = settings.config.renewed_cookie
            self.cookie = SessionCookie.from_document(their_cookie, settings.clock, renewed)
            self.restart()
            self.cookie_found = self.cookie_stored = self.cookie.settings
        return self.record(self.dump())

    def catch_up(self, base: bytes, there: Draft) -> None:
        """Continue from what is stored now, with this request's changes applied to it.

        After ``clear()`` nothing that another request stored is kept.

        :param base: the payload that this draft was read from, or stored as.
        """
        if there.found is not None and there.found != base and not self.cleared:
            self.rebase(base, there.found)
        self.found, self.size = there.found, there.size
        self.superseded = there.superseded
        if self.saved is not None:
            self.saved, self.had_changed = None, True

    def _are_stored_alike(self, one: Any, other: Any) -> bool:
        dumps = self.settings.serializer.dumps
        return same_json(dumps({"": one}), dumps({"": other}))


def _began(cookie: Mapping[str, Any], data: Mapping[str, Any], settings: Settings) -> int:
    # A login that is dropped does not move the limit back. Express drops the member of the
    # cookie when it writes, and keeps the login.
    login = Login.of(data)
    if login is not None and login.at is not None:
        return login.at
    began = cookie.get(_BEGAN)
    return began if is_moment(began) else settings.clock()
