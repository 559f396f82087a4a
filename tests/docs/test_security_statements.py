"""The list of security statements is complete, and what it refers to exists."""

from __future__ import annotations

import ast
from itertools import chain
from pathlib import Path

import pytest

from flask_serversession.security import Statement
from flask_serversession.security import SUBJECTS

ROOT = Path(__file__).parents[2]
#: Statements that no configuration fulfils.
UNPROVED = {8, 53, 54, 64}
STATEMENTS = tuple(chain.from_iterable(SUBJECTS.values()))

each_statement = pytest.mark.parametrize(
    "statement", STATEMENTS, ids=lambda statement: str(statement.number)
)


def names_in(path: Path) -> set[str]:
    """Return the tests of a file as pytest names them, with the class if there is one."""
    tree = ast.parse(path.read_text("utf-8"))
    found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for scope in tree.body:
        if isinstance(scope, ast.ClassDef):
            found |= {
                f"{scope.name}::{node.name}"
                for node in scope.body
                if isinstance(node, ast.FunctionDef)
            }
    return found


def test_the_numbers_are_1_to_69_in_order() -> None:
    assert [statement.number for statement in STATEMENTS] == list(range(1, 70))


@each_statement
def test_a_statement_is_a_sentence_or_two_that_no_other_repeats(statement: Statement) -> None:
    assert statement.text[0].isupper()
    assert statement.text.endswith(".")
    assert len(statement.text) <= 170
    assert [other.text for other in STATEMENTS].count(statement.text) == 1


@each_statement
def test_each_test_that_shows_it_exists(statement: Statement) -> None:
    for name in statement.tests:
        file, _, test = name.partition("::")
        assert test in names_in(ROOT / file)


@each_statement
def test_the_page_that_says_more_exists(statement: Statement) -> None:
    assert not statement.page or (ROOT / "docs" / f"{statement.page}.rst").is_file()


@each_statement
def test_it_has_a_test_unless_it_is_not_for_a_session_library(statement: Statement) -> None:
    assert bool(statement.tests) != (statement.by == "none" or statement.number in UNPROVED)


@each_statement
def test_what_the_application_does_is_a_line_on_a_page(statement: Statement) -> None:
    if statement.by == "application":
        assert statement.page
