"""Flask gives express-session's traces: those checked in, and those asked of it live."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import settings

from .decisions import rows
from .node_side import Judge
from .recorded import read
from .strategies import scenarios
from .upstream import CASES
from .upstream import ELSEWHERE

Compare = Callable[[dict[str, Any], dict[str, Any]], None]


@pytest.mark.parametrize(
    ("scenario", "express"),
    [pytest.param(scenario, express, id=name) for name, scenario, express in read("upstream")],
)
def test_a_case_of_upstreams_own_tests_gives_the_same_trace(
    scenario: dict[str, Any], express: dict[str, Any], compare: Compare
) -> None:
    compare(scenario, express)


def test_every_case_of_upstreams_tests_is_here_or_accounted_for() -> None:
    accounted = [str(number) for number in CASES] + list(ELSEWHERE)

    assert len(accounted) == len(set(accounted)) == 142 + 18
    assert set(accounted) == {str(n) for n in range(1, 143)} | {f"C{n}" for n in range(1, 19)}


def test_every_combination_of_options_gives_the_same_trace(compare: Compare) -> None:
    recorded = read("decisions")

    assert len(recorded) == 1472
    for _, scenario, express in recorded:
        compare(scenario, express)


def test_recorded_random_scenarios_give_the_same_trace(compare: Compare) -> None:
    recorded = read("random")

    assert len(recorded) >= 100
    for _, scenario, express in recorded:
        compare(scenario, express)


@pytest.mark.slow
def test_random_scenarios_give_the_same_trace_live(
    judge: Judge, compare: Compare, pytestconfig: pytest.Config
) -> None:
    @settings(
        max_examples=pytestconfig.getoption("--scenarios"),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    @given(scenarios())
    def run(scenario: dict[str, Any]) -> None:
        compare(scenario, judge.play(scenario))

    run()


def test_what_is_checked_in_is_what_express_session_says(judge: Judge) -> None:
    for _, scenario, express in read("upstream"):
        assert judge.play(scenario) == express
    for name, scenario, express in read("decisions")[::29]:
        assert judge.play(scenario) == express, name


def test_the_rows_checked_in_are_all_there_are() -> None:
    assert [name for name, _, _ in read("decisions")] == [name for name, _ in rows()]
