"""No change is lost when eight processes write to one session as fast as they can."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ..servers.base import report
from .hammer import hammer
from .hammer import left
from .hammer import Tally
from .hammer import TASKS
from .hammer import WRITERS
from .places import Place
from .process import Process
from .process import Processes


@dataclass(frozen=True)
class Round:
    """The result of one task."""

    asked: int
    left: int
    tally: Tally

    @property
    def lost(self) -> int:
        """How many changes are missing although their request raised no error."""
        return self.asked - self.tally.given_up - self.left

    def __str__(self) -> str:
        return (
            f"lost {self.lost} of {self.asked}, gave up {self.tally.given_up},"
            f" merged {self.tally.merged} (at most {self.tally.most} in a request)"
        )


@pytest.fixture(scope="module")
def rounds(place: Place, processes: Processes) -> dict[str, Round]:
    """The result of each task. The tasks run once per store, for all of its tests."""
    with processes.lent() as start:
        writers = {writer: start() for writer in WRITERS}
        rounds = {task: _play(task, writers) for task in TASKS}
    lines = "; ".join(f"{task}: {outcome}" for task, outcome in rounds.items())
    report(f"8 writers, {place.name}", lines)
    return rounds


def _play(task: str, writers: dict[str, Process]) -> Round:
    first = writers[WRITERS[0]]
    sid = first.visit(None, "update", user="ada").sid
    assert sid is not None
    for process in writers.values():
        process.data(sid)  # connects, so that all writers begin at the same time
    for writer, process in writers.items():
        process.start(hammer, sid, task, writer)
    tally = Tally.of([process.result() for process in writers.values()])
    return Round(len(WRITERS) * TASKS[task].times, left(task, first.data(sid)), tally)


@pytest.mark.parametrize("task", TASKS)
def test_no_change_is_lost(rounds: dict[str, Round], task: str) -> None:
    assert rounds[task].lost == 0


@pytest.mark.parametrize("task", TASKS)
def test_no_request_of_eight_writers_gives_up(rounds: dict[str, Round], task: str) -> None:
    assert rounds[task].tally.given_up == 0


@pytest.mark.parametrize("task", TASKS)
def test_requests_of_the_eight_writers_do_conflict(rounds: dict[str, Round], task: str) -> None:
    assert rounds[task].tally.merged > 0
