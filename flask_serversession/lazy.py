"""A session that is found in its store when somebody looks at it, and not before."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any
from weakref import ref

from blinker import Signal

from . import signals
from .cookie import SessionCookie
from .entries import Entries
from .entry import Entry
from .errors import StoreError
from .outage import NoData
from .rules import Notify
from .rules import Rules
from .rules import Visit
from .session import Session

logger = logging.getLogger(__package__)


class LazySession(Session):
    """What a request reads of its session: at most one store call, and none if it does not."""

    #: None until the session is loaded.
    _entry: Entry | None = None
    #: None until somebody asks for the session.
    _entries: Entries | None = None
    #: Its response has been made.
    _committed = False

    def __init__(self, rules: Rules, visit: Visit) -> None:
        self._rules = rules
        self._visit = visit

    @property
    def id(self) -> str:
        self.accessed = True
        return self.load().id

    @property
    def new(self) -> bool:  # type: ignore[override] # an attribute in Flask
        self.accessed = True
        return self._reads_empty or self.load().content.original is None

    @property
    def modified(self) -> bool:
        return self._entry is not None and self._entry.content.is_modified

    @modified.setter
    def modified(self, value: bool) -> None:
        self.load().content.forced = value

    @property
    def cookie(self) -> SessionCookie:
        self.accessed = True
        if self._reads_empty:
            return SessionCookie(self._visit.cookie_options(), self._rules.clock)
        return self.load().content.cookie

    def clear(self) -> None:
        super().clear()
        self.load().content.cleared = True

    def load(self) -> Entry:
        """Find out, once, what the browser's cookie stands for: at most one store call."""
        if self._entry is not None:
            return self._entry
        found = self._enter().find_sent()
        if found is None:
            return self._begin()
        self._entry = found
        self._notify(signals.session_loaded)
        return found

    def preload(self) -> None:
        """Load it, and let a failure pass if the application would rather have nothing."""
        if not self._reads_empty:
            self.load()

    def _enter(self) -> Entries:
        """Return the way to the store, not taken yet; raise if it failed before."""
        if self._entries is None:
            self._entries = Entries(self._rules, self._visit, self._notifier())
        self._entries.slot.raise_failure()
        return self._entries

    def _begin(self) -> Entry:
        self._entry = self._enter().begin()
        return self._entry

    def _notify(self, signal: Signal, /, **values: object) -> None:
        self._rules.notify(signal, session=self, **values)

    def _notifier(self) -> Notify:
        """Return what notifies for this session and does not keep it alive.

        Else each request would wait, with all that it holds, for the garbage collector.
        """
        session, notify = ref(self), self._rules.notify
        return lambda signal, /, **values: notify(signal, session=session(), **values)

    @property
    def _failure(self) -> StoreError | None:
        return self._entries.slot.failure if self._entries else None

    @property
    def _reads_empty(self) -> bool:
        """Whether the store failed and the application would rather have nothing."""
        if self._entry is not None or not self._rules.null_on_failure:
            return False
        with suppress(StoreError):
            self.load()
        return self._failure is not None

    @property
    def _data(self) -> MutableMapping[str, Any]:
        if self._reads_empty:
            return NoData(self._failure)
        return self.load().content.values

    @property
    def _permanent_lifetime(self) -> float:
        return self._rules.permanent_lifetime / 1000

    def _note_change(self) -> None:
        self.load().content.assigned = True
        if self._committed:
            logger.warning(
                "The session was changed after its response had been made. Call"
                " session.save() after such a change, or it is lost."
            )
