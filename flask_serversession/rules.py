"""What the sessions of one application have in common, and what they may ask of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from blinker import Signal

from . import signals
from .concurrency import Concurrency
from .concurrency import Resolve
from .cookies.cookie import Clock
from .cookies.options import CookieOptions
from .errors import StoreError
from .policy import SavePolicy
from .serializers import Serializer
from .stores.base import Store

#: Without SESSION_TOUCH_INTERVAL a session is touched once a minute, or once in a tenth
#: of its life if that is shorter. Milliseconds.
_LONGEST_INTERVAL = 60_000
_INTERVALS_A_LIFE = 10


class Visit(Protocol):
    """What a session may ask about the request it belongs to."""

    def sent_id(self) -> str | None:
        """Return the id of the browser's cookie, or None without one that we signed."""

    def is_secure(self) -> bool:
        """Tell whether the browser's connection is encrypted."""

    def cookie_options(self) -> CookieOptions:
        """Return how the cookie of a new session looks."""

    def generate_id(self) -> str:
        """Return a fresh id."""


class Notify(Protocol):
    """Sends a signal with the application as its sender."""

    def __call__(self, signal: Signal, /, **values: object) -> object: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The same for every session of an application. Ages in milliseconds."""

    store: Store
    serializer: Serializer
    policy: SavePolicy
    concurrency: Concurrency
    resolve: Resolve
    idle_timeout: int
    permanent_lifetime: int
    touch_interval: int | None
    #: How long the old id of a regenerated session still reads what it read before.
    regenerate_grace: int
    #: A session whose store failed reads as empty.
    null_on_failure: bool
    notify: Notify
    clock: Clock

    def report(self, error: StoreError) -> None:
        """Let the application know that its store failed."""
        self.notify(signals.session_store_error, error=error)

    def interval_for(self, lifetime: int) -> int:
        """Return how long a session of this lifetime goes without being touched again."""
        if self.touch_interval is not None:
            return self.touch_interval
        return min(_LONGEST_INTERVAL, lifetime // _INTERVALS_A_LIFE)
