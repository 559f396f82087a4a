from __future__ import annotations

import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_serversession.errors import PayloadError
from flask_serversession.errors import StoreError
from flask_serversession.errors import StoreUnavailable
from flask_serversession.sessions.breaker import Breaker

DOWN = StoreUnavailable("down")
PAUSE = 2.0


class Seconds:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def breaker(seconds: Seconds) -> Breaker:
    return Breaker(3, PAUSE, seconds)


@pytest.fixture
def opened(breaker: Breaker) -> Breaker:
    fail(breaker)
    return breaker


def fail(breaker: Breaker, times: int = 3) -> None:
    for _ in range(times):
        breaker.note(DOWN)


def in_another_thread(breaker: Breaker) -> StoreUnavailable | None:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(breaker.refusal).result()


def test_it_opens_after_as_many_failures_in_a_row_as_are_allowed(breaker: Breaker) -> None:
    fail(breaker, 2)
    assert breaker.refusal() is None

    fail(breaker, 1)

    assert "failed 3 times in a row" in str(breaker.refusal())


@pytest.mark.parametrize(
    "answer", [None, PayloadError("odd"), StoreError("no such table"), RuntimeError("ours")]
)
def test_an_answer_between_failures_begins_the_count_anew(
    breaker: Breaker, answer: Exception | None
) -> None:
    fail(breaker, 2)
    breaker.note(answer)
    fail(breaker, 2)

    assert not breaker.is_open


def test_a_store_that_takes_no_writes_has_answered(breaker: Breaker) -> None:
    read_only = StoreUnavailable("a replica now")
    read_only.is_read_only = True

    fail(breaker, 2)
    breaker.note(read_only)

    assert breaker.failures == 0


def test_nobody_calls_the_store_before_the_pause_is_over(
    opened: Breaker, seconds: Seconds
) -> None:
    seconds.now += PAUSE - 0.1
    assert opened.refusal() is not None

    seconds.now += 0.1
    assert opened.refusal() is None


def test_one_request_at_a_time_probes(opened: Breaker, seconds: Seconds) -> None:
    seconds.now += PAUSE
    assert opened.refusal() is None

    seconds.now += PAUSE
    assert in_another_thread(opened) is not None


def test_a_probe_that_succeeds_closes_it(opened: Breaker, seconds: Seconds) -> None:
    seconds.now += PAUSE
    opened.refusal()
    opened.note(None)

    assert not opened.is_open
    assert opened.refusal() is None
    fail(opened, 2)
    assert not opened.is_open


def test_a_probe_that_fails_begins_another_pause(opened: Breaker, seconds: Seconds) -> None:
    seconds.now += PAUSE
    opened.refusal()
    seconds.now += 5
    opened.note(DOWN)

    assert opened.refusal() is not None
    seconds.now += PAUSE
    assert opened.refusal() is None


def test_a_request_that_called_before_it_opened_does_not_end_the_probe(
    opened: Breaker, seconds: Seconds
) -> None:
    seconds.now += PAUSE
    assert in_another_thread(opened) is None
    opened.note(DOWN)
    seconds.now += PAUSE

    assert opened.refusal() is not None


def test_a_request_that_is_interrupted_tells_nothing(opened: Breaker, seconds: Seconds) -> None:
    opened.note(KeyboardInterrupt())
    seconds.now += PAUSE
    assert opened.refusal() is None

    opened.note(KeyboardInterrupt())

    assert opened.is_open
    seconds.now += PAUSE
    assert in_another_thread(opened) is None


def test_a_probe_that_never_returns_is_given_up(opened: Breaker, seconds: Seconds) -> None:
    seconds.now += PAUSE
    assert in_another_thread(opened) is None

    seconds.now += 60

    assert opened.refusal() is None


def test_of_many_threads_one_probes(opened: Breaker, seconds: Seconds) -> None:
    seconds.now += PAUSE
    start = threading.Barrier(8)

    def ask() -> bool:
        start.wait(30)
        return opened.refusal() is None

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask) for _ in range(8)]

    assert sum(each.result() for each in asked) == 1


def test_it_logs_one_line_when_it_opens_and_one_when_it_closes(
    breaker: Breaker, seconds: Seconds, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    fail(breaker, 5)
    breaker.refusal()
    seconds.now += PAUSE
    breaker.refusal()
    breaker.note(None)
    breaker.note(None)

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", "The store failed 3 times in a row. Requests do not wait for it now."),
        ("WARNING", "The store answers again, after 5 failures."),
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_begins_anew(opened: Breaker) -> None:
    child = os.fork()
    if not child:
        os._exit(opened.is_open or opened.failures)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert opened.is_open
