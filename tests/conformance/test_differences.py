"""The documented differences from express-session are real, complete and as documented."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from flask_serversession.config.options import DEFAULTS

from . import differences
from .differences import RULES
from .flask_side import play
from .node_side import Judge
from .shown_differences import outcome
from .shown_differences import SHOWN
from .shown_differences import written
from .upstream import ELSEWHERE

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "express-differences.rst"
_SECTION = re.compile(r"^([a-z0-9-]+)\n~+\n(.*?)(?=^[^\n]+\n[-~]+$|\Z)", re.MULTILINE | re.DOTALL)

each_name = pytest.mark.parametrize("name", SHOWN)


@cache
def sections() -> list[tuple[str, str]]:
    """Return the name and the text of each section of the page about a difference."""
    return _SECTION.findall(PAGE.read_text(encoding="utf-8"))


def is_reconciled(
    scenario: dict[str, Any], express: dict[str, Any], rules: dict[str, differences.Rule]
) -> bool:
    """Whether the two traces are equal after these rules are applied."""
    owed = differences.owed(scenario, express, rules)
    return differences.given(play(scenario)) == owed


@each_name
def test_flask_gives_the_outcome_that_is_shown(name: str) -> None:
    shown = SHOWN[name]

    assert outcome(play(shown.scenario), whole=shown.whole) == shown.here


@each_name
def test_express_session_gives_the_outcome_that_is_shown(name: str, judge: Judge) -> None:
    shown = SHOWN[name]

    assert outcome(judge.play(shown.scenario), whole=shown.whole) == shown.express


@each_name
def test_the_two_outcomes_that_are_shown_differ(name: str) -> None:
    assert SHOWN[name].express != SHOWN[name].here


@each_name
def test_only_the_rule_of_a_difference_makes_its_traces_equal(name: str, judge: Judge) -> None:
    scenario = SHOWN[name].scenario
    express = judge.play(scenario)
    others = {other: rule for other, rule in RULES.items() if other != name}

    assert is_reconciled(scenario, express, RULES) == (name in RULES)
    assert not is_reconciled(scenario, express, others)


@pytest.mark.parametrize("name", [name for name in SHOWN if "config" in SHOWN[name].scenario])
def test_without_its_config_key_there_is_no_difference(name: str, judge: Judge) -> None:
    scenario = {**SHOWN[name].scenario}
    assert set(scenario.pop("config")) == {SHOWN[name].key}

    assert is_reconciled(scenario, judge.play(scenario), RULES)


def test_every_difference_named_by_a_rule_or_an_upstream_case_is_shown() -> None:
    named = [re.match(r"difference ([a-z0-9-]+):", why) for why in ELSEWHERE.values()]
    used = {match[1] for match in named if match}

    assert used
    assert used | set(RULES) <= set(SHOWN)


def test_the_page_has_exactly_one_section_for_each_difference() -> None:
    assert [name for name, _ in sections()] == list(SHOWN)


@each_name
def test_a_section_shows_the_scenario_and_both_outcomes(name: str) -> None:
    literal = "\n".join(f"   {line}" for line in written(name).split("\n"))

    assert f".. code-block:: text\n\n{literal}\n" in dict(sections())[name]


@each_name
def test_a_section_gives_the_reason_and_the_config_key(name: str) -> None:
    key = SHOWN[name].key
    fields = dict(re.findall(r"^:(\w+): (.+)", dict(sections())[name], re.MULTILINE))

    assert list(fields) == ["express", "here", "why", "key"]
    assert fields["key"] == (f":setting:`{key}`" if key else "none")
    assert key is None or key in DEFAULTS
