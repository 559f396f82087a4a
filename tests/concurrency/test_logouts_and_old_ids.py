"""A logout ends a session under every id that it has, on every store."""

from __future__ import annotations

import pytest

from .conftest import StartProcess
from .process import Process

ENDS = {"destroy": {}, "clear": {}, "regenerate": {"keep_data": False}}


def log_in(process: Process, sid: str, times: int = 1) -> list[str]:
    """Give a session a new id; return all that it had and has."""
    sids = [sid]
    for _ in range(times):
        answer = process.visit(sids[-1], "regenerate", keep_data=True)
        assert answer.sid is not None
        sids.append(answer.sid)
    return sids


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_logout_under_any_id_ends_them_all(
    slow: Process, quick: Process, sid: str, index: int
) -> None:
    sids = log_in(quick, sid, times=2)
    assert [slow.data(each) for each in sids] == [{"user": "ada"}] * 3

    slow.visit(sids[index], "destroy")

    assert [quick.data(each) for each in sids] == [{}] * 3


@pytest.mark.parametrize("end", ENDS)
def test_a_logout_that_began_before_a_login_ends_it(
    slow: Process, quick: Process, sid: str, end: str
) -> None:
    slow.open(sid)
    slow.do("get", "user")

    sids = log_in(quick, sid)
    slow.do(end, **ENDS[end])
    slow.end()

    assert [quick.data(each) for each in sids] == [{}, {}]


@pytest.mark.parametrize("end", ENDS)
def test_a_login_that_finishes_after_a_logout_is_dropped(
    slow: Process, quick: Process, sid: str, end: str
) -> None:
    slow.open(sid)
    slow.do("regenerate", keep_data=True)
    new_sid = slow.do("id")

    quick.visit(sid, end, **ENDS[end])
    answer = slow.end()

    assert answer.sid is None
    assert [quick.data(each) for each in (sid, new_sid)] == [{}, {}]


def test_a_logout_and_a_login_at_once_leave_no_session(
    start_process: StartProcess, quick: Process
) -> None:
    leaving, entering = start_process(), start_process()
    for _ in range(10):
        sid = quick.visit(None, "update", user="ada").sid
        assert sid is not None
        entering.open(sid)
        entering.do("regenerate", keep_data=True)
        new_sid = entering.do("id")
        leaving.open(sid)
        entering.tell_to_end()
        leaving.do("destroy")
        leaving.end()
        entering.result()

        assert [quick.data(each) for each in (sid, new_sid)] == [{}, {}]
