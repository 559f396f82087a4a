"""Asks express-session itself, by way of ``judge.js``."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any
from typing import TypeVar

Self = TypeVar("Self", bound="Program")

FOLDER = Path(__file__).parent


def find_node() -> str | None:
    """Return the Node to ask, or None if it or the judge's packages are not installed."""
    if not (FOLDER / "node_modules" / "express-session").is_dir():
        return None
    return shutil.which("node")


class Program:
    """A running Node program of this folder: a line of JSON in, a line of JSON out."""

    def __init__(self, node: str, script: str) -> None:
        self._process = subprocess.Popen(
            [node, script],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, question: dict[str, Any]) -> Any:
        """Return the program's answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


class Judge(Program):
    """express-session on a virtual clock; one process answers any number of scenarios."""

    def __init__(self, node: str) -> None:
        super().__init__(node, "judge.js")

    def play(self, scenario: dict[str, Any]) -> dict[str, Any]:
        """Return express-session's trace of a scenario."""
        trace: dict[str, Any] = self.ask(scenario)
        assert "broken" not in trace, trace
        return trace


class Words(Program):
    """Node's formats, one question at a time."""

    def __init__(self, node: str) -> None:
        super().__init__(node, "words.js")
