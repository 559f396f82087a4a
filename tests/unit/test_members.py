from __future__ import annotations

from typing import Any

import pytest
from msgspec import Raw

from flask_serversession.concurrency import keep_mine
from flask_serversession.errors import SessionSerializationError
from flask_serversession.members import LONG
from flask_serversession.members import Members
from flask_serversession.serializers import TypedJSON


class CountingJSON(TypedJSON):
    """Notes what is loaded and dumped."""

    def __init__(self) -> None:
        self.loaded: list[bytes] = []
        self.dumped: list[str] = []

    def load(self, member: Raw) -> Any:
        self.loaded.append(bytes(member))
        return super().load(member)

    def dump(self, key: str, value: Any) -> bytes:
        self.dumped.append(key)
        return super().dump(key, value)


@pytest.fixture
def json() -> CountingJSON:
    return CountingJSON()


def found(json: TypedJSON, payload: str) -> Members:
    members = json.split(payload.encode())
    return Members(json, dict(members), members)


def test_a_member_nobody_looks_at_is_neither_decoded_nor_encoded(json: CountingJSON) -> None:
    members = found(json, '{"user":"ada","cart":[1,2],"views":3}')

    assert members["user"] == "ada"
    assert "cart" in members
    assert len(members) == 3
    members["views"] = 4

    assert members.dump() == b'{"user":"ada","cart":[1,2],"views":4}'
    assert json.loaded == [b'"ada"']
    assert "cart" not in json.dumped


def test_a_member_is_decoded_once(json: CountingJSON) -> None:
    members = found(json, '{"cart":[1]}')

    assert members["cart"] is members["cart"]
    members["cart"].append(2)

    assert members.dump() == b'{"cart":[1,2]}'


@pytest.mark.parametrize("look", [True, False])
def test_another_programs_spelling_stays_until_the_value_changes(
    json: CountingJSON, look: bool
) -> None:
    members = found(json, r'{"a": [1.0e0, "\u00e9" ], "b":1}')
    if look:
        assert members["a"] == [1.0, "é"]

    assert members.dump() == rb'{"a":[1.0e0, "\u00e9" ],"b":1}'
    members["a"].append(2)
    assert members.dump() == '{"a":[1.0,"é",2],"b":1}'.encode()


def test_what_the_application_assigns_is_spelled_as_we_do(json: CountingJSON) -> None:
    members = found(json, '{"a":1.0e0}')

    members["a"] = 1.0

    assert members.dump() == b'{"a":1.0}'


def test_they_are_a_dict_in_all_other_respects(json: CountingJSON) -> None:
    members = found(json, '{"a":1,"b":[2],"c":3,"d":4}')

    assert members == {"a": 1, "b": [2], "c": 3, "d": 4}
    assert list(members) == ["a", "b", "c", "d"]
    assert members.get("a") == 1
    assert members.get("absent", 5) == 5
    assert members.popitem() == ("d", 4)
    assert members.pop("c") == 3
    assert members.setdefault("b") == [2]
    del members["a"]
    members.update(e=6)
    assert dict(members) == {"b": [2], "e": 6}
    for key in members:
        assert members[key] is not None
    members.clear()
    assert not members
    assert members.dump() == b"{}"
    with pytest.raises(KeyError):
        members["a"]
    with pytest.raises(KeyError):
        members.popitem()


def test_a_member_that_was_removed_and_came_back_is_the_last(json: CountingJSON) -> None:
    members = found(json, '{"a":1,"b":2}')

    members["a"] = members.pop("a")

    assert members.dump() == b'{"b":2,"a":1}'


@pytest.mark.parametrize("payload", ["{}", '{"a":1}'])
def test_a_value_without_a_stored_form_is_named(json: CountingJSON, payload: str) -> None:
    members = found(json, payload)
    members["thing"] = [object()]

    with pytest.raises(SessionSerializationError, match=r"session\['thing'\]\[0\]"):
        members.dump()


def test_a_merge_decodes_what_both_sides_changed_and_nothing_else(json: CountingJSON) -> None:
    mine = found(json, '{"a":1,"b":2,"long":"text","ours":5}')
    base, theirs = mine.dump().decode(), '{"a":1,"b":3,"long":"text","ours":6,"new":7}'
    mine["a"] = 10
    mine["ours"] = 50
    asked: list[tuple[object, ...]] = []

    def resolve(key: str, *sides: Any) -> Any:
        asked.append((key, *sides))
        return sum(sides)

    json.loaded.clear()
    merged = mine.merged(found(json, base), found(json, theirs), resolve)

    assert asked == [("ours", 5, 6, 50)]
    assert b'"text"' not in json.loaded
    assert merged.dump() == b'{"a":10,"b":3,"long":"text","ours":61,"new":7}'


def test_a_value_spelled_in_another_way_is_no_change_in_a_merge(json: CountingJSON) -> None:
    mine = found(json, '{"a":1.0}')
    assert mine["a"] == 1.0

    merged = mine.merged(found(json, '{"a":1.0e0}'), found(json, '{"a":2}'), keep_mine)

    assert merged.dump() == b'{"a":2}'


def test_what_was_merged_goes_on_changing(json: CountingJSON) -> None:
    mine = found(json, '{"cart":["tea"]}')
    cart = mine["cart"]
    cart.append("milk")

    base = '{"cart":["tea"]}'
    merged = mine.merged(found(json, base), found(json, base), keep_mine)
    cart.append("sugar")

    assert merged.dump() == b'{"cart":["tea","milk","sugar"]}'


def test_a_short_session_is_decoded_at_once_and_a_long_one_is_not(json: CountingJSON) -> None:
    short = Members.of(b'{"user":"ada"}', json)
    long = Members.of(b'{"user":"ada","text":"%s"}' % (b"x" * LONG), json)

    assert json.loaded == []
    assert short["user"] == long["user"] == "ada"
    assert json.loaded == [b'"ada"']
