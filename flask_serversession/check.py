"""Finds out before traffic does whether an application's sessions will work."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from datetime import timedelta
from itertools import islice
from typing import Any
from typing import TypeVar

from .config import Config
from .config import secrets_from
from .config.flaws import flaws_of
from .config.flaws import flaws_of_secrets
from .cookies.ids import generate_id
from .errors import PayloadError
from .errors import StoreError
from .manager import SessionManager
from .sessions.settings import Settings
from .sessions.users import Found
from .stores.base import Record
from .stores.base import Store
from .stores.base import SupportsCheck
from .stores.base import SupportsKeys
from .stores.base import SupportsPing
from .stores.base import SupportsUsers
from .stores.base import user_of
from .stores.base import utc_now
from .stores.moving.store import peek

T = TypeVar("T")

_PROBE = b'{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}}'
_LIFE_OF_THE_PROBE = timedelta(minutes=1)
#: Milliseconds. Requests wait as long, so a store in the same network should be faster.
_SLOW = 50
#: How many records are read to find those of other programs.
_SAMPLE = 100


def findings(manager: SessionManager, app_config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what was found, a line each; those that begin with "Warning" need attention.

    :raises ServerSessionError: if the sessions of the application cannot work.
    """
    config = manager.config
    secrets = secrets_from(app_config, config.secret)
    key = "SESSION_SECRET" if config.secret else "SECRET_KEY"
    yield f"{key} signs the cookies."
    yield from map(_warning, flaws_of_secrets(config, secrets, key=key))
    if config.profile == "strict" or config.assurance_level:
        yield _strictness(config)
    if config.cookie_flaw:
        yield _warning(f"No browser keeps the session cookie: {config.cookie_flaw}.")
    yield from map(_warning, flaws_of(config))
    if config.is_in_cookies:
        yield "The browsers keep the sessions: SESSION_STORE is 'cookie'."
        return
    if config.adopt:
        yield (
            "SESSION_ADOPT takes former sessions over: remove it once PERMANENT_SESSION_LIFETIME"
            " has passed since the move."
        )
    if config.store_before is not None:
        yield "SESSION_STORE_BEFORE can be removed once flask sessions migrate moves nothing more."
    yield from _findings_of(manager.store)
    yield from foreign_records(manager)
    if config.hash_ids == "switch":
        yield _left_under_raw_ids(manager.store)
    if len(config.encryption_keys or ()) > 1 and isinstance(manager.store, SupportsUsers):
        yield _left_with_older_keys(manager.settings, manager.store)


def _strictness(config: Config) -> str:
    level = f" at assurance level {config.assurance_level}" if config.assurance_level else ""
    but = f", except for {', '.join(config.exceptions)}" if config.exceptions else ""
    return f"The profile is {config.profile!r}{level}{but}."


def foreign_records(manager: SessionManager) -> Iterator[str]:
    """Yield a warning if the store lists records that cannot be read as sessions."""
    if not isinstance(manager.store, SupportsKeys):
        return
    sample = list(islice(manager.store.keys(), _SAMPLE))
    foreign = sum(not _is_session(manager, key) for key in sample)
    if foreign:
        yield _warning(
            f"{foreign} of the first {len(sample)} records cannot be read as sessions. If another"
            " program writes them, flask sessions clear deletes them too, and list and count"
            " include them: name another prefix, table, collection or directory in"
            " SESSION_STORE_OPTIONS."
        )


def _left_under_raw_ids(store: Any) -> str:
    if not hasattr(store, "migrate"):
        return (
            "The store cannot count the sessions that are still under raw ids. None is left once"
            " the longest lifetime of a session has passed: set SESSION_HASH_IDS to True then."
        )
    left = sum(outcome in ("moved", "left") for outcome in store.migrate(dry_run=True))
    if not left:
        return "No session is under a raw id any more: set SESSION_HASH_IDS to True."
    return (
        f"{left} sessions are still under raw ids: run flask sessions migrate, and set"
        " SESSION_HASH_IDS to True once none is left."
    )


def _left_with_older_keys(settings: Settings, store: SupportsUsers) -> str:
    outdated, tagged = 0, 0
    for key, record in store.records():
        outdated += record.outdated
        tagged += _has_an_older_tag(settings, key, record)
    if not outdated and not tagged:
        return (
            "Every session is stored as the first of SESSION_ENCRYPTION_KEYS says: the others can"
            " be removed, once all servers have this list."
        )
    return (
        f"{outdated} sessions are not encrypted with the newest key. Each will be when it is next"
        f" used. {tagged} are of users who logged in with an older key. They have to log in again"
        " once it is removed."
    )


def _has_an_older_tag(settings: Settings, key: str, record: Record) -> bool:
    found = Found.of(settings, key, record)
    if found is None or not found.is_live:
        return False
    _, *older = zip(settings.tag_keys, settings.tags_of(found.login.user_id), strict=True)
    return user_of(key) in [tag for tag_key, tag in older if tag_key is not None]


def _is_session(manager: SessionManager, key: str) -> bool:
    try:
        record = peek(manager.store, key)
        if record is not None:
            manager.settings.serializer.decompose(record.payload)
    except PayloadError:
        return False
    return True


def _findings_of(store: Store) -> Iterator[str]:
    name = type(store).__name__
    if isinstance(store, SupportsPing):
        store.ping()
        yield f"{name} answers."
    if isinstance(store, SupportsCheck):
        yield from map(_warning, store.check())
    key, record = f"check-{generate_id()}", Record(_PROBE, utc_now() + _LIFE_OF_THE_PROBE)
    store.load(key)  # connects, and creates a table if need be
    _, reading = _timed(lambda: store.load(key))
    created, writing = _timed(lambda: store.create(key, record))
    try:
        found = store.load(key)
    finally:
        removed = store.delete(key)
    if not (created and found and removed):
        raise StoreError(
            f"{name} did not keep a record that it had stored. Look for a read-only replica, a"
            " full cache, or a clock that is ahead."
        )
    yield f"{name} reads ({reading:.1f} ms)."
    yield f"{name} writes ({writing:.1f} ms)."
    if max(reading, writing) > _SLOW:
        yield _warning(f"{name} is slow: each request that uses its session waits for it.")


def _timed(call: Callable[[], T]) -> tuple[T, float]:
    began = time.monotonic()
    result = call()
    return result, (time.monotonic() - began) * 1000


def _warning(text: str) -> str:
    return f"Warning: {text}"
