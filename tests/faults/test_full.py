"""A full store refuses what does not fit, and keeps every session it has intact."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..flask.browser import session
from .narrow import fill
from .narrow import Narrow
from .narrow import PLACES
from .narrow import TEXT
from .visitor import Answer
from .visitor import Site
from .visitor import Visitor


@pytest.fixture(params=PLACES)
def narrow(request: pytest.FixtureRequest) -> Iterator[Narrow]:
    with PLACES[request.param]() as narrow:
        yield narrow


@pytest.fixture
def site(narrow: Narrow) -> Iterator[Site]:
    site = Site(narrow.url, **narrow.options)
    yield site
    site.close()


@pytest.fixture
def members(site: Site) -> list[Visitor]:
    return fill(site)


def test_a_new_session_that_does_not_fit_is_refused_and_all_others_stay_intact(
    site: Site, members: list[Visitor]
) -> None:
    newcomer = site.visitor()

    assert_refused(newcomer.writes(TEXT), calls=["create"])

    assert newcomer.sid is None
    assert len(members) > 5
    assert all(member.has(TEXT) for member in members)


def test_a_session_that_grows_too_large_keeps_its_last_saved_data(
    site: Site, members: list[Visitor]
) -> None:
    member = members[0]
    sid = member.sid

    # In steps, because a page or a slab may have some room left.
    sizes = [2**n for n in range(1, 9)]
    answers = [member.writes(TEXT * size) for size in sizes]

    fitted = [size for size, answer in zip(sizes, answers, strict=True) if answer.status == 200]
    assert fitted == sizes[: len(fitted)]
    for answer in answers[len(fitted) :]:
        assert_refused(answer, calls=["load", "save"])
    assert answers[-1].status == 500
    assert member.sid == sid
    assert member.has(TEXT * (fitted[-1] if fitted else 1))


def test_a_logout_on_a_full_store_succeeds_or_is_reported(
    narrow: Narrow, site: Site, members: list[Visitor]
) -> None:
    leaver = members.pop()
    sid = str(leaver.sid)

    answer = leaver.sends(lambda: session.destroy())

    if narrow.may_refuse_to_delete and answer.status != 200:
        assert answer.is_outage
        assert leaver.sid == sid
        return
    assert answer.status == 200
    assert site.store.load(sid) is None


def test_a_store_accepts_sessions_again_once_there_is_room(
    narrow: Narrow, site: Site, members: list[Visitor]
) -> None:
    narrow.make_room()

    for visitor in (members[0], site.visitor()):
        assert visitor.writes(TEXT * 2).status == 200
        assert visitor.has(TEXT * 2)


def assert_refused(answer: Answer, *, calls: list[str]) -> None:
    assert answer.is_outage
    assert answer.calls == calls
