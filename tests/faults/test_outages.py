"""While a server is down or hangs, requests end in time and nobody is logged out."""

from __future__ import annotations

from ..flask.browser import session
from .conftest import Strike
from .server import Server
from .visitor import Answer
from .visitor import CROWD
from .visitor import Site
from .visitor import traffic
from .visitor import Visitor
from .visitor import wait_for_outage


def test_on_a_healthy_server_an_update_sets_a_cookie(member: Visitor) -> None:
    """Otherwise the tests below, which expect no cookie, could not fail."""
    assert len(member.counts().cookies) == 1


def test_every_request_under_traffic_ends_in_time_and_leaves_the_cookie_alone(
    site: Site, strike: Strike
) -> None:
    visitors = site.crowd()
    with traffic(visitors) as answers:
        ids = [visitor.sid for visitor in visitors]
        strike()
        wait_for_outage(answers)

    assert [answer for answer in answers if not (answer.is_served or answer.is_outage)] == []
    assert [visitor.sid for visitor in visitors] == ids


def test_a_visitor_gets_the_error_handlers_page_in_time_and_keeps_the_cookie(
    member: Visitor, strike: Strike
) -> None:
    sid = member.sid
    strike()

    for answer in (member.reads(), member.counts()):
        assert_outage(answer, status=503, calls=["load"])
    assert member.sid == sid


def test_a_session_that_cannot_be_created_sets_no_cookie(site: Site, strike: Strike) -> None:
    site.visitor().counts()
    newcomer = site.visitor()
    strike()

    assert_outage(newcomer.counts(), status=500, calls=["create"])
    assert newcomer.sid is None


def test_a_request_that_ignores_its_session_is_answered_as_usual(
    member: Visitor, strike: Strike
) -> None:
    strike()

    answer = member.ignores_the_session()

    assert (answer.status, answer.text, answer.calls) == (200, "hello", [])


def test_an_outage_between_load_and_save_costs_one_failed_save_and_sets_no_cookie(
    member: Visitor, strike: Strike
) -> None:
    sid = member.sid

    def change() -> str:
        session["count"] = 17
        strike()
        return "changed"

    assert_outage(member.sends(change), status=500, calls=["load", "save"])
    assert member.sid == sid


def test_a_logout_during_an_outage_is_reported_and_leaves_the_cookie_alone(
    member: Visitor, strike: Strike
) -> None:
    sid = member.sid
    strike()

    assert_outage(member.sends(lambda: session.destroy()), status=503, calls=["load"])
    assert member.sid == sid


def test_after_a_hang_the_server_is_used_again_and_no_acknowledged_update_is_lost(
    site: Site, server: Server
) -> None:
    visitors = site.crowd()
    with traffic(visitors) as answers:
        server.hang()
        wait_for_outage(answers)
    server.mend()

    assert all(visitor.has_lost_nothing() for visitor in visitors)
    assert [visitor.counts().status for visitor in visitors] == [200] * CROWD


def assert_outage(answer: Answer, *, status: int, calls: list[str]) -> None:
    assert answer.is_outage
    assert (answer.status, answer.calls) == (status, calls)
