"""Flask's traces are equal to express-session's, both recorded and live."""

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
def test_a_case_of_express_sessions_tests_gives_the_same_trace(
    scenario: dict[str, Any], express: dict[str, Any], compare: Compare
) -> None:
    compare(scenario, express)


def test_every_case_of_express_sessions_tests_is_played_or_explained() -> None:
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
def test_random_scenarios_played_live_give_the_same_trace(
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


def test_the_recorded_traces_are_those_of_the_installed_express_session(judge: Judge) -> None:
    for _, scenario, express in read("upstream"):
        assert judge.play(scenario) == express
    for name, scenario, express in read("decisions")[::29]:
        assert judge.play(scenario) == express, name


def test_every_combination_of_options_is_recorded() -> None:
    assert [name for name, _, _ in read("decisions")] == [name for name, _ in rows()]
