"""``StoredSession``: a session in a store, with what an application and others do to it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from enum import Enum
from functools import partial
from typing import cast
from weakref import finalize

from .. import signals
from ..cookies.cookie import SessionCookie
from ..errors import PayloadError
from ..errors import SessionConflict
from ..errors import SessionError
from ..errors import SessionGone
from ..errors import SessionLimitReached
from ..errors import SessionSerializationError
from ..errors import SessionSuperseded
from ..errors import StoreError
from ..format.serializer import EMPTY
from ..log import logger
from .adoption import forbid
from .adoption import forbid_of
from .ending import end
from .lazy import LazySession
from .limit import room_for_one
from .login import Login
from .login import MEMBER
from .users import end_all
from .working_copy import WorkingCopy

#: Why a session with a new id is not stored at the end of a WebSocket's event.
UNANSWERED = (
    "A new session, or one with a new id, cannot be saved from a WebSocket or a Socket.IO event:"
    " no response carries its cookie. Begin the session in an ordinary request."
)
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


class StoredSession(LazySession):
    """The session of one request, with the verbs that change it.

    :mod:`.settle` is a part of this class in a file of its own.
    """

    _fate = Fate.KEPT
    #: Its response has been made: no cookie can carry a new id any more.
    _is_settled = False
    #: The cookie of the session that ended, with the attributes that the browser has.
    _ended_cookie: SessionCookie | None = None
    #: The Set-Cookie line of an earlier save, which a later one replaces.
    _sent_line: str | None = None
    _is_locked = False
    #: Logs, when this session is dropped, that changes after its response were not saved.
    _loss: finalize[..., StoredSession] | None = None

    def regenerate(self, *, keep_data: bool = False) -> None:
        old_id = self._checked_out().change_id() if keep_data else self._discard("regenerate")
        cast(WorkingCopy, self._copy).regenerated = True
        self._notify(signals.session_regenerated, old_id=old_id)

    def clear(self) -> None:
        super().clear()
        draft = self._checked_out().draft
        draft.cleared = self._settings.config.policy.destroy_empty
        if draft.cleared:
            forbid(self._enter(), draft)

    def destroy(self) -> None:
        self._destroy("destroy")

    def _destroy(self, by: str) -> None:
        self._discard(by)
        self._fate = Fate.DESTROYED

    def reload(self) -> None:
        copy = self._checked_out()
        found = self._found_again(copy.id) if copy.base else None
        if found is None or found.draft.superseded:
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
            if not copy.draft.cleared:
                self._fail()  # its record is gone, and must not be made again
                raise
            self.destroy()
        self._told = False

    def touch(self) -> None:
        self.accessed = True
        copy = self._checked_out()
        copy.draft.restart()
        copy.touched = True

    def unset(self) -> None:
        self._checked_out()
        self._fate = Fate.UNSET

    @contextmanager
    def lock(self, *, timeout: float = 5.0, ttl: float = 30.0) -> Iterator[None]:
        sid = self._id_to_lock()
        if sid is None or self._is_locked:
            yield  # no other request knows a new session; a nested block needs no second lock
            return
        with self._enter().locked(sid, timeout=timeout, ttl=ttl) as renew:
            with self._telling():
                self._catch_up()
            self._is_locked = True
            try:
                yield
            except BaseException:
                with suppress(SessionError, StoreError):  # the view's own error says more
                    self._save_under(renew)
                raise
            else:
                self._save_under(renew)
            finally:
                self._is_locked = False

    def _begin_login(self, login: Login, *, keep_data: bool) -> None:
        store, is_needed = self._enter(), partial(self._will_be_stored, keep_data=keep_data)
        room = room_for_one(store, login.user_id, own=self._own_keys, is_needed=is_needed)
        try:
            with room as is_limited:
                old_id = None if keep_data else self._discard("log_in")
                self[MEMBER] = login.to_member()
                # The new id begins with the tag of the user that the data name.
                old_id = self._checked_out().change_id() or old_id
                if is_limited:
                    self.save()
        except SessionLimitReached:
            self._notify(signals.session_refused, user_id=login.user_id, handle=self.handle)
            raise
        self._notify(signals.session_regenerated, old_id=old_id)
        self._notify(signals.session_logged_in, user_id=login.user_id, handle=self.handle)

    @property
    def _is_of_a_user(self) -> bool:
        copy = self._copy
        if copy is None:
            return False
        has_ended = self._ended_cookie is not None or copy.draft.cleared
        return has_ended or Login.of(copy.draft.data) is not None

    def _end_login(self, login: Login, *, everywhere: bool) -> None:
        if everywhere:
            end_all(self._enter(), login.user_id, own=self._own_keys)
        self._notify(signals.session_logged_out, user_id=login.user_id, handle=self.handle)

    @property
    def _state(self) -> str:
        copy = self._copy
        if copy is None:
            failed = self._store is not None and self._store.failure is not None
            return "unavailable: the store failed" if failed else "unread"
        origin = "new" if copy.draft.found is None else "found"
        reason = f": {self._why_empty(copy)}" if not copy.draft.data else ""
        handle = self._settings.handle_of(copy.id)
        return f"{origin}, {handle}, {len(copy.draft.data)} keys{reason}"

    def _why_empty(self, copy: WorkingCopy) -> str:
        if copy.draft.found is not None or copy.draft.cleared:
            return "emptied or stored empty"
        if self._fate is Fate.DESTROYED or copy.regenerated:
            return "ended in this request"
        return self._sent.why_new(self._request, self._settings)

    def _discard(self, by: str) -> str | None:
        """Delete the record and begin a new session; return the old id, if there was one.

        :param by: the reason, for the log and receivers.
        """
        store, known = self._enter(), None
        if self._settings.formers:
            forbid(store, self._checked_out().draft)
        if self._copy is None:
            # Whatever the browser's id stands for, it ends.
            old_id = self._sent.used
        else:
            # The first one's attributes are those that the browser has.
            self._ended_cookie = self._ended_cookie or self._copy.draft.cookie
            old_id, known = self._copy.stored or (self._sent.unreadable, None)
        ended = None if old_id is None else end(store, old_id, known)
        if ended is not None:
            self._notify(signals.session_destroyed, id=ended, by=by)
        self._sent.unreadable = None
        self._end_others(by)
        self._begin()
        return old_id

    def _end_others(self, by: str) -> None:
        """Delete the other sessions that the cookies name: one of them would be the next."""
        store = self._enter()
        for sid in self._sent.take_others():
            forbid_of(store, sid)
            ended = end(store, sid)
            if ended is not None:
                self._notify(signals.session_destroyed, id=ended, by=by)

    def _save(self, copy: WorkingCopy) -> None:
        body = copy.draft.dump()
        if copy.base is None:
            self._refuse_a_lost_id()
        is_new = copy.stored_id is None
        if is_new and body == EMPTY and self._fate is Fate.DESTROYED:
            return  # nothing is left to store, and its cookie is removed
        if self._peeks:
            copy.keeps_end = True
        copy.write(body, self._notify)
        copy.draft.note_saved()

    def _refuse_a_lost_id(self) -> None:
        if self._is_settled:
            raise SessionError(
                "A new session cannot be saved once its response has been made: no cookie"
                " could carry its id. Write to the session before the response starts."
            )
        if not self._request.is_answered():
            raise SessionError(UNANSWERED)

    def _will_be_stored(self, *, keep_data: bool) -> bool:
        """Return False for a login in a session that others ended or gave a new id.

        :raises SessionError: if the login cannot be stored.
        """
        self._refuse_a_lost_id()
        copy = self._checked_out()
        if not keep_data or copy.draft.cleared:
            return True
        copy.draft.record(copy.draft.dump())
        if copy.stored is None:
            return True
        found = self._found_again(copy.stored.id)
        return found is not None and not found.draft.superseded

    def _id_to_lock(self) -> str | None:
        self._enter()
        # With several cookies, only the store tells which session is to be locked.
        copy = self._checked_out() if len(self._sent.secrets) > 1 else self._copy
        return copy.stored_id if copy else self._sent.used

    def _catch_up(self) -> None:
        """Catch up with what was stored since the session was loaded.

        :raises SessionConflict: if both sides changed it, and the two are not merged.
        """
        copy = self._copy
        if copy is None or copy.stored_id is None:
            return
        seen = copy.draft
        try:
            is_there = copy.refresh(self._notify)
        except PayloadError:
            is_there = False
        if is_there and copy.draft is seen:
            return
        if seen.is_modified:
            self._tell_of_the_end()
        if not is_there:
            self._begin()

    def _save_under(self, renew: Callable[[], bool]) -> None:
        """Store the changes, if the lock is still held."""
        copy = self._copy
        if copy is None:
            return
        with self._telling():
            is_changed = copy.draft.is_modified or copy.regenerated
        if not is_changed or self._fate in (Fate.UNSET, Fate.FAILED):
            return
        if copy.draft.superseded:
            return  # what is written under an old id is dropped when the request ends
        if not renew():
            self._fail()
            raise SessionConflict(
                "The session's lock was lost before the changes under it were stored, so they"
                " were not. Give the lock a longer ttl, or do less under it."
            )
        self.save()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Note that the application sees an error, which settling need not raise again."""
        try:
            yield
        except (SessionConflict, SessionSerializationError):
            self._told = True
            raise

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

    def _note_change(self) -> None:
        copy = self._checked_out()
        draft = copy.draft
        draft.assigned = True
        if draft.cleared and draft.data:
            draft.superseded = None  # the new session is not superseded
            if copy.base is not None:
                self._notify(signals.session_regenerated, old_id=copy.change_id())
        if self._is_settled and self._loss is None:
            # A stream may still save it. Without its session nothing can.
            self._loss = finalize(self, self._settings.log.warn, _LOST)
