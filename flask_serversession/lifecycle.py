"""One session during one request: how it is found, changed, written and ended.

Nothing here knows HTTP: what must be known of the request is asked of a
:class:`~.rules.Visit`.
"""

from __future__ import annotations

import logging
from typing import Any

from . import signals
from .content import Content
from .cookie import SessionCookie
from .document import EMPTY
from .errors import PayloadError
from .errors import SessionConflict
from .errors import SessionError
from .errors import SessionGone
from .errors import SessionSerializationError
from .policy import CookieAction
from .policy import decide
from .policy import Facts
from .policy import StoreAction
from .rules import Rules
from .rules import Visit
from .session import Session
from .slot import Slot
from .stores.base import epoch_milliseconds
from .stores.base import from_epoch_milliseconds
from .stores.base import Record

logger = logging.getLogger(__package__)

#: How often a generated id may be taken before the generator is to blame.
CREATE_ATTEMPTS = 3


class ManagedSession(Session):
    """The :class:`~.session.Session` that the manager makes: a content in a slot."""

    #: The Set-Cookie line of an earlier commit, which a later one replaces.
    sent_line: str | None = None

    _id: str
    _sent_id: str | None
    _content: Content
    _slot: Slot

    #: The browser's id is known; the content is; the response has been settled.
    _entered = _loaded = _committed = False
    #: The data as an explicit save wrote them.
    _saved: bytes | None = None
    #: The browser's id, if its record could not be read.
    _unreadable: str | None = None
    #: The id whose record ends once the new one is stored.
    _retired: str | None = None
    _ended_cookie: SessionCookie | None = None
    #: An explicit save failed, and the application knows.
    _told = False
    _broken = _has_changed = _regenerated = _ended = _unset = _touched = False

    def __init__(self, rules: Rules, visit: Visit) -> None:
        self._rules = rules
        self._visit = visit

    @property
    def id(self) -> str:
        self.accessed = True
        self.load()
        return self._id

    @property
    def new(self) -> bool:  # type: ignore[override] # an attribute in Flask
        self.accessed = True
        self.load()
        return self._content.original is None

    @property
    def modified(self) -> bool:
        return self._loaded and self._content.differs(self._content.dump())

    @modified.setter
    def modified(self, value: bool) -> None:
        self.load()
        self._content.forced = value

    @property
    def cookie(self) -> SessionCookie:
        self.accessed = True
        self.load()
        return self._content.cookie

    @property
    def cookie_to_clear(self) -> SessionCookie:
        """The attributes that the browser's cookie was set with."""
        self.load()
        return self._ended_cookie or self._content.cookie

    def load(self) -> None:
        """Find out, once, what the browser's cookie stands for: at most one store call."""
        if self._loaded:
            return
        sent = self._enter()
        if sent is None or not self._resume(sent):
            self._begin()
            return
        self._rules.notify(signals.session_loaded, session=self)

    def regenerate(self, *, keep_data: bool = False) -> None:
        old_id = self._change_id() if keep_data else self._discard()
        self._regenerated = True
        self._rules.notify(signals.session_regenerated, session=self, old_id=old_id)

    def destroy(self) -> None:
        self._discard()
        self._ended = True

    def reload(self) -> None:
        self.load()
        known = self._slot.record
        record = self._slot.load(self._id) if known else None
        if record is None:
            # Still the one to replace: a later write is then refused, and brings nothing back.
            self._slot.record = known
            raise SessionGone("The session is not in the store any more, so it was not reloaded.")
        if self._saved is not None:
            self._has_changed = self._content.differs(self._saved)
        self._content = Content.of(record, self._rules)
        self._saved = self._content.dump() if self._saved is not None else None

    def save(self) -> None:
        try:
            self._save()
        except (SessionConflict, SessionSerializationError):
            self._told = True
            raise
        self._told = False

    def _save(self) -> None:
        self.load()
        body = self._content.dump()
        if self._slot.record is None and not self._may_be_created(body):
            return
        known = self._slot.record
        if not self._write(body):
            self._slot.record = known  # as in reload
            raise SessionGone("The session was ended elsewhere, so it was not saved.")
        if not self._end_retired():
            self._broken = True  # as in _settle
            raise SessionGone("The session was ended elsewhere, so it was not saved.")
        self._saved = self._content.dump()
        self._content.settled()

    def touch(self) -> None:
        self.cookie.reset_max_age()
        self._touched = True

    def unset(self) -> None:
        self.load()
        self._unset = True

    def commit(self) -> CookieAction:
        """Settle it: at most one call to the store, and what to do to the cookie.

        A session nobody looked at costs nothing. One that failed, by its store or by a
        value that cannot be stored, is left alone, and so is the browser's cookie: an
        outage logs nobody out.
        """
        ignored = not (self._entered or self._rules.policy.needs_every_session)
        failed = self._broken or (self._entered and self._slot.failure is not None)
        if ignored or failed:
            self._committed = True
            return CookieAction.NONE
        try:
            return self._settle()
        except (SessionConflict, SessionSerializationError):
            self._broken = True
            if not self._told:
                raise
            # The view had it from save() and answered; its answer goes out.
            logger.info("A session was not stored: the application knows from session.save().")
            return CookieAction.NONE
        except Exception:
            self._broken = True
            raise

    def _settle(self) -> CookieAction:
        self.load()
        body = self._content.dump()
        action, cookie = decide(self._facts(body), self._rules.policy)
        if not self._carry_out(action, body):
            self._drop()
            return CookieAction.CLEAR if self._rules.policy.clear_cookie else CookieAction.NONE
        if action is StoreAction.WRITE and not self._end_retired():
            # Of two logins at once the other's response carries the cookie to keep.
            self._drop()
            return CookieAction.NONE
        self._committed = True
        if cookie is CookieAction.SET:
            self._content.cookie.reset_max_age()
            if not self._may_travel(self._content.cookie, self._visit.is_secure):
                return CookieAction.NONE
        return cookie

    def _facts(self, body: bytes) -> Facts:
        content = self._content
        return Facts(
            sent=self._sent_id == self._id,
            cookie_sent=self._sent_id is not None or self.sent_line is not None,
            loaded=content.original is not None,
            regenerated=self._regenerated,
            changed=self._has_changed or content.differs(body),
            saved=None if self._saved is None else self._saved == body and not content.forced,
            empty=not content.values,
            cookie_changed=content.cookie_changed,
            cookie_unsaved=content.cookie_unsaved,
            expires=content.cookie.has_expiry,
            stale=self._touched or self._is_stale(),
            used=self.accessed,
            ended=self._ended and not content.values,
            unset=self._unset,
        )

    def _carry_out(self, action: StoreAction, body: bytes) -> bool:
        """Do it; False if the session turned out to be gone."""
        if action is StoreAction.NONE:
            return True
        if action is StoreAction.DESTROY:
            self._discard()
            return True
        self._content.cookie.reset_max_age()
        return self._write(body) if action is StoreAction.WRITE else self._extend()

    def _enter(self) -> str | None:
        """Learn the browser's id, with no call to the store; raise if that failed before."""
        if self._entered:
            self._slot.raise_failure()
            return self._sent_id
        self._sent_id = self._visit.sent_id()
        self._slot = Slot(self._rules.store, self._rules.concurrency, self._rules.report)
        self._entered = True
        return self._sent_id

    def _begin(self) -> None:
        self._id = self._visit.generate_id()
        self._content = Content(self._rules, self._visit.cookie_options)
        self._saved = None
        self._loaded = True

    def _resume(self, sid: str) -> bool:
        """Take over the record of an id; False if there is none that can be read."""
        try:
            record = self._slot.load(sid)
            if record is None:
                return False
            self._content = Content.of(record, self._rules)
        except PayloadError as error:
            logger.error("A stored session is unreadable and counts as absent: %s", error)
            self._slot.record = None
            self._unreadable = sid
            return False
        self._id = sid
        self._loaded = True
        return True

    def _discard(self) -> str | None:
        """Remove the record now and begin anew; return the id that ended, if any."""
        if not self._loaded:
            # Deleting needs no reading: whatever the browser's id stands for, it ends.
            ended = self._enter()
        else:
            # The first one's attributes are those that the browser has.
            self._ended_cookie = self._ended_cookie or self._content.cookie
            ended = self._id if self._slot.record else self._retired or self._unreadable
        if ended is not None and self._slot.delete(ended):
            self._rules.notify(signals.session_destroyed, session=self, id=ended)
        self._slot.record = self._retired = self._unreadable = None
        self._begin()
        return ended

    def _change_id(self) -> str | None:
        """Take a new id and keep the old record until the new one is stored."""
        self.load()
        if self._slot.record is not None:
            self._retired = self._id
            self._slot.record = None
        self._id = self._visit.generate_id()
        self._saved = None
        return self._retired

    def _end_retired(self) -> bool:
        """End the record of the id given up; False if somebody ended it already.

        Then the session was logged out or regenerated while this request ran, and the
        new record must not outlive that.
        """
        if self._retired is None:
            return True
        if self._slot.delete(self._retired):
            self._rules.notify(signals.session_destroyed, session=self, id=self._retired)
            self._retired = None
            return True
        self._slot.delete(self._id)
        return False

    def _write(self, body: bytes) -> bool:
        known = self._slot.record
        if known is None:
            self._create(body)
            return True
        record = self._content.record(body)
        replaced = self._slot.replace(self._id, known, record, self._rebase)
        if replaced:
            self._rules.notify(signals.session_saved, session=self)
        return replaced

    def _create(self, body: bytes) -> None:
        record = self._content.record(body)
        for _ in range(CREATE_ATTEMPTS):
            if self._slot.create(self._id, record):
                self._rules.notify(signals.session_created, session=self)
                return
            self._id = self._visit.generate_id()
        raise SessionError(
            f"SESSION_GENID gave {CREATE_ATTEMPTS} ids that are taken. It must return a fresh"
            " random id each time, such as secrets.token_urlsafe(24)."
        )

    def _extend(self) -> bool:
        ends = from_epoch_milliseconds(self._content.cookie.expires_at(self._rules.idle_timeout))
        touched = self._slot.touch(self._id, ends)
        if touched:
            self._rules.notify(signals.session_touched, session=self)
        return touched

    def _rebase(self, base: bytes, theirs: bytes) -> Record:
        if self._rules.concurrency == "reject":
            self._rules.notify(signals.session_conflict, session=self, outcome="rejected")
            raise SessionConflict(
                "The session was changed by another request, and SESSION_CONCURRENCY is"
                " 'reject': this request's changes were not stored."
            )
        record = self._content.rebase(base, theirs)
        self._rules.notify(signals.session_conflict, session=self, outcome="merged")
        return record

    def _drop(self) -> None:
        """Let go of a session that was ended elsewhere; nothing brings it back."""
        logger.info("A session ended while a request used it; the request's changes are dropped.")
        self._rules.notify(signals.session_conflict, session=self, outcome="gone")
        self._ended_cookie = self._content.cookie
        self._slot.record = self._retired = None
        self._begin()
        self._ended = self._committed = True

    def _may_be_created(self, body: bytes) -> bool:
        if self._committed:
            raise SessionError(
                "A new session cannot be saved once its response has been made: no cookie"
                " could carry its id. Write to the session before the response starts."
            )
        return body != EMPTY or not self._rules.policy.destroy_empty

    def _is_stale(self) -> bool:
        record = self._slot.record
        if record is None or record.expires_at is None:
            return True
        lifetime = self._content.lifetime
        left = epoch_milliseconds(record.expires_at) - self._rules.clock()
        # More life than it should have is as stale: the configuration was made stricter.
        return abs(lifetime - left) >= self._rules.interval_for(lifetime)

    @property
    def _data(self) -> dict[str, Any]:
        self.load()
        return self._content.values

    @property
    def _permanent_lifetime(self) -> float:
        return self._rules.permanent_lifetime / 1000

    def _note_change(self) -> None:
        self._content.assigned = True
        if self._committed:
            logger.warning(
                "The session was changed after its response had been made. Call"
                " session.save() after such a change, or it is lost."
            )
