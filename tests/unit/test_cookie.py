from __future__ import annotations

import json
import time
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any

import pytest

from flask_serversession.cookies.cookie import SessionCookie
from flask_serversession.cookies.cookie import system_clock
from flask_serversession.cookies.options import CookieOptions

from .clock import Clock
from .clock import START

MINUTE = 60_000
DEFAULT = '{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}'
#: Every member that express-session 1.19 stores, in its order.
FULL = (
    '{"originalMaxAge":60000,"partitioned":true,"priority":"high",'
    '"expires":"2026-11-21T00:05:27.024Z","secure":true,"httpOnly":true,'
    '"domain":"example.com","path":"/app","sameSite":"lax"}'
)
FULL_OPTIONS = CookieOptions(
    path="/app",
    domain="example.com",
    secure=True,
    samesite="lax",
    partitioned=True,
    priority="high",
    max_age=MINUTE,
)


@pytest.fixture
def cookie(clock: Clock) -> SessionCookie:
    return SessionCookie(CookieOptions(), clock)


def stored(cookie: SessionCookie) -> str:
    return json.dumps(cookie.to_document(), separators=(",", ":"))


def test_the_system_clock_counts_milliseconds_since_1970() -> None:
    before = time.time()

    assert before - 0.001 <= system_clock() / 1000 <= time.time()


@pytest.mark.parametrize(
    "wrong", [{"path": "/;"}, {"domain": "a b"}, {"samesite": "no"}, {"priority": "top"}]
)
def test_options_that_a_header_cannot_hold_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CookieOptions(**wrong)


@pytest.mark.parametrize(
    ("secure", "samesite", "on_https", "on_http"),
    [
        ("auto", "auto", (True, "none"), (False, "lax")),
        ("auto", "strict", (True, "strict"), (False, "strict")),
        (None, "auto", (None, "none"), (None, "lax")),
        (True, "lax", (True, "lax"), (True, "lax")),
    ],
)
def test_auto_is_decided_by_the_request(
    secure: Any, samesite: str, on_https: tuple[Any, Any], on_http: tuple[Any, Any]
) -> None:
    options = CookieOptions(secure=secure, samesite=samesite)

    encrypted, plain = options.resolved(is_secure=True), options.resolved(is_secure=False)

    assert (encrypted.secure, encrypted.samesite) == on_https
    assert (plain.secure, plain.samesite) == on_http


def test_resolving_auto_changes_no_other_option() -> None:
    auto = CookieOptions(
        path="/app",
        domain="example.com",
        secure="auto",
        httponly=False,
        samesite="lax",
        partitioned=True,
        priority="high",
        max_age=MINUTE,
    )

    assert auto.resolved(is_secure=True) == CookieOptions(
        path="/app",
        domain="example.com",
        secure=True,
        httponly=False,
        samesite="lax",
        partitioned=True,
        priority="high",
        max_age=MINUTE,
    )


@pytest.mark.parametrize(
    ("options", "document"),
    [
        pytest.param(CookieOptions(), DEFAULT, id="default"),
        pytest.param(FULL_OPTIONS, FULL, id="full"),
        pytest.param(
            CookieOptions(secure=False),
            '{"originalMaxAge":null,"expires":null,"secure":false,"httpOnly":true,"path":"/"}',
            id="auto that became false",
        ),
    ],
)
def test_the_stored_form_is_that_of_express_session(
    clock: Clock, options: CookieOptions, document: str
) -> None:
    assert stored(SessionCookie(options, clock)) == document


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(DEFAULT, id="default"),
        pytest.param(FULL, id="full"),
        pytest.param(
            '{"originalMaxAge":false,"expires":false,"httpOnly":false,"path":"/"}',
            id="expires false",
        ),
        pytest.param(
            '{"originalMaxAge":null,"expires":"1969-12-31T23:59:59.999Z",'
            '"httpOnly":true,"path":"/","sameSite":true}',
            id="before 1970",
        ),
    ],
)
def test_a_stored_cookie_is_stored_in_the_same_form_again(clock: Clock, document: str) -> None:
    assert stored(SessionCookie.from_document(json.loads(document), clock)) == document


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"path": None},
        {"path": 5},
        {"path": "/;evil"},
        {"domain": "a b"},
        {"sameSite": "sideways"},
        {"sameSite": {}},
        {"priority": ["high"]},
        {"originalMaxAge": "60000"},
        {"originalMaxAge": True},
        {"originalMaxAge": float("nan")},
        {"originalMaxAge": 1e300},
        {"expires": "tomorrow"},
        {"expires": "2026-11-21T00:05:27"},
        {"expires": 1700000000},
        {"expires": True},
        {"unknown": "member"},
    ],
)
def test_invalid_members_of_a_stored_cookie_are_ignored(clock: Clock, odd: dict[str, Any]) -> None:
    assert stored(SessionCookie.from_document(odd, clock)) == DEFAULT


@pytest.mark.parametrize("age", [9e14, 5e14, 260_000_000_000_000, -9e14])
def test_a_cookie_with_any_stored_age_can_be_touched(clock: Clock, age: float) -> None:
    """JavaScript has later dates than datetime; such a row must not lock its user out."""
    cookie = SessionCookie.from_document({"originalMaxAge": age}, clock)

    cookie.reset_max_age()

    assert json.dumps(cookie.to_document())


def test_a_browser_session_cookie_has_no_expiry(cookie: SessionCookie) -> None:
    assert cookie.max_age is None
    assert cookie.original_max_age is None
    assert cookie.expires is None
    assert cookie.expires_in_milliseconds is None
    assert not cookie.is_persistent
    assert not cookie.has_expiry


@pytest.mark.parametrize("age", [60, 60.0, timedelta(minutes=1)])
def test_assigning_a_max_age_sets_the_expiry(
    clock: Clock, cookie: SessionCookie, age: float | timedelta
) -> None:
    cookie.max_age = age

    assert cookie.original_max_age == 60
    assert cookie.expires == datetime(2026, 11, 21, 0, 5, 27, 24_000, tzinfo=timezone.utc)
    assert cookie.expires_in_milliseconds == START + MINUTE
    assert cookie.is_persistent
    assert cookie.has_expiry


def test_max_age_counts_down_until_a_touch_starts_it_again(
    clock: Clock, cookie: SessionCookie
) -> None:
    cookie.max_age = 60
    clock.tick(30_000)

    assert cookie.max_age == 30

    cookie.reset_max_age()

    assert cookie.max_age == 60
    assert cookie.original_max_age == 60


def test_a_max_age_of_none_makes_a_browser_session_cookie(cookie: SessionCookie) -> None:
    cookie.max_age = 60
    cookie.max_age = None

    assert cookie.expires is None
    assert not cookie.is_persistent


def test_an_assigned_expiry_becomes_the_max_age_of_every_touch(
    clock: Clock, cookie: SessionCookie
) -> None:
    moment = datetime(2026, 11, 21, 0, 5, 27, 24_000, tzinfo=timezone.utc)
    cookie.expires = moment

    assert cookie.expires == moment
    assert cookie.original_max_age == 60

    clock.tick(300)
    cookie.reset_max_age()

    assert cookie.expires == moment + timedelta(milliseconds=300)


def test_an_expiry_may_be_in_any_time_zone(cookie: SessionCookie) -> None:
    cookie.expires = datetime(2026, 11, 21, 1, 5, 27, tzinfo=timezone(timedelta(hours=1)))

    assert cookie.to_document()["expires"] == "2026-11-21T00:05:27.000Z"


def test_an_expiry_without_a_time_zone_is_refused(cookie: SessionCookie) -> None:
    with pytest.raises(ValueError, match="aware"):
        cookie.expires = datetime(2026, 11, 21)


@pytest.mark.parametrize(("value", "has_expiry"), [(None, False), (False, True)])
def test_no_expiry_is_none_or_false_and_express_distinguishes_them(
    cookie: SessionCookie, value: Any, has_expiry: bool
) -> None:
    cookie.max_age = 60
    cookie.expires = value
    cookie.reset_max_age()

    assert cookie.expires is value
    assert cookie.max_age is None
    assert cookie.original_max_age is None
    assert cookie.has_expiry is has_expiry
    assert not cookie.is_persistent
    assert cookie.to_document()["expires"] is value


def test_the_stored_session_ends_with_the_cookie_or_after_the_idle_timeout(
    cookie: SessionCookie,
) -> None:
    assert cookie.expires_at(MINUTE) == START + MINUTE
    assert cookie.lifetime(MINUTE) == MINUTE

    cookie.max_age = 5

    assert cookie.expires_at(MINUTE) == START + 5000
    assert cookie.lifetime(MINUTE) == 5000

    cookie.expires = False

    assert cookie.expires_at(MINUTE) == START + MINUTE
    assert cookie.lifetime(MINUTE) == MINUTE


def test_it_follows_the_expiry_of_its_record(cookie: SessionCookie) -> None:
    cookie.max_age = 60
    cookie.follow(START + 5000)

    assert cookie.max_age == 5
    assert cookie.original_max_age == 60


@pytest.mark.parametrize("expires", [None, False])
def test_a_cookie_without_an_expiry_does_not_follow_its_record(
    cookie: SessionCookie, expires: Any
) -> None:
    cookie.expires = expires
    cookie.follow(START + 5000)

    assert cookie.expires is expires


def test_a_max_age_beyond_the_last_datetime_is_refused(cookie: SessionCookie) -> None:
    with pytest.raises(ValueError, match="age"):
        cookie.max_age = timedelta.max


def test_a_max_age_before_the_first_datetime_is_refused(
    cookie: SessionCookie,
) -> None:
    with pytest.raises(ValueError, match="age"):
        cookie.max_age = -1e13


def test_a_cookie_that_expires_at_the_last_datetime_can_be_touched(
    clock: Clock, cookie: SessionCookie
) -> None:
    cookie.expires = datetime.max.replace(tzinfo=timezone.utc)
    clock.tick(1)

    cookie.reset_max_age()

    assert cookie.to_document()["expires"] == "9999-12-31T23:59:59.999Z"


@pytest.mark.parametrize(
    ("attribute", "good", "bad"),
    [
        ("path", "/app", "/app;"),
        ("domain", "example.com", "exam ple"),
        ("samesite", "strict", "sideways"),
        ("priority", "low", "lowest"),
    ],
)
def test_an_attribute_is_checked_when_it_is_assigned(
    cookie: SessionCookie, attribute: str, good: str, bad: str
) -> None:
    setattr(cookie, attribute, good)
    with pytest.raises(ValueError, match="is"):
        setattr(cookie, attribute, bad)

    assert getattr(cookie, attribute) == good


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("path", "/app"),
        ("domain", "example.com"),
        ("samesite", "lax"),
        ("priority", "low"),
        ("secure", True),
        ("httponly", False),
        ("partitioned", True),
        ("max_age", 60),
    ],
)
def test_its_settings_change_with_every_attribute(
    cookie: SessionCookie, attribute: str, value: object
) -> None:
    before = cookie.settings
    setattr(cookie, attribute, value)

    assert cookie.settings != before


def test_its_settings_do_not_change_with_its_expiry(clock: Clock, cookie: SessionCookie) -> None:
    cookie.max_age = 60
    before = cookie.settings
    clock.tick(1000)
    cookie.reset_max_age()

    assert cookie.settings == before
