"""The store contract: the one page to read before writing a store.

A store keeps *records* under *keys*. It knows nothing of HTTP, Flask or sessions:
a key is an opaque string, a payload is opaque bytes, an expiry is a moment. Sessions know
*ids*, which are secrets; :class:`StoredKey` says when the two differ.

The five verbs of :class:`Store` are **required**. Three rules hold for all of them and
keep sessions from being lost or brought back:

1. *create is not save.* :meth:`~Store.create` only inserts, :meth:`~Store.save` only
   replaces what is still there. A slow request therefore cannot bring back a session
   that was logged out meanwhile (CVE-2025-46336 is the upsert that did).
2. *Expired means absent*, for every verb, whether or not the backend has removed the
   record yet.
3. *Every verb is atomic* against every other process that uses the same backend.

The abilities below are **recommended** or **optional**. Each is a protocol of its own,
and a store has it by having its methods. A store is shared by all threads of a process
and survives ``fork``. It closes the client that it made, and never an application's.

The suite in :mod:`flask_serversession.testing` checks all of this.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from functools import partial
from typing import Protocol
from typing import runtime_checkable

from ..errors import ConfigError

MILLISECOND = timedelta(milliseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class StoredKey(str):
    """A key as a backend has it: one that a store listed, or that a record names.

    A store that hashes ids takes any other ``str`` for an id, even if it looks like a key. To
    every other store the two are the same, so no traceback's local variables show it.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "<stored key>"


@dataclass(frozen=True, slots=True)
class Record:
    """What a store holds under one key."""

    #: The encoded session. A store does not parse it. A backend that does may return equal
    #: JSON in another spelling.
    payload: bytes = field(repr=False)
    #: When it ends, as an aware UTC moment. ``None`` only on a loaded record whose
    #: backend cannot tell without another round trip.
    expires_at: datetime | None
    #: The backend's token for this version of the record, such as memcached's CAS token.
    #: Only the store that returned it can use it.
    version: object = None
    #: It is stored in a former way, such as encrypted with an older key. Its next use should
    #: write it again.
    outdated: bool = False


#: Saving this record ends its key.
ENDED = Record(b"{}", EPOCH)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a :meth:`Store.save` or a :func:`~.record_move.move_record` changed nothing."""

    #: What is there now, or ``None``: the key is gone.
    current: Record | None
    #: The new key of a move exists already.
    taken: bool = False


#: The refusal of a save whose key is gone.
GONE = Refusal(None)

#: The refusal of a move to a key that exists already.
TAKEN = Refusal(None, taken=True)


class Store(Protocol):
    """**Required.** The five verbs every store has.

    A key is a ``str``, or of a subclass whose ``repr()`` does not show it.

    All of them raise :exc:`~flask_serversession.errors.StoreUnavailable` when the
    server does not answer within the store's own, bounded time, and
    :exc:`~flask_serversession.errors.StoreError` for any other failure of the
    backend; never for a key that is not there.
    """

    def load(self, key: str) -> Record | None:
        """Return the live record, or None if the key is absent or expired."""

    def create(self, key: str, record: Record) -> bool:
        """Insert the record; False, with nothing changed, if the key is taken.

        An expired leftover does not take a key. A record that has already expired may be
        created; nothing can be loaded then.
        """

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        """Replace payload and expiry of a record that is still there; None once done.

        With ``replacing``, only if the stored payload is still that record's, as loaded or
        as written: a compare-and-set in one step. Otherwise nothing changes and the refusal says,
        in the same trip where the backend can, what is there now. An absent or
        expired key is refused with :data:`GONE` and never added.

        Saving a record that has already expired ends the key: :data:`ENDED` deletes, and
        with ``replacing`` deletes only what no other request has changed.
        """

    def touch(self, key: str, expires_at: datetime) -> bool:
        """Move the expiry and leave the payload alone; False if the key is gone."""

    def delete(self, key: str) -> bool:
        """Remove the record; return False if there was no live one."""


@runtime_checkable
class SupportsKeys(Store, Protocol):
    """**Recommended.** Lists and clears what this store wrote, and only that."""

    def keys(self) -> Iterator[str]:
        """Yield the keys of live records; may miss those added or removed meanwhile."""

    def count(self) -> int:
        """Return how many live records there are."""

    def clear(self) -> int:
        """Remove every record of this store, live or expired; return how many.

        Records of another prefix, table, collection or directory stay.
        """


@runtime_checkable
class SupportsUsers(Store, Protocol):
    """**Optional.** Finds the records of a user: those whose keys begin with the user's tag.

    The tag is part of the key, so it comes and goes with the record, whatever ends that.
    A store whose keys have fewer than 255 characters has an attribute ``longest_key``.
    """

    def records(self, user: str | None = None) -> Iterator[tuple[str, Record]]:
        """Yield the keys and the live records of a user, or of everybody.

        Those of a user are read in one round trip that takes no longer in a store with many
        records, except where a store says otherwise. Records that cannot be read are left out.

        :param user: what :func:`user_of` returns for their keys.
        """


@runtime_checkable
class SupportsEpochs(Store, Protocol):
    """**Optional**, where a backend cannot list: ends all records of a user at once.

    A key of the form ``<user>.<epoch>.<rest>`` is live only in the epoch of its user. An epoch
    has 8 to 16 letters, digits, ``-`` and ``_``. A save or a touch may still succeed in a later
    one, and does not bring the record back.
    """

    def epoch(self, user: str) -> str:
        """Return the epoch for new keys of this user; the first call begins one."""

    def end_user(self, user: str) -> None:
        """Begin another epoch: every earlier record of the user is absent from now on."""


@runtime_checkable
class SupportsPrune(Store, Protocol):
    """**Recommended** where the backend does not remove expired records by itself."""

    def prune(self) -> int:
        """Remove expired records, in batches that block no other verb; return how many."""


@runtime_checkable
class SupportsClearing(SupportsKeys, Protocol):
    """**Optional.** Clears in steps, so that ``flask sessions clear`` can show progress."""

    def clearing(self) -> Iterator[int]:
        """Do what ``clear`` does; after each step yield how many records it removed."""


@runtime_checkable
class SupportsPruning(SupportsPrune, Protocol):
    """**Optional.** Prunes in steps, and can count without removing."""

    def pruning(self, *, dry_run: bool = False) -> Iterator[int]:
        """Do what ``prune`` does; after each step yield how many records it removed.

        With ``dry_run`` nothing is removed: the numbers are those of expired records.
        """


@runtime_checkable
class SupportsSetup(Store, Protocol):
    """**Optional.** The backend needs a table, an index or a directory first."""

    def setup(self) -> None:
        """Create what is missing; safe to repeat and to call from several processes at once."""


@runtime_checkable
class SupportsPing(Store, Protocol):
    """**Recommended.** Tells whether the server answers."""

    def ping(self) -> None:
        """Return if the server answers; raise StoreUnavailable if it does not."""


@runtime_checkable
class SupportsCheck(Store, Protocol):
    """**Optional.** Tells what ``flask sessions check`` cannot see from outside."""

    def check(self) -> list[str]:
        """Return what makes the store slow or lose sessions, a sentence each.

        :raises ConfigError: if the backend's table, index or settings cannot work.
        """


@runtime_checkable
class SupportsClose(Store, Protocol):
    """**Optional.** For a store that opens connections itself."""

    def close(self) -> None:
        """Close what this store opened; an application's own client stays open."""


class Lock(Protocol):
    """One holder's claim on a key, used by one thread. It excludes only other lock holders.

    A lock ends with its holder: at once where the backend notices that the process was
    killed, otherwise after its ``ttl``. A holder that outlives the ttl has lost the lock.
    """

    def acquire(self, timeout: float) -> bool:
        """Wait for the lock at most this many seconds; False if others kept it longer."""

    def renew(self) -> bool:
        """Restart the ttl; False if the lock was lost. Another holder may have it then."""

    def release(self) -> None:
        """Free the lock. If it was lost, do nothing: another holder keeps it."""


@runtime_checkable
class SupportsLock(Store, Protocol):
    """**Optional**, for a better lock than :class:`~.record_lock.RecordLock`.

    That one works on every store without this ability, by polling.
    """

    def lock(self, key: str, *, ttl: float) -> Lock:
        """Return a lock that is not acquired yet.

        It outlives a killed holder by at most ``ttl`` seconds. The key need not exist, and
        its record may change while the lock is held.
        """


#: Takes the stored record and returns the one to store. If it raises, nothing changes.
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


#: How many characters of a key are the tag of its user. A dot follows.
USER_LENGTH = 16


def user_of(key: str) -> str | None:
    """Return the tag of the user that a key begins with; None if it has none."""
    return key[:USER_LENGTH] if key[USER_LENGTH : USER_LENGTH + 1] == "." else None


#: Returns this moment, aware and in UTC.
utc_now: Callable[[], datetime] = partial(datetime.now, timezone.utc)


def check_seconds(name: str, value: float, *, at_most: int = 86_400) -> None:
    """Refuse an option of a store that is not a number of seconds, before a driver fails on it.

    :raises ConfigError: naming the option and what is allowed.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 < value <= at_most:
        raise ConfigError(
            f"The store's {name} must be a number of seconds above 0, at most {at_most}."
        )


def same_json(one: bytes, other: bytes) -> bool:
    """Tell whether two payloads hold equal JSON, in whatever order and spelling.

    Whole floats equal integers, because Node does not tell them apart.
    """
    if one == other:
        return True
    try:
        return _canonical(one) == _canonical(other)
    except (RecursionError, ValueError):
        return False


def _canonical(payload: bytes) -> str:
    return json.dumps(json.loads(payload, parse_float=_number), sort_keys=True)


def _number(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() else number


def is_expired(expires_at: datetime | None) -> bool:
    """Tell whether a moment is past; False for None."""
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
