"""Traces of express-session, checked in so that the tests run without Node.

``python -m tests.conformance.recorded`` records them again with Node.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import Phase
from hypothesis import settings

from .decisions import rows
from .node_side import find_node
from .node_side import Judge
from .strategies import scenarios
from .upstream import CASES

FOLDER = Path(__file__).parent / "traces"
RANDOM = 300

Recorded = list[tuple[str, dict[str, Any], dict[str, Any]]]


def read(name: str) -> Recorded:
    """Return the name, the scenario and express-session's trace of each recorded case."""
    with gzip.open(FOLDER / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [tuple(json.loads(line)) for line in lines]


def main() -> None:
    node = find_node()
    if node is None:
        sys.exit("Node, or the packages of tests/conformance/package.json, are not installed.")
    with Judge(node) as judge:
        _write(judge, "upstream", [(f"T{number}", case) for number, case in CASES.items()])
        _write(judge, "decisions", list(rows()))
        _write(judge, "random", [(f"{n}", one) for n, one in enumerate(_some_scenarios())])


def _some_scenarios() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    @settings(
        max_examples=RANDOM,
        derandomize=True,
        phases=[Phase.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(scenarios())
    def collect(scenario: dict[str, Any]) -> None:
        found.append(scenario)

    collect()
    return found


def _write(judge: Judge, name: str, cases: list[tuple[str, dict[str, Any]]]) -> None:
    FOLDER.mkdir(exist_ok=True)
    text = "".join(
        json.dumps([label, scenario, judge.play(scenario)], separators=(",", ":")) + "\n"
        for label, scenario in cases
    )
    # Without a time in the header, the same traces give the same file.
    (FOLDER / f"{name}.jsonl.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{name}: {len(cases)} traces")


if __name__ == "__main__":
    main()
