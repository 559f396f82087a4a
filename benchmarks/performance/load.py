"""Measures requests per second with ``wrk``. Each server has two processes."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from typing import Final

from tests.servers.base import find_program
from tests.servers.base import free_port
from tests.servers.base import running

from .http import ask
from .peers import express
from .peers import peers_of
from .results import Load
from .results import Rounds
from .scenarios import Scenario
from .scenarios import SCENARIOS

STORES: Final = ("redis", "postgresql")

PROCESSES = 2
CONNECTIONS = 8
#: The seconds that a round takes for one server.
SECONDS = 1
#: The sessions that the requests are spread over, so that few use the same one at once.
SESSIONS = 64
_PAYLOAD = "200"
_SCENARIOS = [one for one in SCENARIOS if one.name in ("ignores it", "reads", "reads and writes")]
_PEERS = ("bare Flask", "floor", "Flask-ServerSession", "Flask-Session, tuned", "Flask-Session")
_ROOT = Path(__file__).parents[2]


def available() -> bool:
    """Whether the required programs are installed."""
    return bool(find_program("wrk")) and express.available()


def make_app(name: str, store: str, url: str) -> Any:
    """Return the application of a peer. gunicorn calls this in each of its processes."""
    return peers_of(store)[name].make_app(url, False)


def measure_load(store: str, url: str, rounds: int) -> list[Load]:
    """Run ``wrk`` against every server in turns, for that many rounds."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        ports = {
            name: stack.enter_context(_gunicorn(name, store, url, _folder_of(name, folder)))
            for name in _PEERS
        }
        for name, its_url in ((express.BARE, ""), (express.NAME, url)):
            node = express.serving(its_url, _folder_of(name, folder), processes=PROCESSES)
            ports[name] = stack.enter_context(node)
        return [_measure(scenario, ports, rounds) for scenario in _SCENARIOS]


def _measure(scenario: Scenario, ports: dict[str, int], rounds: int) -> Load:
    cookies = {name: _cookies(port) for name, port in ports.items()}
    found: Rounds = {name: [] for name in ports}
    order = random.Random(scenario.name)
    for _ in range(rounds):
        for name in order.sample(list(ports), len(ports)):
            found[name].append(_wrk(ports[name], scenario.path, cookies[name]))
    return Load(scenario.name, found)


def _cookies(port: int) -> list[str]:
    made = [ask(port, f"/new/{_PAYLOAD}") for _ in range(SESSIONS)]
    return [cookie or "none=" for cookie in made]


def _wrk(port: int, path: str, cookies: list[str]) -> float:
    """Return the requests per second. Raises if a request failed."""
    script = Path(__file__).with_name("cookies.lua")
    done = subprocess.run(
        [
            *("wrk", "--threads", "1", "--connections", str(CONNECTIONS)),
            *("--duration", f"{SECONDS}s", "--script", str(script)),
            *(f"http://127.0.0.1:{port}{path}", "--", *cookies),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    failures = re.search(r"Non-2xx.*", done.stdout)
    if failures:
        raise RuntimeError(f"wrk on {path}: {failures.group()}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    assert rate, done.stdout
    return float(rate.group(1))


@contextmanager
def _gunicorn(name: str, store: str, url: str, folder: Path) -> Iterator[int]:
    port = free_port()
    command = [
        *(sys.executable, "-m", "gunicorn", "--workers", str(PROCESSES), "--chdir", str(_ROOT)),
        *("--bind", f"127.0.0.1:{port}", "--log-level", "warning"),
        f"{__name__}:make_app({name!r}, {store!r}, {url!r})",
    ]
    with running(command, ready=lambda: ask(port, "/ignore"), folder=folder):
        yield port


def _folder_of(name: str, parent: str) -> Path:
    path = Path(parent, name)
    path.mkdir()
    return path
