"""A protected store can do what the store inside can, besides the five verbs."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from itertools import starmap

from ...encryption import Encryption
from ...errors import PayloadError
from ..base import EPOCH
from ..base import Rebase
from ..base import Record
from ..base import Refusal
from ..base import Store
from ..base import SupportsClearing
from ..base import SupportsEpochs
from ..base import SupportsKeys
from ..base import SupportsLockedSave
from ..base import SupportsPrune
from ..base import SupportsPruning
from ..base import SupportsSetup
from ..base import SupportsUsers
from .names import is_hashed
from .store import ProtectedStore

#: A record that is never stored.
_NOTHING = Record(b"", EPOCH)


def protected(
    store: Store,
    *,
    hash_ids: bool,
    encryption: Encryption | None = None,
    is_view: bool = False,
) -> ProtectedStore:
    """Return a store that protects the records of another one, and can do what that can.

    :raises ConfigError: if the store cannot be protected.
    """
    wanted = _KINDS if is_view else (*_KINDS, *_KINDS_OF_THE_WHOLE)
    kinds = tuple(kind for kind, is_possible in wanted if is_possible(store))
    made = type(f"Protected{type(store).__name__}", (*kinds, ProtectedStore), {})
    return made(  # type: ignore[no-any-return]
        store, hash_ids=hash_ids, encryption=encryption, is_view=is_view
    )


class _Listing(ProtectedStore):
    def keys(self) -> Iterator[str]:
        for key in self._store.keys():  # noqa: SIM118 - a store is not a mapping
            if is_hashed(key) is self.hash_ids:
                yield self._listed(key)

    def count(self) -> int:
        if self._is_view:
            return sum(1 for _ in self.keys())
        return int(self._store.count())

    def clear(self) -> int:
        return sum(self.clearing())

    def clearing(self) -> Iterator[int]:
        if self._is_view:
            yield from (self.delete(key) for key in list(self.keys()))
        elif isinstance(self._store, SupportsClearing):
            yield from self._store.clearing()
        else:
            yield self._store.clear()


class _Users(ProtectedStore):
    def records(self, user: str | None = None) -> Iterator[tuple[str, Record]]:
        # Not in a loop, whose variables would show a key if the store fails.
        return filter(None, starmap(self._listed_record, self._store.records(user)))

    def _listed_record(self, key: str, stored: Record) -> tuple[str, Record] | None:
        if is_hashed(key) is not self.hash_ids:
            return None
        name = self._listed(key)
        try:
            record = self._opened(name, key, stored)
        except PayloadError:
            return None
        return None if record is None else (name, record)


class _Epochs(ProtectedStore):
    def epoch(self, user: str) -> str:
        return str(self._store.epoch(user))

    def end_user(self, user: str) -> None:
        self._store.end_user(user)


class _LockedSave(ProtectedStore):
    def save_locked(
        self, name: str, record: Record, *, replacing: Record, rebase: Rebase
    ) -> Refusal | None:
        key = self._key(name)

        def rebase_stored(stored: Record) -> Record:
            found = self._compared(name, key, stored, replacing)
            theirs = found.current if isinstance(found, Refusal) else None
            return self._closed(name, key, rebase(theirs) if theirs else record)

        known = self._known(name, key, replacing)
        refusal: Refusal | None = self._store.save_locked(
            key,
            self._closed(name, key, record),
            replacing=_NOTHING if isinstance(known, Refusal) else known,
            rebase=rebase_stored if self._payloads else rebase,
        )
        return refusal


class _Prune(ProtectedStore):
    def prune(self) -> int:
        return int(self._store.prune())


class _Pruning(_Prune):
    def pruning(self, *, dry_run: bool = False) -> Iterator[int]:
        yield from self._store.pruning(dry_run=dry_run)


class _Setup(ProtectedStore):
    def setup(self) -> None:
        self._store.setup()


class _Peek(ProtectedStore):
    def peek(self, name: str) -> Record | None:
        key = self._key(name)
        return self._opened(name, key, self._store.peek(key))


class _Migrate(ProtectedStore):
    def migrate(self, *, dry_run: bool = False) -> Iterator[str]:
        yield from self._store.migrate(dry_run=dry_run)


def _able(*protocols: type) -> Callable[[Store], bool]:
    return lambda store: isinstance(store, protocols)


_Kinds = tuple[tuple[type[ProtectedStore], Callable[[Store], bool]], ...]
#: Each set of methods, and whether the store inside has them.
_KINDS: _Kinds = (
    (_Listing, _able(SupportsKeys)),
    (_Users, _able(SupportsUsers)),
    (_Epochs, _able(SupportsEpochs)),
    (_LockedSave, _able(SupportsLockedSave)),
)
#: Those that a view leaves to the other protected store.
_KINDS_OF_THE_WHOLE: _Kinds = (
    (_Pruning, _able(SupportsPruning)),
    (_Prune, lambda store: isinstance(store, SupportsPrune)),
    (_Setup, _able(SupportsSetup)),
    (_Peek, lambda store: hasattr(store, "peek")),
    (_Migrate, lambda store: hasattr(store, "migrate")),
)
