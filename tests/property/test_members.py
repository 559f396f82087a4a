from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flask_serversession.members import Members
from flask_serversession.serializers import TypedJSON

from .values import typed_sessions

serializer = TypedJSON()

_keys = st.integers(min_value=0, max_value=5)
_steps = st.lists(
    st.tuples(st.sampled_from(["look", "append", "assign", "delete", "popitem", "clear"]), _keys),
    max_size=8,
)


@given(typed_sessions, _steps)
def test_members_are_stored_as_a_dict_with_the_same_history_is(
    session: dict[str, Any], steps: list[tuple[str, int]]
) -> None:
    stored = serializer.dumps(session)
    found = serializer.split(stored)
    plain, members = serializer.loads(stored), Members(serializer, dict(found), found)

    for step, number in steps:
        for data in (plain, members):
            _take(step, number, data)

    assert members.dump() == serializer.dumps(plain)
    assert list(members) == list(plain)


def _take(step: str, number: int, data: Any) -> None:
    key = list(data)[number] if number < len(data) else f"new {number}"
    if step == "assign":
        data[key] = [number]
    elif step == "clear" and number == 0:
        data.clear()
    elif step == "popitem" and data:
        data.popitem()
    elif key in data:
        value = data[key]
        if step == "delete":
            del data[key]
        elif step == "append" and isinstance(value, list):
            value.append(number)
