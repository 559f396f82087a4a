"""Types of an application, in the bytes of its sessions."""

from __future__ import annotations

import enum
import json
import logging
from dataclasses import asdict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

import pytest

from flask_serversession.config import Config
from flask_serversession.cookies.signing import CookieSigner
from flask_serversession.errors import ConfigError
from flask_serversession.errors import SessionSerializationError
from flask_serversession.format.forms import SessionType
from flask_serversession.format.forms import UnknownValue
from flask_serversession.format.seals import Seal
from flask_serversession.format.serializer import TypedJSON
from flask_serversession.format.tags import _WRITERS
from flask_serversession.format.untag import _READERS

HERE = __name__


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(str, enum.Enum):
    SMALL = "s"


@dataclass(frozen=True)
class Money:
    amount: Decimal
    currency: Color = Color.RED


class Euros(Money):
    """A subclass that has no type of its own."""


@dataclass
class Cart:
    owner: str
    prices: list[Money]


class Thing:
    """Has no ``==`` of its own."""


TYPES: list[SessionType[Any]] = [
    SessionType("color", Color, lambda color: color.value, Color),
    SessionType("size", Size, lambda size: size.name, lambda name: Size[name]),
    SessionType(
        "shop-money", Money, lambda money: [money.amount, money.currency], lambda m: Money(*m)
    ),
    SessionType("shop-cart", Cart, lambda cart: vars(cart), lambda members: Cart(**members)),
    SessionType("path", PurePosixPath, str, PurePosixPath),
]


@pytest.fixture(params=["alone", "sealed"])
def seal(request: pytest.FixtureRequest) -> Seal | None:
    """The layouts that only this application writes, and those that others write too."""
    signer = CookieSigner(["keyboard cat"])
    return Seal(signer.signature, signer.is_signature) if request.param == "sealed" else None


@pytest.fixture
def serializer(seal: Seal | None) -> TypedJSON:
    return TypedJSON(seal, TYPES)


@pytest.fixture
def older(seal: Seal | None) -> TypedJSON:
    """The serializer of a version of the application that has none of the types."""
    return TypedJSON(seal)


PRICE = Money(Decimal("9.90"), Color.BLUE)


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (Color.RED, '{" color":"red"}'),
        (Size.SMALL, '{" size":"SMALL"}'),
        (PurePosixPath("/a/b"), '{" path":"/a/b"}'),
        (PRICE, '{" shop-money":[{" decimal":"9.90"},{" color":"blue"}]}'),
        (
            Cart("ada", [PRICE]),
            '{" shop-cart":{"owner":"ada","prices":'
            '[{" shop-money":[{" decimal":"9.90"},{" color":"blue"}]}]}}',
        ),
        ({"a": [Color.RED]}, '{"a":[{" color":"red"}]}'),
        ({Color.RED: 1}, '{" dict":[[{" color":"red"},1]]}'),
        ({Color.RED}, '{" set":[{" color":"red"}]}'),
        ({Size.SMALL: 1, "a": 2}, '{" dict":[[{" size":"SMALL"},1],["a",2]]}'),
        ({" color": "red"}, '{" escaped":{" color":"red"}}'),
    ],
    ids=repr,
)
def test_a_value_is_stored_as_plain_json_and_comes_back(value: object, stored: str) -> None:
    serializer = TypedJSON(types=TYPES)

    written = serializer.dumps({"key": value})
    back = serializer.loads(written)["key"]

    assert written.decode() == f'{{"key":{stored}}}'
    assert (back, type(back)) == (value, type(value))


def test_a_key_of_a_text_type_comes_back_with_its_type() -> None:
    serializer = TypedJSON(types=TYPES)

    [key] = serializer.loads(serializer.dumps({"sizes": {Size.SMALL: 1}}))["sizes"]

    assert type(key) is Size


def test_a_value_comes_back_where_others_write_too(serializer: TypedJSON) -> None:
    data = {"cart": Cart("ada", [PRICE, PRICE]), "plain": {" color": "red"}}

    assert serializer.loads(serializer.dumps(data)) == data


def failing(value: object) -> Any:
    raise LookupError("planted")


@pytest.mark.parametrize(
    ("own", "value", "why"),
    [
        (
            TYPES[2],
            Euros(Decimal(1)),
            f"of type {HERE}.Euros, a subclass of a type in SESSION_TYPES",
        ),
        (
            SessionType("own", Thing, lambda thing: 1, lambda one: Thing()),
            Thing(),
            f"of type {HERE}.Thing, which does not equal what from_json returns for it.",
        ),
        (
            SessionType("own", Money, lambda money: 1, lambda one: Euros(Decimal(1))),
            Money(Decimal(1)),
            f"of type {HERE}.Money, which does not equal what from_json returns for it.",
        ),
        (
            SessionType("own", Thing, failing, failing),
            Thing(),
            f"of type {HERE}.Thing, whose SessionType raised LookupError.",
        ),
        (
            SessionType("own", Thing, lambda thing: 1, failing),
            Thing(),
            f"of type {HERE}.Thing, whose SessionType raised LookupError.",
        ),
        (
            SessionType("own", Thing, lambda thing: object(), failing),
            Thing(),
            "of type object, which a session cannot hold.",
        ),
        (
            SessionType("own", Thing, lambda thing: [thing], failing),
            Thing(),
            None,
        ),
    ],
    ids=["subclass", "no ==", "another type", "to_json", "from_json", "unknown", "endless"],
)
def test_a_value_that_would_not_come_back_is_refused_by_path_and_type(
    own: SessionType[Any], value: object, why: str | None
) -> None:
    with pytest.raises(SessionSerializationError) as caught:
        TypedJSON(types=[own]).dumps({"a": [value]})

    text = str(caught.value)
    expected = f"session['a'][0] is {why}" if why else "session['a'] contains itself"
    assert text.startswith(expected)
    assert "planted" not in text


def test_the_error_of_a_function_of_the_application_is_the_cause() -> None:
    own = SessionType("own", Thing, failing, failing)

    with pytest.raises(SessionSerializationError) as caught:
        TypedJSON(types=[own]).dumps({"a": Thing()})

    assert isinstance(caught.value.__cause__, LookupError)


def test_a_value_that_never_equals_itself_may_come_back() -> None:
    class Nothing:
        def __eq__(self, other: object) -> bool:
            return False

        __hash__ = object.__hash__

    serializer = TypedJSON(types=[SessionType("n", Nothing, lambda n: 1, lambda one: Nothing())])

    assert type(serializer.loads(serializer.dumps({"a": Nothing()}))["a"]) is Nothing


DATA: dict[str, Any] = {
    "user": "ada",
    "cart": Cart("ada", [PRICE]),
    "colors": {Color.RED: (Color.BLUE, {Color.RED})},
    "text": [PurePosixPath("\ud800"), {"a": 1.0, "b": 2**63}],
}


def test_a_version_without_the_types_reads_the_session_and_keeps_them(
    serializer: TypedJSON, older: TypedJSON
) -> None:
    stored = serializer.dumps(DATA)

    read = older.loads(stored)

    assert read["user"] == "ada"
    assert type(read["cart"]) is UnknownValue
    assert read["cart"].tag == "shop-cart"
    assert older.dumps(read) == stored
    assert serializer.loads(older.dumps({**read, "user": "bob"})) == {**DATA, "user": "bob"}


def test_a_value_that_from_json_no_longer_reads_is_kept(
    seal: Seal | None, serializer: TypedJSON, caplog: pytest.LogCaptureFixture
) -> None:
    narrower = TypedJSON(seal, [SessionType("color", Color, failing, failing)])
    stored = serializer.dumps({"user": "ada", "color": Color.BLUE})

    with caplog.at_level(logging.WARNING):
        read = narrower.loads(stored)

    assert read["user"] == "ada"
    assert type(read["color"]) is UnknownValue
    assert narrower.dumps(read) == stored
    [line] = caplog.messages
    assert "type 'color' cannot be read: its from_json raised LookupError." in line


def test_what_from_json_returns_must_have_the_type(serializer: TypedJSON) -> None:
    forgetful = TypedJSON(types=[SessionType("color", Color, failing, {}.get)])
    stored = TypedJSON(types=TYPES).dumps({"color": Color.BLUE})

    read = forgetful.loads(stored)

    assert type(read["color"]) is UnknownValue
    assert forgetful.dumps(read) == stored


def test_values_that_cannot_be_read_are_logged_once_a_minute(
    serializer: TypedJSON, older: TypedJSON, caplog: pytest.LogCaptureFixture
) -> None:
    stored = serializer.dumps(DATA)

    for _ in range(3):
        older.loads(stored)

    [line] = caplog.messages
    assert "cannot be read: SESSION_TYPES has no such type." in line
    assert "ada" not in line


def test_an_unknown_value_shows_no_data() -> None:
    assert repr(UnknownValue("shop-cart", '"ada"')) == "UnknownValue(tag='shop-cart')"


def test_a_dict_of_a_version_without_the_type_is_not_read_as_the_type(
    serializer: TypedJSON, older: TypedJSON
) -> None:
    profile = {" color": "red"}

    assert serializer.loads(older.dumps({"profile": profile})) == {"profile": profile}


def test_a_tag_that_others_wrote_is_a_dict(seal: Seal | None) -> None:
    stored = json.dumps({"profile": {" color": "red"}}, separators=(",", ":")).encode()

    read = TypedJSON(seal, TYPES).loads(stored)

    assert read == {"profile": Color.RED if seal is None else {" color": "red"}}


@pytest.mark.parametrize("tag", [*_READERS, " seal"])
def test_a_tag_of_this_package_is_refused(tag: str) -> None:
    with pytest.raises(ConfigError, match=r"one of this package's.* such as 'app-"):
        SessionType(tag[1:], Thing, str, failing)


@pytest.mark.parametrize("tag", ["", " ", "a b", "-a", "a.b", "1", "ä", 5, None])
def test_a_tag_is_letters_digits_hyphens_and_underscores(tag: Any) -> None:
    with pytest.raises(ConfigError, match=r"^The tag of a SessionType is "):
        SessionType(tag, Thing, str, failing)


@pytest.mark.parametrize("kind", [*_WRITERS, bool, type(None), "Thing", Thing()])
def test_a_class_that_sessions_hold_already_is_refused(kind: Any) -> None:
    if kind is UnknownValue:
        return
    with pytest.raises(ConfigError, match=r"'own' must be for a class that sessions cannot hold"):
        SessionType("own", kind, str, failing)


@pytest.mark.parametrize("functions", [(None, failing), (failing, "Thing")])
def test_both_functions_must_be_callable(functions: tuple[Any, Any]) -> None:
    with pytest.raises(ConfigError, match="'own' needs functions"):
        SessionType("own", Thing, *functions)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(TYPES[0], id="no list"),
        pytest.param({"color": TYPES[0]}, id="a dict"),
        pytest.param([Color], id="a class"),
        pytest.param([TYPES[0], SessionType("color", Thing, str, failing)], id="one tag"),
        pytest.param([TYPES[0], SessionType("colour", Color, str, failing)], id="one class"),
        pytest.param(None, id="None"),
        pytest.param("Color", id="text"),
    ],
)
def test_a_value_of_session_types_that_cannot_work_is_refused_at_start(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"^SESSION_TYPES is .*; it must be a list of SessionTy"):
        Config.from_mapping({"SESSION_TYPES": value})


def test_a_dataclass_may_be_stored_by_asdict() -> None:
    @dataclass
    class Point:
        x: float
        y: tuple[int, int]

    serializer = TypedJSON(types=[SessionType("point", Point, asdict, lambda d: Point(**d))])
    data = {"point": Point(1.5, (1, 2))}

    assert serializer.loads(serializer.dumps(data)) == data
