"""Holds the lock of a session around a block. A part of StoredSession."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import SessionConflict
from ..errors import SessionError
from ..errors import StoreError

if TYPE_CHECKING:
    from .stored import StoredSession


@contextmanager
def lock(session: StoredSession, *, timeout: float, ttl: float) -> Iterator[None]:
    """Hold the session's lock; read the session again before the block, store it after.

    Errors are those of :meth:`.base.Session.lock`.
    """
    store, copy = session._enter(), session._copy
    sid = copy.stored_id if copy else session._sent_id
    if sid is None or session._is_locked:
        yield  # no other request knows a new session; a nested block needs no second lock
        return
    with store.locked(sid, timeout=timeout, ttl=ttl) as renew:
        with session._telling():
            _catch_up(session)
        session._is_locked = True
        try:
            yield
        except BaseException:
            with suppress(SessionError, StoreError):  # the view's own error says more
                _save(session, renew)
            raise
        else:
            _save(session, renew)
        finally:
            session._is_locked = False


def _catch_up(session: StoredSession) -> None:
    """Catch up with what was stored since the session was loaded.

    :raises SessionConflict: if both sides changed it, and the two are not merged.
    """
    copy = session._copy
    if copy is None or copy.stored_id is None:
        return
    seen = copy.draft
    is_there = copy.refresh(session._notify)
    if is_there and not copy.draft.is_superseded:
        return
    if seen.is_modified:
        session._tell_of_the_end()
    if not is_there:
        session._begin()


def _save(session: StoredSession, renew: Callable[[], bool]) -> None:
    """Store the changes, if the lock is still held."""
    copy = session._copy
    if copy is None:
        return
    with session._telling():
        is_changed = copy.draft.is_modified or copy.regenerated
    if not is_changed or not session._may_be_saved:
        return
    if copy.draft.is_superseded:
        return  # what is written under an old id is dropped when the request ends
    if not renew():
        session._fail()
        raise SessionConflict(
            "The session's lock was lost before the changes under it were stored, so they"
            " were not. Give the lock a longer ttl, or do less under it."
        )
    session.save()
