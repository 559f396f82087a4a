from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st

from flask_serversession.cookies.cookie import SessionCookie
from flask_serversession.cookies.header import path_matches
from flask_serversession.cookies.header import set_cookie_line
from flask_serversession.cookies.options import CookieOptions
from flask_serversession.cookies.signing import cookie_values
from flask_serversession.cookies.signing import CookieSigner

from .values import anything_written
from .values import plain_values

NOW = 1_795_219_467_024

signer = CookieSigner(["keyboard cat", "older cat"])
ids = st.text("ABCDEFabcdef0123456789-_", min_size=1, max_size=40)
#: A header as WSGI passes it: any bytes, decoded as latin-1.
headers = st.binary(max_size=300).map(lambda raw: raw.decode("latin-1"))


@given(st.text(min_size=1))
def test_a_signed_value_comes_back_from_the_wire(value: str) -> None:
    cookie = SessionCookie(CookieOptions())
    line = set_cookie_line("session", signer.sign(value), cookie)
    header, _, _ = line.partition(";")

    assert header.isascii()
    if len(header) <= 4096:
        assert [signer.unsign(one) for one in cookie_values(header, "session")] == [value]


@given(ids)
def test_the_standard_library_parses_our_line(sid: str) -> None:
    cookie = SessionCookie(CookieOptions(samesite="lax", max_age=60_000))
    [morsel] = SimpleCookie(set_cookie_line("session", signer.sign(sid), cookie)).values()

    assert morsel["path"] == "/"
    assert morsel["samesite"] == "Lax"
    assert morsel["expires"].endswith("GMT")
    assert [*cookie_values(f"session={morsel.value}", "session")] == [signer.sign(sid)]


@given(ids, st.data())
def test_flipping_any_bit_of_a_signed_cookie_invalidates_it(sid: str, data: st.DataObject) -> None:
    signed = bytearray(signer.sign(sid).encode())
    bit = data.draw(st.integers(0, len(signed) * 8 - 1))
    signed[bit // 8] ^= 1 << bit % 8

    assert signer.unsign(signed.decode("latin-1")) is None


@given(ids, st.data(), st.characters(exclude_categories=()))
def test_changing_any_character_of_a_signed_cookie_invalidates_it(
    sid: str, data: st.DataObject, other: str
) -> None:
    signed = signer.sign(sid)
    place = data.draw(st.integers(0, len(signed) - 1))
    changed = signed[:place] + other + signed[place + 1 :]

    assert signer.unsign(changed) == (sid if changed == signed else None)


@given(ids, st.data())
def test_omitting_or_doubling_any_part_of_a_signed_cookie_invalidates_it(
    sid: str, data: st.DataObject
) -> None:
    signed = signer.sign(sid)
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(signed))] * 2)))

    if start != end:
        assert signer.unsign(signed[:start] + signed[end:]) is None
        assert signer.unsign(signed[:end] + signed[start:]) is None


@given(anything_written | headers)
def test_unsigned_values_do_not_verify(cookie: str) -> None:
    assert signer.unsign(cookie) is None
    assert signer.unsign("s:" + cookie) is None


@given(ids)
def test_a_signature_by_an_unknown_secret_does_not_verify(sid: str) -> None:
    assert signer.unsign(CookieSigner(["another cat"]).sign(sid)) is None


@given(headers | anything_written, st.sampled_from(["session", "", "connect.sid"]))
def test_no_cookie_header_raises(header: str, name: str) -> None:
    assert all(isinstance(value, str) for value in cookie_values(header, name))


@given(headers, ids, headers)
def test_a_good_cookie_is_found_among_any_others(before: str, sid: str, after: str) -> None:
    line = set_cookie_line("session", signer.sign(sid), SessionCookie(CookieOptions()))
    good, _, _ = line.partition(";")

    found = [*cookie_values(f"{before}; {good}; {after}", "session")]

    assert sid in [signer.unsign(value) for value in found]


@given(st.text("/ab", max_size=6).map("/".__add__), st.text("/ab", max_size=6).map("/".__add__))
def test_a_path_is_matched_by_whole_segments(request: str, cookie: str) -> None:
    below = request.startswith(cookie.removesuffix("/") + "/")

    assert path_matches(request, cookie) is (request == cookie or below)


#: Every member that express-session stores.
FULL = SessionCookie(
    CookieOptions("/", "example.com", True, True, "lax", True, "high", 60_000), lambda: NOW
).to_document()
_stored_cookies = st.dictionaries(
    st.sampled_from([*FULL]),
    plain_values
    | st.floats()
    | st.datetimes().map(lambda moment: moment.isoformat() + "Z")
    | st.sampled_from(["lax", "high", "/app", "example.com"]),
)


@given(_stored_cookies)
@example({"originalMaxAge": 5e14})
@example({"originalMaxAge": -9e14})
def test_any_stored_cookie_can_be_loaded_and_sent(document: dict[str, Any]) -> None:
    cookie = SessionCookie.from_document(document, lambda: NOW)

    cookie.reset_max_age()
    again = SessionCookie.from_document(cookie.to_document(), lambda: NOW)

    assert set_cookie_line("session", "value", cookie).startswith("session=value")
    assert again.to_document() == cookie.to_document()
