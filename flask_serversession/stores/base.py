"""The store contract: the one page to read before writing a store.

A store keeps *records* under *keys*. It knows no HTTP, no Flask and no session:
a key is an opaque string, a payload is opaque bytes, an expiry is a moment.

**Required** of every store are the five verbs of :class:`Store`. Three rules hold
for all of them and are what keeps sessions from being lost or undone:

1. *create is not save.* :meth:`~Store.create` only inserts, :meth:`~Store.save` only
   replaces what is still there. A slow request therefore cannot bring back a session
   that was logged out meanwhile (CVE-2025-46336 is the upsert that did).
2. *Expired means absent*, for every verb, whether or not the backend has removed the
   record yet.
3. *Every verb is atomic* against every other process that uses the same backend.

**Recommended** are the abilities below it, each a protocol of its own; claim one by
having its methods. A store is shared by all threads of a process and survives
``fork``. Whoever made the client closes it: a store built on an application's client
never does.

The suite in :mod:`flask_serversession.testing` checks all of this.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Protocol
from typing import runtime_checkable

MILLISECOND = timedelta(milliseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class Record:
    """What a store holds under one key."""

    #: The encoded session; a store never looks inside.
    payload: bytes = field(repr=False)
    #: When it ends, as an aware UTC moment. ``None`` only on a loaded record whose
    #: backend cannot tell without another round trip.
    expires_at: datetime | None
    #: The backend's own name for this state of the record (memcached's CAS token);
    #: means something only to the store that gave it.
    version: object = None


#: The record that ends its key when it is saved.
ENDED = Record(b"{}", EPOCH)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a :meth:`Store.save` or a :func:`~.record_move.move_record` changed nothing."""

    #: What is there now, or ``None``: the key is gone.
    current: Record | None
    #: The key to move to is there already.
    taken: bool = False


#: The refusal of a save whose key is not there any more.
GONE = Refusal(None)

#: The refusal of a move to a key that is there already.
TAKEN = Refusal(None, taken=True)


class Store(Protocol):
    """**Required.** The five verbs every store has.

    All of them raise :exc:`~flask_serversession.errors.StoreUnavailable` when the
    server does not answer within the store's own, bounded time, and
    :exc:`~flask_serversession.errors.StoreError` for any other failure of the
    backend; never for a key that is not there.
    """

    def load(self, key: str) -> Record | None:
        """Return the live record, or None if the key is absent or expired."""

    def create(self, key: str, record: Record) -> bool:
        """Insert the record; False, with nothing changed, if the key is taken.

        An expired leftover does not take a key. Creating a record that has expired
        already is allowed and leaves nothing that could be loaded.
        """

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        """Replace payload and expiry of a record that is still there; None once done.

        With ``replacing``, only if the stored payload is still that record's: a
        compare-and-set in one step. Otherwise nothing changes and the refusal says,
        in the same trip where the backend can, what is there now. An absent or
        expired key is refused with :data:`GONE` and never added.

        A record whose time is over already ends the key: saving :data:`ENDED` is a
        delete, and with ``replacing`` one that spares what another request wrote.
        """

    def touch(self, key: str, expires_at: datetime) -> bool:
        """Move the expiry and leave the payload alone; False if the key is gone."""

    def delete(self, key: str) -> bool:
        """Remove the record; False, quietly, if there was no live one."""


@runtime_checkable
class SupportsKeys(Store, Protocol):
    """**Recommended.** Lists and clears what this store wrote, and only that."""

    def keys(self) -> Iterator[str]:
        """Yield the keys of live records; ones added or removed meanwhile may be missed."""

    def count(self) -> int:
        """Return how many live records there are."""

    def clear(self) -> int:
        """Remove every record of this store, live or not; return how many went.

        Records of another prefix, table, collection or directory stay.
        """


@runtime_checkable
class SupportsPrune(Store, Protocol):
    """**Recommended** where the backend does not remove expired records by itself."""

    def prune(self) -> int:
        """Remove expired records, in batches that block nobody; return how many went."""


@runtime_checkable
class SupportsSetup(Store, Protocol):
    """**Optional.** The backend needs a table, an index or a directory first."""

    def setup(self) -> None:
        """Make what is missing; safe to call again and from several processes at once."""


@runtime_checkable
class SupportsPing(Store, Protocol):
    """**Recommended.** Tells whether the server answers."""

    def ping(self) -> None:
        """Return if the server answers; raise StoreUnavailable if it does not."""


@runtime_checkable
class SupportsClose(Store, Protocol):
    """**Optional.** Holds connections that it opened itself."""

    def close(self) -> None:
        """Close what this store opened; an application's own client stays open."""


class Lock(Protocol):
    """One holder's claim on a key, used by one thread. It binds whoever asks for it only.

    A lock ends with its holder: at once where the backend notices that a process was
    killed, else once its ``ttl`` is over. Who outlives that has lost it.
    """

    def acquire(self, timeout: float) -> bool:
        """Wait for the others, at most this many seconds; False if they took longer."""

    def renew(self) -> bool:
        """Begin the ttl again; False if the lock was lost, and maybe taken by another."""

    def release(self) -> None:
        """Let the next one in; quiet if the lock was lost, and then another's stays."""


@runtime_checkable
class SupportsLock(Store, Protocol):
    """**Optional.** Locks a key better than :class:`~.record_lock.RecordLock` does.

    That one stands in for it on any store: it asks again and again.
    """

    def lock(self, key: str, *, ttl: float) -> Lock:
        """Return a lock, not acquired yet, that ends ``ttl`` seconds after its holder's end.

        The key need not be there, and what is stored under it may change meanwhile.
        """


#: Given the record that is there, returns the one to store; what it raises changes nothing.
Rebase = Callable[[Record], Record]


@runtime_checkable
class SupportsLockedSave(Store, Protocol):
    """**Optional**, for backends that lock a record: the second attempt cannot lose a race."""

    def save_locked(
        self, key: str, record: Record, *, replacing: Record, rebase: Rebase
    ) -> Refusal | None:
        """Save; if another record is there, lock it and save what ``rebase`` makes of it.

        The record cannot change between the call of ``rebase`` and the write, so
        :data:`GONE` is the only refusal.
        """


def utc_now() -> datetime:
    """Return this moment, aware and in UTC."""
    return datetime.now(timezone.utc)


def is_expired(expires_at: datetime | None) -> bool:
    """Tell whether a moment has come; None never does."""
    return expires_at is not None and expires_at <= utc_now()


def milliseconds_left(expires_at: datetime) -> int:
    """Return the whole milliseconds until a moment, rounded up; zero or less once past."""
    return -((utc_now() - expires_at) // MILLISECOND)


def epoch_milliseconds(moment: datetime) -> int:
    """Return a moment as whole milliseconds since 1970."""
    return (moment - EPOCH) // MILLISECOND


def from_epoch_milliseconds(milliseconds: int) -> datetime:
    """Return milliseconds since 1970 as an aware UTC moment."""
    return EPOCH + timedelta(milliseconds=milliseconds)
