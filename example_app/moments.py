"""Moments, told by how long ago or how far ahead they are."""

from __future__ import annotations

import math
from datetime import datetime
from datetime import timezone


def ago(moment: datetime | None) -> str:
    if moment is None:
        return "unknown"
    minutes = math.floor(-_minutes_until(moment))
    return f"{_spelled(minutes)} ago" if minutes > 0 else "just now"


def until(moment: datetime) -> str:
    return _spelled(math.ceil(_minutes_until(moment)))


def _minutes_until(moment: datetime) -> float:
    return (moment - datetime.now(timezone.utc)).total_seconds() / 60


def _spelled(minutes: int) -> str:
    """Spell a time in its two largest units."""
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = {"d": days, "h": hours, "min": minutes}
    return " ".join([f"{number} {unit}" for unit, number in units.items() if number][:2])
