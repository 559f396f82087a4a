"""After a server was killed and restarted, an app keeps working with what survived."""

from __future__ import annotations

import pytest

from .backends import DURABLE
from .backends import FORGETFUL
from .backends import name_of
from .server import Server
from .visitor import CROWD
from .visitor import failures_before_success
from .visitor import LONGEST
from .visitor import Site
from .visitor import traffic
from .visitor import Visitor
from .visitor import wait_for_outage


@pytest.fixture
def timeout() -> float:
    """Longer than for a server that hangs, since one that restarts may be slow at first."""
    return LONGEST


def test_the_app_recovers_without_a_restart_of_its_own(site: Site, server: Server) -> None:
    visitors = site.crowd()
    with traffic(visitors):
        pass  # fills the pool
    server.kill()
    server.mend()

    failures = failures_before_success(visitors[0])

    assert len(failures) <= (CROWD if server.backend.notices_late else 0)
    assert all(answer.is_outage for answer in failures)


@pytest.mark.parametrize("only_server", DURABLE, ids=name_of, indirect=True)
def test_no_update_that_was_acknowledged_before_the_kill_is_lost(
    site: Site, server: Server
) -> None:
    visitors = site.crowd()
    with traffic(visitors) as answers:
        server.kill()
        wait_for_outage(answers)
    server.mend()

    assert all(visitor.has_lost_nothing() for visitor in visitors)


@pytest.mark.parametrize("only_server", FORGETFUL, ids=name_of, indirect=True)
def test_a_session_lost_with_its_server_is_replaced_by_one_with_a_new_id(
    site: Site, server: Server, member: Visitor
) -> None:
    old = member.sid
    server.kill()
    server.mend()
    failures_before_success(site.visitor())

    seen, stored = member.reads(), member.counts()

    assert (seen.status, seen.text) == (200, "None")
    assert (stored.status, stored.text) == (200, "1")
    assert member.sid != old
    assert site.store.load(str(old)) is None
