"""What the Redis store sends to be run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from flask_serversession.stores.redis import commands
from flask_serversession.stores.redis import lock
from flask_serversession.stores.redis import users
from flask_serversession.stores.redis.commands import Command
from flask_serversession.stores.redis.commands import Script

FOLDER = Path(commands.__file__).parent / "lua"
FILES = sorted(FOLDER.glob("*.lua"))
SCRIPTS = {
    name: value
    for module in (lock, users)
    for name, value in vars(module).items()
    if isinstance(value, Script)
}
DATA = b'"]] redis.call("FLUSHALL") --'


class UnknownScript(Exception):
    pass


class NewServer:
    """Knows no script, and notes what it is sent."""

    def __init__(self) -> None:
        self.sent: list[Command] = []

    def send(self, *given: Command) -> Sequence[Any]:
        self.sent.extend(given)
        if given[0][0] == "EVALSHA":
            raise UnknownScript
        return [1]


def test_the_scripts_are_found() -> None:
    assert len(FILES) >= 7
    assert len(SCRIPTS) >= 6


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=list(SCRIPTS))
def test_a_script_is_sent_as_its_files_are_with_the_data_beside_it(script: Script) -> None:
    server = NewServer()

    script.run(server, UnknownScript, [DATA], DATA, 1)

    [_, (name, text, *rest)] = server.sent
    left = str(text)
    for path in FILES:
        left = left.replace(path.read_text(encoding="utf-8"), "")
    assert left.strip() == ""
    assert [name, *rest] == ["EVAL", 1, DATA, DATA, 1]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_script_runs_text_as_code(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert not re.search(r"\b(load|loadstring|dofile|loadfile|require|setfenv)\b", text)
