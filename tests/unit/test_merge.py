from __future__ import annotations

import operator
from decimal import Decimal
from typing import Any

import pytest

from flask_serversession.format.merge import keep_mine
from flask_serversession.format.merge import merge


@pytest.mark.parametrize(
    ("base", "theirs", "mine", "merged"),
    [
        pytest.param({}, {"a": 1}, {"b": 2}, {"a": 1, "b": 2}, id="both add"),
        pytest.param({"a": 0}, {"a": 1}, {"a": 0, "b": 2}, {"a": 1, "b": 2}, id="both do"),
        pytest.param({"a": 0}, {"a": 1}, {"a": 0}, {"a": 1}, id="they change"),
        pytest.param({"a": 0}, {"a": 0}, {"a": 1}, {"a": 1}, id="I change"),
        pytest.param({"a": 0}, {"a": 1}, {"a": 1}, {"a": 1}, id="both change alike"),
        pytest.param({"a": 0}, {"a": 1}, {"a": 2}, {"a": 2}, id="both change differently"),
        pytest.param({}, {"a": 1}, {"a": 2}, {"a": 2}, id="both add differently"),
        pytest.param({"a": 0}, {}, {"a": 0}, {}, id="they delete"),
        pytest.param({"a": 0}, {"a": 0}, {}, {}, id="I delete"),
        pytest.param({"a": 0}, {}, {}, {}, id="both delete"),
        pytest.param({"a": 0}, {"a": 1}, {}, {}, id="they change and I delete"),
        pytest.param({"a": 0}, {}, {"a": 1}, {}, id="they delete and I change"),
        pytest.param({"a": None}, {"a": None}, {}, {}, id="I delete a None"),
        pytest.param({}, {}, {"a": None}, {"a": None}, id="I add a None"),
    ],
)
def test_both_sides_keep_their_changes_a_deletion_wins_and_then_mine(
    base: dict[str, Any], theirs: dict[str, Any], mine: dict[str, Any], merged: dict[str, Any]
) -> None:
    assert merge(base, theirs, mine, same=operator.eq) == merged


def test_merge_leaves_its_arguments_unchanged() -> None:
    base, theirs, mine = {"a": 0, "b": 0}, {"a": 1, "_flashes": [1]}, {"b": 2, "_flashes": [2]}

    merge(base, theirs, mine, same=operator.eq)

    assert (base, theirs, mine) == (
        {"a": 0, "b": 0},
        {"a": 1, "_flashes": [1]},
        {"b": 2, "_flashes": [2]},
    )


@pytest.mark.parametrize(
    ("base", "theirs", "mine", "asked"),
    [
        pytest.param({"n": 1}, {"n": 2}, {"n": 3}, ("n", 1, 2, 3), id="both changed it"),
        pytest.param({}, {"n": 2}, {"n": 3}, ("n", None, 2, 3), id="both added it"),
    ],
)
def test_a_key_that_both_changed_is_resolved_by_the_application(
    base: dict[str, int], theirs: dict[str, int], mine: dict[str, int], asked: tuple[Any, ...]
) -> None:
    questions = []

    def resolve(*question: Any) -> str:
        questions.append(question)
        return "answer"

    assert merge(base, theirs, mine, same=operator.eq, resolve=resolve) == {"n": "answer"}
    assert questions == [asked]


@pytest.mark.parametrize(("theirs", "mine", "sum_"), [(7, 6, 8), (6, 6, 7)])
def test_a_counter_can_be_added_up_even_from_equal_counts(
    theirs: int, mine: int, sum_: int
) -> None:
    def add(key: str, base: int, theirs: int, mine: int) -> int:
        return theirs + mine - base

    merged = merge({"n": 5}, {"n": theirs}, {"n": mine}, same=operator.eq, resolve=add)

    assert merged == {"n": sum_}


def test_the_application_is_not_asked_about_a_key_that_one_side_changed_or_deleted() -> None:
    def resolve(*question: Any) -> None:
        raise AssertionError(question)

    base = {"mine": 0, "theirs": 0, "mine deleted": 0, "theirs deleted": 0}
    theirs = {"mine": 0, "theirs": 1, "mine deleted": 1}
    mine = {"mine": 1, "theirs": 0, "theirs deleted": 1}

    merged = merge(base, theirs, mine, same=operator.eq, resolve=resolve)

    assert merged == {"mine": 1, "theirs": 1}


def test_a_value_that_is_stored_alike_is_not_a_change() -> None:
    def same(one: object, other: object) -> bool:
        return str(one) == str(other)

    assert merge({"a": 1}, {"a": 2}, {"a": "1"}, same=same) == {"a": 2}


def test_an_unchanged_value_stays_the_object_that_the_application_may_hold() -> None:
    cart = ["tea"]

    merged = merge({"cart": ["tea"]}, {"cart": ["tea"], "n": 1}, {"cart": cart}, same=operator.eq)

    assert merged["cart"] is cart


def test_this_requests_value_wins_by_default() -> None:
    assert keep_mine("key", "base", "theirs", "mine") == "mine"


HELLO, BYE, OOPS = ("message", "Hello"), ("message", "Bye"), ("error", "Oops")


@pytest.mark.parametrize(
    ("base", "theirs", "mine", "merged"),
    [
        pytest.param([], [HELLO], [BYE], [HELLO, BYE], id="both flash"),
        pytest.param([], [HELLO], [HELLO], [HELLO, HELLO], id="both flash alike"),
        pytest.param([HELLO], [], [], [], id="both show it"),
        pytest.param([HELLO], [HELLO, BYE], [], [BYE], id="I show and they flash"),
        pytest.param([HELLO], [], [HELLO, BYE], [BYE], id="they show and I flash"),
        pytest.param([HELLO, HELLO], [HELLO, HELLO], [HELLO], [HELLO], id="I show one of two"),
        pytest.param([HELLO], [HELLO, OOPS], [HELLO, BYE], [HELLO, OOPS, BYE], id="both add"),
        pytest.param([HELLO], [BYE], [OOPS], [BYE, OOPS], id="both show and flash"),
    ],
)
def test_flashed_messages_are_neither_lost_nor_shown_twice(
    base: list[Any], theirs: list[Any], mine: list[Any], merged: list[Any]
) -> None:
    def session(messages: list[Any]) -> dict[str, Any]:
        return {"_flashes": messages} if messages else {}

    together = merge(session(base), session(theirs), session(mine), same=operator.eq)

    assert together == session(merged)


def test_a_flashed_value_that_cannot_be_compared_is_merged_too() -> None:
    def flashed() -> tuple[str, Decimal]:
        return "message", Decimal("sNaN")  # == raises InvalidOperation

    together = merge(
        {"_flashes": [flashed()]},
        {"_flashes": [flashed(), BYE]},
        {"_flashes": []},
        same=lambda one, other: repr(one) == repr(other),
    )

    assert together == {"_flashes": [BYE]}
