"""The entries that one request has to do with: the one it came for, and new ones."""

from __future__ import annotations

import logging

from .content import Content
from .entry import Entry
from .errors import PayloadError
from .rules import Notify
from .rules import Rules
from .rules import Visit
from .slot import Slot
from .stores.base import Record

logger = logging.getLogger(__package__)


class Entries:
    """Finds and begins entries. Only the ``find`` methods call the store."""

    def __init__(self, rules: Rules, visit: Visit, notify: Notify) -> None:
        #: The id of the browser's cookie, None without one that we signed.
        self.sent_id = visit.sent_id()
        self._rules = rules
        self._visit = visit
        self._notify = notify
        self.slot = Slot(rules.store, rules.concurrency, rules.report)
        #: The browser's id, if its record could not be read.
        self.unreadable: str | None = None

    def find(self, sid: str) -> Entry | None:
        """Return the entry of an id; None if there is none, or its last look is over.

        :raises PayloadError: if what is there is not a session.
        """
        record = self.slot.load(sid)
        if record is None:
            return None
        content = Content.of(record, self._rules)
        return None if content.is_over else self._entry(sid, content, record)

    def find_sent(self) -> Entry | None:
        """Return the browser's entry; what is not a session counts as absent, in the log too."""
        if self.sent_id is None:
            return None
        try:
            return self.find(self.sent_id)
        except PayloadError as error:
            logger.error("A stored session is unreadable and counts as absent: %s", error)
            self.unreadable = self.sent_id
            return None

    def begin(self) -> Entry:
        """Return a new, empty entry."""
        content = Content(self._rules, self._visit.cookie_options)
        return self._entry(self._visit.generate_id(), content, None)

    def _entry(self, sid: str, content: Content, record: Record | None) -> Entry:
        return Entry(
            sid,
            content,
            record,
            slot=self.slot,
            rules=self._rules,
            generate_id=self._visit.generate_id,
            notify=self._notify,
        )
