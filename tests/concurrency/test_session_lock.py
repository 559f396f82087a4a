"""The session lock lets in one request at a time, across processes and on every store."""

from __future__ import annotations

import threading
from concurrent.futures import as_completed
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest
import sqlalchemy as sa
from flask import Flask

from flask_serversession import ServerSession
from flask_serversession import session_lock
from flask_serversession.config.options import DEFAULTS

from ..flask.browser import browser_of
from ..flask.browser import serve_browsers
from ..flask.browser import session
from .conftest import StartProcess
from .locking import count
from .locking import die_holding_the_lock
from .locking import is_locked
from .locking import write_beside_others
from .process import Process

MOST_WAITING = DEFAULTS["SESSION_MAX_WAITERS"]["flask"]
COUNTERS = 8
TIMES = 5
#: Connections that a pool of SQLAlchemy opens at most, by default.
POOL = 15
CONNECTIONS = sa.text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :name")


def test_no_increment_under_the_lock_is_lost(start_process: StartProcess, sid: str) -> None:
    # Without merging, one of two increments of the same number would be lost.
    counters = [start_process(SESSION_MERGE=None) for _ in range(COUNTERS)]
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


def test_a_visitor_who_sends_many_requests_takes_no_connections_from_others(
    postgresql_url: str,
) -> None:
    name = "one visitor"
    app = Flask(__name__)
    app.config.update(SECRET_KEY="keyboard cat", SESSION_STORE=postgresql_url)
    app.config["SESSION_STORE_OPTIONS"] = {"connect_args": {"application_name": name}}
    ServerSession(app)
    serve_browsers(app)
    browser = browser_of(app)
    browser.run(lambda: session.update(n=0))
    is_held, is_counted = threading.Event(), threading.Event()

    def hold() -> None:
        is_held.set()
        assert is_counted.wait(60)

    def count() -> None:
        session["n"] += 1

    def visit() -> int:
        return browser.twin().run(session_lock(timeout=60)(count)).status_code

    with ThreadPoolExecutor(46) as pool:
        holder = pool.submit(browser.twin().run, session_lock(hold))
        assert is_held.wait(60)
        others = [pool.submit(visit) for _ in range(45)]
        refused = list(islice(as_completed(others, 60), 45 - MOST_WAITING))
        with sa.create_engine(postgresql_url, poolclass=sa.NullPool).connect() as connection:
            counted = connection.scalar(CONNECTIONS, {"name": name})
        bystander = browser_of(app).run(lambda: session.update(user="grace"))
        is_counted.set()
        holder.result(60)

    assert {answer.result() for answer in refused} == {429}
    assert [answer.result() for answer in others].count(200) == MOST_WAITING
    assert bystander.status_code == 200
    assert counted <= POOL + 1  # the holder's
    assert browser.data() == {"n": MOST_WAITING}
    app.extensions["serversession"].close()
