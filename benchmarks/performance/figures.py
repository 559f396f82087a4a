"""Turns times into figures: the time that a session adds, as a multiple of the floor's."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from statistics import quantiles
from typing import NamedTuple

from .results import Cell
from .results import Load
from .results import Rounds

FLOOR = "floor"
BARE = "bare "


class Figure(NamedTuple):
    """The median of several rounds, and half of their interquartile range."""

    middle: float
    spread: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        if len(values) < 2:
            return cls(values[0], 0.0)
        low, middle, high = quantiles(values, n=4, method="inclusive")
        return cls(middle, (high - low) / 2)


def peers(rounds: Rounds) -> list[str]:
    """Return the peers that have sessions."""
    return [name for name in rounds if not name.startswith(BARE)]


def extra(cell: Cell, peer: str) -> Figure:
    """Return the microseconds that the session adds to a request."""
    return Figure.of(_extra(cell.rounds, peer))


def against_floor(cell: Cell, peer: str) -> Figure:
    """Return the extra time as a multiple of the floor's, round by round."""
    floor = _extra(cell.rounds, FLOOR)
    # If noise made the floor cheaper than no session, there is no ratio.
    usable = max(median(floor) / 4, 0.1)
    pairs = zip(_extra(cell.rounds, peer), floor, strict=True)
    return Figure.of([mine / its for mine, its in pairs if its >= usable])


def against_bare(cell: Cell, peer: str) -> Figure:
    """Return the whole time as a multiple of the same request without a session."""
    bare = cell.rounds[_baseline(peer)]
    return Figure.of([mine / its for mine, its in zip(cell.rounds[peer], bare, strict=True)])


def with_flask(cell: Cell, peer: str) -> Figure:
    """Return the extra time added to bare Flask's, whatever the peer's framework is."""
    flask = cell.rounds["bare Flask"]
    added = zip(_extra(cell.rounds, peer), flask, strict=True)
    return Figure.of([1 + mine / its for mine, its in added])


def share_of_bare(load: Load, peer: str) -> Figure:
    """Return the requests per second as a share of those without a session."""
    bare = load.rounds[_baseline(peer)]
    return Figure.of([mine / its for mine, its in zip(load.rounds[peer], bare, strict=True)])


def _extra(rounds: Rounds, peer: str) -> list[float]:
    bare = rounds[_baseline(peer)]
    return [mine - its for mine, its in zip(rounds[peer], bare, strict=True)]


def _baseline(peer: str) -> str:
    return _BASELINES.get(peer, peer if peer.startswith(BARE) else "bare Flask")


_BASELINES = {
    "Django": "bare Django",
    "Starsessions": "bare Starlette",
    "express-session": "bare Express",
}
