"""A change of the id leaves one session, whatever other requests do with the old id."""

from __future__ import annotations

from functools import partial

import pytest

from flask_serversession import Store

from .conftest import StartProcess
from .process import Process

ROUNDS = 5


@pytest.fixture
def start_process(start_process: StartProcess) -> StartProcess:
    """Return a function that starts a process. Its app leaves nothing under an old id."""
    return partial(start_process, SESSION_REGENERATE_GRACE=0)


@pytest.mark.parametrize("keep_data", [True, False])
def test_a_writer_with_the_old_id_changes_neither_session(
    slow: Process, quick: Process, store: Store, sid: str, keep_data: bool
) -> None:
    slow.open(sid)
    slow.do("update", role="visitor")

    quick.open(sid)
    quick.do("regenerate", keep_data=keep_data)
    quick.do("update", role="admin")
    new_sid = quick.end().sid
    answer = slow.end()

    assert new_sid is not None
    assert new_sid != sid
    assert answer.signals == ["conflict gone"]
    assert answer.sid is None
    assert store.load(sid) is None
    assert quick.data(new_sid)["role"] == "admin"


def test_a_reader_with_the_old_id_does_not_keep_it_alive(
    start_process: StartProcess, quick: Process, store: Store, sid: str
) -> None:
    slow = start_process(SESSION_TOUCH_INTERVAL=0)
    slow.open(sid)
    slow.do("get", "user")

    new_sid = quick.visit(sid, "regenerate", keep_data=True).sid
    answer = slow.end()

    assert new_sid is not None
    assert answer.sid is None
    assert store.load(sid) is None
    assert quick.data(new_sid) == {"user": "ada"}


@pytest.mark.parametrize("first_to_change", ["slow", "quick"])
def test_of_two_regenerations_at_once_the_first_to_finish_wins(
    slow: Process, quick: Process, store: Store, sid: str, first_to_change: str
) -> None:
    processes = [slow, quick] if first_to_change == "slow" else [quick, slow]
    for process in processes:
        process.open(sid)
        process.do("get", "user")
    for process in processes:
        process.do("regenerate", keep_data=True)
    lost_sid = slow.do("id")

    winner, loser = quick.end(), slow.end()

    assert winner.sid is not None
    assert loser.sid is None
    assert loser.signals[-1] == "conflict gone"
    assert [store.load(gone) for gone in (sid, lost_sid)] == [None, None]
    assert quick.data(winner.sid) == {"user": "ada"}


def test_a_regeneration_without_the_data_cancels_one_that_keeps_it(
    slow: Process, quick: Process, store: Store, sid: str
) -> None:
    slow.open(sid)
    slow.do("regenerate", keep_data=True)
    kept_sid = slow.do("id")

    quick.visit(sid, "regenerate")
    answer = slow.end()

    assert answer.sid is None
    assert [store.load(gone) for gone in (sid, kept_sid)] == [None, None]


def test_a_logout_cancels_a_regeneration_in_progress(
    slow: Process, quick: Process, store: Store, sid: str
) -> None:
    slow.open(sid)
    slow.do("regenerate", keep_data=True)
    new_sid = slow.do("id")

    quick.visit(sid, "destroy")
    answer = slow.end()

    assert answer.sid is None
    assert [store.load(gone) for gone in (sid, new_sid)] == [None, None]


def test_four_regenerations_at_once_leave_one_session(
    start_process: StartProcess, store: Store, sid: str
) -> None:
    processes = [start_process() for _ in range(4)]
    for _ in range(ROUNDS):
        for process in processes:
            process.open(sid)
            process.do("regenerate", keep_data=True)
        new_sids = [process.do("id") for process in processes]
        for process in processes:
            process.tell_to_end()
        answers = [process.result() for process in processes]

        alive = [new_sid for new_sid in new_sids if store.load(new_sid) is not None]
        assert [answer.sid for answer in answers if answer.sid is not None] == alive
        assert store.load(sid) is None
        [sid] = alive

    assert processes[0].data(sid) == {"user": "ada"}


def test_a_login_keeps_what_another_request_stored_under_the_old_id(
    slow: Process, quick: Process, store: Store, sid: str
) -> None:
    slow.open(sid)
    slow.do("update", user="eve")
    slow.do("regenerate", keep_data=True)

    quick.visit(sid, "update", cart=["tea"])
    new_sid = slow.end().sid

    assert new_sid is not None
    assert store.load(sid) is None
    assert quick.data(new_sid) == {"user": "eve", "cart": ["tea"]}


def test_a_touch_of_the_old_id_does_not_cancel_a_login(
    slow: Process, quick: Process, store: Store, sid: str
) -> None:
    slow.open(sid)
    slow.do("regenerate", keep_data=True)

    quick.visit(sid, "touch")
    new_sid = slow.end().sid

    assert new_sid is not None
    assert store.load(sid) is None
    assert quick.data(new_sid) == {"user": "ada"}
