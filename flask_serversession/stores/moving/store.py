"""The five verbs on two stores: what is found in the former one is moved."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from enum import Enum
from typing import Any
from typing import Final

from ...errors import PayloadError
from ...errors import StoreError
from ..abilities import has_epochs
from ..abilities import is_shared
from ..base import ENDED
from ..base import GONE
from ..base import Lock
from ..base import Record
from ..base import Refusal
from ..base import Store
from ..base import StoredKey
from ..base import SupportsCheck
from ..base import SupportsClose
from ..base import SupportsLock
from ..base import SupportsPing
from ..record_lock import RecordLock
from .mark import Mark
from .overlap import refuse_overlap

#: How often a verb may find that others changed the record in the meantime.
ATTEMPTS = 64


class _Move(Enum):
    #: Others changed what this move started from.
    LOST = 0


LOST: Final = _Move.LOST

#: Attributes that a moving store has if its new store has them.
_OF_THE_NEW_STORE: Final = ("longest_key", "tag_keys", "opens_by_key")


class MovingStore:
    """A store that moves sessions from a former one as they are used.

    A session of the new store costs no call of the former. It costs one more of the new one to
    delete it, and to save it without ``replacing``. An unknown key is looked for in the former
    store and again in the new one. Every verb moves a key that only the former store has, except
    ``create``, which does not look there: new keys are random.

    :param store: where sessions are kept from now on.
    :param before: where they were kept until now.
    """

    #: Some sessions can be read while others cannot: each of the two stores may fail alone.
    is_split = True

    def __init__(self, store: Store, before: Store) -> None:
        self._store: Any = store
        self._before: Any = before
        #: Whether Express may write what the new store keeps, and the former.
        self.is_shared: bool = is_shared(store)
        self.was_shared: bool = is_shared(before)
        #: Returns a payload of the former store as the new one keeps it.
        self.convert: Callable[[bytes], bytes] = _as_it_is
        self._hashes_ids = bool(getattr(store, "hash_ids", False))
        for name in _OF_THE_NEW_STORE:
            if hasattr(store, name):
                setattr(self, name, getattr(store, name))

    def key_of(self, name: str) -> str:
        """Return the key under which a name is stored, as ``keys`` and ``records`` list it."""
        return self._new_key(name)

    def load(self, key: str) -> Record | None:
        if self._is_stored_key(key):
            return self._store.load(key)  # type: ignore[no-any-return]
        for _ in range(ATTEMPTS):
            there: Record | None = self._store.load(key)
            mark = Mark.of(there)
            if there is not None and mark is None:
                return there
            found = self._move(key, there, mark)
            if found is not LOST:
                return found
        raise too_busy()

    def peek(self, key: str) -> Record | None:
        """Return what ``load`` would, and move nothing."""
        there: Record | None = self._store.load(key)
        mark = Mark.of(there)
        if there is not None and mark is None:
            return there
        former: Record | None = self._before.load(key)
        other = Mark.of(former)
        if former is None:
            # It may have been moved after the new store was read.
            there = self._store.load(key)
            return there if Mark.of(there) is None else None
        if other is None:
            return Record(self.convert(former.payload), former.expires_at)
        for claim, note in ((other, mark), (mark, other)):
            if claim is not None and claim.is_claim_of(note):
                return Record(claim.payload or b"", former.expires_at)
        return None

    def create(self, key: str, record: Record) -> bool:
        return bool(self._store.create(key, record))

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        if self._is_stored_key(key):
            # If it replaces a note, it ends the session that is being moved.
            return self._store.save(key, record, replacing=replacing)  # type: ignore[no-any-return]
        for _ in range(ATTEMPTS):
            # Without `replacing`, a save could replace the note of a session that has ended.
            known = replacing or self.load(key)
            if known is None:
                return GONE
            refusal: Refusal | None = self._store.save(key, record, replacing=known)
            if refusal is None or (replacing and _has_session(refusal)):
                return refusal
            if replacing and self.load(key) is None:
                return GONE
        raise too_busy()

    def touch(self, key: str, expires_at: datetime) -> bool:
        if self._store.touch(key, expires_at):
            return True
        return self.load(key) is not None and bool(self._store.touch(key, expires_at))

    def delete(self, key: str) -> bool:
        try:
            return self.save(key, ENDED) is None
        except PayloadError:
            return any([self._before.delete(key), self._store.delete(key)])

    def lock(self, key: str, *, ttl: float) -> Lock:
        if isinstance(self._store, SupportsLock):
            return self._store.lock(key, ttl=ttl)
        return RecordLock(self._store, key, ttl=ttl)

    def ping(self) -> None:
        """Return if the new store answers. Sessions that were moved need no other."""
        if isinstance(self._store, SupportsPing):
            self._store.ping()
        else:
            self._store.load("-")

    def close(self) -> None:
        for store in (self._store, self._before):
            if isinstance(store, SupportsClose):
                store.close()

    def check(self) -> list[str]:
        refuse_overlap(self._store, self._before)
        flaws = []
        for store, name in ((self._store, ""), (self._before, "SESSION_STORE_BEFORE: ")):
            if isinstance(store, SupportsCheck):
                flaws += [name + flaw for flaw in store.check()]
        return flaws

    def _new_key(self, key: str) -> str:
        """Return the new store's key for a session, given its key in either store."""
        return self._store.key_of(key) if self._hashes_ids else key

    def _is_stored_key(self, key: str) -> bool:
        """Tell whether only the new store can have this key, because it hashes ids."""
        return isinstance(key, StoredKey) and self._hashes_ids and bool(self._store.owns(key))

    def _move(self, key: str, there: Record | None, mark: Mark | None) -> Record | _Move | None:
        """Return the session, which is in the new store now; None if it is in neither.

        :param there: what the new store has: a mark, or nothing.
        """
        if there is not None and mark is not None and mark.payload is not None:
            # An application that has the two stores the other way round moves it back.
            _finish(there, mark, key, self._store, self._before)
            return LOST
        former: Record | None = self._before.load(key)
        claim = Mark.of(former)
        if former is None or (claim is not None and not claim.is_claim_of(mark)):
            return self._absent(key, there)
        if mark is None:
            mark = Mark.new()
            is_noted = self._store.create(key, mark.record(former.expires_at))
            if not is_noted or has_epochs(self._before):
                return LOST  # a claim may not notice that an epoch has ended, as a load does
        if claim is None:
            claim = Mark(mark.token, self.convert(former.payload))
            unclaimed, former = former, claim.record(former.expires_at)
            if self._before.save(key, former, replacing=unclaimed) is not None:
                return LOST
        return _finish(former, claim, key, self._before, self._store) or LOST

    def _absent(self, key: str, note: Record | None) -> _Move | None:
        """Return None if neither store has the session, and remove its dead note."""
        if note is None:
            # It may have been moved after the new store was read and before the former was.
            return None if self._store.load(key) is None else LOST
        refusal = self._store.save(key, ENDED, replacing=note)
        return None if refusal is None or refusal.current is None else LOST


def _finish(claimed: Record, claim: Mark, key: str, source: Any, target: Any) -> Record | None:
    """Take the last two steps of a move; return the record unless others took them."""
    note = Mark(claim.token).record(claimed.expires_at)
    record = Record(claim.payload or b"", note.expires_at)
    refusal = target.save(key, record, replacing=note)
    with suppress(StoreError):  # a claim without its note is dead, so it may stay
        source.save(key, ENDED, replacing=claimed)
    return record if refusal is None else None


def peek(store: Store, key: str) -> Record | None:
    """Return what a store would load, and move no session to do so."""
    found: Record | None = getattr(store, "peek", store.load)(key)
    return found


def _as_it_is(payload: bytes) -> bytes:
    return payload


def _has_session(refusal: Refusal) -> bool:
    return refusal.current is not None and Mark.of(refusal.current) is None


def too_busy() -> StoreError:
    return StoreError("Other requests kept changing the session while it was moved.")
