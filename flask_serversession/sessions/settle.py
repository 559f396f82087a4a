"""The end of a request: gather the facts, decide, act."""

from __future__ import annotations

from ..cookies.cookie import SessionCookie
from ..errors import SessionConflict
from ..errors import SessionGone
from ..errors import SessionSerializationError
from ..errors import SessionTooLarge
from ..errors import StoreError
from ..errors import StoreUnavailable
from ..log import logger
from .adoption import forbid
from .policy import CookieAction
from .policy import decide
from .policy import decide_after_a_failure
from .policy import Facts
from .policy import StoreAction
from .stored import Fate
from .stored import StoredSession
from .stored import UNANSWERED
from .working_copy import WorkingCopy


def settle(session: StoredSession) -> CookieAction:
    """Carry out what is decided about a session; return what to do to its cookie.

    A session that was not used costs no store call. One whose store failed, or that holds a
    value that cannot be stored, is left alone, as is the browser's cookie.
    """
    session._is_settled = True
    if session._store is not None and session._store.failure is not None:
        session._store.forget_traceback()
        session._fail()
    if session._copy is None and not session._settings.config.policy.needs_every_session:
        return CookieAction.NONE
    if session._fate is Fate.FAILED:
        return _leave_alone(session)
    try:
        copy = session._copy or session._checked_out()
        body = _changed_body(session, copy)
        policy = session._settings.config.policy
        if session._peeks:
            policy = policy._replace(resave=False, rolling=False, touch="accessed")
            copy.keeps_end = True
        store, cookie = decide(_facts(session, copy, body), policy)
        if (store is not StoreAction.NONE or cookie is CookieAction.SET) and not copy.keeps_end:
            copy.draft.restart()
        if store is not StoreAction.NONE and not _carry_out(session, copy, store, body):
            cookie = CookieAction.NONE
    except Exception as error:
        return _leave_alone_after(session, error)
    return _send_cookie(session, copy) if cookie is CookieAction.SET else cookie


def cookie_to_clear(session: StoredSession) -> SessionCookie:
    """Return the cookie that ended, with the attributes that the browser knows it by."""
    return session._ended_cookie or session._checked_out().draft.cookie


def preload(session: StoredSession) -> None:
    """Load a session before its view, for policies that need every session.

    A failure here reaches the application's error handlers. A failure in ``save_session``
    reaches only its handler of status 500.
    """
    if not session._reads_empty:
        session._checked_out()


def _changed_body(session: StoredSession, copy: WorkingCopy) -> bytes | None:
    """Return the data as they would be stored; None if they cannot have changed."""
    if session._fate is Fate.UNSET:
        return None  # whatever changed is dropped
    draft = copy.draft
    may_differ = session._handed_out or draft.assigned or draft.forced
    return draft.dump() if may_differ or draft.saved is not None else None


def _facts(session: StoredSession, copy: WorkingCopy, body: bytes | None) -> Facts:
    draft, cookie = copy.draft, copy.draft.cookie.settings
    return Facts(
        # SESSION_GENID may return the browser's own id again; the write then takes another.
        sent=session._sent.used == copy.id and not copy.regenerated,
        cookie_sent=session._sent.used is not None or session._sent_line is not None,
        loaded=draft.found is not None,
        regenerated=copy.regenerated,
        changed=draft.had_changed or (body is not None and draft.differs(body)),
        saved=None if draft.saved is None else draft.is_saved(body),
        empty=not draft.data,
        cookie_changed=cookie != draft.cookie_found,
        cookie_unsaved=cookie != draft.cookie_stored,
        expires=draft.cookie.has_expiry,
        stale=copy.touched or (not session._peeks and draft.is_stale(copy.base)),
        used=session.accessed,
        ended=session._fate is Fate.DESTROYED and not draft.data,
        unset=session._fate is Fate.UNSET,
        stored=copy.base is not None,
        cleared=draft.cleared,
        superseded=draft.superseded is not None,
        outdated=draft.cookie.is_renewed or session._sent.secrets.get(copy.id, 0) > 0,
    )


def _carry_out(
    session: StoredSession, copy: WorkingCopy, action: StoreAction, body: bytes | None
) -> bool:
    """Carry out a store action; return False if the browser's cookie is to be left alone."""
    if action is StoreAction.DROP:
        session._drop()
    elif action is StoreAction.DESTROY:
        session._discard("unset" if session._fate is Fate.UNSET else "clear")
    elif action is StoreAction.DESTROY_UNLESS_CHANGED:
        return _end_unless_changed(session, copy)
    elif action is StoreAction.WRITE:
        if copy.base is None and not session._request.is_answered():
            session._settings.log.warn(UNANSWERED)
            if copy.draft.cleared:
                session._discard("clear")  # the old session ends all the same
            session._fail()
            return False
        copy.write(copy.draft.dump() if body is None else body, session._notify)
    else:
        _extend(session, copy)
    return True


def _end_unless_changed(session: StoredSession, copy: WorkingCopy) -> bool:
    if not copy.end_unless_changed(session._notify):
        return False
    session._ended_cookie = session._ended_cookie or copy.draft.cookie
    forbid(copy.store, copy.draft)
    session._end_others("clear")
    session._begin()
    return True


def _extend(session: StoredSession, copy: WorkingCopy) -> None:
    try:
        copy.extend(session._notify)
    except StoreError as error:
        # Nothing that was asked for is lost if the store can be read and not written: the
        # session only expires earlier.
        can_be_read = isinstance(error, StoreUnavailable) and error.is_read_only
        is_lost = copy.touched or not can_be_read
        if is_lost and session._settings.config.store_error == "raise":
            raise
        copy.store.forget_traceback()


def _leave_alone_after(session: StoredSession, error: Exception) -> CookieAction:
    """Return what to do to the cookie after an error; raise it if the application must see it."""
    if isinstance(error, SessionGone):
        # Another request ended the session. The browser's cookie may be a newer login's.
        session._drop()
        return CookieAction.NONE
    session._fail()
    if session._copy is not None and _is_harmless(session._copy, error):
        return CookieAction.NONE
    if session._told and isinstance(error, (SessionConflict, SessionSerializationError)):
        # save() or lock() raised it in the view, which has answered.
        logger.info("A session was not stored. The application has seen the error before.")
        return _leave_alone(session)
    raise error


def _is_harmless(copy: WorkingCopy, error: Exception) -> bool:
    """Return whether all that was not stored is what the configuration changed of the cookie.

    The next request tries that again.
    """
    is_read_only = isinstance(error, StoreUnavailable) and error.is_read_only
    if not is_read_only and not isinstance(error, (SessionConflict, SessionTooLarge)):
        return False
    draft = copy.draft
    is_asked_for = copy.regenerated or draft.cookie.settings != draft.cookie_found
    return draft.cookie_stored is None and not is_asked_for and not draft.is_modified


def _leave_alone(session: StoredSession) -> CookieAction:
    copy = session._copy
    if copy is None:
        return CookieAction.NONE
    is_stored = copy.base is not None
    action = decide_after_a_failure(regenerated=copy.regenerated, stored=is_stored)
    return _send_cookie(session, copy) if action is CookieAction.SET else action


def _send_cookie(session: StoredSession, copy: WorkingCopy) -> CookieAction:
    may_travel = session._may_travel(copy.draft.cookie)
    return CookieAction.SET if may_travel else CookieAction.NONE
