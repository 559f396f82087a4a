"""No request that is still running brings back a session that ended meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flask_serversession import SessionGone
from flask_serversession import Store
from flask_serversession.stores.base import utc_now

from .conftest import StartProcess
from .process import Process
from .request import Answer


def assert_dropped(answer: Answer) -> None:
    """Assert that the request set no cookie, and reported and logged that it was dropped."""
    assert answer.sid is None
    assert answer.signals == ["conflict gone"]
    [line] = answer.log
    assert "dropped" in line


@pytest.mark.parametrize("concurrency", ["merge", "overwrite", "reject"])
def test_a_slow_writer_does_not_undo_a_logout(
    start_process: StartProcess, quick: Process, store: Store, sid: str, concurrency: str
) -> None:
    slow = start_process(SESSION_CONCURRENCY=concurrency)
    slow.open(sid)
    slow.do("update", seen=True)

    quick.visit(sid, "destroy")

    assert_dropped(slow.end())
    assert store.load(sid) is None


def test_a_slow_reader_does_not_undo_a_logout(
    start_process: StartProcess, quick: Process, store: Store, sid: str
) -> None:
    slow = start_process(SESSION_TOUCH_INTERVAL=0)
    slow.open(sid)
    assert slow.do("get", "user") == "ada"

    quick.visit(sid, "destroy")

    assert_dropped(slow.end())
    assert store.load(sid) is None


def test_a_touch_does_not_undo_a_logout(
    slow: Process, quick: Process, store: Store, sid: str
) -> None:
    slow.open(sid)
    slow.do("touch")

    quick.visit(sid, "destroy")

    assert_dropped(slow.end())
    assert store.load(sid) is None


def test_a_save_in_the_middle_of_a_request_does_not_undo_a_logout(
    slow: Process, quick: Process, store: Store, sid: str
) -> None:
    slow.open(sid)
    slow.do("update", seen=True)

    quick.visit(sid, "destroy")

    with pytest.raises(SessionGone):
        slow.do("save")
    assert_dropped(slow.end())
    assert store.load(sid) is None


def test_a_request_that_saved_before_a_logout_does_not_undo_it(
    slow: Process, quick: Process, store: Store, sid: str
) -> None:
    slow.open(sid)
    slow.do("update", seen=True)
    slow.do("save")

    quick.visit(sid, "destroy")
    slow.do("update", seen=False)
    answer = slow.end()

    assert answer.sid is None
    assert answer.signals == ["saved", "conflict gone"]
    assert store.load(sid) is None


def test_quick_requests_do_not_undo_a_logout_in_a_slow_one(
    slow: Process, quick: Process, store: Store, sid: str
) -> None:
    slow.open(sid)
    slow.do("destroy")

    answers = [quick.visit(sid, "update", seen=True), quick.visit(sid, "touch")]
    slow.end()

    # They find no session. A write begins a new one, with a new id.
    assert all(answer.sid != sid for answer in answers)
    assert store.load(sid) is None


def test_a_session_deleted_between_load_and_touch_stays_deleted(
    start_process: StartProcess, store: Store, sid: str
) -> None:
    slow = start_process(SESSION_TOUCH_INTERVAL=0)
    slow.open(sid)
    slow.do("get", "user")

    assert store.delete(sid) is True

    assert_dropped(slow.end())
    assert store.load(sid) is None


@pytest.mark.parametrize("change", ["update", "touch", "regenerate"])
def test_a_session_that_expires_during_a_request_is_not_revived(
    slow: Process, store: Store, sid: str, change: str
) -> None:
    slow.open(sid)
    slow.do("get", "user")

    assert store.touch(sid, utc_now() - timedelta(seconds=1)) is True
    given = {"update": {"seen": True}, "regenerate": {"keep_data": True}}.get(change, {})
    slow.do(change, **given)
    new_sid = slow.do("id")
    answer = slow.end()

    assert answer.sid is None
    assert answer.signals[-1] == "conflict gone"
    assert store.load(sid) is None
    assert store.load(new_sid) is None


def test_the_second_of_two_logouts_at_once_does_nothing(
    slow: Process, quick: Process, store: Store, sid: str
) -> None:
    slow.open(sid)
    slow.do("get", "user")

    first = quick.visit(sid, "destroy")
    slow.do("destroy")
    second = slow.end()

    assert [first.signals, second.signals] == [["destroyed"], []]
    assert [first.sid, second.sid] == [None, None]
    assert store.load(sid) is None
