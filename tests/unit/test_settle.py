"""When a session is old enough to be touched."""

from __future__ import annotations

from datetime import datetime

import pytest

from flask_serversession.cookies.options import CookieOptions
from flask_serversession.sessions.draft import Draft
from flask_serversession.sessions.request_store import RequestStore
from flask_serversession.sessions.settings import Settings
from flask_serversession.sessions.settle import _is_stale
from flask_serversession.sessions.working_copy import WorkingCopy
from flask_serversession.stores.base import from_epoch_milliseconds
from flask_serversession.stores.base import Record

from .clock import Clock
from .clock import START
from .conftest import MakeSettings

MINUTE = 60_000
DAY = 24 * 60 * MINUTE


def stored(settings: Settings, ends: int | None) -> WorkingCopy:
    """Return the copy of a stored session that ends at this moment."""
    expires_at: datetime | None = None if ends is None else from_epoch_milliseconds(ends)
    draft = Draft.new(settings, CookieOptions())
    base = Record(b"{}", expires_at)
    return WorkingCopy(settings, RequestStore(settings), lambda: "new", "sid", draft, base)


@pytest.mark.parametrize(
    ("lifetime", "interval"), [(DAY, MINUTE), (10 * MINUTE, MINUTE), (5 * MINUTE, MINUTE // 2)]
)
def test_a_session_is_stale_after_a_minute_or_a_tenth_of_its_life(
    make_settings: MakeSettings, clock: Clock, lifetime: int, interval: int
) -> None:
    copy = stored(make_settings(idle_timeout=lifetime), START + lifetime)

    clock.tick(interval - 1)
    assert not _is_stale(copy)

    clock.tick(1)
    assert _is_stale(copy)


@pytest.mark.parametrize("lifetime", [MINUTE, DAY])
def test_a_configured_interval_holds_for_every_lifetime(
    make_settings: MakeSettings, clock: Clock, lifetime: int
) -> None:
    copy = stored(make_settings(touch_interval=5000, idle_timeout=lifetime), START + lifetime)

    clock.tick(4999)
    assert not _is_stale(copy)

    clock.tick(1)
    assert _is_stale(copy)


def test_with_an_interval_of_zero_a_session_is_always_stale(make_settings: MakeSettings) -> None:
    assert _is_stale(stored(make_settings(touch_interval=0, idle_timeout=DAY), START + DAY))


def test_a_session_with_more_life_than_configured_is_stale(make_settings: MakeSettings) -> None:
    """The configuration became stricter after the session was stored."""
    settings = make_settings(idle_timeout=DAY)

    assert _is_stale(stored(settings, START + DAY + MINUTE))
    assert not _is_stale(stored(settings, START + DAY + MINUTE - 1))


def test_a_session_is_stale_where_the_store_cannot_tell_when_it_ends(settings: Settings) -> None:
    assert _is_stale(stored(settings, None))


def test_a_session_that_is_not_stored_is_stale(settings: Settings) -> None:
    copy = stored(settings, START + DAY)
    copy.base = None

    assert _is_stale(copy)
