"""``StoredSession``: a session in a store, loaded on first use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import suppress
from enum import Enum
from typing import Any
from typing import NoReturn
from weakref import finalize

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
from ..log import logger
from ..log import QuietLog
from ..stores.base import Record
from .base import Session
from .draft import Draft
from .locking import lock
from .policy import stores_on_save
from .request_store import RequestStore
from .settings import RequestInfo
from .settings import Settings
from .working_copy import WorkingCopy

_LOST = (
    "A session was changed after its response had been made, and the change is lost. Call"
    " session.save() after such a change."
)


class Fate(Enum):
    """What becomes of a session when it is settled."""

    #: What its data call for.
    KEPT = "kept"
    DESTROYED = "destroyed"
    UNSET = "unset"
    #: It could not be stored. It is left alone, as is the browser's cookie.
    FAILED = "failed"


class StoredSession(Session):
    """The session of one request. Its first use loads it, with one store call at most.

    :mod:`.settle` and :mod:`.locking` are parts of this class in files of their own.

    :param sid: the id of the session; None for the one that the request's cookie names.
    """

    accessed: bool
    _fate = Fate.KEPT
    #: Its response has been made: no cookie can carry a new id any more.
    _is_settled = False
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
    #: The application knows of an error, which :func:`~.settle.settle` does not raise again.
    _told = False
    _is_locked = False
    #: Logs, when this session is dropped, that changes after its response were not saved.
    _loss: finalize[..., StoredSession] | None = None

    def __init__(self, settings: Settings, request: RequestInfo, sid: str | None = None) -> None:
        self._settings = settings
        self._request = request
        #: The signed id in the request's cookie. The first use looks for it.
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
        self._checked_out().draft.cleared = self._settings.config.policy.destroy_empty

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
        self._told = False

    def save(self) -> None:
        copy = self._checked_out()
        if self._loss is not None:
            self._loss.detach()
            self._loss = None
        try:
            with self._telling():
                self._save(copy)
        except SessionSuperseded:
            self._fail()  # its record is gone, and must not be made again
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
            if self._raises_failures:
                raise
            return NoData(failure)
        return copy.draft.data

    @property
    def _permanent_lifetime(self) -> float:
        return self._settings.config.permanent_lifetime / 1000

    @property
    def _log(self) -> QuietLog:
        return self._settings.log

    def _checked_out(self) -> WorkingCopy:
        """Return the working copy. The first call loads what the cookie names, if anything."""
        if self._copy is not None:
            return self._copy
        store, sid = self._enter(), self._sent_id
        try:
            found = None if sid is None else self._found(sid, store.load(sid))
        except PayloadError as error:
            self._log.error("A stored session is unreadable and is treated as absent: %s", error)
            self._unreadable = sid
            found = None
        if found is None:
            return self._begin()
        self._copy = found
        self._notify(signals.session_loaded)
        return found

    def _enter(self) -> RequestStore:
        """Return the request's store. The first call looks for the cookie; none loads."""
        if self._store is None:
            settings = self._settings
            if self._sent_id is None:
                header, name = self._request.cookie_header, settings.config.cookie_name
                self._sent_id = settings.signer().find(header, name)
            self._store = RequestStore(settings)
        return self._store

    def _found(self, sid: str, record: Record | None) -> WorkingCopy | None:
        """Return the working copy of a record; None if it is absent or superseded for good.

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
        """Delete the record and begin a new session; return the old id, if there was one."""
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
        if copy.base is None and self._is_settled:
            raise SessionError(
                "A new session cannot be saved once its response has been made: no cookie"
                " could carry its id. Write to the session before the response starts."
            )
        stores = stores_on_save(
            is_new=copy.stored_id is None,
            is_empty=body == EMPTY,
            ended=self._fate is Fate.DESTROYED,
            policy=self._settings.config.policy,
        )
        if not stores:
            return
        copy.write(body, self._notify)
        copy.draft.note_saved()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Note that the application sees an error, which settling need not raise again."""
        try:
            yield
        except (SessionConflict, SessionSerializationError):
            self._told = True
            raise

    @property
    def _may_be_saved(self) -> bool:
        return self._fate not in (Fate.UNSET, Fate.FAILED)

    def _fail(self) -> None:
        self._fate = Fate.FAILED

    def _drop(self) -> None:
        """Give up a session that another request ended. Nothing stores it again."""
        self._tell_of_the_end()
        self._begin()
        self._fail()

    def _tell_of_the_end(self) -> None:
        logger.info("A session ended while a request used it; the request's changes are dropped.")
        self._notify(signals.session_conflict, outcome="gone")

    @property
    def _reads_empty(self) -> bool:
        """Whether the store failed and the session reads as empty instead of raising that."""
        if self._copy is not None or self._raises_failures:
            return False
        with suppress(StoreError):
            self._checked_out()
        return self._copy is None

    @property
    def _raises_failures(self) -> bool:
        return self._settings.config.store_error == "raise" and not self._told

    def _note_change(self) -> None:
        copy = self._checked_out()
        copy.draft.assigned = True
        if copy.draft.cleared and copy.draft.data and copy.base is not None:
            self._note_new_id(copy.change_id())
        if self._is_settled and self._loss is None:
            # A stream may still save it. Without its session nothing can.
            self._loss = finalize(self, self._log.warn, _LOST)

    def _note_new_id(self, old_id: str | None) -> None:
        self._checked_out().regenerated = True
        self._notify(signals.session_regenerated, old_id=old_id)

    def _notify(self, signal: Signal, /, **values: object) -> None:
        if signal.receivers:
            self._settings.notify(signal, session=self, **values)


class NoData(dict[str, Any]):
    """The data of a session whose store failed, if SESSION_STORE_ERROR is "null".

    Empty, as Flask's null session is. Every change raises the store's failure.
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
