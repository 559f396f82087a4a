"""The sessions of one application, with or without a request."""

from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any
from typing import cast

import flask
from flask import has_request_context

from . import signals
from .config import Config
from .config import Secrets
from .cookies.cookie import Clock
from .cookies.cookie import system_clock
from .cookies.ids import hidden
from .cookies.signing import CookieSigner
from .errors import SessionError
from .errors import SessionGone
from .format.serializer import converted
from .sessions.adoption import forbid_of
from .sessions.base import Session
from .sessions.ending import end
from .sessions.life import tell
from .sessions.request_store import RequestStore
from .sessions.settings import FindFormer
from .sessions.settings import NoRequest
from .sessions.settings import Settings
from .sessions.stored import StoredSession
from .sessions.users import end_all
from .sessions.users import end_others
from .sessions.users import find
from .sessions.users import find_by_handle
from .sessions.users import find_tagged
from .sessions.users import Found
from .sessions.users import UserSession
from .stores.abilities import opens_by_key
from .stores.base import Store
from .stores.base import SupportsClose
from .stores.base import SupportsKeys
from .stores.base import SupportsPing
from .stores.base import SupportsPrune
from .stores.base import SupportsSetup
from .stores.forking import notice_a_fork
from .stores.forking import process
from .stores.moving.store import MovingStore

_OPENED_BY_ID = (
    "The data of other sessions cannot be changed: they are encrypted so that only the ids in"
    " their browsers' cookies open them. End the user's sessions with end_all() instead, or let"
    " each request look up what has changed."
)


class SessionManager:
    """Finds, lists and ends an application's sessions.

    :func:`~flask_serversession.interface.manager_of` returns it. It needs no request, and
    works in scripts, shells and workers too.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        *,
        secrets: Callable[[], Secrets],
        sender: Any = None,
        formers: tuple[FindFormer, ...] = (),
        clock: Clock = system_clock,
    ) -> None:
        """Make what all sessions of an application share.

        :param secrets: called when a cookie is first signed or verified, and again when Flask's
            keys have changed.
        :param sender: the application, the sender of every signal.
        :param formers: look for the sessions of a browser that came before this package.
        """
        #: The application's store.
        self.store = store
        #: What all sessions of the application share.
        self.settings: Settings = Settings(
            config=config,
            store=store,
            secrets=secrets,
            sender=sender,
            formers=formers,
            clock=clock,
        )
        if isinstance(store, MovingStore) and config.profile != "express":
            self._convert_what_moves(store)

    @property
    def config(self) -> Config:
        """The application's options, frozen. A change of a key of Flask's replaces them."""
        return self.settings.config

    @property
    def signer(self) -> CookieSigner:
        """The signer, which signs and verifies ids.

        :raises ConfigError: if the application has no secret.
        """
        return self.settings.signer()

    def load(self, sid: str) -> Session | None:
        """Return a stored session; None if it is absent, expired or unreadable.

        Changes are stored only by ``session.save()``.

        :raises StoreError: if the store failed.
        """
        sid = hidden(sid)
        session = StoredSession(self.settings, NoRequest(self.config.cookie), sid)
        # A session that is not stored gets an id of its own.
        return session if session.id == sid else None

    def destroy(self, sid: str) -> bool:
        """End a session; return False if the store has none with this id.

        :raises StoreError: if the store failed.
        """
        sid, store = hidden(sid), self._calls()
        forbid_of(store, sid)
        ended = end(store, sid)
        if ended is not None:
            self.settings.notify(signals.session_destroyed, session=None, id=ended, by="manager")
        return ended is not None

    def sessions_of(self, user_id: str) -> list[UserSession]:
        """Return the live sessions that a user is logged in to, the newest first.

        The session of the current request, if there is one, is marked as ``is_current``.

        :raises SessionError: if the store cannot find them.
        :raises StoreError: if the store failed.
        """
        found = sorted(find(self._calls(), user_id), key=lambda each: each.since, reverse=True)
        current = self._current_keys()
        return [each.public(current) for each in found]

    def online(self, since: timedelta) -> Iterator[UserSession]:
        """Yield the sessions of all logged-in users that were used recently.

        Reads all sessions in the store, in batches.

        :param since: how long ago at most, such as ``timedelta(minutes=15)``.
        :raises SessionError: if the store cannot find them.
        :raises StoreError: if the store failed.
        """
        earliest = self.settings.clock() - int(since.total_seconds() * 1000)
        current = self._current_keys()
        for found in find_tagged(self._calls()):
            if found.last_seen >= earliest:
                yield found.public(current)

    def end(self, handle: str, *, reason: str | None = None) -> bool:
        """End the session with this handle; return False if no session has it any more.

        :param handle: from :meth:`sessions_of` or a signal. Check that it is one of the user who
            asks for it: ``handle in [each.handle for each in manager.sessions_of(user_id)]``.
        :param reason: what the session's browser reads as :attr:`.Session.ended_reason`.
        :raises SessionError: if the store cannot find sessions by their handle.
        :raises StoreError: if the store failed.
        """
        current, store = self._current(), self._calls()
        if current is not None and current.handle == handle:
            current._destroy("manager")
            return True
        found = find_by_handle(store, handle)
        return found is not None and found.end(store, reason)

    def end_others(self, user_id: str, *, reason: str | None = None) -> int:
        """End the sessions of a user except that of the current request; return how many ended.

        :raises SessionError: if there is no request whose session is one of the user's, or if
            the store cannot find the others.
        :raises StoreError: if the store failed.
        """
        current = self._current()
        if current is None or current.user_id != user_id:
            raise SessionError(
                "end_others() keeps the session of the current request, and that is not one of"
                " this user. end_all() ends all of them."
            )
        return end_others(self._calls(), user_id, keep=current._own_keys, reason=reason)

    def end_all(self, user_id: str, *, reason: str | None = None) -> int | None:
        """End all sessions of a user at once, on all servers; return how many ended.

        Returns None if the store cannot count them. A request that is using one of them cannot
        store it again. The current request's session ends last, as by
        :meth:`.Session.destroy`, so the request can log the user in again.

        :raises SessionError: if the store cannot do so.
        :raises StoreError: if the store failed.
        """
        current = self._current()
        if current is None or current.user_id != user_id:
            return end_all(self._calls(), user_id, reason=reason)
        count = end_all(self._calls(), user_id, own=current._own_keys, reason=reason)
        current._destroy("manager")
        return None if count is None else count + 1

    def update_all(self, user_id: str, change: Callable[[Session], None]) -> int:
        """Change all sessions of a user, for a new role for example; return how many changed.

        Each change is merged with those of requests that use the session, and does not extend
        it. The current request's session is saved with its other changes.

        :param change: called with each session, which is saved afterwards.
        :raises SessionError: if the store cannot find them, or if both ``SESSION_HASH_IDS`` and
            ``SESSION_ENCRYPTION_KEYS`` are set.
        :raises StoreError: if the store failed.
        """
        if not opens_by_key(self.store):
            raise SessionError(_OPENED_BY_ID)
        count = 0
        for found in list(find(self._calls(), user_id)):
            session = self._session_to_change(found)
            if session is None:
                continue
            change(session)
            with suppress(SessionGone):
                session.save()
                count += 1
        return count

    def keys(self) -> Iterator[str]:
        """Return an iterator of the ids of live sessions, which are secrets.

        With ``SESSION_HASH_IDS`` they are keys, which are not secret.

        :raises SessionError: if the store cannot list its sessions.
        :raises StoreError: if the store failed.
        """
        return self._listing().keys()

    def count(self) -> int:
        """Return the number of live sessions.

        :raises SessionError: if the store cannot list its sessions.
        :raises StoreError: if the store failed.
        """
        return self._listing().count()

    def clear(self) -> int:
        """End all sessions, and return how many records were removed. Sends no signals.

        :raises SessionError: if the store cannot list its sessions.
        :raises StoreError: if the store failed.
        """
        count = self._listing().clear()
        tell("ended", {"by": "manager"}, user=None, at=self.settings.clock())
        return count

    def prune(self) -> int:
        """Remove expired sessions, and return how many.

        Returns 0 without a store call if the backend removes them by itself.

        :raises StoreError: if the store failed.
        """
        return self.store.prune() if isinstance(self.store, SupportsPrune) else 0

    def setup(self) -> None:
        """Create the table, index or directory that the store needs, if it needs one.

        It is safe to repeat, and to call from several processes at once.

        :raises StoreError: if the store failed.
        """
        if isinstance(self.store, SupportsSetup):
            self.store.setup()

    def ping(self) -> None:
        """Check that the store answers.

        :raises StoreUnavailable: if it does not.
        """
        if isinstance(self.store, SupportsPing):
            self.store.ping()
        else:
            self.store.load("-")

    def close(self) -> None:
        """Close the connections that the store opened. A client of the application stays open."""
        if isinstance(self.store, SupportsClose):
            self.store.close()

    def _session_to_change(self, found: Found) -> Session | None:
        """Return that of the request if it is this one, or one that saving does not extend."""
        current = self._current()
        stored_id = None if current is None else current._checked_out().stored_id
        if stored_id is not None and self.settings.key_of(stored_id) == found.key:
            return current
        session = StoredSession(self.settings, NoRequest(self.config.cookie), found.id)
        session._checked_out().keeps_end = True
        return session if session.id == found.id else None

    def _calls(self) -> RequestStore:
        if os.getpid() != process.id:
            notice_a_fork()
        return RequestStore(self.settings)

    def _current(self) -> StoredSession | None:
        """Return the session of the current request, if this manager has its store."""
        if not has_request_context():
            return None
        current: Any = cast(Any, flask.session)._get_current_object()
        is_ours = isinstance(current, StoredSession) and current._settings is self.settings
        return current if is_ours else None

    def _current_keys(self) -> Collection[str]:
        current = self._current()
        return () if current is None else current._own_keys

    def _convert_what_moves(self, store: MovingStore) -> None:
        if store.was_shared != store.is_shared:
            former = self.settings.serializer_for(is_shared=store.was_shared)
            store.convert = partial(converted, former, self.settings.serializer)

    def _listing(self) -> SupportsKeys:
        if isinstance(self.store, SupportsKeys):
            return self.store
        raise SessionError(
            f"{type(self.store).__name__} cannot list its sessions, because its backend cannot."
        )
