from __future__ import annotations

from typing import Any

import pytest

from flask_serversession.errors import PayloadError
from flask_serversession.format.serializer import compose
from flask_serversession.format.serializer import decompose
from flask_serversession.format.serializer import EMPTY
from flask_serversession.format.serializer import ends_with
from flask_serversession.format.serializer import TypedJSON

COOKIE = {"originalMaxAge": None, "expires": None, "httpOnly": True, "path": "/"}
STORED_COOKIE = b'{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}'

serializer = TypedJSON()


def test_the_document_is_express_sessions_object_with_the_cookie_first() -> None:
    body = serializer.dumps({"views": 1, "user": {"cookie": "nested"}})

    assert compose(COOKIE, body) == (
        b'{"cookie":' + STORED_COOKIE + b',"views":1,"user":{"cookie":"nested"}}'
    )


def test_the_document_of_an_empty_session_has_its_cookie_alone() -> None:
    assert compose(COOKIE, EMPTY) == b'{"cookie":' + STORED_COOKIE + b"}"


def test_no_data_are_dumped_as_the_empty_body() -> None:
    assert serializer.dumps({}) == EMPTY


@pytest.mark.parametrize("data", [{}, {"a": 1}, {"": None}, {"t": (1, {2})}, {"}": "{"}])
def test_a_document_comes_apart_as_it_was_put_together(data: dict[str, Any]) -> None:
    cookie, members = decompose(compose(COOKIE, serializer.dumps(data)), serializer)

    assert (cookie, members) == (COOKIE, data)


def test_the_cookie_may_stand_anywhere_in_another_programs_document() -> None:
    cookie, members = decompose(b'{"a":1, "cookie":{}, "b":2}', serializer)

    assert (cookie, members) == ({}, {"a": 1, "b": 2})


@pytest.mark.parametrize(
    ("last", "told"),
    [
        ({}, True),
        ({"b": 2}, True),
        ({"a": 1, "b": 2}, True),
        ({"a": 1}, False),
        ({"bb": 2}, False),
        ({"a": 1, "b": 2, "c": 3}, False),
    ],
)
def test_a_document_ends_with_the_members_that_come_last(last: dict[str, int], told: bool) -> None:
    document = compose(COOKIE, serializer.dumps({"a": 1, "b": 2}))

    assert ends_with(document, serializer.dumps(last)) is told


@pytest.mark.parametrize(
    "payload",
    [b"{}", b'{"cookie":null}', b'{"cookie":[]}', b'{"cookie":{" tuple":[]}}', b"[]", b"junk"],
)
def test_a_document_without_a_cookie_object_is_no_session(payload: bytes) -> None:
    with pytest.raises(PayloadError):
        decompose(payload, serializer)
