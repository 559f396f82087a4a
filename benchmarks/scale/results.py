"""The results, in one JSON file per store, so that a run can be resumed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("results")

#: The number of live sessions, as text for JSON -> microseconds, one number per round.
Rounds = dict[str, list[float]]


@dataclass
class Cost:
    """The cost of a call, in rounds in which every number of sessions had its turn."""

    load: Rounds
    save: Rounds


@dataclass
class Wait:
    """The longest call of another process, in milliseconds; one number per prune."""

    during: list[float]
    #: The longest call in an equal time without a prune.
    without: list[float]


@dataclass
class Pruning:
    """The cost of removing the expired sessions, in seconds; one number per prune."""

    live: int
    expired: int
    seconds: list[float]
    reader: Wait
    writer: Wait


@dataclass
class Result:
    """All results for one store."""

    store: str
    settings: str
    cost: Cost
    #: The number of live sessions -> bytes per session.
    held: dict[str, float]
    #: None where the backend removes expired sessions by itself.
    pruning: Pruning | None
    #: The number of live sessions -> seconds of each prune that found nothing.
    nothing: dict[str, list[float]]

    def save(self) -> None:
        FOLDER.mkdir(exist_ok=True)
        _path(self.store).write_text(json.dumps(asdict(self), indent=1) + "\n")


def kept(store: str, sizes: Sequence[int]) -> Result | None:
    """Return the result of an earlier run for a store, if it was for these sizes."""
    if not _path(store).exists():
        return None
    result = _read(json.loads(_path(store).read_text()))
    return result if list(result.held) == [str(size) for size in sizes] else None


def _read(found: dict[str, Any]) -> Result:
    pruning = found["pruning"]
    if pruning is not None:
        waits = {who: Wait(**pruning[who]) for who in ("reader", "writer")}
        pruning = Pruning(**pruning | waits)
    return Result(**found | {"cost": Cost(**found["cost"]), "pruning": pruning})


def _path(store: str) -> Path:
    return FOLDER / f"{store}.json"
