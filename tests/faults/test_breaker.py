"""After a few failures requests do not wait for a server that hangs, until it answers again."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest

from .backends import name_of
from .backends import REDIS
from .conftest import Strike
from .server import Server
from .visitor import Answer
from .visitor import CROWD
from .visitor import Site
from .visitor import TIMEOUT
from .visitor import traffic
from .visitor import Visitor
from .visitor import wait_until

MOST = 3
#: Seconds; longer than a test may take.
FOR_EVER = 600
REQUESTS = 30

MakeSite = Callable[..., Site]

#: For what does not depend on the driver.
on_redis = pytest.mark.parametrize("only_server", [REDIS], ids=name_of, indirect=True)


@pytest.fixture
def make_site(server: Server) -> Iterator[MakeSite]:
    """Make an application whose breaker opens soon."""
    sites: list[Site] = []

    def make_site(**config: Any) -> Site:
        site = Site(server.url, {"SESSION_BREAKER": MOST, **config}, timeout=TIMEOUT)
        sites.append(site)
        return site

    yield make_site
    server.mend()
    for site in sites:
        site.close()


def member_of(site: Site) -> Visitor:
    member = site.visitor()
    assert member.counts().status == 200
    return member


def waited(answers: list[Answer]) -> list[Answer]:
    return [answer for answer in answers if answer.is_outage and answer.seconds > TIMEOUT / 2]


def test_of_many_requests_a_few_wait_for_a_server_that_hangs(
    make_site: MakeSite, server: Server
) -> None:
    member = member_of(make_site(SESSION_BREAKER_PAUSE=FOR_EVER))
    server.hang()

    answers = [member.reads() for _ in range(REQUESTS)]

    assert [answer.calls for answer in answers] == [["load"]] * MOST + [[]] * (REQUESTS - MOST)
    assert waited(answers) == answers[:MOST]
    assert all(answer.is_outage for answer in answers)


@on_redis
def test_requests_at_the_same_time_wait_once_each_at_most(
    make_site: MakeSite, server: Server
) -> None:
    site = make_site(SESSION_BREAKER_PAUSE=FOR_EVER)
    with traffic(site.crowd()) as answers:
        server.hang()
        wait_until(lambda: sum(answer.is_outage for answer in answers) >= REQUESTS)

    # Those that were waiting when the breaker opened have called the store before.
    assert MOST <= len(waited(answers)) < MOST + CROWD


@on_redis
def test_one_request_at_a_time_waits_after_each_pause(make_site: MakeSite, server: Server) -> None:
    site = make_site(SESSION_BREAKER_PAUSE=0.1)
    with traffic(site.crowd()) as answers:
        server.hang()
        wait_until(lambda: len(waited(answers)) >= MOST + CROWD)
        before, began = len(waited(answers)), time.monotonic()
        wait_until(lambda: len(waited(answers)) >= before + 2)

    assert time.monotonic() - began > TIMEOUT


def test_once_the_server_answers_all_requests_are_served_and_nothing_is_lost(
    make_site: MakeSite, server: Server, strike: Strike
) -> None:
    site = make_site(SESSION_BREAKER_PAUSE=0.2)
    member = member_of(site)
    strike()
    for _ in range(MOST + 1):
        assert member.counts().is_outage

    server.mend()
    wait_until(lambda: member.reads().status == 200)

    if server.backend.durable:
        assert member.has_lost_nothing()
    assert [site.visitor().counts().status for _ in range(CROWD)] == [200] * CROWD


@on_redis
def test_a_command_reaches_the_store_while_requests_do_not(
    make_site: MakeSite, server: Server
) -> None:
    site = make_site(SESSION_BREAKER_PAUSE=FOR_EVER)
    member = member_of(site)
    server.hang()
    for _ in range(MOST):
        member.reads()
    server.mend()

    assert member.reads().status == 503
    result = site.app.test_cli_runner().invoke(args=["sessions", "show", str(member.sid)])

    assert result.exit_code == 0
    assert "count" in result.output
