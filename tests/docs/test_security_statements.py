"""The list of security statements is complete, and what it refers to exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

from flask_serversession.config import Config
from flask_serversession.security import Running
from flask_serversession.security import Statement
from flask_serversession.security import SUBJECTS
from flask_serversession.stores.memory import MemoryStore

ROOT = Path(__file__).parents[2]
STATEMENTS = tuple(chain.from_iterable(SUBJECTS.values()))

each_statement = pytest.mark.parametrize(
    "statement", STATEMENTS, ids=lambda statement: str(statement.number)
)


@cache
def names_in(path: Path) -> set[str]:
    """Return the tests of a file as pytest names them, with the class if there is one."""
    tree = ast.parse(path.read_text("utf-8"))
    scopes = {"": tree.body}
    scopes |= {f"{node.name}::": node.body for node in tree.body if isinstance(node, ast.ClassDef)}
    return {
        scope + node.name
        for scope, body in scopes.items()
        for node in body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


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
    assert bool(statement.tests) != (statement.by == "none")


@pytest.mark.parametrize(
    "statement",
    [statement for statement in STATEMENTS if statement.by == "application"],
    ids=lambda statement: str(statement.number),
)
def test_what_the_application_calls_is_on_the_page(statement: Statement) -> None:
    page = (ROOT / "docs" / f"{statement.page}.rst").read_text("utf-8")
    answer = statement.answer(Running(Config.from_mapping({}), MemoryStore()))

    called = re.findall(r"(\w+)\(", answer.line)
    assert called
    assert [name for name in called if name not in page] == []
