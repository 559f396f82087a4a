"""Merges two requests' changes to one session, key by key. No I/O."""

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
#: value to keep. The base is None for a key that both sides added.
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

    * A key that one side changed takes that side's value.
    * A key that either side deleted stays deleted, even if the other side changed it: a late
      request does not bring back a user who was logged out.
    * A key that both sides changed takes what ``resolve`` returns, even if both set the same
      value: two visits counted at once are two.
    * Flashed messages are merged one by one, so that none is lost or shown twice.

    :param base: the data that both sides started from.
    :param same: returns whether two values are stored alike.
    """
    merged = dict(theirs)
    for key in [*base, *(key for key in mine if key not in base)]:
        if key == FLASHES:
            _merge_flashes(merged, base.get(FLASHES, []), mine.get(FLASHES, []), same)
            continue
        before, there, now = (side.get(key, _ABSENT) for side in (base, theirs, mine))
        if _alike(before, now, same):
            if now is not _ABSENT and _alike(now, there, same):
                merged[key] = now  # the application may hold this object and still change it
        elif now is _ABSENT:
            merged.pop(key, None)
        elif there is _ABSENT and before is not _ABSENT:
            continue
        elif _alike(before, there, same):
            merged[key] = now
        else:
            merged[key] = resolve(key, _or_none(before), there, now)
    return merged


def _merge_flashes(
    merged: dict[str, Any], base: list[Any], mine: list[Any], same: Callable[[Any, Any], bool]
) -> None:
    shown_by_me = _without(base, mine, same)
    messages = _without(merged.get(FLASHES, []), shown_by_me, same) + _without(mine, base, same)
    if messages:
        merged[FLASHES] = messages
    else:
        merged.pop(FLASHES, None)


def _without(
    messages: list[Any], others: list[Any], same: Callable[[Any, Any], bool]
) -> list[Any]:
    """Return the messages left after taking each of the others out once."""
    left = list(messages)
    for other in others:
        place = next((place for place, each in enumerate(left) if same(each, other)), None)
        if place is not None:
            del left[place]
    return left


def _alike(one: Any, other: Any, same: Callable[[Any, Any], bool]) -> bool:
    if one is _ABSENT or other is _ABSENT:
        return one is other
    return same(one, other)


def _or_none(value: Any) -> Any:
    return None if value is _ABSENT else value
