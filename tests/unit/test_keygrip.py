"""The signature in ``session.sig``. The golden values are npm's keygrip 1.1's."""

from __future__ import annotations

import pytest

from flask_serversession.keygrip import Keygrip

TEXT = "session=eyJtZXNzYWdlIjoiaGkifQ=="
BY_A = "vdp2-kj-91tgzbWcV1QzofT3hu0"
BY_B = "SiRRAEncekXEzVdvey_7SkWaMM4"


@pytest.mark.parametrize(
    ("key", "text", "signature"),
    [
        ("a", TEXT, BY_A),
        ("b", TEXT, BY_B),
        ("a", "session=", "S5xzvvfka05Z8JWDc8Tqj40wqBw"),
        ("a", "session=e30=", "8ryvNgg8q6BXGIAl3pmG2syWtWo"),
    ],
)
def test_a_signature_is_keygrips(key: str, text: str, signature: str) -> None:
    assert Keygrip([key]).sign(text) == signature


def test_the_first_key_signs() -> None:
    assert Keygrip(["a", "b"]).sign(TEXT) == BY_A
    assert Keygrip(["b", "a"]).sign(TEXT) == BY_B


def test_a_signature_tells_which_key_made_it() -> None:
    assert Keygrip(["a", "b"]).index(TEXT, BY_A) == 0
    assert Keygrip(["a", "b"]).index(TEXT, BY_B) == 1
    assert Keygrip(["a"]).index(TEXT, BY_B) is None


def test_a_key_may_be_bytes() -> None:
    assert Keygrip([b"a"]).sign(TEXT) == BY_A


@pytest.mark.parametrize("place", range(len(BY_A)))
def test_a_signature_with_one_letter_changed_is_nobodys(place: int) -> None:
    other = "B" if BY_A[place] == "A" else "A"

    assert Keygrip(["a"]).index(TEXT, BY_A[:place] + other + BY_A[place + 1 :]) is None


@pytest.mark.parametrize("signature", ["", BY_A + "=", BY_A[:-1], BY_A.replace("-", "+"), "é"])
def test_only_one_spelling_of_a_signature_counts(signature: str) -> None:
    assert Keygrip(["a"]).index(TEXT, signature) is None


def test_a_signature_is_of_the_name_too() -> None:
    assert Keygrip(["a"]).index(TEXT.replace("session", "other"), BY_A) is None
