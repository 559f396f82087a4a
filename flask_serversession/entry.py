"""One session in its store: an id, a content, and the record that is known to be there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast
from typing import NamedTuple

from . import signals
from .content import Content
from .document import retired_form
from .errors import SessionConflict
from .errors import SessionError
from .errors import SessionGone
from .errors import SessionSuperseded
from .rules import Notify
from .rules import Rules
from .slot import Rebase
from .slot import Slot
from .stores.base import ENDED
from .stores.base import epoch_milliseconds
from .stores.base import from_epoch_milliseconds
from .stores.base import Record

#: How often a generated id may be taken before the generator is to blame.
CREATE_ATTEMPTS = 3


class Retired(NamedTuple):
    """An id given up for a new one."""

    id: str
    record: Record


class Entry:
    """Writes, extends and ends one session, and brings nothing back that others ended.

    What raises :exc:`~.errors.SessionGone` has changed nothing in the store.

    :param record: what the store holds under the id; None for a new session.
    :param generate_id: gives a fresh id.
    :param notify: sends a signal about this session.
    """

    #: The id whose record ends once the new one is stored.
    _retired: Retired | None = None

    def __init__(
        self,
        sid: str,
        content: Content,
        record: Record | None,
        *,
        slot: Slot,
        rules: Rules,
        generate_id: Callable[[], str],
        notify: Notify,
    ) -> None:
        self.id = sid
        self.content = content
        self.record = record
        self._slot = slot
        self._rules = rules
        self._generate_id = generate_id
        self._notify = notify

    @property
    def stored_id(self) -> str | None:
        """The id under which the store has this session now, if it has."""
        if self.record is not None:
            return self.id
        return self._retired.id if self._retired else None

    @property
    def is_stale(self) -> bool:
        """Whether its life in the store is to be started again."""
        if self.record is None or self.record.expires_at is None:
            return True
        lifetime = self.content.lifetime
        left = epoch_milliseconds(self.record.expires_at) - self._rules.clock()
        # More life than it should have is as stale: the configuration was made stricter.
        return abs(lifetime - left) >= self._rules.interval_for(lifetime)

    def change_id(self) -> str | None:
        """Take a new id, and keep the old record until the new one is stored."""
        if self.record is not None:
            self._retired = Retired(self.id, self.record)
            self.record = None
        self.id = self._generate_id()
        self.content.saved = None
        return self._retired.id if self._retired else None

    def write(self, body: bytes) -> None:
        """Store the data, dumped as ``body``, or what a merge makes of them.

        :raises SessionGone: if others ended it.
        :raises SessionConflict: if others changed it, and that is not to be merged.
        """
        self._refuse_a_last_look()
        record = self.content.record(body)
        if self.record is None:
            self._create(record)
            return
        self._replace(record, self._rebase)
        self._notify(signals.session_saved)

    def extend(self) -> None:
        """Start its life in the store again.

        :raises SessionGone: if others ended it.
        """
        ends = self.content.ends()
        if not self._slot.touch(self.id, ends):
            raise SessionGone("The session was ended elsewhere, so it was not extended.")
        self.record = replace(self._known, expires_at=ends)
        self._notify(signals.session_touched)

    def end_emptied(self) -> bool:
        """Remove it, unless others put something in it; tell whether it is removed.

        :raises SessionGone: if others ended it.
        """
        self._refuse_a_last_look()
        self._replace(ENDED, self._rebase_or_end)
        if self.record is not ENDED:
            self._notify(signals.session_saved)
            return False
        self._notify(signals.session_destroyed, id=self.id)
        return True

    def become(self, found: Entry) -> None:
        """Hold what was found under its id now, and drop what it held."""
        found.content.follow(self.content)
        self.content, self.record = found.content, found.record

    def refresh(self) -> bool:
        """Take over what others stored, with this request's changes; False if it is gone.

        :raises SessionConflict: if there are both, and they are not to be merged.
        """
        sid, known = self._retired or (self.id, self._known)
        record = self._slot.load(sid)
        if record is None:
            return False
        there = Content.of(record, self._rules)
        if there.is_over:
            return False
        if there.is_retired:
            self.content = there
        else:
            if record.payload != known.payload and self.content.is_modified:
                self._refuse_a_conflict()
            self.content.catch_up(known.payload, there)
        if self._retired:
            self._retired = Retired(sid, record)
        else:
            self.record = record
        return True

    @property
    def _known(self) -> Record:
        """The record, where there is no doubt that there is one."""
        return cast(Record, self.record)

    def _refuse_a_last_look(self) -> None:
        if self.content.is_retired:
            raise SessionSuperseded("The session has a new id, so it was not saved.")

    def _create(self, record: Record) -> None:
        for _ in range(CREATE_ATTEMPTS):
            stored = self._insert(record)
            if stored is not None:
                self.record = stored
                self._notify(signals.session_created)
                self._forget_retired()
                return
            self.id = self._generate_id()
        raise SessionError(
            f"SESSION_GENID gave {CREATE_ATTEMPTS} ids that are taken. It must return a fresh"
            " random id each time, such as secrets.token_urlsafe(24)."
        )

    def _insert(self, record: Record) -> Record | None:
        """Store it under its id, where nothing is yet, or in the place of the id given up.

        If others ended that one first, the session was logged out or regenerated while this
        request ran, and the new record must not outlive that.
        """
        if self._retired is None:
            return record if self._slot.create(self.id, record) else None
        old_id, known = self._retired
        outcome = self._slot.move(
            old_id, self.id, known, record, self._rebase, leaving=self._end_of
        )
        if isinstance(outcome, Record):
            return outcome
        if outcome.taken:
            return None
        raise SessionSuperseded("The session was ended elsewhere, so it was not saved.")

    def _forget_retired(self) -> None:
        if self._retired is None:
            return
        old_id, self._retired = self._retired.id, None
        self._notify(signals.session_destroyed, id=old_id)

    def _replace(self, record: Record, rebase: Rebase) -> None:
        stored = self._slot.replace(self.id, self._known, record, rebase)
        if stored is None:
            raise SessionGone("The session was ended elsewhere, so it was not saved.")
        self.record = stored

    def _rebase(self, base: bytes, theirs: Record) -> Record:
        if self.content.is_retired_in(theirs.payload):
            raise SessionSuperseded("The session has a new id, so it was not saved.")
        self._refuse_a_conflict()
        record = self.content.rebase(base, theirs.payload)
        self._notify(signals.session_conflict, outcome="merged")
        return record

    def _refuse_a_conflict(self) -> None:
        if self._rules.concurrency != "reject":
            return
        self._notify(signals.session_conflict, outcome="rejected")
        raise SessionConflict(
            "The session was changed by another request, and SESSION_CONCURRENCY is"
            " 'reject': this request's changes were not stored."
        )

    def _rebase_or_end(self, base: bytes, theirs: Record) -> Record:
        record = self._rebase(base, theirs)
        return record if self.content.values else ENDED

    def _end_of(self, record: Record) -> Record:
        grace = self._rules.regenerate_grace
        if not grace:
            return ENDED
        until = self._rules.clock() + grace
        payload = retired_form(record.payload, until, self._rules.serializer)
        return Record(payload, from_epoch_milliseconds(until))
