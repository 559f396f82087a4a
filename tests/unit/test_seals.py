from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example
from hypothesis import given
from markupsafe import Markup

from flask_serversession.cookies.signing import CookieSigner
from flask_serversession.format.seals import Seal
from flask_serversession.format.serializer import TypedJSON

from ..property.values import typed_sessions

SECRET = "keyboard cat"


def sealed(*secrets: str) -> TypedJSON:
    signer = CookieSigner(secrets)
    return TypedJSON(Seal(signer.signature, signer.is_signature))


serializer = sealed(SECRET)
dumps, loads = serializer.dumps, serializer.loads

DATA = {
    "profile": {"name": Markup("<b>"), "born": date(1815, 12, 10)},
    "_flashes": [("message", Markup("<i>")), ("info", "text")],
    "price": {Decimal("0.10"): (1.0, 2.5, 1e300)},
    "plain": {" markup": "<img>"},
}
FORGED: list[Any] = [
    {" markup": "<img src=x onerror=alert(1)>"},
    {" markup": "<img>", " seal": ""},
    {" markup": "<img>", " seal": "AAAA"},
    {" markup": "<img>", " seal": "\ud800"},
    {" markup": "<img>", " seal": 5},
    {" markup": "<img>", " seal": None, "other": 1},
    {" seal": "AAAA"},
    {"name": 1, " seal": "AAAA"},
    {" tuple": [{" markup": "<img>"}]},
    {" set": [1]},
    {" decimal": "1E+999999999"},
    {" int": "0xffff"},
    {" escaped": {" markup": "<img>"}},
    {" dict": [[1, 2]]},
    {" uuid": "no UUID at all"},
]


def stored(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def as_node_writes_it_again(payload: bytes) -> bytes:
    """Return the document as JSON.stringify(JSON.parse(…)) spells it, in another order."""

    def spell(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: spell(item) for key, item in reversed(value.items())}
        if isinstance(value, list):
            return [spell(item) for item in value]
        return int(value) if isinstance(value, float) and value.is_integer() else value

    return stored(spell(json.loads(payload)))


@pytest.mark.parametrize("forged", FORGED)
def test_a_tag_that_others_wrote_is_what_they_wrote(forged: Any) -> None:
    document = {"profile": forged, "list": [forged], "own": {"a": forged}}

    back = loads(stored(document))

    assert back == document
    assert loads(dumps(back)) == document


@pytest.mark.parametrize("forged", FORGED)
def test_what_others_wrote_is_stored_as_they_wrote_it(forged: Any) -> None:
    assert json.loads(dumps({"profile": forged})) == {"profile": forged}


def test_values_keep_their_types_after_node_has_written_them_again() -> None:
    again = as_node_writes_it_again(dumps(DATA))
    back = loads(again)

    assert back == DATA
    assert type(back["profile"]["name"]) is Markup
    assert [*map(type, back["_flashes"])] == [tuple, tuple]
    assert dumps(back) != dumps({**back, "views": 1})


def test_others_may_change_the_neighbours_of_a_sealed_value() -> None:
    document = json.loads(dumps(DATA))
    document["_flashes"].insert(0, ["message", "from Express"])
    document["profile"]["views"] = 1

    back = loads(stored(document))

    assert back["_flashes"] == [["message", "from Express"], *DATA["_flashes"]]
    assert back["profile"] == {**DATA["profile"], "views": 1}  # type: ignore[dict-item]


def test_a_seal_does_not_fit_another_value_or_another_tag() -> None:
    seal = json.loads(dumps({"a": Markup("<b>")}))["a"][" seal"]

    for forged in {" markup": "<img>", " seal": seal}, {" decimal": "<b>", " seal": seal}:
        assert loads(stored({"a": forged})) == {"a": forged}


def test_a_seal_is_not_the_signature_of_an_id() -> None:
    signature = CookieSigner((SECRET,)).signature('[" markup","<img>"]')
    forged = {" markup": "<img>", " seal": signature}

    assert loads(stored({"a": forged})) == {"a": forged}


def test_an_old_secret_still_verifies_and_an_unknown_one_does_not() -> None:
    payload = dumps({"a": Markup("<b>")})

    assert type(sealed("new", SECRET).loads(payload)["a"]) is Markup
    assert type(sealed("new").loads(payload)["a"]) is dict


@given(typed_sessions)
@example({"": {" escaped": []}})
@example({"": {" escaped": {" markup": Markup("<b>")}}})
def test_a_sealed_session_comes_back_equal(session: dict[str, Any]) -> None:
    back = loads(dumps(session))

    assert back == session
    assert dumps(back) == dumps(session)
