from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections import namedtuple
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from datetime import datetime
from datetime import time
from datetime import timedelta
from datetime import timezone
from datetime import tzinfo
from decimal import Decimal
from enum import Enum
from enum import IntEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from markupsafe import Markup
from werkzeug.datastructures import MultiDict
from werkzeug.local import LocalProxy

from flask_serversession.errors import PayloadError
from flask_serversession.errors import SessionSerializationError
from flask_serversession.format.serializer import EMPTY
from flask_serversession.format.serializer import ends_with
from flask_serversession.format.serializer import TypedJSON
from flask_serversession.format.tags import MAX_DEPTH

COOKIE = {"originalMaxAge": None, "expires": None, "httpOnly": True, "path": "/"}
STORED_COOKIE = b'{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}'

serializer = TypedJSON()
dumps, loads = serializer.dumps, serializer.loads
compose, decompose = serializer.compose, serializer.decompose

HERE = __name__
BERLIN = ZoneInfo("Europe/Berlin")
AN_ID = UUID("12345678-1234-5678-1234-567812345678")
Point = namedtuple("Point", "x y")


class Colour(str, Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Shape(Enum):
    ROUND = "round"


class Name(str):
    pass


class Seconds(float):
    pass


@dataclass
class Account:
    owner: str


class LazyString:
    """A text with an HTML form, as Flask-Babel has them."""

    def __html__(self) -> str:
        return "<b>Hello</b>"


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        pytest.param(None, "null", id="None"),
        pytest.param(True, "true", id="bool"),
        pytest.param(-1, "-1", id="int"),
        pytest.param(2**64 - 1, "18446744073709551615", id="largest plain int"),
        pytest.param(1.5, "1.5", id="float"),
        pytest.param("Zoë 🍪", '"Zoë 🍪"', id="str"),
        pytest.param([1, [2]], "[1,[2]]", id="list"),
        pytest.param({"a": {"b": 1}}, '{"a":{"b":1}}', id="dict"),
        pytest.param((1, (2,)), '{" tuple":[1,{" tuple":[2]}]}', id="tuple"),
        pytest.param({3, 1, 2}, '{" set":[1,2,3]}', id="set"),
        pytest.param(frozenset("ba"), '{" frozenset":["a","b"]}', id="frozenset"),
        pytest.param(b"\x00\xff", '{" bytes":"AP8="}', id="bytes"),
        pytest.param(Markup("<b>"), '{" markup":"<b>"}', id="Markup"),
        pytest.param(AN_ID, '{" uuid":"12345678-1234-5678-1234-567812345678"}', id="UUID"),
        pytest.param(
            datetime(2026, 1, 2, 3, 4, 5, 6, timezone.utc),
            '{" datetime":"2026-01-02T03:04:05.000006+00:00"}',
            id="aware datetime",
        ),
        pytest.param(
            datetime(2026, 1, 2, 3), '{" datetime":"2026-01-02T03:00:00"}', id="naive datetime"
        ),
        pytest.param(
            datetime(2026, 1, 2, 3, fold=1),
            '{" datetime":"2026-01-02T03:00:00[_fold=1]"}',
            id="datetime in a repeated hour",
        ),
        pytest.param(
            datetime(2026, 10, 25, 2, tzinfo=BERLIN, fold=1),
            '{" datetime":"2026-10-25T02:00:00+01:00[Europe/Berlin][_fold=1]"}',
            id="datetime of a zone",
        ),
        pytest.param(time(1, 2), '{" time":"01:02:00"}', id="time"),
        pytest.param(time(1, tzinfo=BERLIN), '{" time":"01:00:00[Europe/Berlin]"}', id="zoned"),
        pytest.param(float("inf"), '{" float":"inf"}', id="infinity"),
        pytest.param(date(2026, 1, 2), '{" date":"2026-01-02"}', id="date"),
        pytest.param(timedelta(-1, 2, 3), '{" timedelta":[-1,2,3]}', id="timedelta"),
        pytest.param(Decimal("0.10"), '{" decimal":"0.10"}', id="Decimal"),
        pytest.param({1: "a", None: "b"}, '{" dict":[[1,"a"],[null,"b"]]}', id="dict of any keys"),
        pytest.param({(1, 2): 3}, '{" dict":[[{" tuple":[1,2]},3]]}', id="dict of tuples"),
        pytest.param({" tuple": [1]}, '{" escaped":{" tuple":[1]}}', id="looks like a tag"),
        pytest.param({" escaped": 1}, '{" escaped":{" escaped":1}}', id="looks escaped"),
        pytest.param({" other": 1}, '{" escaped":{" other":1}}', id="looks like a type's tag"),
        pytest.param({" int": 1, "b": 2}, '{" int":1,"b":2}', id="too large for a tag"),
        pytest.param('{" tuple":[1]}', r'"{\" tuple\":[1]}"', id="a str that looks like a tag"),
        pytest.param("\ud800", r'"\ud800"', id="a lone surrogate"),
    ],
)
def test_a_value_is_stored_as_documented_and_comes_back_with_its_type(
    value: object, stored: str
) -> None:
    payload = dumps({"key": value})
    [back] = loads(payload).values()

    assert payload == b'{"key":%s}' % stored.encode()
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    ("value", "extended"),
    [
        pytest.param(Name("Zoë"), "Zoë", id="str"),
        pytest.param(Seconds(1.5), 1.5, id="float"),
        pytest.param(Colour.RED, "red", id="str enum"),
        pytest.param(Level.HIGH, 3, id="int enum"),
        pytest.param(Point(1, 2), (1, 2), id="named tuple"),
        pytest.param(OrderedDict(a=1), {"a": 1}, id="ordered dict"),
        pytest.param(defaultdict(list, a=[1]), {"a": [1]}, id="default dict"),
        pytest.param({Name("a"): 1}, {"a": 1}, id="key of a str subclass"),
        pytest.param({Colour.RED: 1}, {"red": 1}, id="key of a str enum"),
        pytest.param(LazyString(), Markup("<b>Hello</b>"), id="something with __html__"),
    ],
)
def test_a_subclass_comes_back_as_what_it_extends(value: object, extended: object) -> None:
    [back] = loads(dumps({"key": value})).values()

    assert back == extended
    assert type(back) is type(extended)


class NotATime(datetime):
    """Equal to nothing, as pandas' NaT."""

    def isoformat(self, *args: Any) -> str:
        return "NaT"

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = datetime.__hash__


class Nanoseconds(timedelta):
    """More precise than its base, as pandas' Timedelta and Timestamp."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Nanoseconds)

    __hash__ = timedelta.__hash__


class Elementwise(list[int]):
    """Compared element by element, as numpy's arrays."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("The truth value is ambiguous")


class Repeated(datetime):
    """A subclass as pendulum's and freezegun's."""


class KeyOfItsOwn(str):
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


class Hourless(tzinfo):
    """A time zone whose offset is shorter than a second."""

    def utcoffset(self, moment: datetime | None) -> timedelta:
        return timedelta(microseconds=5)

    def dst(self, moment: datetime | None) -> None:
        return None

    def tzname(self, moment: datetime | None) -> None:
        return None


UNEQUAL = [
    pytest.param(NotATime(2026, 1, 2), f"{HERE}.NotATime", id="NaT"),
    pytest.param(Nanoseconds(1), f"{HERE}.Nanoseconds", id="nanoseconds"),
    pytest.param(Elementwise([1]), f"{HERE}.Elementwise", id="an array"),
    pytest.param(MultiDict([("a", 1), ("a", 2)]), "werkzeug.datastructures.structures.MultiDict"),
    pytest.param(LocalProxy(lambda: "text"), "werkzeug.local.LocalProxy", id="a proxy of str"),
    pytest.param(LocalProxy(lambda: [1]), "werkzeug.local.LocalProxy", id="a proxy of list"),
    pytest.param({LocalProxy(lambda: "a"): 1}, "werkzeug.local.LocalProxy", id="a proxied key"),
    pytest.param({KeyOfItsOwn("a"): 1, "a": 2}, "dict", id="two keys of one text"),
    pytest.param(datetime(2026, 1, 2, tzinfo=Hourless()), "datetime.datetime", id="an offset"),
    pytest.param("\ud83d\ude00", "str", id="two surrogates"),
    pytest.param(Markup("\ud83d\ude00"), "markupsafe.Markup", id="two surrogates in Markup"),
    pytest.param({"\ud83d\ude00": 1}, "str", id="two surrogates in a key"),
    pytest.param(10**4300, "int", id="more digits than Python prints"),
    pytest.param(7**6000, "int", id="more digits than Python prints (CVE-2020-10735)"),
]


@pytest.mark.parametrize(("value", "kind"), UNEQUAL)
def test_a_value_that_would_come_back_as_another_is_refused_by_path_and_type(
    value: object, kind: str
) -> None:
    with pytest.raises(SessionSerializationError) as caught:
        dumps({"a": [value]})

    assert re.match(rf"session\['a'\]\[0\](\[.*\]| key)? is of type {kind}, ", str(caught.value))


def test_two_keys_of_the_session_with_one_text_are_refused() -> None:
    with pytest.raises(SessionSerializationError, match="same text"):
        dumps({KeyOfItsOwn("a"): 1, "a": 2})


def test_a_key_that_json_would_change_is_refused() -> None:
    with pytest.raises(SessionSerializationError, match="surrogates"):
        dumps({"\ud83d\ude00": 1})


@pytest.mark.parametrize("fold", [0, 1])
def test_a_subclass_of_datetime_in_a_repeated_hour_comes_back_with_its_zone(fold: int) -> None:
    moment = Repeated(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=fold)

    back = loads(dumps({"key": moment}))["key"]

    assert type(back) is datetime
    assert (back, back.fold, back.tzinfo) == (moment, fold, BERLIN)


def test_a_datetime_keeps_its_offset_where_its_zone_is_unknown() -> None:
    stored = b'{"key":{" datetime":"2026-01-02T03:00:00+01:00[Europe/Atlantis]"}}'

    assert loads(stored)["key"].utcoffset() == timedelta(hours=1)


@pytest.mark.parametrize("zone", ["../../etc/passwd", "/etc/passwd"])
def test_the_name_of_a_zone_is_no_path(zone: str) -> None:
    with pytest.raises(PayloadError):
        loads(b'{"key":{" datetime":"2026-01-02T03:00:00+01:00[%s]"}}' % zone.encode())


def test_nan_and_none_are_two_keys_and_two_members_of_a_set() -> None:
    back = loads(dumps({"dict": {float("nan"): 1, None: 2}, "set": {float("nan"), None}}))

    assert sorted(back["dict"].values()) == [1, 2]
    assert len(back["set"]) == 2


def test_a_float_that_is_not_finite_may_be_of_a_subclass() -> None:
    assert str(loads(dumps({"key": Seconds("nan")}))) == "{'key': nan}"


@pytest.mark.parametrize("flashes", ["text", {"a": 1}, None, ("a",)])
def test_flashed_messages_that_are_no_list_are_refused_in_both_directions(
    flashes: object,
) -> None:
    with pytest.raises(SessionSerializationError, match="flashed messages"):
        dumps({"_flashes": flashes})
    with pytest.raises(PayloadError, match="flashed messages"):
        loads(b'{"_flashes":5}')


@pytest.mark.parametrize(
    ("number", "read"),
    [
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 2.0**64),
        ("-9223372036854775808", -(2**63)),
        ("-9223372036854775809", -(2.0**63)),
        ("1.5", 1.5),
    ],
)
@pytest.mark.parametrize("beside", ['"a"', r'"\ud800"'])
def test_a_number_is_read_alike_whatever_is_beside_it(
    number: str, read: float, beside: str
) -> None:
    back = loads(f'{{"a":{number},"b":{beside}}}'.encode())["a"]

    assert (back, type(back)) == (read, type(read))


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 400, "9" * 5000])
@pytest.mark.parametrize("beside", ['"a"', r'"\ud800"'])
def test_a_number_beyond_a_double_is_refused(number: str, beside: str) -> None:
    with pytest.raises(PayloadError):
        loads(f'{{"a":{number},"b":{beside}}}'.encode())


def test_a_key_of_a_str_subclass_is_stored_as_a_plain_str() -> None:
    assert dumps({Name("Zoë"): 1}) == dumps({"Zoë": 1})
    assert dumps({Colour.RED: 1}) == dumps({"red": 1})


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("beside", [1, (1,), None])
def test_a_float_that_is_not_finite_comes_back(number: float, beside: object) -> None:
    back = loads(dumps({"number": number, "beside": beside}))

    assert repr(back) == repr({"number": number, "beside": beside})


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(2**64, id="beyond 64 bits"),
        pytest.param(-(2**63) - 1, id="negative"),
        pytest.param(10**4300 - 1, id="as many digits as Python prints"),
        pytest.param(1 - 10**4300, id="as many digits as Python prints, negative"),
    ],
)
def test_a_large_int_comes_back(number: int) -> None:
    data = {"number": number}

    assert loads(dumps(data)) == data


def test_the_session_itself_is_never_read_as_a_tag() -> None:
    data = {" tuple": [(1,)]}

    assert loads(dumps(data)) == data


def test_equal_sets_are_stored_as_equal_bytes() -> None:
    assert dumps({"set": {0, 8, 16}}) == dumps({"set": {16, 8, 0}})


def test_a_set_may_hold_types_that_python_cannot_order() -> None:
    data = {"set": {1, "1", None, (1, "a"), b"1", frozenset({1})}}

    assert loads(dumps(data)) == data


def test_plain_data_are_stored_as_compact_json() -> None:
    data = {"user": {"id": 7, "roles": ["admin"], "score": 1.5, "note": None}, "ok": True}

    assert dumps(data) == json.dumps(data, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("data", "path", "kind"),
    [
        pytest.param({"a": object()}, "session['a']", "object", id="at the top"),
        pytest.param(
            {"a": [{"b": (1, object())}]}, "session['a'][0]['b'][1]", "object", id="deep"
        ),
        pytest.param({"a": {1: object()}}, "session['a'][1]", "object", id="under an int"),
        pytest.param(
            {"a": {AN_ID: 1, Shape.ROUND: 2}}, "session['a'] key", f"{HERE}.Shape", id="a key"
        ),
        pytest.param({"a": {object()}}, "session['a']{…}", "object", id="in a set"),
        pytest.param({"a": Shape.ROUND}, "session['a']", f"{HERE}.Shape", id="an enum"),
        pytest.param({"a": Account("me")}, "session['a']", f"{HERE}.Account", id="a dataclass"),
        pytest.param({"a": 1j}, "session['a']", "complex", id="a complex"),
        pytest.param({"a": bytearray(b"a")}, "session['a']", "bytearray", id="a bytearray"),
        pytest.param({"a": len}, "session['a']", "builtin_function_or_method", id="a function"),
    ],
)
def test_a_value_without_a_stored_form_is_named_by_its_path(
    data: dict[str, Any], path: str, kind: str
) -> None:
    with pytest.raises(SessionSerializationError) as caught:
        dumps(data)

    assert str(caught.value).startswith(f"{path} is of type {kind}, which a session cannot hold.")


CONTAINERS: list[Callable[[Any], Any]] = [
    lambda value: [value],
    lambda value: (value,),
    lambda value: {"a": value},
    lambda value: {1: value},
    lambda value: frozenset({value}),
    lambda value: {" escaped": value},
]


def nested(wrap: Callable[[Any], Any], depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = wrap(value)
    return value


@pytest.mark.parametrize("wrap", CONTAINERS)
def test_data_may_be_nested_deeply(wrap: Callable[[Any], Any]) -> None:
    data = {"key": nested(wrap, 33)}

    assert loads(dumps(data)) == data


@pytest.mark.parametrize("wrap", CONTAINERS)
def test_data_nested_too_deeply_are_refused_with_their_key(wrap: Callable[[Any], Any]) -> None:
    with pytest.raises(SessionSerializationError, match=r"^session\['key'\] .*nested"):
        dumps({"key": nested(wrap, 600)})


@pytest.mark.parametrize(
    "beside",
    [
        pytest.param(1, id="plain"),
        pytest.param((), id="tagged"),
        pytest.param([{}] * 200, id="wide"),
        pytest.param('"[{' * 100, id="brackets in a text"),
        pytest.param(["[]]", "", "]", "\\"] * 50, id="brackets that close"),
        pytest.param(["\\", '\\"]', "]\\\\"] * 50, id="backslashes"),
    ],
)
def test_data_may_be_nested_a_hundred_deep_in_both_directions(beside: object) -> None:
    deepest = {"beside": beside, "key": nested(lambda value: [value], MAX_DEPTH - 1)}
    stored = dumps(deepest)
    too_deep = {**deepest, "key": [deepest["key"]]}

    assert loads(stored) == deepest
    with pytest.raises(SessionSerializationError, match=r"^session\['key'\] .*more than 100 deep"):
        dumps(too_deep)
    with pytest.raises(PayloadError, match="more than 100 deep"):
        loads(stored.replace(b"[1]", b"[[1]]"))


@pytest.mark.parametrize("depth", [101, 300, 900, 1500, 10_000])
@pytest.mark.parametrize("text", [b'"a"', rb'"\ud800"'])
def test_the_limit_of_depth_does_not_depend_on_pythons(depth: int, text: bytes) -> None:
    with pytest.raises(PayloadError, match="more than 100 deep"):
        loads(b'{"a":' + b"[" * depth + text + b"]" * depth + b"}")


def test_tuples_that_are_stored_too_deep_are_refused_with_their_key() -> None:
    with pytest.raises(SessionSerializationError, match=r"^session\['key'\] .*nested"):
        dumps({"beside": (), "key": nested(lambda value: (value,), 60)})


def test_a_key_with_a_bracket_is_named_in_full() -> None:
    with pytest.raises(SessionSerializationError, match=r"^session\['a\]b'\] .*nested"):
        dumps({"a]b": nested(lambda value: [value], 600)})


def test_a_list_that_contains_itself_is_refused_with_its_key() -> None:
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(SessionSerializationError, match=r"session\['key'\] contains itself"):
        dumps({"key": endless})


def test_a_list_that_contains_itself_in_a_tuple_does_not_crash_the_process() -> None:
    """orjson limits the depth of lists and dicts, but overflows its stack on tuples."""
    program = """if True:
        from flask_serversession import SessionSerializationError
        from flask_serversession.format.serializer import TypedJSON

        endless = []
        endless.append((endless,))
        try:
            TypedJSON().dumps({"key": endless})
        except SessionSerializationError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 0
    assert "session['key'] contains itself" in done.stdout


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"a":', id="cut off"),
        pytest.param(b"{}{}", id="two objects"),
        pytest.param(b'{"a":NaN}', id="NaN"),
        pytest.param(b'{"a":-Infinity}', id="an infinity"),
        pytest.param(b"\x80\x04}q\x00.", id="a pickle"),
        pytest.param(b"\x81\xa1a\x01", id="msgpack"),
        pytest.param(b'{"a":"\xff"}', id="not UTF-8"),
        pytest.param(b'{"a":' * 5000 + b"1" + b"}" * 5000, id="too deep"),
    ],
)
def test_a_payload_that_is_not_a_json_object_is_refused(payload: bytes) -> None:
    with pytest.raises(PayloadError):
        loads(payload)


@pytest.mark.parametrize(
    "malformed",
    [
        '{" tuple":5}',
        '{" set":[[1]]}',
        '{" dict":[5]}',
        '{" dict":[[[],1]]}',
        '{" escaped":5}',
        '{" int":"seven"}',
        '{" int":null}',
        '{" bytes":"?"}',
        '{" bytes":5}',
        '{" uuid":"1234"}',
        '{" uuid":5}',
        '{" datetime":"yesterday"}',
        '{" datetime":5}',
        '{" date":"2026-13-01"}',
        '{" timedelta":[1e300]}',
        '{" timedelta":{"days":1}}',
        '{" decimal":"1,5"}',
        '{" decimal":[]}',
        '{" decimal":1.5}',
        '{" markup":null}',
        '{" tuple":"abc"}',
        '{" float":"1.5"}',
        '{" datetime":"2026-01-02T03:04:05[]"}',
        '{" date":["2026-01-02"]}',
        '{" int":"7"}',
        pytest.param('{" int":"0x%s"}' % ("f" * 4000), id="an int that Python does not print"),
        pytest.param("[" * 1000 + '{" int":"1"}' + "]" * 1000, id="deep"),
    ],
)
def test_a_malformed_tag_makes_the_payload_unreadable(malformed: str) -> None:
    with pytest.raises(PayloadError):
        loads(b'{"key":%s}' % malformed.encode())


def test_a_lone_surrogate_written_by_node_is_read() -> None:
    assert loads(rb'{"text":"\ud83c"}') == {"text": "\ud83c"}


def test_a_document_is_express_sessions_object_with_the_cookie_first() -> None:
    body = dumps({"views": 1, "user": {"cookie": "nested"}})

    assert compose(COOKIE, body) == (
        b'{"cookie":' + STORED_COOKIE + b',"views":1,"user":{"cookie":"nested"}}'
    )


def test_the_document_of_an_empty_session_holds_only_its_cookie() -> None:
    assert compose(COOKIE, EMPTY) == b'{"cookie":' + STORED_COOKIE + b"}"


def test_empty_data_are_dumped_as_the_empty_body() -> None:
    assert dumps({}) == EMPTY


@pytest.mark.parametrize("data", [{}, {"a": 1}, {"": None}, {"t": (1, {2})}, {"}": "{"}])
def test_decompose_undoes_compose(data: dict[str, Any]) -> None:
    cookie, members = decompose(compose(COOKIE, dumps(data)))

    assert (cookie, members) == (COOKIE, data)


@pytest.mark.parametrize(
    "cookie",
    [{" tuple": []}, {"path": {" set": ["/"]}}, {"path": "\ud800"}, {"originalMaxAge": 2**70}],
)
def test_the_cookie_is_plain_json_and_is_stored_as_it_was_read(cookie: dict[str, Any]) -> None:
    document = json.dumps({"cookie": cookie}, separators=(",", ":")).encode()

    found, _ = decompose(document)

    assert json.loads(compose(found, EMPTY)) == {"cookie": cookie}


def test_another_program_may_put_the_cookie_anywhere_in_the_document() -> None:
    cookie, members = decompose(b'{"a":1, "cookie":{}, "b":2}')

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
def test_ends_with_recognizes_the_last_members_of_a_document(
    last: dict[str, int], told: bool
) -> None:
    document = compose(COOKIE, dumps({"a": 1, "b": 2}))

    assert ends_with(document, dumps(last)) is told


@pytest.mark.parametrize(
    "payload",
    [b"{}", b'{"cookie":null}', b'{"cookie":[]}', b"[]", b"junk"],
)
def test_a_document_without_a_cookie_object_is_refused(payload: bytes) -> None:
    with pytest.raises(PayloadError):
        decompose(payload)
