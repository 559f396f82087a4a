"""Payloads that mean the same in two spellings."""

from __future__ import annotations

import pytest

from flask_serversession.stores.base import same_json

PAYLOAD = b'{"cookie":{"path":"/","originalMaxAge":null},"n":1,"list":[{"b":2.5,"a":"\xc3\xab"}]}'


@pytest.mark.parametrize(
    "other",
    [
        PAYLOAD,
        b'{"n": 1, "list": [{"a": "\xc3\xab", "b": 2.5}],'
        b' "cookie": {"originalMaxAge": null, "path": "/"}}',
        PAYLOAD.replace(b"\xc3\xab", b"\\u00EB"),
        PAYLOAD.replace(b'"/"', b'"\\/"'),
        PAYLOAD.replace(b":1,", b":1.0,"),
        PAYLOAD.replace(b"2.5", b"25e-1"),
    ],
)
def test_equal_values_are_the_same_in_any_spelling(other: bytes) -> None:
    assert same_json(PAYLOAD, other)
    assert same_json(other, PAYLOAD)


@pytest.mark.parametrize(
    "other",
    [
        b"{}",
        b"",
        b"not JSON",
        PAYLOAD.replace(b":1,", b":2,"),
        PAYLOAD.replace(b":1,", b":true,"),
        PAYLOAD.replace(b":1,", b':"1",'),
        PAYLOAD.replace(b":1,", b":1e400,"),
        PAYLOAD.replace(b"null", b"false"),
        b"[" * 100_000,
        b'{"n":%s}' % (b"9" * 5000),
    ],
)
def test_other_values_are_different(other: bytes) -> None:
    assert not same_json(PAYLOAD, other)
    assert not same_json(other, PAYLOAD)


def test_a_list_has_an_order() -> None:
    assert not same_json(b"[1,2]", b"[2,1]")


def test_half_a_surrogate_pair_may_be_spelled_in_two_ways() -> None:
    assert same_json(b'["\\ud800"]', b'["\\uD800"]')


def test_payloads_that_are_not_json_are_compared_byte_by_byte() -> None:
    assert same_json(b"not JSON", b"not JSON")
    assert not same_json(b"not JSON", b"not  JSON")
