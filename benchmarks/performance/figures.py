"""From times to figures: what a session adds, and how that compares with the floor."""

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
    """The middle of several rounds and how far the middle half of them is spread."""

    middle: float
    spread: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        if len(values) < 2:
            return cls(values[0], 0.0)
        low, middle, high = quantiles(values, n=4, method="inclusive")
        return cls(middle, (high - low) / 2)


def peers(rounds: Rounds) -> list[str]:
    """Return the peers that have a session."""
    return [name for name in rounds if not name.startswith(BARE)]


def extra(cell: Cell, peer: str) -> Figure:
    """Return the microseconds beyond the same request without a session."""
    return Figure.of(_extra(cell.rounds, peer))


def against_floor(cell: Cell, peer: str) -> Figure:
    """Return the extra time as a multiple of the floor's, round by round."""
    floor = _extra(cell.rounds, FLOOR)
    # Where a disturbance made the floor cheaper than nothing, there is no ratio.
    usable = max(median(floor) / 4, 0.1)
    pairs = zip(_extra(cell.rounds, peer), floor, strict=True)
    return Figure.of([mine / its for mine, its in pairs if its >= usable])


def against_bare(cell: Cell, peer: str) -> Figure:
    """Return the whole time as a multiple of the same request without a session."""
    bare = cell.rounds[_baseline(peer)]
    return Figure.of([mine / its for mine, its in zip(cell.rounds[peer], bare, strict=True)])


def with_flask(cell: Cell, peer: str) -> Figure:
    """Return the extra time on top of bare Flask's, whatever framework the peer is for."""
    flask = cell.rounds["bare Flask"]
    added = zip(_extra(cell.rounds, peer), flask, strict=True)
    return Figure.of([1 + mine / its for mine, its in added])


def share_of_bare(load: Load, peer: str) -> Figure:
    """Return the requests a second as a share of the same application's without a session."""
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
