"""memcached: ``TEST_MEMCACHED_URL``, or the installed ``memcached``."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymemcache
import pytest

from .base import find_program
from .base import free_port
from .base import report
from .base import running
from .base import unavailable
from .base import unprivileged_user


@pytest.fixture(scope="session")
def memcached_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    url = os.environ.get("TEST_MEMCACHED_URL")
    if url:
        report("memcached", f"{_version(url)}, from TEST_MEMCACHED_URL")
        yield url
        return
    if not find_program("memcached"):
        unavailable(request.config, "memcached", "apt install memcached, or TEST_MEMCACHED_URL")
    with running_memcached(tmp_path_factory.mktemp("memcached")) as (url, _):
        report("memcached", f"{_version(url)}, started by the tests")
        yield url


@contextmanager
def running_memcached(
    folder: Path, *options: str
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a memcached until the block ends; yield its URL and its process."""
    port = free_port()
    with memcached_server(folder, port, *options) as process:
        yield f"memcached://127.0.0.1:{port}", process


@contextmanager
def memcached_server(folder: Path, port: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a memcached on this port until the block ends."""
    here = ["-l", "127.0.0.1", "-p", str(port)]
    with running(
        [find_program("memcached") or "memcached", *here, *options],
        ready=lambda: _version(f"memcached://127.0.0.1:{port}"),
        folder=folder,
        user=unprivileged_user("memcache"),
    ) as process:
        yield process


def _version(url: str) -> str:
    client = pymemcache.Client(url.removeprefix("memcached://").split(",")[0], timeout=60)
    try:
        version: bytes = client.version()
    finally:
        client.close()
    return f"memcached {version.decode()}"
