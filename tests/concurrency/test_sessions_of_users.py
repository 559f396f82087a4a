"""The sessions of a user are limited and ended, whatever their browsers do meanwhile."""

from __future__ import annotations

import time
from collections import Counter
from itertools import chain
from secrets import token_hex
from typing import Any

import pytest

from ..servers.base import report
from . import users
from .conftest import StartProcess
from .places import FINDING_USERS
from .places import Place
from .process import Process

pytestmark = pytest.mark.parametrize("place", FINDING_USERS, indirect=True, scope="session")

PROCESSES, THREADS, LIMIT = 8, 4, 3
ROUNDS = 1
#: Seconds until all processes have begun.
SOON = 0.1
#: Seconds for which the devices work.
WORK = 2


@pytest.fixture
def user_id() -> str:
    return token_hex(8)


@pytest.mark.parametrize("on_limit", ["end_oldest", "end_idlest", "refuse"])
def test_logins_at_once_leave_as_many_sessions_as_are_allowed(
    start_process: StartProcess, quick: Process, place: Place, user_id: str, on_limit: str
) -> None:
    config = {"SESSION_LIMIT_PER_USER": LIMIT, "SESSION_ON_LIMIT": on_limit}
    processes = [connected(start_process(**config)) for _ in range(PROCESSES)]
    slowest, again = 0.0, 0
    for number in range(ROUNDS):
        user = f"{user_id} {number}"
        attempts = log_in_at_once(processes, user)
        slowest = max(slowest, *(attempt.seconds for attempt in attempts))
        again += sum(attempt.tries - 1 for attempt in attempts)
        errors = Counter(attempt.error for attempt in attempts)
        sids = [attempt.sid for attempt in attempts if attempt.sid]
        seen = Counter(do(quick, users.see, sid) for sid in sids)

        assert len(do(quick, users.handles, user)) == LIMIT
        if on_limit == "refuse":
            assert errors == {"": LIMIT, "SessionLimitReached": len(attempts) - LIMIT}
            assert seen == {(user, None): LIMIT}
        else:
            assert errors == {"": len(attempts)}
            assert seen == {(user, None): LIMIT, (None, "limit"): len(attempts) - LIMIT}
    report(f"32 logins, {place.name}, {on_limit}", f"{slowest:.2f} s, {again} locked out")


def test_a_user_can_log_in_after_a_process_was_killed_in_a_login(
    start_process: StartProcess, quick: Process, user_id: str
) -> None:
    victim, other = [connected(start_process(SESSION_LIMIT_PER_USER=LIMIT)) for _ in range(2)]
    victim.start(users.die_logging_in, user_id)
    with pytest.raises(EOFError):
        victim.result()

    [attempt] = do(other, users.log_in_at_once, user_id, 0.0, 1)

    assert (attempt.error, attempt.tries) == ("", 1)
    assert do(quick, users.see, attempt.sid) == (user_id, None)


@pytest.mark.parametrize("end", [users.end_all, users.end_others])
def test_no_session_that_was_ended_with_the_others_of_its_user_comes_back(
    start_process: StartProcess, place: Place, user_id: str, end: Any
) -> None:
    devices = [connected(start_process()) for _ in range(PROCESSES)]
    ender = connected(start_process())
    until = time.monotonic() + WORK
    for seed, device in enumerate(devices):
        device.start(users.work, user_id, seed, until)
    ender.start(end, user_id, PROCESSES, until)
    logins = list(chain.from_iterable(device.result() for device in devices))
    endings = ender.result()

    survivors = [
        login
        for login in logins
        for ending in endings
        if login.done < ending.began and login.last_seen > ending.returned
    ]
    ended = sum(ending.ended for ending in endings)
    longest = max(ending.returned - ending.began for ending in endings)
    report(
        f"{end.__name__}, {place.name}",
        f"{len(endings)} calls ended {ended} of {len(logins)} logins, longest {longest:.2f} s",
    )
    assert survivors == []
    assert endings
    assert ended


def connected(process: Process) -> Process:
    """Return a process that has used its store, which takes longer the first time."""
    do(process, users.log_in_at_once, token_hex(8), 0.0, 1)
    return process


def log_in_at_once(processes: list[Process], user_id: str) -> list[users.Attempt]:
    start = time.monotonic() + SOON
    for process in processes:
        process.start(users.log_in_at_once, user_id, start, THREADS)
    return list(chain.from_iterable(process.result() for process in processes))


def do(process: Process, job: Any, *args: Any) -> Any:
    process.start(job, *args)
    return process.result()
