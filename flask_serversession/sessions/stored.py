"""A session that lives in a store: loads with first use, and carries out the verbs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import suppress
from enum import Enum
from hashlib import sha256
from typing import Any
from typing import NoReturn

from blinker import Signal

from .. import signals
from ..cookies.cookie import SessionCookie
from ..errors import PayloadError
from ..errors import SessionConflict
from ..errors import SessionError
from ..errors import SessionGone
from ..errors import SessionSerializationError
from ..errors import SessionSuperseded
from ..errors import StoreError
from ..format.serializer import EMPTY
from ..stores.base import Record
from .base import Session
from .draft import Draft
from .locking import lock
from .policy import stores_on_save
from .request_store import RequestStore
from .settings import RequestInfo
from .settings import Settings
from .working_copy import WorkingCopy

logger: logging.Logger = logging.getLogger("flask_serversession")


class Stage(Enum):
    """How far a session is in its request."""

    OPEN = "open"
    #: Its response has been made.
    SETTLED = "settled"
    #: It could not be stored, and is left alone from now on.
    FAILED = "failed"


class Fate(Enum):
    """What the application decided about a session."""

    KEPT = "kept"
    DESTROYED = "destroyed"
    UNSET = "unset"


class StoredSession(Session):
    """The :class:`~.base.Session` of one request: at most one store call to read it.

    :mod:`.settle` and :mod:`.locking` are parts of this class in files of their own.

    :param sid: opens the session of this id, instead of the one that the request's cookie
        names.
    """

    accessed: bool
    _stage = Stage.OPEN
    _fate = Fate.KEPT
    #: None until the session is used.
    _store: RequestStore | None = None
    #: None until the session is loaded or begun.
    _copy: WorkingCopy | None = None
    #: The browser's id, if its record could not be read.
    _unreadable: str | None = None
    #: The cookie of the session that ended, with the attributes that the browser has.
    _ended_cookie: SessionCookie | None = None
    #: The Set-Cookie line of an earlier save, which a later one replaces.
    _sent_line: str | None = None
    #: A method has raised an error that the end of the request need not raise again.
    _told = False
    _is_locked = False

    def __init__(self, settings: Settings, request: RequestInfo, sid: str | None = None) -> None:
        self._settings = settings
        self._request = request
        #: The id that the browser sent and we signed. Found with the first use.
        self._sent_id: str | None = sid

    @property
    def id(self) -> str:
        self.accessed = True
        return self._checked_out().id

    @property
    def new(self) -> bool:  # type: ignore[override] # an attribute in Flask
        self.accessed = True
        return self._reads_empty or self._checked_out().draft.found is None

    @property
    def modified(self) -> bool:
        return self._copy is not None and self._copy.draft.is_modified

    @modified.setter
    def modified(self, value: bool) -> None:
        self._checked_out().draft.forced = value

    @property
    def cookie(self) -> SessionCookie:
        self.accessed = True
        if self._reads_empty:
            return SessionCookie(self._request.cookie_options(), self._settings.clock)
        return self._checked_out().draft.cookie

    def clear(self) -> None:
        super().clear()
        self._checked_out().draft.cleared = True

    def regenerate(self, *, keep_data: bool = False) -> None:
        self._note_new_id(self._checked_out().change_id() if keep_data else self._discard())

    def destroy(self) -> None:
        self._discard()
        self._fate = Fate.DESTROYED

    def reload(self) -> None:
        copy = self._checked_out()
        found = self._found(copy.id, self._enter().load(copy.id)) if copy.base else None
        if found is None or found.draft.is_superseded:
            raise SessionGone("The session is not in the store any more, so it was not reloaded.")
        copy.become(found)
        self._assigned = self._told = False

    def save(self) -> None:
        copy = self._checked_out()
        try:
            with self._telling():
                self._save(copy)
        except SessionSuperseded:
            self._stage = Stage.FAILED  # its record is gone, and must not be made again
            raise
        self._told = False

    def touch(self) -> None:
        self.cookie.reset_max_age()
        self._checked_out().touched = True

    def unset(self) -> None:
        self._checked_out()
        self._fate = Fate.UNSET

    def lock(self, *, timeout: float = 5.0, ttl: float = 30.0) -> AbstractContextManager[None]:
        return lock(self, timeout=timeout, ttl=ttl)

    @property
    def _data(self) -> dict[str, Any]:
        try:
            copy = self._copy or self._checked_out()
        except StoreError as failure:
            if self._settings.config.store_error == "raise":
                raise
            return NoData(failure)
        return copy.draft.data

    @property
    def _state(self) -> str:
        copy = self._copy
        if copy is None:
            failed = self._store is not None and self._store.failure is not None
            return "unavailable: the store failed" if failed else "unread"
        # Enough to tell two ids apart, and worth nothing to a thief.
        mark = sha256(copy.id.encode()).hexdigest()[:4]
        origin = "new" if copy.draft.found is None else "found"
        reason = f": {self._why_empty(copy)}" if not copy.draft.data else ""
        return f"{origin}, id #{mark}, {len(copy.draft.data)} keys{reason}"

    def _why_empty(self, copy: WorkingCopy) -> str:
        if copy.draft.found is not None or copy.draft.cleared:
            return "emptied or stored empty"
        if self._fate is Fate.DESTROYED or copy.regenerated:
            return "ended in this request"
        if self._unreadable is not None:
            return "the stored record is unreadable"
        if self._sent_id is not None:
            return "the cookie's session is not in the store"
        if self._settings.config.cookie_name in self._request.cookie_header:
            return "the cookie is not signed with a known secret"
        return "the browser sent no cookie"

    @property
    def _permanent_lifetime(self) -> float:
        return self._settings.config.permanent_lifetime / 1000

    def _checked_out(self) -> WorkingCopy:
        """Return the working copy. The first use finds what the browser's cookie stands for."""
        if self._copy is not None:
            return self._copy
        store, sid = self._enter(), self._sent_id
        try:
            found = None if sid is None else self._found(sid, store.load(sid))
        except PayloadError as error:
            logger.error("A stored session is unreadable and counts as absent: %s", error)
            self._unreadable = sid
            found = None
        if found is None:
            return self._begin()
        self._copy = found
        self._notify(signals.session_loaded)
        return found

    def _enter(self) -> RequestStore:
        """Return the way to the store, after finding the browser's id. No store call."""
        if self._store is None:
            settings = self._settings
            if self._sent_id is None:
                header, name = self._request.cookie_header, settings.config.cookie_name
                self._sent_id = settings.signer().find(header, name)
            self._store = RequestStore(settings)
        return self._store

    def _found(self, sid: str, record: Record | None) -> WorkingCopy | None:
        """Return what the store has under an id; None if nothing can be read any more.

        :raises PayloadError: if the record is not a session.
        """
        if record is None:
            return None
        draft = Draft.of(self._settings, record)
        if draft.superseded_until is not None and draft.is_over:
            return None
        return self._working_copy(sid, draft, record)

    def _begin(self) -> WorkingCopy:
        """Start a new, empty session. No store call."""
        draft = Draft.new(self._settings, self._request.cookie_options())
        self._copy = self._working_copy(self._request.generate_id(), draft)
        return self._copy

    def _working_copy(self, sid: str, draft: Draft, base: Record | None = None) -> WorkingCopy:
        return WorkingCopy(
            self._settings, self._enter(), self._request.generate_id, sid, draft, base
        )

    def _discard(self) -> str | None:
        """Remove the record now and begin anew; return the id that ended, if any."""
        store = self._enter()
        if self._copy is None:
            # Deleting needs no reading: whatever the browser's id stands for, it ends.
            ended = self._sent_id
        else:
            # The first one's attributes are those that the browser has.
            self._ended_cookie = self._ended_cookie or self._copy.draft.cookie
            ended = self._copy.stored_id or self._unreadable
        if ended is not None and store.delete(ended):
            self._notify(signals.session_destroyed, id=ended)
        self._unreadable = None
        self._begin()
        return ended

    def _save(self, copy: WorkingCopy) -> None:
        body = copy.draft.dump()
        if copy.base is None and self._stage is Stage.SETTLED:
            raise SessionError(
                "A new session cannot be saved once its response has been made: no cookie"
                " could carry its id. Write to the session before the response starts."
            )
        is_new, policy = copy.stored_id is None, self._settings.config.policy
        if not stores_on_save(is_new=is_new, is_empty=body == EMPTY, policy=policy):
            return
        copy.write(body, self._notify)
        copy.draft.note_saved()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Remember what the application learns from a method: the end of the request is silent."""
        try:
            yield
        except (SessionConflict, SessionSerializationError):
            self._told = True
            raise

    @property
    def _may_be_saved(self) -> bool:
        return self._stage is not Stage.FAILED and self._fate is not Fate.UNSET

    def _fail(self) -> None:
        self._stage = Stage.FAILED

    def _drop(self) -> None:
        """Let go of a session that was ended elsewhere; nothing brings it back."""
        self._tell_of_the_end()
        self._begin()
        self._stage = Stage.FAILED

    def _tell_of_the_end(self) -> None:
        logger.info("A session ended while a request used it; the request's changes are dropped.")
        self._notify(signals.session_conflict, outcome="gone")

    @property
    def _reads_empty(self) -> bool:
        """Whether the store failed and the application would rather have nothing."""
        if self._copy is not None or self._settings.config.store_error == "raise":
            return False
        with suppress(StoreError):
            self._checked_out()
        return self._copy is None

    def _note_change(self) -> None:
        copy = self._checked_out()
        self._assigned = True
        draft, ends_with_clear = copy.draft, self._settings.config.policy.destroy_empty
        if draft.cleared and draft.data and copy.base is not None and ends_with_clear:
            self._note_new_id(copy.change_id())
        if self._stage is Stage.SETTLED:
            logger.warning(
                "The session was changed after its response had been made. Call"
                " session.save() after such a change, or it is lost."
            )

    def _note_new_id(self, old_id: str | None) -> None:
        self._checked_out().regenerated = True
        self._notify(signals.session_regenerated, old_id=old_id)

    def _notify(self, signal: Signal, /, **values: object) -> None:
        if signal.receivers:
            self._settings.notify(signal, session=self, **values)


class NoData(dict[str, Any]):
    """The data of a session whose store failed, if SESSION_STORE_ERROR is "null".

    Empty, as Flask's null session is. Every change raises the store's failure: nothing that
    is written here could be kept.
    """

    def __init__(self, failure: StoreError) -> None:
        super().__init__()
        self._failure = failure

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise self._failure

    __setitem__: Any = _refuse
    __delitem__: Any = _refuse
    __ior__: Any = _refuse
    clear: Any = _refuse
    pop: Any = _refuse
    popitem: Any = _refuse
    setdefault: Any = _refuse
    update: Any = _refuse
