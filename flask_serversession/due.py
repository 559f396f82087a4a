"""Which sessions the load that finds them may touch at once. No I/O."""

from __future__ import annotations

from datetime import timedelta

from .cookies.cookie import SessionCookie
from .cookies.options import CookieOptions
from .document import beginning_with
from .rules import Rules
from .stores.base import DueTouch
from .stores.base import SupportsLoadAndTouch

#: Of how many sessions a process remembers that it looked.
REMEMBERED = 10_000


class DueTouches:
    """Has a request extend its session by no more than reading it.

    How long a session lives is known only once it is read. One that ends with the browser,
    however, has the idle timeout, and is known by how it begins. The others send their cookie
    when they are extended, and are looked at again before that.

    Such a load asks more of the server than another. A process therefore makes one a
    session and interval, in which no touch falls due that it did not see or make; where it
    is wrong, the request touches its session as any other does, at its end.
    """

    def __init__(self, touch: DueTouch, rules: Rules) -> None:
        self._touch = touch
        self._interval = touch.interval // timedelta(milliseconds=1)
        self._clock = rules.clock
        self._looked: dict[str, int] = {}

    @classmethod
    def under(cls, rules: Rules, options: CookieOptions) -> DueTouches | None:
        """Return what holds for an application; None if reading can extend nothing there."""
        policy = rules.policy
        # As in express, a session that is always touched is so at the end of its request.
        at_the_end = policy.touch == "always" or not policy.leaves_readers_alone
        if at_the_end or not isinstance(rules.store, SupportsLoadAndTouch):
            return None
        cookie = SessionCookie(options.resolved(is_secure=False), rules.clock)
        if cookie.has_expiry:
            return None
        touch = DueTouch(
            beginning_with(cookie.to_document()),
            timedelta(milliseconds=rules.idle_timeout),
            timedelta(milliseconds=rules.interval_for(rules.idle_timeout)),
        )
        return cls(touch, rules)

    def of(self, sid: str) -> DueTouch | None:
        """Return what the load of this session is to touch; None if nothing can be due."""
        now = self._clock()
        if now - self._looked.get(sid, -self._interval) < self._interval:
            return None
        if len(self._looked) >= REMEMBERED:
            self._looked.clear()
        self._looked[sid] = now
        return self._touch
