"""One client, made and used before a fork, serves parent and children without mixing answers."""

from __future__ import annotations

from .family import use_beside_children
from .process import Process

PROCESSES = 4

#: Requests of each process.
TIMES = 60


def test_a_forked_process_and_its_children_get_their_own_answers(quick: Process) -> None:
    sids = [_session_that_names_itself(quick) for _ in range(PROCESSES)]

    quick.start(use_beside_children, sids, TIMES)

    assert quick.result() == [""] * PROCESSES
    assert [quick.data(sid)["count"] for sid in sids] == [TIMES] * PROCESSES


def _session_that_names_itself(process: Process) -> str:
    sid = process.visit(None, "update", count=0).sid
    assert sid is not None
    process.visit(sid, "update", owner=sid)
    return sid
