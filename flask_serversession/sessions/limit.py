"""The limit of a user's sessions: a login that is one too many ends another or is refused."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import Final

from ..errors import ConfigError
from ..errors import SessionLimitReached
from ..stores.record_lock import RecordLock
from .request_store import RequestStore
from .users import find

#: The ``ended_reason`` of a session that had to make room for another.
LIMIT = "limit"
#: Seconds to wait for the user's other logins, and those that one login may take: fewer, so that
#: a killed process keeps nobody from logging in.
_PATIENCE, _TURN = 5.0, 3.0
#: How often sessions end until there is room. One that takes a new id meanwhile adds one.
_ROUNDS = 8
#: What the session that ends first has least of.
_FIRST_TO_END: Final = {"end_oldest": "since", "end_idlest": "last_seen"}

_TOO_MANY = (
    "The user has as many sessions as SESSION_LIMIT_PER_USER allows. Let them end one of the"
    " others, with manager_of(app).end(), or wait until one has ended."
)


@contextmanager
def room_for_one(
    store: RequestStore, user_id: str, *, own: Collection[str], is_needed: Callable[[], bool]
) -> Iterator[bool]:
    """Keep other logins of a user waiting, once there is room for one more session.

    The value tells whether the session must be stored in the block, which is where there is a
    limit and room is needed.

    :param own: the keys of the session that logs in.
    :param is_needed: called before another session ends. It raises what would keep this one from
        being stored, and returns False if it will not be stored.
    :raises SessionLimitReached: if there is no room, and none is to be made.
    """
    config = store.settings.config
    limit = None if config.limit_per_user is None else _checked(config.limit_per_user(user_id))
    if limit is None:
        yield False
        return
    turn = f"{store.settings.tags_of(user_id)[0]}.login"
    # The lock of a database server would need a connection of its own.
    lock = RecordLock(store.settings.store, turn, ttl=_TURN)
    with store.locked(turn, timeout=_PATIENCE, ttl=_TURN, lock=lock):
        if is_needed():
            _make_room(store, user_id, limit, own)
            yield True
        else:
            yield False


def _make_room(store: RequestStore, user_id: str, limit: int, own: Collection[str]) -> None:
    on_limit = store.settings.config.on_limit
    for _ in range(_ROUNDS):
        others = [found for found in find(store, user_id) if found.key not in own]
        surplus = len(others) - limit + 1
        if surplus <= 0:
            return
        if on_limit == "refuse":
            break
        others.sort(key=attrgetter(_FIRST_TO_END[on_limit]))
        for found in others[:surplus]:
            found.end(store, LIMIT)
    raise SessionLimitReached(_TOO_MANY)


def _checked(limit: object) -> int | None:
    if limit is None or (type(limit) is int and limit > 0):
        return limit
    raise ConfigError("SESSION_LIMIT_PER_USER must return an int above 0, or None for no limit.")
