"""What happens to a session at the end of a request: express-session's truth table.

:func:`decide` is pure. :mod:`.settle` gathers the :class:`Facts` and carries out the
:class:`Decision`; nothing else in the package decides about either.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from ..config import SavePolicy


class StoreAction(Enum):
    """The one thing to do to the store."""

    NONE = "none"
    WRITE = "write"
    TOUCH = "touch"
    DESTROY = "destroy"
    #: Destroy it, unless another request has put something in it.
    DESTROY_UNLESS_CHANGED = "destroy unless changed"
    #: Drop this request's changes: the session has a new id, and can only be read.
    DROP = "drop"


class CookieAction(Enum):
    """The one thing to do to the browser's cookie."""

    NONE = "none"
    SET = "set"
    CLEAR = "clear"


class Decision(NamedTuple):
    """What :func:`decide` says."""

    store: StoreAction
    cookie: CookieAction


class Facts(NamedTuple):
    """What is true of one session at the end of one request."""

    #: The browser's cookie carries this session's id.
    sent: bool
    #: The browser's cookie carried an id we signed, this session's or another.
    cookie_sent: bool
    #: It was in the store when the request began.
    loaded: bool
    #: It took a new id in this request.
    regenerated: bool
    #: Its data differ from what they were at first.
    changed: bool
    #: None without ``session.save()``; else whether the data are still those it stored.
    saved: bool | None
    #: Its data are empty.
    empty: bool
    #: The attributes of its cookie were changed.
    cookie_changed: bool
    #: They were, and the store does not have the change.
    cookie_unsaved: bool
    #: Its cookie has an expiry (express: ``cookie.expires != null``).
    expires: bool
    #: Enough of its lifetime has passed to extend it.
    stale: bool
    #: The application used it.
    used: bool
    #: The application destroyed it and has put nothing in it since.
    ended: bool
    #: The application unset it (express: ``req.session = null``).
    unset: bool
    #: The store has a record under its id, as far as this request knows.
    stored: bool = True
    #: The application called ``clear()``.
    cleared: bool = False
    #: It has a new id, and can only be read under this one.
    superseded: bool = False
    #: The browser's cookie has a fallback secret's signature, or attributes that the
    #: configuration has replaced.
    outdated: bool = False


NOTHING = Decision(StoreAction.NONE, CookieAction.NONE)


@lru_cache(maxsize=1024)
def decide(facts: Facts, policy: SavePolicy) -> Decision:
    """Return what to do to the store and to the cookie.

    The predicates are those of express-session 1.19 (``shouldDestroy``, ``shouldSave``,
    ``shouldTouch``, ``shouldSetCookie``). The options that the express profile turns off
    add Flask's conventions.
    """
    if facts.unset:
        is_kept = policy.unset == "keep"
        return NOTHING if is_kept else Decision(StoreAction.DESTROY, _clear(facts, policy))
    is_emptied = policy.destroy_empty and _was_emptied(facts)
    if facts.superseded and not (is_emptied and facts.cleared):
        is_lost = facts.changed or facts.regenerated
        return Decision(StoreAction.DROP if is_lost else StoreAction.NONE, CookieAction.NONE)
    if facts.ended:
        return Decision(StoreAction.NONE, _clear(facts, policy))
    if is_emptied:
        return Decision(_end(facts), _clear(facts, policy))
    store = _store_action(facts, policy)
    return Decision(store, _cookie_action(facts, policy, store))


def decide_after_a_failure(*, regenerated: bool, stored: bool) -> CookieAction:
    """Return what to do to the cookie of a session that could not be stored.

    The browser keeps its cookie, so that an outage logs nobody out. Only if the session is
    already stored under a new id does the browser get that one.
    """
    return CookieAction.SET if regenerated and stored else CookieAction.NONE


def _end(facts: Facts) -> StoreAction:
    # clear() means the whole session, whatever others put in it. Removing the last known
    # key, such as the only flashed message, does not.
    if facts.cleared or not facts.stored:
        return StoreAction.DESTROY
    return StoreAction.DESTROY_UNLESS_CHANGED


def _clear(facts: Facts, policy: SavePolicy) -> CookieAction:
    if policy.clear_cookie and facts.cookie_sent:
        return CookieAction.CLEAR
    return CookieAction.NONE


def _was_emptied(facts: Facts) -> bool:
    return facts.empty and (facts.changed or facts.regenerated or facts.saved is False)


def _store_action(facts: Facts, policy: SavePolicy) -> StoreAction:
    if _should_save(facts, policy):
        return StoreAction.WRITE
    if not facts.sent:
        return StoreAction.NONE
    due = facts.stale or facts.cookie_unsaved
    if due and (facts.used or policy.touch == "always"):
        # A touch cannot carry the cookie's new attributes; a write can.
        return StoreAction.WRITE if facts.cookie_unsaved else StoreAction.TOUCH
    return StoreAction.NONE


def _should_save(facts: Facts, policy: SavePolicy) -> bool:
    if facts.saved is not None:
        # express saves a regenerated session once more in any case (its issue 935).
        counts = policy.cookie_counts or facts.regenerated
        return not facts.saved or (facts.cookie_unsaved and counts)
    if _is_modified(facts, policy):
        return True
    return policy.resave if facts.loaded else policy.save_uninitialized


def _is_modified(facts: Facts, policy: SavePolicy) -> bool:
    return facts.changed or facts.regenerated or _cookie_counts(facts, policy)


def _cookie_counts(facts: Facts, policy: SavePolicy) -> bool:
    # Not on a new session: `session.permanent = True` before every request, a common
    # habit, would otherwise store a session for each visitor who never uses one.
    return policy.cookie_counts and facts.cookie_changed and facts.loaded


def _was_saved(facts: Facts, policy: SavePolicy) -> bool:
    # express stores a new, empty session on save() and sends no cookie for it.
    return policy.cookie_counts and facts.saved is not None and facts.stored


def _is_outdated(facts: Facts, policy: SavePolicy) -> bool:
    return policy.cookie_counts and facts.outdated and facts.used


def _cookie_action(facts: Facts, policy: SavePolicy, store: StoreAction) -> CookieAction:
    if not facts.sent:
        send = (
            policy.save_uninitialized or _is_modified(facts, policy) or _was_saved(facts, policy)
        )
    elif _cookie_counts(facts, policy) or _is_outdated(facts, policy):
        send = True
    elif policy.rolling is None:
        send = facts.expires and (store is not StoreAction.NONE or facts.saved is not None)
    else:
        send = policy.rolling or (facts.expires and _is_modified(facts, policy))
    return CookieAction.SET if send else CookieAction.NONE
