"""Keeps requests from waiting for a store that does not answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ..errors import StoreUnavailable
from ..log import logger
from ..stores.forking import leave_in_child

#: Seconds after which a probe counts as lost, so that another request can try.
_LONGEST_PROBE = 60.0


class Breaker:
    """Opens after ``most`` failures in a row, and closes when the store answers again.

    While it is open, one request at a time calls the store, at most one each ``pause``. All
    others are refused. The threads of a process share it; a forked child begins anew.

    :param pause: seconds.
    :param clock: returns seconds that only grow.
    """

    #: Whether a request has to ask :meth:`refusal` before it calls the store.
    is_open: bool
    #: The failures since the last answer.
    failures: int
    #: The thread whose call of the store decides.
    _prober: int | None
    #: When a request may call the store next.
    _probe_at: float

    def __init__(
        self, most: int, pause: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._pause = pause
        self._clock = clock
        self._begin()
        leave_in_child(self, Breaker._begin)

    def refusal(self) -> StoreUnavailable | None:
        """Return why the caller may not call the store; None if it may."""
        with self._guard:
            if not self.is_open:
                return None
            if self._clock() < self._probe_at:
                return StoreUnavailable(
                    f"The store failed {self.failures} times in a row, and is not called again"
                    " until a probe succeeds (SESSION_BREAKER)."
                )
            self._prober = threading.get_ident()
            self._probe_at = self._clock() + _LONGEST_PROBE
            return None

    def note(self, error: BaseException | None) -> None:
        """Note how a call of the store ended."""
        with self._guard:
            was_open, failures = self.is_open, self.failures
            self._note(error)
            is_open = self.is_open
        # After the block: a filter of the log may use the session, and so the breaker.
        if is_open and not was_open:
            logger.error(
                "The store failed %d times in a row. Requests do not wait for it now.",
                failures + 1,
            )
        elif was_open and not is_open:
            logger.warning("The store answers again, after %d failures.", failures)

    def _note(self, error: BaseException | None) -> None:
        is_probe = self._prober == threading.get_ident()
        if isinstance(error, StoreUnavailable) and not error.is_read_only:
            self._note_failure(is_probe)
        elif error is None or isinstance(error, Exception):
            self._prober, self.failures, self.is_open = None, 0, False
        elif is_probe:  # the request was interrupted: nobody knows
            self._end_probe()

    def _note_failure(self, is_probe: bool) -> None:
        self.failures += 1
        if self.failures < self._most:
            return
        self.is_open = True
        if is_probe or self._prober is None:
            self._end_probe()

    def _end_probe(self) -> None:
        self._prober = None
        self._probe_at = self._clock() + self._pause

    def _begin(self) -> None:
        self._guard = threading.Lock()
        self._prober, self._probe_at = None, 0.0
        self.failures, self.is_open = 0, False
