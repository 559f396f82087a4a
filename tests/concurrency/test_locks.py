"""One request at a time: a session's lock, held by processes on every store."""

from __future__ import annotations

from contextlib import closing
from contextlib import ExitStack

import pytest

from .conftest import StartProcess
from .locking import count
from .locking import die_with_it
from .locking import is_locked
from .locking import write_beside_others
from .places import Place
from .process import Process

COUNTERS = 8
TIMES = 5


def test_a_counter_under_the_lock_is_exact(place: Place, socket: str, sid: str) -> None:
    with ExitStack() as stack:
        # Not merged: of two that counted from the same number one would be lost.
        counters = [
            stack.enter_context(closing(Process(socket, place, {"SESSION_MERGE": None})))
            for _ in range(COUNTERS)
        ]
        for counter in counters:
            counter.start(count, sid, TIMES)
        for counter in counters:
            counter.result()

        assert counters[0].data(sid)["counted"] == COUNTERS * TIMES


def test_a_killed_holder_keeps_nobody_waiting_for_long(
    start_process: StartProcess, quick: Process, sid: str
) -> None:
    victim = start_process()
    victim.start(die_with_it, sid)
    with pytest.raises(EOFError):
        victim.result()

    quick.start(count, sid, 1)
    quick.result()

    assert quick.data(sid) == {"user": "ada", "counted": 1}


def test_only_those_who_ask_for_the_lock_are_kept_out(quick: Process, sid: str) -> None:
    quick.start(write_beside_others, sid)
    assert quick.result() is True

    assert quick.data(sid) == {"user": "ada", "seen": True, "counted": 1}
    quick.start(is_locked, sid)
    assert quick.result() is False
