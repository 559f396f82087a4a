"""The results, in one JSON file per store, so that a run can be resumed."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from importlib.metadata import version
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("results")

#: Distributions whose versions affect the figures.
_DISTRIBUTIONS = (
    *("Flask", "Werkzeug", "Flask-Session", "Django", "starsessions", "redis", "hiredis"),
    *("SQLAlchemy", "psycopg", "PyMySQL", "pymemcache", "cachelib", "gunicorn"),
)

#: Peer -> microseconds per request, one number per round. All peers have the same rounds.
Rounds = dict[str, list[float]]


@dataclass
class Cell:
    """The times for one payload and one scenario."""

    payload: str
    scenario: str
    rounds: Rounds


@dataclass
class Count:
    """What one request of one peer sends and receives. It is exact and has no spread."""

    payload: str
    scenario: str
    peer: str
    trips: float
    bytes_sent: float
    bytes_received: float


@dataclass
class Load:
    """Requests per second of servers with several processes, one number per round."""

    scenario: str
    rounds: Rounds


@dataclass
class Result:
    """All results for one store."""

    store: str
    #: Whether only the smallest payload was measured, with few rounds.
    quick: bool
    cells: list[Cell] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)

    def save(self) -> None:
        FOLDER.mkdir(exist_ok=True)
        path_of(self.store).write_text(json.dumps(asdict(self), indent=1) + "\n")


def path_of(store: str) -> Path:
    return FOLDER / f"{store}.json"


def kept(store: str) -> Result | None:
    """Return the result of an earlier run for a store."""
    if not path_of(store).exists():
        return None
    found: dict[str, Any] = json.loads(path_of(store).read_text())
    return Result(
        **found
        | {
            "cells": [Cell(**cell) for cell in found["cells"]],
            "counts": [Count(**count) for count in found["counts"]],
            "loads": [Load(**load) for load in found["loads"]],
        }
    )


def versions() -> dict[str, str]:
    return {"Python": platform.python_version()} | {name: version(name) for name in _DISTRIBUTIONS}
