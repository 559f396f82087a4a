"""The five verbs on a store whose records are protected."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ...encryption import Encryption
from ...encryption import Keys
from ...errors import ConfigError
from ..abilities import is_shared
from ..base import ENDED
from ..base import GONE
from ..base import is_expired
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
from .names import hashed
from .names import is_hashed
from .names import LONGEST_HASHED_KEY
from .payloads import Payloads
from .payloads import SplitPayloads

#: How often a record may be encrypted again between reading and replacing it.
ATTEMPTS = 8


class ProtectedStore:
    """Keeps records in another store under hashed keys, encrypted, or both.

    Names are hashed, except a :class:`~..base.StoredKey`. If ids are hashed and payloads
    encrypted, a record that is loaded by its stored key has only the cookie and the login of its
    session, and a save by that key can only end it.

    Encrypting the same payload twice gives two texts, so a save compares what the loaded record
    holds in its ``version``. One more call of the store is needed to replace a record that this
    process wrote itself.

    :param store: where the records are.
    :param hash_ids: False to see only the records whose keys are not hashed.
    :param encryption: None to leave payloads as they are.
    :param is_view: leave cleaning up, checks and closing to another protected store around the
        same one. A view lists and clears only the records that it sees.
    :raises ConfigError: if the store cannot be protected.
    """

    #: Nobody else can write its records.
    is_shared = False

    def __init__(
        self,
        store: Store,
        *,
        hash_ids: bool,
        encryption: Encryption | None = None,
        is_view: bool = False,
    ) -> None:
        _refuse_unfit(store, hash_ids)
        self._store: Any = store
        self._is_view = is_view
        self.hash_ids = hash_ids
        #: What the store inside puts before each key, for :mod:`..moving.overlap`.
        self._prefix: Any = getattr(store, "_prefix", "")
        self.is_split: bool = getattr(store, "is_split", False)
        self._payloads: Payloads | None = None
        if encryption is not None:
            self._payloads = (SplitPayloads if hash_ids else Payloads)(encryption)
        #: Make the tags of users.
        self.tag_keys: Keys = (None,) if encryption is None else encryption.tag_keys
        #: Whether a session can be read and written by its stored key.
        self.opens_by_key: bool = not isinstance(self._payloads, SplitPayloads)
        if not hash_ids and hasattr(store, "longest_key"):
            self.longest_key: int = store.longest_key

    def key_of(self, name: str) -> str:
        """Return the key under which a name is stored, as ``keys`` and ``records`` list it."""
        return hashed(name) if self.hash_ids and not self.owns(name) else name

    def owns(self, key: str) -> bool:
        """Tell whether this is a stored key of this store, and not of its neighbour."""
        return isinstance(key, StoredKey) and is_hashed(key) is self.hash_ids

    def load(self, name: str) -> Record | None:
        key = self._key(name)
        return self._opened(name, key, self._store.load(key))

    def create(self, name: str, record: Record) -> bool:
        key = self._key(name)
        return bool(self._store.create(key, self._closed(name, key, record)))

    def save(
        self, name: str, record: Record, *, replacing: Record | None = None
    ) -> Refusal | None:
        key = self._key(name)
        closed = self._closed(name, key, record)
        known = replacing and self._known(name, key, replacing)
        for _ in range(ATTEMPTS):
            if isinstance(known, Refusal):
                break
            refusal: Refusal | None = self._store.save(key, closed, replacing=known)
            if refusal is None or refusal.current is None or replacing is None:
                return refusal
            known = self._compared(name, key, refusal.current, replacing)
        return known if isinstance(known, Refusal) else Refusal(self._opened(name, key, known))

    def touch(self, name: str, expires_at: datetime) -> bool:
        return bool(self._store.touch(self._key(name), expires_at))

    def delete(self, name: str) -> bool:
        return bool(self._store.delete(self._key(name)))

    def lock(self, name: str, *, ttl: float) -> Lock:
        if isinstance(self._store, SupportsLock):
            return self._store.lock(self._key(name), ttl=ttl)
        return RecordLock(self, name, ttl=ttl)

    def ping(self) -> None:
        if isinstance(self._store, SupportsPing):
            self._store.ping()
        else:
            self._store.load("-")

    def check(self) -> list[str]:
        checks = isinstance(self._store, SupportsCheck) and not self._is_view
        return self._store.check() if checks else []

    def close(self) -> None:
        if isinstance(self._store, SupportsClose) and not self._is_view:
            self._store.close()

    def _key(self, name: str) -> str:
        """Return the key for the store inside. It is never a key of the neighbour's."""
        key = self.key_of(name)
        if is_hashed(key) is not self.hash_ids:
            key = hashed(key)
        # A hash is not secret. An id keeps the class that hides it.
        return str(key) if self.hash_ids else key

    def _listed(self, key: str) -> str:
        return StoredKey(key) if self.hash_ids else key

    def _closed(self, name: str, key: str, record: Record) -> Record:
        if self._payloads is None:
            return record
        if is_expired(record.expires_at):
            # Nobody reads it. A backend may have it until it is pruned.
            return Record(ENDED.payload, record.expires_at)
        payload = self._payloads.closed(key, _secret(name), record.payload)
        return Record(payload, record.expires_at)

    def _opened(self, name: str, key: str, stored: Record | None) -> Record | None:
        if stored is None or self._payloads is None:
            return stored
        document, is_current = self._payloads.opened(key, _secret(name), stored.payload)
        return Record(document, stored.expires_at, version=stored, outdated=not is_current)

    def _known(self, name: str, key: str, replacing: Record) -> Record | Refusal:
        """Return the stored record that has this content, or the refusal if there is another."""
        if self._payloads is None:
            return replacing
        if isinstance(replacing.version, Record):
            return replacing.version
        return self._compared(name, key, self._store.load(key), replacing)

    def _compared(
        self, name: str, key: str, stored: Record | None, replacing: Record
    ) -> Record | Refusal:
        current = self._opened(name, key, stored)
        if stored is None or current is None:
            return GONE
        return stored if current.payload == replacing.payload else Refusal(current)


def _secret(name: str) -> str | None:
    return None if isinstance(name, StoredKey) else name


def _refuse_unfit(store: Store, hash_ids: bool) -> None:
    name = type(store).__name__
    if is_shared(store):
        raise ConfigError(
            f"SESSION_HASH_IDS and SESSION_ENCRYPTION_KEYS cannot be used with this layout of"
            f" {name}, which Express reads: it would find no session, or could not read it. Use"
            " the layout 'native'."
        )
    room = getattr(store, "longest_key", LONGEST_HASHED_KEY)
    if hash_ids and room < LONGEST_HASHED_KEY:
        raise ConfigError(
            f"SESSION_HASH_IDS cannot be used with {name}, whose keys have at most {room}"
            f" characters. A hashed one has up to {LONGEST_HASHED_KEY}."
        )
