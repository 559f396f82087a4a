from __future__ import annotations

from urllib.parse import unquote

import pytest

from flask_serversession.signing import CookieSigner

#: As npm's cookie-signature signs with "keyboard cat", in their percent-encoded form.
GOLDEN = {
    "apple": "s%3Aapple.D8Y%2BpkTAmeR0PobOhY4G97PRW%2Bj7bUnP%2F5m6%2FOn1MCU",
    "%": "s%3A%25.kzQ6x52kKVdF35Qh62AWk4ZekS28K5XYCXKa%2FOTZ01g",
    "/foo": "s%3A%2Ffoo.paEKBtAHbV5s1IB8B2zPnzAgYmmnRPIqObW4VRYj%2FMQ",
}


@pytest.fixture
def signer() -> CookieSigner:
    return CookieSigner(["keyboard cat"])


@pytest.mark.parametrize(("value", "wire"), GOLDEN.items())
def test_it_signs_as_npms_cookie_signature_does(
    signer: CookieSigner, value: str, wire: str
) -> None:
    assert signer.sign(value) == unquote(wire)


@pytest.mark.parametrize(("value", "wire"), GOLDEN.items())
def test_it_reads_what_npms_cookie_signature_signed(
    signer: CookieSigner, value: str, wire: str
) -> None:
    assert signer.unsign(unquote(wire)) == value


@pytest.mark.parametrize("value", ["with.dots.in.it", ".", "s:", "Zoë 🍪", "a b", "x" * 4000])
def test_a_signed_value_comes_back(signer: CookieSigner, value: str) -> None:
    assert signer.unsign(signer.sign(value)) == value


def test_a_secret_may_be_text_or_the_same_bytes() -> None:
    assert CookieSigner(["naïve"]).sign("id") == CookieSigner(["naïve".encode()]).sign("id")


def test_the_first_secret_signs_and_every_secret_verifies() -> None:
    old, new = CookieSigner(["old"]), CookieSigner(["new"])
    both = CookieSigner(["new", "old"])

    assert both.sign("id") == new.sign("id")
    assert both.unsign(old.sign("id")) == "id"
    assert both.unsign(new.sign("id")) == "id"
    assert new.unsign(old.sign("id")) is None


def test_an_empty_value_is_none_even_when_signed(signer: CookieSigner) -> None:
    assert signer.unsign(signer.sign("")) is None


def test_base64_spelled_differently_is_not_a_signature(signer: CookieSigner) -> None:
    """43 characters carry 258 bits and a signature has 256: four spellings, one of them ours."""
    signed = signer.sign("apple")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    group = alphabet.index(signed[-1]) & ~0b11
    spellings = [signed[:-1] + alphabet[group + spare] for spare in range(4)]

    assert signed in spellings
    assert [one for one in spellings if signer.unsign(one)] == [signed]


@pytest.mark.parametrize(
    "cookie",
    [
        pytest.param("", id="nothing"),
        pytest.param("apple", id="unsigned"),
        pytest.param("s:", id="the prefix alone"),
        pytest.param("s:apple", id="no signature"),
        pytest.param("s:apple.", id="an empty signature"),
        pytest.param("s:.", id="empty on both sides"),
        pytest.param("apple.D8Y+pkTAmeR0PobOhY4G97PRW+j7bUnP/5m6/On1MCU", id="no prefix"),
        pytest.param("S:apple.D8Y+pkTAmeR0PobOhY4G97PRW+j7bUnP/5m6/On1MCU", id="capital prefix"),
        pytest.param("s:apple.D8Y+pkTAmeR0PobOhY4G97PRW+j7bUnP/5m6/On1MCU=", id="padded"),
        pytest.param("s:apple.D8Y-pkTAmeR0PobOhY4G97PRW-j7bUnP_5m6_On1MCU", id="url-safe"),
        pytest.param("s:apple .D8Y+pkTAmeR0PobOhY4G97PRW+j7bUnP/5m6/On1MCU", id="a space more"),
        pytest.param("s:apple.ünïcode", id="beyond ASCII"),
        pytest.param("s:\ud800.D8Y", id="a lone surrogate"),
        pytest.param("s:\0.\0", id="NUL"),
    ],
)
def test_what_nobody_with_a_secret_signed_is_none(signer: CookieSigner, cookie: str) -> None:
    assert signer.unsign(cookie) is None
