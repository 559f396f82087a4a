"""Fixtures: the programs on Node, and the comparison of two traces."""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest

from ..servers.base import report
from ..servers.base import unavailable
from . import differences
from .flask_side import play
from .node_side import find_node
from .node_side import Judge
from .node_side import Words


@pytest.fixture(scope="session")
def node(request: pytest.FixtureRequest) -> str:
    """The path of Node."""
    node = find_node()
    if node is None:
        unavailable(
            request.config, "express-session", "install Node 20, then npm ci in tests/conformance"
        )
    assert node is not None
    report("express-session", "1.19.0 on Node, live")
    return node


@pytest.fixture(scope="session")
def judge(node: str) -> Iterator[Judge]:
    """express-session on Node, ready for scenarios."""
    with Judge(node) as judge:
        yield judge


@pytest.fixture(scope="session")
def words(node: str) -> Iterator[Words]:
    """cookie, cookie-signature, cookie-parser and Session on Node, ready for questions."""
    with Words(node) as words:
        yield words


@pytest.fixture(scope="session")
def compare() -> Callable[[dict[str, Any], dict[str, Any]], None]:
    """Return a function that asserts that Flask's trace is the one expected from Express's."""

    def compare(scenario: dict[str, Any], express: dict[str, Any]) -> None:
        expected = differences.owed(scenario, express)
        actual = differences.given(play(scenario))
        assert actual == expected, "\n".join(
            [
                "the traces differ",
                f"scenario  {json.dumps(scenario)}",
                f"express   {json.dumps(express)}",
                f"expected  {json.dumps(expected)}",
                f"actual    {json.dumps(actual)}",
            ]
        )

    return compare
