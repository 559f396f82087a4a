from __future__ import annotations

from datetime import datetime
from datetime import timezone
from typing import Any

import pytest

from flask_serversession.cookies.cookie import SessionCookie
from flask_serversession.cookies.header import clear_cookie_line
from flask_serversession.cookies.header import client_cookie_line
from flask_serversession.cookies.header import path_matches
from flask_serversession.cookies.header import set_cookie_line
from flask_serversession.cookies.options import CookieOptions
from flask_serversession.cookies.signing import cookie_values
from flask_serversession.cookies.signing import CookieSigner

from .clock import Clock

FULL = CookieOptions(
    domain="example.com",
    secure=True,
    samesite="lax",
    partitioned=True,
    priority="high",
    max_age=60_000,
)


def make_cookie(clock: Clock, **options: Any) -> SessionCookie:
    return SessionCookie(CookieOptions(**options), clock)


def test_the_line_of_a_default_cookie_is_that_of_express_session(clock: Clock) -> None:
    signed = CookieSigner(["keyboard cat"]).sign("apple")

    assert set_cookie_line("connect.sid", signed, make_cookie(clock)) == (
        "connect.sid=s%3Aapple.D8Y%2BpkTAmeR0PobOhY4G97PRW%2Bj7bUnP%2F5m6%2FOn1MCU;"
        " Path=/; HttpOnly"
    )


def test_the_line_has_the_attributes_in_the_order_of_express_session(clock: Clock) -> None:
    assert set_cookie_line("connect.sid", "v", SessionCookie(FULL, clock)) == (
        "connect.sid=v; Domain=example.com; Path=/; Expires=Sat, 21 Nov 2026 00:05:27 GMT;"
        " HttpOnly; Secure; Partitioned; Priority=High; SameSite=Lax"
    )


def test_the_line_that_removes_a_cookie_keeps_its_attributes(clock: Clock) -> None:
    assert clear_cookie_line("connect.sid", SessionCookie(FULL, clock)) == (
        "connect.sid=; Domain=example.com; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT;"
        " HttpOnly; Secure; Partitioned; Priority=High; SameSite=Lax"
    )


def test_attributes_that_are_off_are_omitted(clock: Clock) -> None:
    cookie = make_cookie(clock, path="", httponly=False, secure=False, samesite=False)

    assert set_cookie_line("session", "v", cookie) == "session=v"


@pytest.mark.parametrize(
    ("samesite", "word"),
    [("lax", "Lax"), ("STRICT", "Strict"), ("None", "None"), (True, "Strict")],
)
def test_samesite_is_spelled_as_browsers_document_it(
    clock: Clock, samesite: Any, word: str
) -> None:
    line = set_cookie_line("session", "v", make_cookie(clock, samesite=samesite))

    assert line.endswith(f"; SameSite={word}")


def test_an_expiry_is_truncated_to_whole_seconds(clock: Clock) -> None:
    cookie = make_cookie(clock)
    cookie.expires = datetime(2026, 11, 21, 0, 5, 27, 999_999, tzinfo=timezone.utc)

    assert "; Expires=Sat, 21 Nov 2026 00:05:27 GMT;" in set_cookie_line("session", "v", cookie)


def test_an_expiry_of_false_is_no_expiry(clock: Clock) -> None:
    cookie = make_cookie(clock)
    cookie.expires = False

    assert "Expires" not in set_cookie_line("session", "v", cookie)


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("s:+/=", "s%3A%2B%2F%3D"),
        ("-_.!~*'()", "-_.!~*'()"),
        ('a b;c,d"e', "a%20b%3Bc%2Cd%22e"),
        ("%41", "%2541"),
        ("ë🍪", "%C3%AB%F0%9F%8D%AA"),
    ],
)
def test_a_value_is_encoded_as_encode_uri_component_does_and_read_back(
    clock: Clock, value: str, encoded: str
) -> None:
    line = set_cookie_line("session", value, make_cookie(clock))

    assert line == f"session={encoded}; Path=/; HttpOnly"
    assert list(cookie_values(f"session={encoded}", "session")) == [value]


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("", []),
        ("session", []),
        ("other=1", []),
        ("session=1", ["1"]),
        ("other=0; session=1; session=2", ["1", "2"]),
        ("session=1;session=2", ["1", "2"]),
        ("  session  =  1  ", ["1"]),
        ('session="1"', ["1"]),
        ("session=", [""]),
        ("session=a=b", ["a=b"]),
        ("\tsession\t=\t1\t", ["1"]),
        ("Session=1; sessions=2; _session=3", []),
        # Blanks for Python, but not for a browser.
        ("\xa0session=1; session\x85=2; \x1fsession=3; session\x0b=4", []),
        ("session=\xa01\x85", ["\xa01\x85"]),
        ("session=%41+b", ["A+b"]),
        ("session=%4", ["%4"]),
        ("session=%zz%41", ["%zz%41"]),
        ("session=%FF", ["%FF"]),
        ("session=%ED%A0%80", ["%ED%A0%80"]),
        ("session=\ud800%41", ["\ud800%41"]),
    ],
)
def test_all_values_of_a_name_are_found_in_order(header: str, values: list[str]) -> None:
    assert list(cookie_values(header, "session")) == values


def test_a_value_longer_than_browsers_keep_is_skipped() -> None:
    header = f"session={'x' * 4097}; session={'y' * 4096}"

    assert list(cookie_values(header, "session")) == ["y" * 4096]


def test_only_the_first_eight_values_are_read() -> None:
    header = "; ".join(f"other=0; session={number}" for number in range(10_000))

    assert cookie_values(header, "session") == ["0", "1", "2", "3", "4", "5", "6", "7"]


@pytest.mark.parametrize(
    ("request_path", "cookie_path", "matches"),
    [
        ("/", "/", True),
        ("/admin", "/", True),
        ("/admin", "/admin", True),
        ("/admin/", "/admin", True),
        ("/admin/users", "/admin", True),
        ("/admin/users", "/admin/", True),
        ("/admin", "/admin/", False),
        ("/administrator", "/admin", False),
        ("/Admin", "/admin", False),
        ("/", "/admin", False),
        ("//admin", "/admin", False),
    ],
)
def test_a_path_matches_as_browsers_match_it(
    request_path: str, cookie_path: str, matches: bool
) -> None:
    assert path_matches(request_path, cookie_path) is matches


def test_a_line_of_cookie_session_omits_an_empty_path() -> None:
    cookie = SessionCookie(CookieOptions(path="", httponly=False))

    assert client_cookie_line("session", "e30=", cookie, None) == "session=e30="


def test_a_line_of_cookie_session_has_the_attributes_in_its_order() -> None:
    options = CookieOptions(
        domain="example.com", priority="High", samesite="Lax", secure=True, partitioned=True
    )

    assert client_cookie_line("session", "", SessionCookie(options), 0) == (
        "session=; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT; domain=example.com;"
        " priority=high; samesite=lax; secure; httponly; partitioned"
    )
