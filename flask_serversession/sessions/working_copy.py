"""A session checked out of the store: an id, the base it was read from, and the draft."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from functools import partial
from typing import cast
from typing import NamedTuple

from .. import signals
from ..cookies.ids import SessionId
from ..errors import SessionConflict
from ..errors import SessionError
from ..errors import SessionGone
from ..errors import SessionSuperseded
from ..stores.base import ENDED
from ..stores.base import Record
from ..stores.base import same_json
from ..stores.base import SupportsEpochs
from ..stores.base import user_of
from .draft import Draft
from .ending import end
from .life import ROTATION
from .login import Login
from .login import MEMBER
from .request_store import RequestStore
from .settings import Notify
from .settings import Settings
from .superseded import leave_behind
from .superseded import Superseded

#: How many generated ids may be taken before SESSION_GENID is called faulty.
CREATE_ATTEMPTS = 3


class Stored(NamedTuple):
    """What the store is known to hold of a session, and under which id."""

    id: str
    base: Record


@dataclass(slots=True)
class WorkingCopy:
    """Writes, extends and ends one session. What another request ended is not stored again.

    A method that raises :exc:`~.errors.SessionGone` has changed nothing in the store.
    """

    settings: Settings
    store: RequestStore
    generate_id: Callable[[], str]
    id: str = field(repr=False)
    draft: Draft
    #: What the store is known to hold under the id; None for a session not stored yet.
    base: Record | None = None
    #: What is stored under the id that this one replaces. It ends once this is stored.
    predecessor: Stored | None = field(default=None, repr=False)
    #: It got its id in this request, by ``regenerate()`` or ``clear()``.
    regenerated: bool = False
    #: ``session.touch()`` was called.
    touched: bool = False
    #: Only ``session.touch()`` moves the session's end: its user is not there.
    keeps_end: bool = False

    @property
    def stored(self) -> Stored | None:
        """What the store has of this session now, under which id."""
        if self.base is not None:
            return Stored(self.id, self.base)
        return self.predecessor

    @property
    def stored_id(self) -> str | None:
        """The id under which the session is stored now; None if it is not."""
        stored = self.stored
        return stored.id if stored else None

    def change_id(self) -> str | None:
        """Take a new id and return the stored one, whose record stays until the next write."""
        if self.base is not None:
            self.predecessor = Stored(self.id, self.base)
            self.base = None
        self.id = self._new_id()
        self.draft.saved = None
        self.regenerated = True
        return self.predecessor.id if self.predecessor else None

    def _new_id(self) -> str:
        """Return a fresh id. That of a logged-in session begins with its user's tag."""
        sid = self.generate_id()
        login = Login.of(self.draft.data) if self.settings.tags_users else None
        if login is None:
            return sid
        user, store = self.settings.tags_of(login.user_id)[0], self.settings.store
        if isinstance(store, SupportsEpochs):
            with self.store:
                return SessionId(f"{user}.{store.epoch(user)}.{sid}")
        return SessionId(f"{user}.{sid}")

    def write(self, body: bytes, notify: Notify) -> None:
        """Store the data, dumped as ``body``, merged with what another request stored.

        :raises SessionGone: if another request ended the session.
        :raises SessionConflict: if another request changed it, and the two are not merged.
        """
        if self.draft.superseded:
            raise SessionSuperseded("The session has a new id, so it was not saved.")
        record = self.draft.record(body)
        if self.base is None:
            self._create(record, notify)
            return
        if self.keeps_end:
            record = self._with_end_of(self.base, record)
        rebase = partial(self._rebase, notify)
        self.base = self.store.replace(self.id, self.base, record, rebase)
        notify(signals.session_saved)

    def extend(self, notify: Notify) -> None:
        """Start the session's lifetime in the store again.

        :raises SessionGone: if another request ended the session.
        """
        ends = self.draft.ends()
        if not self.store.touch(self.id, ends):
            raise SessionGone("The session was ended elsewhere, so it was not extended.")
        self.base = replace(cast(Record, self.base), expires_at=ends)
        notify(signals.session_touched)

    def end_unless_changed(self, notify: Notify) -> bool:
        """Delete the record, unless another request changed it; return whether it is deleted.

        :raises SessionGone: if another request ended the session.
        """
        known = cast(Record, self.base)
        rebase = partial(self._rebase_or_end, notify)
        self.base = self.store.replace(self.id, known, ENDED, rebase)
        if self.base is not ENDED:
            notify(signals.session_saved)
            return False
        notify(signals.session_destroyed, id=self.id, by="clear")
        return True

    def become(self, found: WorkingCopy) -> None:
        """Replace base and draft by those just read, and drop this request's changes."""
        found.draft.follow(self.draft)
        self.draft, self.base = found.draft, found.base

    def refresh(self, notify: Notify) -> bool:
        """Rebase the draft on what is stored now; return False if the session is gone.

        :raises SessionConflict: if both sides changed it, and the two are not merged.
        """
        if self.draft.cleared and self.predecessor:
            return True  # nothing of the old session is left in it
        sid, known = self.predecessor or (self.id, cast(Record, self.base))
        record = self.store.load(sid)
        if record is None:
            return False
        if same_json(record.payload, known.payload):
            # A JSON column returns another spelling of what this request wrote.
            record = replace(record, payload=known.payload)
        there = Draft.of(self.settings, record)
        if there.is_over:
            return False
        if there.superseded and not self.draft.cleared:
            self.draft = there
        else:
            is_merged = record.payload != known.payload and not self.draft.cleared
            if is_merged and self.draft.is_modified:
                self._refuse_a_conflict(notify)
            self.draft.catch_up(known.payload, there)
        if self.predecessor:
            self.predecessor = Stored(sid, record)
        else:
            self.base = record
        return True

    def _create(self, record: Record, notify: Notify) -> None:
        may_lack_tag = self.settings.tags_users and MEMBER in self.draft.data
        if may_lack_tag and user_of(self.id) is None:
            self.id = self._new_id()  # the login was assigned after the session got its id
        for _ in range(CREATE_ATTEMPTS):
            stored = self._insert(record, notify)
            if stored is not None:
                self.base = stored
                cleared, self.draft.cleared = self.draft.cleared, False  # that was the old session
                ended, self.predecessor = self.predecessor, None
                old_id = None if ended is None or cleared else ended.id
                notify(signals.session_created, id=self.id, old_id=old_id)
                if ended is not None:
                    by = "clear" if cleared else ROTATION
                    notify(signals.session_destroyed, id=ended.id, by=by)
                return
            self.id = self._new_id()
        raise SessionError(
            f"SESSION_GENID gave {CREATE_ATTEMPTS} ids that are taken. It must return a fresh"
            " random id each time, such as secrets.token_urlsafe(24)."
        )

    def _insert(self, record: Record, notify: Notify) -> Record | None:
        """Store the record under the new id, and end its predecessor; None if the id is taken.

        A login fails if another request ended the old id first: the new record must not
        outlive a logout. After ``clear()`` nothing of the old session is left to protect,
        and its record ends whatever others wrote to it.
        """
        if self.predecessor is None:
            return record if self.store.create(self.id, record) else None
        old_id, known = self.predecessor
        if self.draft.cleared:
            if not self.store.create(self.id, record):
                return None
            ended = end(self.store, old_id, known)
            # None if another request ended it, and sent the signal.
            self.predecessor = None if ended is None else Stored(ended, known)
            return record
        if self.keeps_end:
            record = self._with_end_of(known, record)
        rebase = partial(self._rebase, notify)
        leaving = partial(leave_behind, self.settings, self.id)
        outcome = self.store.move(old_id, self.id, known, record, rebase, leaving=leaving)
        if isinstance(outcome, Record):
            return outcome
        if outcome.taken:
            return None
        raise SessionSuperseded("The session was ended elsewhere, so it was not saved.")

    def _rebase(self, notify: Notify, base: bytes, theirs: Record) -> Record:
        cookie, _ = self.settings.serializer.decompose(theirs.payload)
        if Superseded.of(cookie):
            raise SessionSuperseded("The session has a new id, so it was not saved.")
        if self.draft.cleared:
            return self.draft.record(self.draft.dump())
        self._refuse_a_conflict(notify)
        record = self.draft.rebase(base, theirs.payload)
        notify(signals.session_conflict, outcome="merged")
        return self._with_end_of(theirs, record) if self.keeps_end else record

    def _rebase_or_end(self, notify: Notify, base: bytes, theirs: Record) -> Record:
        record = self._rebase(notify, base, theirs)
        return record if self.draft.data else ENDED

    def _with_end_of(self, known: Record, record: Record) -> Record:
        if self.touched or known.expires_at is None:
            return record
        return replace(record, expires_at=known.expires_at)

    def _refuse_a_conflict(self, notify: Notify) -> None:
        if self.settings.config.concurrency != "reject":
            return
        notify(signals.session_conflict, outcome="rejected")
        raise SessionConflict(
            "The session was changed by another request, and SESSION_CONCURRENCY is"
            " 'reject': this request's changes were not stored."
        )
