"""Parent and children that share a client from before the fork each get their own answers."""

from __future__ import annotations

from functools import partial

import pytest

from .forking import use_beside_children
from .process import Process

PROCESSES = 4

#: Requests that each process sends.
TIMES = 60


@pytest.mark.parametrize("unnoticed", [False, True], ids=["os.fork", "as uWSGI forks"])
def test_parent_and_children_with_one_client_get_their_own_answers(
    quick: Process, unnoticed: bool
) -> None:
    sids = [_session_that_names_itself(quick) for _ in range(PROCESSES)]

    quick.start(partial(use_beside_children, unnoticed=unnoticed), sids, TIMES)

    assert quick.result() == [""] * PROCESSES
    assert [quick.data(sid)["count"] for sid in sids] == [TIMES] * PROCESSES


def _session_that_names_itself(process: Process) -> str:
    sid = process.visit(None, "update", count=0).sid
    assert sid is not None
    process.visit(sid, "update", owner=sid)
    return sid
