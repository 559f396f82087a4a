"""What was measured, kept as one JSON file a store, so that a run can be resumed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("results")

#: By number of live sessions, as text for JSON: microseconds, one number a round.
Rounds = dict[str, list[float]]


@dataclass
class Cost:
    """What a call cost, in rounds in which every number of sessions had its turn."""

    load: Rounds
    save: Rounds


@dataclass
class Wait:
    """The longest call, in milliseconds, of somebody with other sessions; one a prune."""

    during: list[float]
    #: In as long a time without a prune.
    without: list[float]


@dataclass
class Pruning:
    """What it took to remove the expired sessions, in seconds, one number a prune."""

    live: int
    expired: int
    seconds: list[float]
    reader: Wait
    writer: Wait


@dataclass
class Result:
    """Everything about one store."""

    store: str
    settings: str
    cost: Cost
    #: Bytes a session, by number of live sessions.
    held: dict[str, float]
    #: None where the backend removes what has expired by itself.
    pruning: Pruning | None
    #: Seconds of a prune that found nothing, by number of live sessions.
    nothing: dict[str, list[float]]

    def save(self) -> None:
        FOLDER.mkdir(exist_ok=True)
        _path(self.store).write_text(json.dumps(asdict(self), indent=1) + "\n")


def kept(store: str, sizes: Sequence[int]) -> Result | None:
    """Return what an earlier run left of a store, if it was for these sizes."""
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
