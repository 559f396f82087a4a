"""One session during one request: what its verbs do, and how it is settled.

Nothing here knows HTTP: what must be known of the request is asked of a
:class:`~.rules.Visit`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress

from . import signals
from .content import Content
from .cookies.cookie import SessionCookie
from .document import EMPTY
from .entry import Entry
from .errors import SessionConflict
from .errors import SessionError
from .errors import SessionGone
from .errors import SessionSerializationError
from .errors import SessionSuperseded
from .errors import StoreError
from .lazy import LazySession
from .policy import CookieAction
from .policy import decide
from .policy import Facts
from .policy import StoreAction

logger = logging.getLogger(__package__)


class ManagedSession(LazySession):
    """The :class:`~.session.Session` that the manager makes: an entry in a store."""

    #: The Set-Cookie line of an earlier commit, which a later one replaces.
    sent_line: str | None = None

    _ended_cookie: SessionCookie | None = None
    #: Its changes were refused before, and the application knows.
    _told = False
    _broken = _locked = _regenerated = _ended = _unset = _touched = False

    @property
    def cookie_to_clear(self) -> SessionCookie:
        """The attributes that the browser's cookie was set with."""
        return self._ended_cookie or self.load().content.cookie

    def regenerate(self, *, keep_data: bool = False) -> None:
        old_id = self.load().change_id() if keep_data else self._discard()
        self._regenerated = True
        self._notify(signals.session_regenerated, old_id=old_id)

    def destroy(self) -> None:
        self._discard()
        self._ended = True

    def reload(self) -> None:
        entry = self.load()
        found = self._enter().find(entry.id) if entry.record else None
        if found is None or found.content.is_retired:
            raise SessionGone("The session is not in the store any more, so it was not reloaded.")
        entry.become(found)
        self._told = False

    def save(self) -> None:
        try:
            with self._telling():
                self._save(self.load())
        except SessionSuperseded:
            self._broken = True  # its record is gone, and must not be made again
            raise
        self._told = False

    def touch(self) -> None:
        self.cookie.reset_max_age()
        self._touched = True

    def unset(self) -> None:
        self.load()
        self._unset = True

    @contextmanager
    def lock(self, *, timeout: float = 5.0, ttl: float = 30.0) -> Iterator[None]:
        entries = self._enter()
        sid = self._entry.stored_id if self._entry else entries.sent_id
        if sid is None or self._locked:
            yield  # nobody else knows a new session; and one lock is enough
            return
        with entries.slot.locked(sid, timeout=timeout, ttl=ttl) as renew:
            with self._telling():
                self._look_again()
            self._locked = True
            try:
                yield
            except BaseException:
                with suppress(SessionError, StoreError):  # the view's own error says more
                    self._save_under(renew)
                raise
            else:
                self._save_under(renew)
            finally:
                self._locked = False

    def commit(self) -> CookieAction:
        """Settle it: at most one call to the store, and what to do to the cookie.

        A session nobody looked at costs nothing. One that failed, by its store or by a
        value that cannot be stored, is left alone, and so is the browser's cookie: an
        outage logs nobody out.
        """
        ignored = self._entries is None and not self._rules.policy.needs_every_session
        if ignored or self._broken or self._failure is not None:
            self._committed = True
            return self._cookie_after_a_failure()
        try:
            return self._settle(self.load())
        except SessionSuperseded:
            # Another response carries the cookie to keep.
            self._drop()
            return CookieAction.NONE
        except SessionGone:
            self._drop()
            return CookieAction.CLEAR if self._rules.policy.clear_cookie else CookieAction.NONE
        except (SessionConflict, SessionSerializationError):
            self._broken = True
            if not self._told:
                raise
            # The view had it from save() or lock() and answered; its answer goes out.
            logger.info("A session was not stored, as the application has been told before.")
            return self._cookie_after_a_failure()
        except Exception:
            self._broken = True
            raise

    def _cookie_after_a_failure(self) -> CookieAction:
        """Leave the browser the id it has, unless that was given up for one that is stored."""
        if self._entry is None or self._entry.record is None or not self._regenerated:
            return CookieAction.NONE
        return self._send_cookie(self._entry)

    def _send_cookie(self, entry: Entry) -> CookieAction:
        may_travel = self._may_travel(entry.content.cookie, self._visit.is_secure)
        return CookieAction.SET if may_travel else CookieAction.NONE

    def _settle(self, entry: Entry) -> CookieAction:
        body = self._changed_body(entry.content)
        facts = self._facts(entry, body)
        if entry.content.is_retired and not (facts.changed or facts.regenerated):
            return CookieAction.NONE
        action, cookie = decide(facts, self._rules.policy)
        if self._is_emptied_bit_by_bit(action, entry):
            return cookie if self._end_emptied(entry) else CookieAction.NONE
        self._carry_out(action, entry, body)
        self._committed = True
        if cookie is not CookieAction.SET:
            return cookie
        entry.content.cookie.reset_max_age()
        return self._send_cookie(entry)

    def _changed_body(self, content: Content) -> bytes | None:
        """Return the data as they would be stored; None where nobody can have changed them."""
        touched = self._handed_out or content.assigned or content.forced
        return content.dump() if touched or content.saved is not None else None

    def _facts(self, entry: Entry, body: bytes | None) -> Facts:
        content = entry.content
        sent_id = self._enter().sent_id
        return Facts(
            sent=sent_id == entry.id,
            cookie_sent=sent_id is not None or self.sent_line is not None,
            loaded=content.original is not None,
            regenerated=self._regenerated,
            changed=content.has_changed(body),
            saved=content.is_saved(body),
            empty=not content.values,
            cookie_changed=content.cookie_changed,
            cookie_unsaved=content.cookie_unsaved,
            expires=content.has_expiry,
            stale=self._touched or entry.is_stale,
            used=self.accessed,
            ended=self._ended and not content.values,
            unset=self._unset,
        )

    def _carry_out(self, action: StoreAction, entry: Entry, body: bytes | None) -> None:
        if action is StoreAction.NONE:
            return
        if action is StoreAction.DESTROY:
            self._discard()
            return
        entry.content.restart()
        if action is StoreAction.WRITE:
            entry.write(entry.content.dump() if body is None else body)
            return
        try:
            entry.extend()
        except SessionGone as gone:
            # A dead cookie harms nobody, and to remove it may remove that of a login meanwhile.
            raise SessionSuperseded(str(gone)) from None
        except StoreError:
            if not self._rules.null_on_failure:  # else nothing that was asked for is lost
                raise

    def _is_emptied_bit_by_bit(self, action: StoreAction, entry: Entry) -> bool:
        # clear() and unset() mean the whole session, whatever others put in it meanwhile.
        spared = not (entry.content.cleared or self._unset)
        return action is StoreAction.DESTROY and spared and entry.record is not None

    def _end_emptied(self, entry: Entry) -> bool:
        self._committed = True
        if not entry.end_emptied():
            return False
        self._ended_cookie = self._ended_cookie or entry.content.cookie
        self._begin()
        return True

    def _discard(self) -> str | None:
        """Remove the record now and begin anew; return the id that ended, if any."""
        entries = self._enter()
        if self._entry is None:
            # Deleting needs no reading: whatever the browser's id stands for, it ends.
            ended = entries.sent_id
        else:
            # The first one's attributes are those that the browser has.
            self._ended_cookie = self._ended_cookie or self._entry.content.cookie
            ended = self._entry.stored_id or entries.unreadable
        if ended is not None and entries.slot.delete(ended):
            self._notify(signals.session_destroyed, id=ended)
        entries.unreadable = None
        self._begin()
        return ended

    def _save(self, entry: Entry) -> None:
        body = entry.content.dump()
        if entry.record is None:
            self._refuse_after_the_response()
        if entry.stored_id is None and self._is_nothing(body):
            return
        entry.write(body)
        entry.content.note_saved()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Remember what the application learns from a verb: the end of the request is silent."""
        try:
            yield
        except (SessionConflict, SessionSerializationError):
            self._told = True
            raise

    def _save_under(self, renew: Callable[[], bool]) -> None:
        """Store what changed while the lock was held, and only if it still is."""
        with self._telling():
            is_changed = self.modified or self._regenerated
        if not is_changed or self._unset or self._broken:
            return
        if self.load().content.is_retired:
            return  # what is written with an old id is dropped, when the request ends
        if not renew():
            self._broken = True
            raise SessionConflict(
                "The session's lock was lost before the changes under it were stored, so they"
                " were not. Give the lock a longer ttl, or do less under it."
            )
        self.save()

    def _look_again(self) -> None:
        """Under a new lock: what was loaded before it may be out of date.

        :raises SessionConflict: if both changed it, and that is not to be merged.
        """
        entry = self._entry
        if entry is None or entry.stored_id is None:
            return
        seen = entry.content
        is_there = entry.refresh()
        if is_there and not entry.content.is_retired:
            return
        if seen.is_modified:
            self._tell_of_the_end()
        if not is_there:
            self._begin()

    def _drop(self) -> None:
        """Let go of a session that was ended elsewhere; nothing brings it back."""
        self._tell_of_the_end()
        self._ended_cookie = self.load().content.cookie
        self._begin()
        self._ended = self._committed = True

    def _tell_of_the_end(self) -> None:
        logger.info("A session ended while a request used it; the request's changes are dropped.")
        self._notify(signals.session_conflict, outcome="gone")

    def _is_nothing(self, body: bytes) -> bool:
        return body == EMPTY and self._rules.policy.destroy_empty

    def _refuse_after_the_response(self) -> None:
        if self._committed:
            raise SessionError(
                "A new session cannot be saved once its response has been made: no cookie"
                " could carry its id. Write to the session before the response starts."
            )
