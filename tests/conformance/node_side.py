"""Asks express-session itself, by way of ``judge.js``."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

FOLDER = Path(__file__).parent


def find_node() -> str | None:
    """Return the Node to ask, or None if it or the judge's packages are not installed."""
    if not (FOLDER / "node_modules" / "express-session").is_dir():
        return None
    return shutil.which("node")


class Judge:
    """A running ``judge.js``; one process answers any number of scenarios."""

    def __init__(self, node: str) -> None:
        self._process = subprocess.Popen(
            [node, "judge.js"],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> Judge:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def play(self, scenario: dict[str, Any]) -> dict[str, Any]:
        """Return express-session's trace of a scenario."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(scenario) + "\n")
        self._process.stdin.flush()
        trace: dict[str, Any] = json.loads(self._process.stdout.readline())
        assert "broken" not in trace, trace
        return trace
