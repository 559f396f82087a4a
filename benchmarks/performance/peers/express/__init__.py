"""express-session on Node, which can be measured only over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.servers.base import find_program
from tests.servers.base import free_port
from tests.servers.base import running

from ...http import ask
from ...scenarios import LIFETIME
from ...scenarios import PAYLOADS
from ...scenarios import USER

NAME: Final = "express-session"
BARE: Final = "bare Express"
STORES: Final = ("redis", "postgresql")

#: Where server.js finds its packages.
_PACKAGES = Path(__file__).parents[4] / "tests" / "interop" / "node_modules"


def available() -> bool:
    """Whether Node and the packages of the servers are installed."""
    return bool(find_program("node")) and (_PACKAGES / "express-session").is_dir()


@contextmanager
def serving(url: str, folder: Path, *, processes: int = 1) -> Iterator[int]:
    """Run the application until the block ends; yield its port.

    :param url: the URL of the store. If it is empty there are no sessions.
    """
    port = free_port()
    options = {
        "port": port,
        "url": url.replace("+psycopg", ""),
        "processes": processes,
        "payloads": PAYLOADS,
        "user": USER,
        "lifetime": LIFETIME,
    }
    chosen = folder / "options.json"
    chosen.write_text(json.dumps(options))
    program = Path(__file__).with_name("server.js")
    command = [find_program("node") or "node", str(program), str(chosen)]
    with running(command, ready=lambda: ask(port, "/ignore"), folder=folder):
        yield port
