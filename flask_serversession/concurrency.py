"""What two requests' changes to one session become: a three-way merge, key by key. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import Final
from typing import Literal

#: ``merge``: keep both requests' changes. ``overwrite``: the last one wins, as in
#: express. ``reject``: the second one gets SessionConflict.
Concurrency = Literal["merge", "overwrite", "reject"]

#: Called with key, base, theirs and mine for a key that both sides changed; returns the
#: value to keep. A side that does not have the key is given as None.
Resolve = Callable[[str, Any, Any, Any], Any]

#: Where Flask keeps the messages of ``flash()``.
FLASHES = "_flashes"


_ABSENT: Final = object()


def keep_mine(key: str, base: Any, theirs: Any, mine: Any) -> Any:
    """Return this request's value: the default :data:`Resolve`."""
    return mine


def merge(
    base: Mapping[str, Any],
    theirs: Mapping[str, Any],
    mine: Mapping[str, Any],
    *,
    same: Callable[[Any, Any], bool],
    resolve: Resolve = keep_mine,
) -> dict[str, Any]:
    """Return their data with this request's changed, added and deleted keys applied.

    A key that only one side changed takes that side's value; deleting is a change, so
    neither side brings back what the other deleted alone. For a key that both changed
    ``resolve`` decides, even if they agree (two visits counted at once are two), unless
    this request deleted it. Flashed
    messages are merged one by one: none shown twice, none lost.

    :param base: the data both sides started from.
    :param same: tells whether two values are stored alike.
    """
    merged = dict(theirs)
    for key in [*base, *(key for key in mine if key not in base)]:
        if key == FLASHES:
            _merge_flashes(merged, base.get(FLASHES, []), mine.get(FLASHES, []))
            continue
        before, now = base.get(key, _ABSENT), mine.get(key, _ABSENT)
        there = theirs.get(key, _ABSENT)
        if _alike(before, now, same):
            if now is not _ABSENT and _alike(now, there, same):
                merged[key] = now  # which the application may hold, and change yet
            continue
        if now is _ABSENT:
            merged.pop(key, None)
            continue
        if _alike(before, there, same):
            merged[key] = now
        else:
            merged[key] = resolve(key, _or_none(before), _or_none(there), now)
    return merged


def _merge_flashes(merged: dict[str, Any], base: list[Any], mine: list[Any]) -> None:
    shown_by_me = _without(base, mine)
    messages = _without(merged.get(FLASHES, []), shown_by_me) + _without(mine, base)
    if messages:
        merged[FLASHES] = messages
    else:
        merged.pop(FLASHES, None)


def _without(messages: list[Any], others: list[Any]) -> list[Any]:
    """Return the messages left after taking each of the others out once."""
    left = list(messages)
    for message in others:
        if message in left:
            left.remove(message)
    return left


def _alike(one: Any, other: Any, same: Callable[[Any, Any], bool]) -> bool:
    if one is _ABSENT or other is _ABSENT:
        return one is other
    return same(one, other)


def _or_none(value: Any) -> Any:
    return None if value is _ABSENT else value
