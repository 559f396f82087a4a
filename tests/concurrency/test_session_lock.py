"""The session lock lets in one request at a time, across processes and on every store."""

from __future__ import annotations

from contextlib import closing
from contextlib import ExitStack

import pytest

from .conftest import StartProcess
from .locking import count
from .locking import die_holding_the_lock
from .locking import is_locked
from .locking import write_beside_others
from .places import Place
from .process import Process

COUNTERS = 8
TIMES = 5


def test_no_increment_under_the_lock_is_lost(place: Place, socket: str, sid: str) -> None:
    with ExitStack() as stack:
        # Without merging, one of two increments of the same number would be lost.
        counters = [
            stack.enter_context(closing(Process(socket, place, {"SESSION_MERGE": None})))
            for _ in range(COUNTERS)
        ]
        for counter in counters:
            counter.start(count, sid, TIMES)
        for counter in counters:
            counter.result()

        assert counters[0].data(sid)["counted"] == COUNTERS * TIMES


def test_the_lock_of_a_killed_process_expires(
    start_process: StartProcess, quick: Process, sid: str
) -> None:
    victim = start_process()
    victim.start(die_holding_the_lock, sid)
    with pytest.raises(EOFError):
        victim.result()

    quick.start(count, sid, 1)
    quick.result()

    assert quick.data(sid) == {"user": "ada", "counted": 1}


def test_a_request_that_does_not_ask_for_the_lock_is_not_blocked(quick: Process, sid: str) -> None:
    quick.start(write_beside_others, sid)
    assert quick.result() is True

    assert quick.data(sid) == {"user": "ada", "seen": True, "counted": 1}
    quick.start(is_locked, sid)
    assert quick.result() is False
