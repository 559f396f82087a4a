"""Runs the programs of this folder on Node, ``judge.js`` among them."""

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
    """Return the path of Node; None if Node or the packages of this folder are not installed."""
    if not (FOLDER / "node_modules" / "express-session").is_dir():
        return None
    return shutil.which("node")


class Program:
    """A running Node program that answers each line of JSON with a line of JSON."""

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
    """express-session on a virtual clock. One process plays any number of scenarios."""

    def __init__(self, node: str) -> None:
        super().__init__(node, "judge.js")

    def play(self, scenario: dict[str, Any]) -> dict[str, Any]:
        """Return express-session's trace of a scenario."""
        trace: dict[str, Any] = self.ask(scenario)
        assert "broken" not in trace, trace
        return trace


class Words(Program):
    """Answers single questions about Node's formats."""

    def __init__(self, node: str) -> None:
        super().__init__(node, "words.js")
