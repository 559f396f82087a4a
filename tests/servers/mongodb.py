"""MongoDB: ``TEST_MONGODB_URL``, the installed ``mongod``, or nx-27017 from PyPI.

nx-27017 speaks MongoDB's wire protocol on top of SQLite; it is not MongoDB. Its translation of
updates to SQL is switched off, because it stores a date in a ``$set`` as text. The updates in
Python, used instead, store a date.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pymongo
import pytest

from .base import find_program
from .base import free_port
from .base import report
from .base import running
from .base import unavailable

_NX = """
from neosqlite.collection.query_helper import set_force_fallback
from nx_27017.nx_27017 import main
set_force_fallback(True)
main()
"""


@pytest.fixture(scope="session")
def mongodb_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    url = os.environ.get("TEST_MONGODB_URL")
    if url:
        report("MongoDB", f"{_name(url)}, from TEST_MONGODB_URL")
        yield url
        return
    if not find_program("mongod") and not find_spec("nx_27017"):
        remedy = "put mongod on PATH, pip install nx-27017, or set TEST_MONGODB_URL"
        unavailable(request.config, "MongoDB", remedy)
    with running_mongodb(tmp_path_factory.mktemp("mongodb")) as (url, _):
        report("MongoDB", f"{_name(url)}, started by the tests")
        yield url


@contextmanager
def running_mongodb(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a server until the block ends; yield its URL and its process."""
    port = free_port()
    with mongodb_server(folder, port) as process:
        yield mongodb_address(port), process


@contextmanager
def mongodb_server(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server on this port until the block ends. nx-27017 stores nothing on disk."""
    mongod = find_program("mongod")
    command = _mongod(mongod, str(port), folder) if mongod else _nx(str(port), folder)
    ready = partial(_build, mongodb_address(port))
    with running(command, ready=ready, folder=folder) as process:
        yield process


def mongodb_address(port: int) -> str:
    """Return the URL of a server started here."""
    return f"mongodb://127.0.0.1:{port}/?directConnection=true"


def is_nx(url: str) -> bool:
    """Whether the server at a URL is nx-27017."""
    return _build(url).get("process") == "nx_27017"


def _mongod(program: str, port: str, folder: Path) -> Sequence[str]:
    here = ["--dbpath", str(folder), "--bind_ip", "127.0.0.1", "--nounixsocket"]
    return [program, "--port", port, *here]


def _nx(port: str, folder: Path) -> Sequence[str]:
    files = ["--log-file", str(folder / "nx.log"), "--pid-file", str(folder / "nx.pid")]
    return [sys.executable, "-c", _NX, "--data-dir", "memory", "--port", port, *files]


def _name(url: str) -> str:
    build = _build(url)
    if build.get("process") == "nx_27017":
        return f"nx-27017 {version('nx-27017')}, not MongoDB"
    return f"MongoDB {build['version']}"


def _build(url: str) -> dict[str, Any]:
    with pymongo.MongoClient[dict[str, Any]](url, timeoutMS=5000) as client:
        return client.admin.command("buildInfo")
