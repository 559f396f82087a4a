"""Laws of the three-way merge, over random histories of one session."""

from __future__ import annotations

import operator
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flask_serversession.format.merge import FLASHES
from flask_serversession.format.merge import merge

KEYS = st.sampled_from("abcdef")
MISSING = object()

sessions = st.dictionaries(KEYS, st.integers(0, 3))
waiting_messages = st.lists(st.sampled_from(["Hello", "Welcome"]), max_size=4)
#: Never one that waits already: showing it and flashing it again leaves no visible change.
new_messages = st.lists(st.sampled_from(["Bye", "Oops"]), max_size=4)


def merged(
    base: dict[str, Any], theirs: dict[str, Any], mine: dict[str, Any], **options: Any
) -> dict[str, Any]:
    return merge(base, theirs, mine, same=operator.eq, **options)


@given(sessions, sessions)
def test_without_others_the_result_is_this_requests_data(
    base: dict[str, int], mine: dict[str, int]
) -> None:
    assert merged(base, base, mine) == mine


@given(sessions, sessions)
def test_without_changes_of_its_own_the_result_is_the_others_data(
    base: dict[str, int], theirs: dict[str, int]
) -> None:
    assert merged(base, theirs, base) == theirs


@given(sessions, sessions, sessions)
def test_each_key_is_merged_by_itself_and_by_the_rules(
    base: dict[str, int], theirs: dict[str, int], mine: dict[str, int]
) -> None:
    together = merged(base, theirs, mine)

    for key in {*base, *theirs, *mine}:
        before, there, now = (side.get(key, MISSING) for side in (base, theirs, mine))
        expected = there if now == before else now
        if before is not MISSING and there is MISSING:
            expected = MISSING
        assert together.get(key, MISSING) == expected


@given(sessions, sessions, sessions)
def test_a_key_that_either_side_deleted_stays_deleted(
    base: dict[str, int], theirs: dict[str, int], mine: dict[str, int]
) -> None:
    together = merged(base, theirs, mine)

    assert not {key for key in base if key not in theirs or key not in mine} & together.keys()


@given(sessions, sessions, sessions)
def test_changes_of_different_keys_give_the_same_result_in_either_order(
    base: dict[str, int], one: dict[str, int], other: dict[str, int]
) -> None:
    def changed(side: dict[str, int]) -> set[str]:
        return {key for key in {*base, *side} if base.get(key, MISSING) != side.get(key, MISSING)}

    if changed(one).isdisjoint(changed(other)):
        assert merged(base, one, other) == merged(base, other, one)


@given(sessions, sessions, sessions)
def test_the_application_is_asked_only_about_keys_that_both_sides_changed_and_have(
    base: dict[str, int], theirs: dict[str, int], mine: dict[str, int]
) -> None:
    asked: set[str] = set()

    def resolve(key: str, before: Any, there: Any, now: Any) -> Any:
        assert (before, there, now) == (base.get(key), theirs.get(key), mine[key])
        assert key in theirs
        asked.add(key)
        return now

    merged(base, theirs, mine, resolve=resolve)

    assert asked == {
        key
        for key in theirs.keys() & mine.keys()
        if base.get(key, MISSING) != mine[key] and base.get(key, MISSING) != theirs[key]
    }


def flashing(shown: list[Any], added: list[Any]) -> dict[str, Any]:
    """Return the session of a request that had these messages and flashed more."""
    return {FLASHES: shown + added} if shown + added else {}


@given(waiting_messages, new_messages, new_messages, st.booleans(), st.booleans())
def test_no_flashed_message_is_lost_and_none_is_shown_twice(
    waiting: list[Any], theirs: list[Any], mine: list[Any], they_show: bool, i_show: bool
) -> None:
    together = merged(
        flashing(waiting, []),
        flashing([] if they_show else waiting, theirs),
        flashing([] if i_show else waiting, mine),
    )

    left = [] if they_show or i_show else waiting
    assert Counter(together.get(FLASHES, [])) == Counter(left + theirs + mine)


@given(waiting_messages, new_messages, st.booleans())
def test_without_others_the_messages_keep_their_order(
    waiting: list[Any], mine: list[Any], i_show: bool
) -> None:
    base = flashing(waiting, [])
    now = flashing([] if i_show else waiting, mine)

    assert merged(base, base, now) == now
    assert merged(base, now, base) == now


@given(sessions, sessions, sessions, new_messages)
def test_messages_do_not_change_how_other_keys_are_merged(
    base: dict[str, int], theirs: dict[str, int], mine: dict[str, int], added: list[Any]
) -> None:
    together = merged(base, theirs, mine | flashing([], added))

    assert together == merged(base, theirs, mine) | flashing([], added)
