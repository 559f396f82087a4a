"""What a moving store can do besides the five verbs, which depends on its two stores."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import suppress

from ...errors import PayloadError
from ...errors import StoreError
from ...errors import StoreUnavailable
from ..abilities import has_epochs
from ..base import ENDED
from ..base import GONE
from ..base import Rebase
from ..base import Record
from ..base import Refusal
from ..base import Store
from ..base import SupportsClearing
from ..base import SupportsKeys
from ..base import SupportsLockedSave
from ..base import SupportsPrune
from ..base import SupportsPruning
from ..base import SupportsSetup
from ..base import SupportsUsers
from ..record_lock import is_lock
from .mark import Mark
from .overlap import refuse_overlap
from .store import ATTEMPTS
from .store import LOST
from .store import MovingStore
from .store import too_busy


def moving_store(store: Store, before: Store, *changes: type[MovingStore]) -> MovingStore:
    """Return a store that moves sessions, with the abilities that the two stores allow.

    :param changes: classes whose methods replace those of the abilities.
    """
    kinds = tuple(kind for kind, is_possible in _KINDS if is_possible(store, before))
    name = f"{type(store).__name__}After{type(before).__name__}"  # for flask sessions check
    made = type(name, (*changes, *kinds, MovingStore), {})
    return made(store, before)  # type: ignore[no-any-return]


class _Listing(MovingStore):
    # The former store is always listed first: a session that is moved meanwhile is seen twice
    # then, and not missed.

    def keys(self) -> Iterator[str]:
        seen = set()
        for key in self._before.keys():  # noqa: SIM118 - a store is not a mapping
            seen.add(self._new_key(key))
            yield key
        for key in self._store.keys():  # noqa: SIM118 - a store is not a mapping
            if key not in seen:
                yield key

    def count(self) -> int:
        if not self._before.count():
            return int(self._store.count())
        return sum(1 for _ in self.keys())

    def clear(self) -> int:
        return sum(self.clearing())

    def clearing(self) -> Iterator[int]:
        for store in (self._before, self._store):
            if isinstance(store, SupportsClearing):
                yield from store.clearing()
            else:
                yield store.clear()

    def migrate(self, *, dry_run: bool = False) -> Iterator[str]:
        """Move the sessions of the former store; yield what became of each.

        Safe to repeat, and while applications run. What is yielded is "moved", "already there",
        "expired", or "left" for what cannot be read or what the new store refuses.

        :param dry_run: move nothing, and yield what would become of each.
        :raises ConfigError: if the two stores are one.
        """
        refuse_overlap(self._store, self._before)
        migrated = self._outcome if dry_run else self._migrated
        for key in self._before.keys():  # noqa: SIM118 - a store is not a mapping
            if is_lock(key):
                continue
            try:
                outcome = migrated(key)
            except StoreUnavailable:
                raise
            except StoreError:
                outcome = "left"
            yield outcome

    def _migrated(self, key: str) -> str:
        there = self._store.load(key)
        mark = Mark.of(there)
        if there is not None and mark is None:
            self._tidy(key)
            return "already there"
        found = self._move(key, there, mark)
        if found is LOST:
            found = self.load(key)
        if found is not None:
            return "moved"
        if Mark.of(self._before.load(key)) is not None:
            self._tidy(key)
        return "expired"

    def _tidy(self, key: str) -> None:
        """Remove what the former store still has of a session that is not there any more."""
        former = self._before.load(key)
        if former is not None:
            self._before.save(key, ENDED, replacing=former)

    def _outcome(self, key: str) -> str:
        there = self._store.load(key)
        if there is not None and Mark.of(there) is None:
            return "already there"
        return "expired" if self.peek(key) is None else "moved"


class _Users(MovingStore):
    def records(self, user: str | None = None) -> Iterator[tuple[str, Record]]:
        seen: set[str] = set()
        claims: dict[str, tuple[Mark, Record]] = {}
        for key, record in self._before.records(user):
            mark = Mark.of(record)
            if mark is not None:
                claims[self._new_key(key)] = mark, record
                continue
            seen.add(self._new_key(key))
            with suppress(PayloadError):
                # Without the version, which the new store cannot use.
                yield key, Record(self.convert(record.payload), record.expires_at)
        for key, record in self._store.records(user):
            if key in seen:
                continue
            note = Mark.of(record)
            if note is None:
                yield key, record
            elif key in claims and claims[key][0].is_claim_of(note):
                claim, claimed = claims[key]
                yield key, Record(claim.payload or b"", claimed.expires_at)


class _Epochs(MovingStore):
    """For a former store that cannot list. The new one can, and its records have no epochs."""

    def epoch(self, user: str) -> str:
        return str(self._before.epoch(user))

    def end_user(self, user: str) -> None:
        self._before.end_user(user)
        for key, _ in self._store.records(user):
            self._store.delete(key)


class _OneEpoch(MovingStore):
    """For two stores in one place, which share their epochs."""

    def epoch(self, user: str) -> str:
        return str(self._store.epoch(user))

    def end_user(self, user: str) -> None:
        self._store.end_user(user)

    def delete(self, key: str) -> bool:
        # A record of an earlier epoch, too, which no load finds.
        return any([self._before.delete(key), self._store.delete(key)])


class _LockedSave(MovingStore):
    def save_locked(
        self, key: str, record: Record, *, replacing: Record, rebase: Rebase
    ) -> Refusal | None:
        def rebase_session(current: Record) -> Record:
            if Mark.of(current) is not None:
                raise _Marked
            return rebase(current)

        if self._is_stored_key(key):
            return self._store.save_locked(  # type: ignore[no-any-return]
                key, record, replacing=replacing, rebase=rebase
            )
        for _ in range(ATTEMPTS):
            try:
                if not self._store.save_locked(
                    key, record, replacing=replacing, rebase=rebase_session
                ):
                    return None
            except _Marked:
                pass
            if self.load(key) is None:
                return GONE
        raise too_busy()


class _Marked(Exception):
    """The record is a mark of a move."""


class _Prune(MovingStore):
    def prune(self) -> int:
        return sum(self.pruning())

    def pruning(self, *, dry_run: bool = False) -> Iterator[int]:
        for store in (self._before, self._store):
            if isinstance(store, SupportsPruning):
                yield from store.pruning(dry_run=dry_run)
            elif isinstance(store, SupportsPrune) and not dry_run:
                yield store.prune()


class _Setup(MovingStore):
    def setup(self) -> None:
        self._store.setup()


def _can_prune(store: Store, before: Store) -> bool:
    return isinstance(store, SupportsPrune) or isinstance(before, SupportsPrune)


#: Each set of methods, and whether two stores allow it.
_KINDS: tuple[tuple[type[MovingStore], Callable[[Store, Store], bool]], ...] = (
    (_Listing, lambda new, old: isinstance(new, SupportsKeys) and isinstance(old, SupportsKeys)),
    (_Users, lambda new, old: isinstance(new, SupportsUsers) and isinstance(old, SupportsUsers)),
    (_Epochs, lambda new, old: isinstance(new, SupportsUsers) and has_epochs(old)),
    (_OneEpoch, lambda new, old: has_epochs(new) and has_epochs(old)),
    (_LockedSave, lambda new, old: isinstance(new, SupportsLockedSave)),
    (_Prune, _can_prune),
    (_Setup, lambda new, old: isinstance(new, SupportsSetup)),
)
