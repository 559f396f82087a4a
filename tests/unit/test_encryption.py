"""Sealing and opening, without a store."""

from __future__ import annotations

import os
import re
import sys
from base64 import urlsafe_b64decode
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from flask_serversession.encryption import _derived
from flask_serversession.encryption import _extracted
from flask_serversession.encryption import Encryption
from flask_serversession.encryption import keys_from
from flask_serversession.errors import ConfigError
from flask_serversession.errors import PayloadError

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
PLAIN = b'{"cookie":{"originalMaxAge":null},"card":"4111 1111"}'
ITS = {"purpose": "session", "name": "h1-name", "secret": "the id"}


def sealed(*keys: bytes | None, plain: bytes = PLAIN, **its: str) -> bytes:
    return Encryption(keys).encrypt(plain, **{**ITS, **its})


def opened(text: bytes, *keys: bytes | None, **its: str) -> tuple[bytes, bool]:
    return Encryption(keys).decrypt(text, **{**ITS, **its})


@given(st.binary(), st.text(), st.text(), st.text())
def test_sealed_text_opens_for_the_same_purpose_name_and_secret(
    plain: bytes, purpose: str, name: str, secret: str
) -> None:
    its = {"purpose": purpose, "name": name, "secret": secret}

    assert opened(sealed(NEW, plain=plain, **its), NEW, **its) == (plain, True)


def test_a_sealed_text_is_ascii_without_what_a_cookie_cannot_have() -> None:
    assert re.fullmatch(rb"v1\.[\w-]{8}\.[\w-]+", sealed(NEW))
    assert b"4111" not in sealed(NEW)


def test_the_same_text_is_sealed_differently_each_time() -> None:
    assert sealed(NEW) != sealed(NEW)


def test_a_nonce_that_comes_twice_does_not_show_that_the_texts_are_equal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = iter([b"one salt....", b"another salt"])
    monkeypatch.setattr(os, "urandom", lambda length: next(drawn).ljust(length, b"n"))
    one, other = (urlsafe_b64decode(sealed(NEW).split(b".")[2] + b"==") for _ in range(2))

    assert one[12:24] == other[12:24] == b"n" * 12
    assert one[24:] != other[24:]


@pytest.mark.parametrize(
    "its",
    [{"purpose": "cookie"}, {"name": "h1-other"}, {"secret": "another id"}, {"secret": ""}],
    ids=["purpose", "name", "secret", "no secret"],
)
def test_it_does_not_open_for_another_purpose_name_or_secret(its: dict[str, str]) -> None:
    with pytest.raises(PayloadError):
        opened(sealed(NEW), NEW, **its)


def test_parts_that_are_divided_differently_give_other_keys() -> None:
    with pytest.raises(PayloadError):
        opened(sealed(NEW, name="ab", secret="c"), NEW, name="a", secret="bc")


def test_the_first_key_seals_and_each_of_them_opens() -> None:
    assert opened(sealed(OLD), NEW, OLD) == (PLAIN, False)
    assert opened(sealed(NEW, OLD), NEW) == (PLAIN, True)


def test_a_key_that_is_not_listed_opens_nothing() -> None:
    with pytest.raises(PayloadError, match="does not list"):
        opened(sealed(OLD), NEW)
    with pytest.raises(PayloadError, match="does not list"):
        opened(sealed(OLD), None, NEW)


def test_plain_text_is_accepted_only_while_none_is_among_the_keys() -> None:
    assert opened(PLAIN, NEW, None) == (PLAIN, False)
    assert opened(PLAIN, None, NEW) == (PLAIN, True)
    with pytest.raises(PayloadError):
        opened(PLAIN, NEW)


def test_none_as_the_first_key_writes_plain_text_and_opens_what_the_next_key_sealed() -> None:
    assert sealed(None, NEW) == PLAIN
    assert opened(sealed(NEW), None, NEW) == (PLAIN, True)
    assert opened(sealed(OLD), None, NEW, OLD) == (PLAIN, False)


@pytest.mark.parametrize("keys", [(NEW,), (NEW, None), (None, NEW)], ids=str)
def test_no_changed_byte_is_accepted(keys: tuple[bytes | None, ...]) -> None:
    text = sealed(NEW)
    for place in range(len(text)):
        for change in (1, 0x20, 0x80):
            changed = bytearray(text)
            changed[place] ^= change
            if changed[:2] != b"v1" and None in keys:
                continue  # it is plain text then, and no session
            with pytest.raises(PayloadError):
                opened(bytes(changed), *keys)


def test_no_truncated_or_longer_text_is_accepted() -> None:
    text = sealed(NEW)
    for length in range(2, len(text)):
        with pytest.raises(PayloadError):
            opened(text[:length], NEW, None)
    for more in (b"A", b"=", b"\n", b".", text):
        with pytest.raises(PayloadError):
            opened(text + more, NEW, None)


def test_an_error_does_not_show_the_text() -> None:
    text = sealed(NEW)
    with pytest.raises(PayloadError) as raised:
        opened(text[:-1], NEW)

    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    assert text[-20:].decode() not in str(raised.value)


@pytest.mark.parametrize("its", [{}, {"name": "h1-other"}], ids=["changed", "moved"])
def test_no_variable_of_its_traceback_shows_a_key(its: dict[str, str]) -> None:
    encryption = Encryption((NEW,))
    text = sealed(NEW) + (b"" if its else b"A")
    with pytest.raises(PayloadError) as raised:
        encryption.decrypt(text, **{**ITS, **its})

    frames = [entry.frame.f_locals for entry in raised.traceback]
    shown = repr([name for name in frames if name.get("self") is encryption])
    assert "'purpose'" in shown
    for key in (NEW, _extracted(NEW), *encryption._masters.values()):
        assert repr(key)[2:-1] not in shown


def test_keys_are_derived_as_hkdf_does() -> None:
    parts = b"".join(len(part).to_bytes(4, "big") + part for part in (b"session", b"x", b"y"))
    theirs = HKDF(SHA256(), 32, salt=None, info=b"flask-serversession v1" + parts)

    assert _derived(_extracted(NEW), "session", "x", "y") == theirs.derive(NEW)


def test_each_encryption_key_has_a_tag_key_and_untagged_users_are_always_found() -> None:
    first, nothing, third = Encryption((NEW, None, OLD)).tag_keys

    assert nothing is None
    assert first is not None
    assert third is not None
    assert {len(first), len(third)} == {32}
    assert len({first, third, NEW, OLD}) == 4
    assert Encryption((OLD,)).tag_keys == (third, None)


def test_keys_are_bytes_or_hexadecimal_digits() -> None:
    assert keys_from([NEW, OLD.hex(), None]) == (NEW, OLD, None)
    assert keys_from((OLD.hex().upper(),)) == (OLD,)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (NEW.hex(), "must be a list"),
        (NEW, "must be a list"),
        ([], "has no key"),
        ([None], "has no key"),
        ([b"short"], "Key 1 .* has 5 bytes"),
        ([NEW, NEW.hex().encode()], "Key 2 .* has 64 bytes"),
        (["correct horse battery staple"], "has 28 characters, and a password is no key"),
        (["x" * 64], "not hexadecimal"),
        (["٣" * 64], "not hexadecimal"),
        ([12], "is of type int"),
        ([NEW, NEW.hex()], "twice"),
        ([None, NEW, None], "twice"),
    ],
    ids=str,
)
def test_a_malformed_key_is_refused_with_the_reason(value: Any, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as raised:
        keys_from(value)

    assert NEW.hex() not in str(raised.value)
    assert "horse" not in str(raised.value)


def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)

    with pytest.raises(ConfigError, match=re.escape("Flask-ServerSession[encryption]")):
        Encryption((NEW,))
