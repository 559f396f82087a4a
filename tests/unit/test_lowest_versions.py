"""The versions that ``tox run -e lowest`` tests with."""

from __future__ import annotations

from importlib.metadata import requires
from pathlib import Path

LOWEST = Path(__file__).parents[1] / "lowest.txt"


def test_the_lowest_versions_that_are_tested_are_those_that_are_allowed() -> None:
    allowed = {
        requirement.partition(";")[0].strip()
        for requirement in requires("Flask-ServerSession") or []
        if ">=" in requirement.partition(";")[0]
    }
    lines = LOWEST.read_text(encoding="utf-8").splitlines()
    tested = {line for line in lines if line and not line.startswith("#")}

    assert {line.replace("==", ">=") for line in tested} == allowed
