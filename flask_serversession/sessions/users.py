"""The sessions of a user: found by what their ids begin with, and ended."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from functools import partial
from itertools import starmap
from typing import cast

from .. import signals
from ..cookies.ids import hidden
from ..errors import PayloadError
from ..errors import SessionConflict
from ..errors import SessionError
from ..stores.abilities import has_epochs
from ..stores.abilities import why_not_found
from ..stores.base import ENDED
from ..stores.base import epoch_milliseconds
from ..stores.base import from_epoch_milliseconds
from ..stores.base import Record
from ..stores.base import user_of
from .adoption import forbid
from .adoption import forbid_all
from .draft import Draft
from .ending import end
from .life import OTHERS
from .login import is_handle
from .login import Login
from .request_store import RequestStore
from .settings import Settings
from .superseded import tombstone

#: How often the sessions of a user are looked for again. One that takes a new id meanwhile adds
#: one.
_ROUNDS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSession:
    """A session of a user, for a list of devices. It contains no secret."""

    #: The session's public name, for :meth:`.SessionManager.end`.
    handle: str
    #: What :meth:`.Session.log_in` was given, as are :attr:`label` and :attr:`level`.
    user_id: str
    #: When the user first logged in to it, in UTC; None if that is not known.
    created_at: datetime | None
    #: When the user last logged in with a proof, in UTC; None for one who was remembered.
    authenticated_at: datetime | None
    #: When it was last extended by a use, in UTC: at most ``SESSION_TOUCH_INTERVAL`` before its
    #: last use. Use no longer extends it once ``SESSION_ABSOLUTE_TIMEOUT`` is nearer than the
    #: idle timeout.
    last_seen: datetime | None
    #: When it ends unless it is used, in UTC; None if the store cannot tell.
    expires_at: datetime | None
    #: The browser's IP address at the last login; None without ``SESSION_RECORD_CLIENT``.
    address: str | None
    #: The browser's User-Agent then.
    user_agent: str | None
    label: str | None
    level: str | None
    #: Whether it is the session of the current request.
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A session of a user as the store has it."""

    settings: Settings = field(repr=False)
    #: The id or the key by which the store finds it.
    id: str = field(repr=False)
    record: Record
    draft: Draft
    login: Login

    @classmethod
    def of(cls, settings: Settings, sid: str, record: Record) -> Found | None:
        """Return the session of a record; None if nobody is logged in to it, or if it is over."""
        try:
            draft = Draft.of(settings, record)
        except PayloadError:
            return None
        login = Login.of(draft.data)
        if login is None or draft.is_over:
            return None
        return cls(settings, hidden(sid), record, draft, login)

    @property
    def key(self) -> str:
        """The key under which the store has it, or will have it once it is moved there."""
        return self.settings.key_of(self.id)

    @property
    def is_live(self) -> bool:
        """Whether this is its newest id."""
        return not self.draft.superseded

    @property
    def since(self) -> int:
        """When the user logged in to it, in ms since 1970; 0 if that is not known."""
        return self.login.since or 0

    @property
    def last_seen(self) -> int:
        """When its lifetime last began, in ms since 1970; the login at the earliest.

        A session that its absolute timeout will end is not extended, so the time of its last
        use is not known. It is then taken to be its idle timeout before that end.
        """
        if self.record.expires_at is None:
            return self.since
        ends = epoch_milliseconds(self.record.expires_at)
        lifetime = self.draft.cookie.lifetime(self.settings.config.idle_timeout)
        # SESSION_IDLE_TIMEOUT may have been longer when it was used.
        return max(min(ends - lifetime, self.settings.clock()), self.since)

    def public(self, current: Collection[str]) -> UserSession:
        """Return what an application may show of it."""
        login = self.login
        return UserSession(
            handle=self.settings.handle_of(self.id),
            user_id=login.user_id,
            created_at=_moment(self.since),
            authenticated_at=login.authenticated_at,
            last_seen=_moment(self.last_seen),
            expires_at=self.record.expires_at,
            address=login.client.address,
            user_agent=login.client.user_agent,
            label=login.label,
            level=login.level,
            is_current=self.key in current,
        )

    def end(self, store: RequestStore, reason: str | None) -> bool:
        """End it; return False if it had ended. Its browser can be told the reason."""
        left = ENDED if reason is None else tombstone(self.settings, self.record, reason)
        # It may have taken a new id since it was found.
        sid = end(store, self.id, self.record, leaving=left)
        if sid is None:
            return False
        forbid(store, self.draft)
        handle, notify = self.settings.handle_of(sid), self.settings.notify
        notify(signals.session_destroyed, session=None, id=sid, by=OTHERS)
        values = {"user_id": self.login.user_id, "handle": handle, "reason": reason}
        notify(signals.session_ended, session=None, **values)
        return True


def find_tagged(store: RequestStore, *tags: str) -> Iterator[Found]:
    """Yield the live sessions of the users with these tags; without one, those of everybody.

    :raises SessionError: if the store cannot find them.
    """
    return (found for found in _all_ids(store, *tags) if found.is_live)


def find(store: RequestStore, user_id: str) -> Iterator[Found]:
    """Yield the live sessions of a user.

    :raises SessionError: if the store cannot find them, or if this is no user's id.
    """
    tagged = find_tagged(store, *store.settings.tags_of(user_id))
    return (found for found in tagged if found.login.user_id == user_id)


def find_by_handle(store: RequestStore, handle: str) -> Found | None:
    """Return the live session with this public name; None if it has ended.

    :raises SessionError: if the store cannot find it.
    """
    if not is_handle(handle):
        return None
    handle_of, tag = store.settings.handle_of, cast(str, user_of(handle))
    return next((f for f in find_tagged(store, tag) if handle_of(f.id) == handle), None)


def end_all(
    store: RequestStore, user_id: str, *, own: Collection[str] = (), reason: str | None = None
) -> int | None:
    """End all sessions of a user; return how many ended, or None if that is not known.

    :param own: the keys of a session that the caller ends afterwards. It is not counted.
    :raises SessionError: if the store can neither find them nor end all of them.
    :raises SessionConflict: if more and more of them are found.
    """
    if not has_epochs(store.settings.store):
        return end_others(store, user_id, keep=own, reason=reason)
    forbid_all(store, user_id)
    _end_epoch(store, user_id, reason)
    return None


def end_others(
    store: RequestStore, user_id: str, *, keep: Collection[str], reason: str | None = None
) -> int:
    """End the sessions of a user, except that with these keys; return how many ended.

    Looks again until there is none, because a request may be giving one of them a new id. A
    browser that logs in meanwhile stays logged in.

    :raises SessionError: if the store cannot find them.
    :raises SessionConflict: if more and more of them are found.
    """
    forbid_all(store, user_id)
    latest, count, known, quiet = 0, 0, set[str](), 0
    for _ in range(_ROUNDS):
        listed = [
            found
            for found in _all_ids(store, *store.settings.tags_of(user_id))
            if found.login.user_id == user_id and found.key not in keep
        ]
        # Whatever is found first ends, even if the clock of its server is ahead.
        latest = latest or max([store.settings.clock(), *(found.since for found in listed)])
        others = {found.id: found for found in listed if found.since <= latest}.values()
        live = [found for found in others if found.is_live]
        ids = {found.id for found in others}
        # A store that lists while others write may miss a new id and read the old one. Without
        # a grace nothing is left of the old one, and a second look is what finds the new one.
        quiet = 0 if live or not ids <= known else quiet + 1
        if quiet > (not store.settings.config.regenerate_grace):
            return count
        known |= ids
        count += sum(found.end(store, reason) for found in live)
    raise SessionConflict("The user logged in again and again while their sessions were ended.")


def _all_ids(store: RequestStore, *tags: str) -> Iterator[Found]:
    """Yield the sessions under all ids by which they can be read."""
    flaw = why_not_found(store.settings.store)
    if flaw is not None:
        raise SessionError(flaw)
    with store as its_store:
        for tag in tags or (None,):
            records = its_store.records(tag)  # type: ignore[attr-defined] # it has them
            for found in starmap(partial(Found.of, store.settings), records):
                if found is not None:
                    yield found


def _end_epoch(store: RequestStore, user_id: str, reason: str | None) -> None:
    with store as its_store:
        for tag in store.settings.tags_of(user_id):
            its_store.end_user(tag)  # type: ignore[attr-defined] # it has epochs
    notify = store.settings.notify
    notify(signals.session_ended, session=None, user_id=user_id, handle=None, reason=reason)


def _moment(milliseconds: int) -> datetime | None:
    return from_epoch_milliseconds(milliseconds) if milliseconds else None
