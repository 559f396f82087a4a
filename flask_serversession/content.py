"""What a session holds: its data and its cookie, and what both were at first. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from .concurrency import merge
from .cookies.cookie import SessionCookie
from .cookies.options import CookieOptions
from .document import compose
from .document import decompose
from .document import EMPTY
from .document import ends_with
from .document import retired_until
from .rules import Rules
from .stores.base import epoch_milliseconds
from .stores.base import from_epoch_milliseconds
from .stores.base import Record


class Content:
    """The data and the cookie of one session, new unless :meth:`of` read them.

    :param cookie_options: asked for the cookie of a new session, when it is needed.
    """

    #: The payload it was read from; None for a new session.
    original: bytes | None = None
    #: The application said that it changed.
    forced = False
    #: A key was assigned or deleted.
    assigned = False
    #: Everything was taken out at once.
    cleared = False
    #: The data as an explicit save stored them; None without one.
    saved: bytes | None = None

    #: By the last of those saves, they differed from what was found.
    _had_changed = False
    #: How many members the data had at first.
    _size = 0
    _cookie: SessionCookie | None = None
    _retired_until: int | None = None
    _settings: tuple[object, ...] | None = None
    _saved_settings: tuple[object, ...] | None = None

    def __init__(self, rules: Rules, cookie_options: Callable[[], CookieOptions]) -> None:
        self._rules = rules
        self._cookie_options = cookie_options
        self.values: dict[str, Any] = {}

    @classmethod
    def of(cls, record: Record, rules: Rules) -> Content:
        """Return what a stored record holds.

        :raises PayloadError: if it is not a session.
        """
        content = cls.__new__(cls)
        content._rules = rules
        content.original = record.payload
        document, content.values = decompose(record.payload, rules.serializer)
        content._size = len(content.values)
        content._retired_until = retired_until(document)
        cookie = SessionCookie.from_document(document, rules.clock)
        if record.expires_at is not None:
            cookie.follow(epoch_milliseconds(record.expires_at))
        content._cookie = cookie
        content._settings = content._saved_settings = cookie.settings
        return content

    @property
    def is_retired(self) -> bool:
        """Whether this is the last look at a session that has another id by now."""
        return self._retired_until is not None

    @property
    def is_over(self) -> bool:
        """Whether the time for that look is."""
        return self._retired_until is not None and self._retired_until <= self._rules.clock()

    @property
    def cookie(self) -> SessionCookie:
        if self._cookie is None:
            self._cookie = SessionCookie(self._cookie_options(), self._rules.clock)
            self._settings = self._saved_settings = self._cookie.settings
        return self._cookie

    @property
    def cookie_changed(self) -> bool:
        """Whether the application changed an attribute of the cookie."""
        return self._cookie is not None and self._cookie.settings != self._settings

    @property
    def cookie_unsaved(self) -> bool:
        """Whether the store has not been told of a changed attribute yet."""
        return self._cookie is not None and self._cookie.settings != self._saved_settings

    @property
    def has_expiry(self) -> bool:
        """Express's ``cookie.expires != null``."""
        return self.cookie.has_expiry

    @property
    def lifetime(self) -> int:
        """How long a touch makes the session last, in milliseconds."""
        return self.cookie.lifetime(self._rules.idle_timeout)

    @property
    def is_modified(self) -> bool:
        """Whether the data differ from what the store has, as far as is known.

        :raises SessionSerializationError: as :meth:`dump` does.
        """
        body = self.dump()
        return self.differs(body) if self.saved is None else not self.is_saved(body)

    def restart(self) -> None:
        """Start its life again, as a touch does."""
        self.cookie.reset_max_age()

    def dump(self) -> bytes:
        """Return the data as they are stored.

        :raises SessionSerializationError: naming a value that has no stored form.
        """
        return self._rules.serializer.dumps(self.values)

    def differs(self, body: bytes) -> bool:
        """Tell whether the data, dumped as ``body``, are stored differently than at first."""
        if self.forced:
            return True
        if self.original is None:
            return body != EMPTY
        if len(self.values) == self._size and ends_with(self.original, body):
            return False
        if self.assigned:
            return True
        # Another program may have spelled the same data in another way.
        _, data = decompose(self.original, self._rules.serializer)
        return body != self._rules.serializer.dumps(data)

    def has_changed(self, body: bytes | None) -> bool:
        """Tell whether the data have differed from what was found, saved meanwhile or not.

        :param body: the data, dumped; None if nobody can have changed them.
        """
        return self._had_changed or (body is not None and self.differs(body))

    def is_saved(self, body: bytes | None) -> bool | None:
        """Tell whether an explicit save stored the data so; None if there was none."""
        return None if self.saved is None else self.saved == body and not self.forced

    def note_saved(self) -> None:
        """Note that an explicit save stored data and cookie as they are."""
        self.saved = self.dump()
        self.forced = False
        self._saved_settings = self.cookie.settings

    def follow(self, earlier: Content) -> None:
        """Stand, just read, for a content that was read earlier in the same request."""
        self._had_changed = earlier.has_changed(earlier.saved)
        if self._had_changed or earlier.saved is not None:
            self.saved = self.dump()

    def record(self, body: bytes) -> Record:
        """Return the data, dumped as ``body``, as a record to store."""
        return Record(compose(self.cookie.to_document(), body), self.ends())

    def ends(self) -> datetime:
        """Return when its record is to end, if its life starts again now."""
        return from_epoch_milliseconds(self.cookie.expires_at(self._rules.idle_timeout))

    def rebase(self, base: bytes, theirs: bytes) -> Record:
        """Take over what another request stored meanwhile, and keep this request's changes.

        :param base: the payload both requests started from.
        :param theirs: the payload that is there now.
        """
        rules = self._rules
        _, before = decompose(base, rules.serializer)
        their_cookie, there = decompose(theirs, rules.serializer)
        self.values = merge(
            before, there, self.values, same=self._are_stored_alike, resolve=rules.resolve
        )
        if not self.cookie_changed:
            self._cookie = SessionCookie.from_document(their_cookie, rules.clock)
            self._cookie.reset_max_age()
            self._settings = self._saved_settings = self._cookie.settings
        return self.record(self.dump())

    def catch_up(self, base: bytes, there: Content) -> None:
        """Take over what others stored, to be changed from now on.

        :param base: the payload that this content was read from, or stored as.
        """
        if there.original is not None and there.original != base:
            self.rebase(base, there.original)
        self.original, self._size = there.original, there._size
        if self.saved is not None:
            self.saved, self._had_changed = None, True

    def is_retired_in(self, payload: bytes) -> bool:
        """Tell whether others gave the session a new id and left this."""
        cookie, _ = decompose(payload, self._rules.serializer)
        return retired_until(cookie) is not None

    def _are_stored_alike(self, one: Any, other: Any) -> bool:
        dumps = self._rules.serializer.dumps
        return dumps({"": one}) == dumps({"": other})
