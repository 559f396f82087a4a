"""Starts a system's app and asks it the questions."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.servers.base import running

from .browser import Browser
from .browser import NotPlayed
from .columns import COLUMNS
from .columns import Open
from .stores import FindStore
from .systems import System
from .versions import NODE_MODULES

ROOT = Path(__file__).parents[2]
APPS = Path(__file__).parent / "systems"


class Row(NamedTuple):
    """The answers of one system."""

    system: System
    #: How often the answer was yes, by column. Empty if the system could not be asked.
    yes: list[int]
    #: Why the system could not be asked.
    absence: str = ""


def play(system: System, find_store: FindStore, times: int) -> Row:
    """Ask a system every question that many times."""
    try:
        with serving(system, find_store(system.store)) as open_browser:
            return Row(system, ask(open_browser, times))
    except NotPlayed as reason:
        return Row(system, [], str(reason))


def ask(open_browser: Open, times: int) -> list[int]:
    """Return how often the answer was yes, by column."""
    return [sum(column.ask(open_browser) for _ in range(times)) for column in COLUMNS]


@contextmanager
def serving(system: System, url: str) -> Iterator[Open]:
    """Run a system's app until the block ends; yield a function that opens a browser on it."""
    command = [*_program(system.app), url, json.dumps(system.options)]
    with TemporaryDirectory(prefix="battery-") as name, ExitStack() as apps:
        folder = Path(name)
        log = folder / "server.log"  # the output that running() redirects there
        try:
            apps.enter_context(running(command, ready=partial(_port, log), folder=folder))
        except RuntimeError as error:
            raise NotPlayed(_reason(log)) from error
        yield partial(Browser, f"127.0.0.1:{_port(log)}")


def _program(app: str) -> list[str]:
    if app.endswith(".js"):
        return ["env", f"NODE_PATH={NODE_MODULES}", "node", str(APPS / app)]
    return ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", f"{__package__}.systems.{app}"]


def _port(log: Path) -> int:
    """Return the port, which an app prints once it listens."""
    [line] = re.findall(r"^\d+$", log.read_text(), re.MULTILINE)
    return int(line)


def _reason(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() or ["it ended immediately"]
    errors = [line for line in lines if re.match(r"\w*Error", line)]
    return (errors or lines)[-1]
