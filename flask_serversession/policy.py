"""What happens to a session at the end of a request: express-session's truth table.

:func:`decide` is pure. The manager gathers the :class:`Facts`, does what the
:class:`Decision` says, and nothing else in the package decides about either.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal
from typing import NamedTuple


class StoreAction(Enum):
    """The one thing to do to the store."""

    NONE = "none"
    WRITE = "write"
    TOUCH = "touch"
    DESTROY = "destroy"


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
    #: It got a new id in this request.
    regenerated: bool
    #: Its data differ from what they were at first.
    changed: bool
    #: None without an explicit save; else whether what that saved is still all there is.
    saved: bool | None
    #: Its data are empty.
    empty: bool
    #: The attributes of its cookie were changed.
    cookie_changed: bool
    #: They were, and the store does not know.
    cookie_unsaved: bool
    #: Its cookie has an expiry (express: ``cookie.expires != null``).
    expires: bool
    #: Its life in the store has run long enough to be extended.
    stale: bool
    #: The application looked at it.
    used: bool
    #: The application destroyed it and put nothing in it since.
    ended: bool
    #: The application unset it (express: ``req.session = null``).
    unset: bool


@dataclass(frozen=True, slots=True)
class SavePolicy:
    """The options that :func:`decide` looks at; each named as in express-session."""

    resave: bool = False
    save_uninitialized: bool = False
    #: None: a cookie with an expiry is sent again whenever the store's expiry moves.
    rolling: bool | None = None
    unset: Literal["keep", "destroy"] = "keep"
    touch: Literal["accessed", "always"] = "accessed"
    destroy_empty: bool = True
    clear_cookie: bool = True
    #: A change of ``session.cookie`` counts as a change of the session.
    cookie_counts: bool = True

    @property
    def needs_every_session(self) -> bool:
        """Whether even a request that ignores its session has something to decide."""
        return (
            self.resave or self.save_uninitialized or bool(self.rolling) or self.touch == "always"
        )


NOTHING = Decision(StoreAction.NONE, CookieAction.NONE)


def decide(facts: Facts, policy: SavePolicy) -> Decision:
    """Return what to do to the store and to the cookie.

    The predicates are those of express-session 1.19 (``shouldDestroy``, ``shouldSave``,
    ``shouldTouch``, ``shouldSetCookie``); what Flask's manners add to them are the
    options that the express profile turns off.
    """
    if facts.unset:
        return _end(facts, policy) if policy.unset == "destroy" else NOTHING
    if facts.ended:
        return Decision(StoreAction.NONE, _clear(facts, policy))
    if policy.destroy_empty and _was_emptied(facts):
        return _end(facts, policy)
    store = _store_action(facts, policy)
    return Decision(store, _cookie_action(facts, policy, store))


def _end(facts: Facts, policy: SavePolicy) -> Decision:
    return Decision(StoreAction.DESTROY, _clear(facts, policy))


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


def _cookie_action(facts: Facts, policy: SavePolicy, store: StoreAction) -> CookieAction:
    if not facts.sent:
        send = policy.save_uninitialized or _is_modified(facts, policy)
    elif _cookie_counts(facts, policy):
        send = True
    elif policy.rolling is None:
        send = facts.expires and (store is not StoreAction.NONE or facts.saved is not None)
    else:
        send = policy.rolling or (facts.expires and _is_modified(facts, policy))
    return CookieAction.SET if send else CookieAction.NONE
