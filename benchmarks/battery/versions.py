"""The versions of everything that the answers depend on."""

from __future__ import annotations

import json
import platform
import re
import sqlite3
import subprocess
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version
from pathlib import Path
from typing import Final

from .stores import program_of
from .stores import PROGRAMS

#: Express and its stores, as installed for the tests.
NODE_MODULES: Final = Path(__file__).parents[2] / "tests" / "interop" / "node_modules"

_PYTHON = [
    *("Flask-ServerSession", "Flask", "Flask-Session", "Django", "starsessions", "Beaker"),
    *("Werkzeug", "starlette", "uvicorn", "cachelib"),
    *("redis", "SQLAlchemy", "psycopg", "PyMySQL", "pymongo", "pymemcache"),
]
_NODE = ["express", "express-session", "connect-redis", "redis"]


def versions() -> list[str]:
    """Return one line each about Python, Node and the servers."""
    python = [f"{name} {_python_version(name)}" for name in _PYTHON]
    node = [f"{name} {_node_version(name)}" for name in _NODE]
    servers = [_server_version(name) for name in PROGRAMS]
    return [
        f"Python {platform.python_version()}: {', '.join(python)}.",
        f"Node {_program_version('node')}: {', '.join(node)}.",
        f"Servers: {', '.join(servers)}, SQLite {sqlite3.sqlite_version}.",
    ]


def _python_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


def _node_version(package: str) -> str:
    manifest = NODE_MODULES / package / "package.json"
    if not manifest.exists():
        return "(not installed)"
    number: str = json.loads(manifest.read_text())["version"]
    return number


def _server_version(store: str) -> str:
    program = program_of(store)
    if program is None:
        return f"{store} (not installed)"
    if program == "nx-27017":
        return f"nx-27017 {version(program)} in place of MongoDB"
    return f"{store} {_program_version(program)}"


def _program_version(program: str) -> str:
    try:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    except OSError:
        return "(not installed)"
    found = re.search(r"\d+(\.\d+)+", told.stdout)
    return found.group() if found else "(unknown)"
