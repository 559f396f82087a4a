"""The two signatures, against values that npm's cookie-signature and keygrip made."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

from flask_serversession.cookies.signing import CookieSigner
from flask_serversession.cookies.signing import Keygrip

#: What cookie-signature makes with "keyboard cat", percent-encoded.
GOLDEN = {
    "apple": "s%3Aapple.D8Y%2BpkTAmeR0PobOhY4G97PRW%2Bj7bUnP%2F5m6%2FOn1MCU",
    "%": "s%3A%25.kzQ6x52kKVdF35Qh62AWk4ZekS28K5XYCXKa%2FOTZ01g",
    "/foo": "s%3A%2Ffoo.paEKBtAHbV5s1IB8B2zPnzAgYmmnRPIqObW4VRYj%2FMQ",
}

TEXT = "session=eyJtZXNzYWdlIjoiaGkifQ=="
BY_A = "vdp2-kj-91tgzbWcV1QzofT3hu0"
BY_B = "SiRRAEncekXEzVdvey_7SkWaMM4"


@pytest.fixture
def signer() -> CookieSigner:
    return CookieSigner(["keyboard cat"])


class TestCookieSigner:
    @pytest.mark.parametrize(("value", "wire"), GOLDEN.items())
    def test_it_signs_as_cookie_signature_does(
        self, signer: CookieSigner, value: str, wire: str
    ) -> None:
        assert signer.sign(value) == unquote(wire)

    @pytest.mark.parametrize(("value", "wire"), GOLDEN.items())
    def test_it_reads_what_cookie_signature_signed(
        self, signer: CookieSigner, value: str, wire: str
    ) -> None:
        assert signer.unsign(unquote(wire)) == value

    @pytest.mark.parametrize("value", ["with.dots.in.it", ".", "s:", "Zoë 🍪", "a b", "x" * 4000])
    def test_a_signed_value_comes_back(self, signer: CookieSigner, value: str) -> None:
        assert signer.unsign(signer.sign(value)) == value

    def test_a_secret_may_be_str_or_the_same_bytes(self) -> None:
        assert CookieSigner(["naïve"]).sign("id") == CookieSigner(["naïve".encode()]).sign("id")

    def test_the_first_secret_signs_and_every_secret_verifies(self) -> None:
        old, new = CookieSigner(["old"]), CookieSigner(["new"])
        both = CookieSigner(["new", "old"])

        assert both.sign("id") == new.sign("id")
        assert both.unsign(old.sign("id")) == "id"
        assert both.unsign(new.sign("id")) == "id"
        assert new.unsign(old.sign("id")) is None

    def test_an_empty_value_is_none_even_when_signed(self, signer: CookieSigner) -> None:
        assert signer.unsign(signer.sign("")) is None

    def test_it_finds_the_signed_values_of_a_header_in_order_and_each_once(
        self, signer: CookieSigner
    ) -> None:
        one, other = signer.sign("one"), signer.sign("other")
        header = f"session={one}; session=unsigned; session={other}; session={one}; theme=dark"

        assert list(signer.find(header, "session")) == ["one", "other"]
        assert signer.find("theme=dark", "session") == {}

    def test_of_a_value_signed_twice_it_names_the_newest_secret(self) -> None:
        old, both = CookieSigner(["old"]), CookieSigner(["new", "old"])

        for one, other in ((old, both), (both, old)):
            header = f"session={one.sign('id')}; session={other.sign('id')}"
            assert both.find(header, "session") == {"id": 0}

    def test_it_finds_four_values_at_most(self, signer: CookieSigner) -> None:
        header = "; ".join(f"session={signer.sign(sid)}" for sid in "abcdef")

        assert list(signer.find(header, "session")) == ["a", "b", "c", "d"]

    @pytest.mark.parametrize("place", [2, 3])
    def test_it_verifies_no_more_cookies_than_it_is_told_to(
        self, signer: CookieSigner, place: int
    ) -> None:
        bad = "; ".join(["session=s:apple.planted"] * (place - 1))
        header = f"{bad}; session={signer.sign('apple')}"

        assert signer.find(header, "session", place) == {"apple": 0}
        assert not signer.find(header, "session", place - 1)

    def test_only_one_base64_spelling_of_a_signature_verifies(self, signer: CookieSigner) -> None:
        """43 characters hold 258 bits and a signature has 256, so there are four spellings."""
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
            pytest.param("S:apple.D8Y+pkTAmeR0PobOhY4G97PRW+j7bUnP/5m6/On1MCU", id="capital S"),
            pytest.param("s:apple.D8Y+pkTAmeR0PobOhY4G97PRW+j7bUnP/5m6/On1MCU=", id="padded"),
            pytest.param("s:apple.D8Y-pkTAmeR0PobOhY4G97PRW-j7bUnP_5m6_On1MCU", id="URL-safe"),
            pytest.param("s:apple .D8Y+pkTAmeR0PobOhY4G97PRW+j7bUnP/5m6/On1MCU", id="a space"),
            pytest.param("s:apple.ünïcode", id="beyond ASCII"),
            pytest.param("s:\ud800.D8Y", id="a lone surrogate"),
            pytest.param("s:\0.\0", id="NUL"),
        ],
    )
    def test_a_cookie_that_no_secret_signed_is_none(
        self, signer: CookieSigner, cookie: str
    ) -> None:
        assert signer.unsign(cookie) is None

    def test_the_signer_below_verifies_like_any_other_of_itsdangerous(
        self, signer: CookieSigner
    ) -> None:
        signed = signer.sign("apple").removeprefix("s:")

        assert signer._signer.unsign(signed) == b"apple"
        assert not signer._signer.validate(signed + "=")


class TestKeygrip:
    @pytest.mark.parametrize(
        ("key", "text", "signature"),
        [
            ("a", TEXT, BY_A),
            ("b", TEXT, BY_B),
            ("a", "session=", "S5xzvvfka05Z8JWDc8Tqj40wqBw"),
            ("a", "session=e30=", "8ryvNgg8q6BXGIAl3pmG2syWtWo"),
        ],
    )
    def test_it_signs_as_keygrip_does(self, key: str, text: str, signature: str) -> None:
        assert Keygrip([key]).sign(text) == signature

    def test_the_first_key_signs(self) -> None:
        assert Keygrip(["a", "b"]).sign(TEXT) == BY_A
        assert Keygrip(["b", "a"]).sign(TEXT) == BY_B

    def test_the_index_says_which_key_made_a_signature(self) -> None:
        assert Keygrip(["a", "b"]).index(TEXT, BY_A) == 0
        assert Keygrip(["a", "b"]).index(TEXT, BY_B) == 1
        assert Keygrip(["a"]).index(TEXT, BY_B) is None

    def test_a_key_may_be_bytes(self) -> None:
        assert Keygrip([b"a"]).sign(TEXT) == BY_A

    @pytest.mark.parametrize("place", range(len(BY_A)))
    def test_a_signature_with_one_letter_changed_does_not_verify(self, place: int) -> None:
        other = "B" if BY_A[place] == "A" else "A"

        assert Keygrip(["a"]).index(TEXT, BY_A[:place] + other + BY_A[place + 1 :]) is None

    @pytest.mark.parametrize("signature", ["", BY_A + "=", BY_A[:-1], BY_A.replace("-", "+"), "é"])
    def test_only_one_spelling_of_a_signature_verifies(self, signature: str) -> None:
        assert Keygrip(["a"]).index(TEXT, signature) is None

    def test_a_signature_covers_the_cookies_name_too(self) -> None:
        assert Keygrip(["a"]).index(TEXT.replace("session", "other"), BY_A) is None
