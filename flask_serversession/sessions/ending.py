"""Finds and ends a session under whichever of its ids."""

from __future__ import annotations

from ..errors import PayloadError
from ..errors import SessionGone
from ..errors import SessionSuperseded
from ..stores.base import ENDED
from ..stores.base import Record
from ..stores.base import StoredKey
from .request_store import RequestStore
from .superseded import Superseded


def end(
    store: RequestStore, sid: str, known: Record | None = None, *, leaving: Record = ENDED
) -> str | None:
    """End a session under any of its ids; return the newest or its key, None if it had ended.

    Only the newest record is deleted. Without it, those under older ids cannot be read.

    :param known: what the store is known to hold under the id.
    :param leaving: what to leave under the newest id.
    """
    if not store.settings.config.regenerate_grace:
        with store as its_store:
            is_deletion = leaving is ENDED
            done = its_store.delete(sid) if is_deletion else not its_store.save(sid, leaving)
        return sid if done else None
    seen = set[str]()
    while sid not in seen:
        seen.add(sid)
        ended = _end_or_find_successor(store, sid, known, leaving)
        if ended is None or ended == sid:
            return ended
        sid, known = ended, None
    return None


def newest_key(store: RequestStore, superseded: Superseded) -> StoredKey | None:
    """Return the newest key of a superseded session; None if it cannot be read any more."""
    if superseded.until <= store.settings.clock():
        return None
    newest, successor, seen = None, superseded.successor, set[StoredKey]()
    while successor is not None and successor not in seen:
        record = store.load(successor)
        left = Superseded.read(store.settings, record) if record else None
        if record is None or (left and left.reason is not None):
            return None
        seen.add(successor)
        newest, successor = successor, left and left.successor
    return newest if successor is None else None


def _end_or_find_successor(
    store: RequestStore, sid: str, known: Record | None, leaving: Record
) -> str | None:
    """Return this id if the session ended, its successor's key if it has one, None if gone.

    Another request may be giving the session a new id. The record is therefore deleted only
    as it was read.
    """
    successor: StoredKey | None = None

    def end_unless_superseded(base: bytes, theirs: Record) -> Record:
        nonlocal successor
        left = Superseded.read(store.settings, theirs)
        if left is None or not left.is_explained:
            return leaving
        successor = left.successor
        raise SessionSuperseded("The session has a new id, or others have ended it.")

    try:
        record = known or store.load(sid)
        if record is None:
            return None
        left = end_unless_superseded(record.payload, record)
        store.replace(sid, record, left, end_unless_superseded)
    except PayloadError:
        return sid if store.delete(sid) else None
    except SessionGone:
        return successor
    return sid
