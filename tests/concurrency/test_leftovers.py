"""Nothing of a user is left in a backend once the user's sessions have ended or expired."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from flask_serversession import manager_of

from ..servers.base import report
from .app import make_app
from .endings import die_ending_sessions
from .endings import end_sessions
from .endings import USERS
from .leftovers import names_in
from .places import FINDING_USERS
from .places import OURS
from .places import Place
from .process import Processes

pytestmark = pytest.mark.parametrize("place", FINDING_USERS, indirect=True, scope="session")

PROCESSES = 4
#: Endings in each process.
ENDINGS = 12
#: Processes that are killed meanwhile.
KILLS = 3
#: Seconds that a session lasts without a request, and under an old id.
IDLE, GRACE = 2, 1
#: Seconds after which nothing may be left.
PATIENCE = 15

CONFIG = {
    "SESSION_IDLE_TIMEOUT": IDLE,
    "SESSION_REGENERATE_GRACE": GRACE,
    "SESSION_UNSET": "destroy",
}
#: What every other process adds to it. Logins then take turns, each with a connection on MariaDB.
LIMITED = {**CONFIG, "SESSION_LIMIT_PER_USER": 3}


@pytest.fixture
def empty_place(place: Place, tmp_path: Path) -> Place:
    """A place that no other test uses."""
    if place.options:
        return replace(place, options=dict.fromkeys(place.options, f"{OURS}_left"))
    return replace(place, store=f"file://{tmp_path}/sessions")


@pytest.fixture
def empty_processes(socket: str, empty_place: Place) -> Iterator[Processes]:
    with closing(Processes(socket, empty_place)) as processes:
        yield processes


def test_nothing_is_left_of_users_whose_sessions_have_ended(
    empty_processes: Processes, empty_place: Place
) -> None:
    endings: Counter[str] = Counter()
    with empty_processes.lent() as start:
        workers = [start(**config) for config in [CONFIG, LIMITED] * (PROCESSES // 2)]
        for seed, worker in enumerate(workers):
            worker.start(end_sessions, seed, ENDINGS)
        for seed in range(KILLS):
            victim = start(**LIMITED)
            victim.start(die_ending_sessions, seed)
            with pytest.raises(EOFError):
                victim.result()
        for worker in workers:
            endings += worker.result()
    assert names_in(empty_place)  # they are counted
    report(f"endings, {empty_place.name}", f"{endings.total()} in {len(endings)} ways")

    manager = manager_of(make_app(empty_place, **CONFIG))
    deadline = time.monotonic() + PATIENCE
    while (left := names_in(empty_place)) and time.monotonic() < deadline:
        time.sleep(0.2)
        manager.prune()

    assert [manager.sessions_of(user) for user in USERS] == [[]] * len(USERS)
    assert left == []
    manager.close()
