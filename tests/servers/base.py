"""Finds, starts and stops the programs that the fixtures use."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

#: Where Debian installs servers that are not on every user's PATH.
SYSTEM_FOLDERS = ["/usr/sbin", "/usr/local/sbin", "/usr/lib/postgresql/*/bin"]

#: name -> what the test summary says about it. The fixtures fill it in.
REPORT: dict[str, str] = {}


def find_program(name: str) -> str | None:
    """Return the path of a program, of its newest version if there are several, or None."""
    found = shutil.which(name)
    if found:
        return found
    for pattern in SYSTEM_FOLDERS:
        matches = sorted(Path("/").glob(f"{pattern.lstrip('/')}/{name}"), reverse=True)
        if matches:
            return str(matches[0])
    return None


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def report(name: str, text: str) -> None:
    """Say in the test summary what a backend was tested on."""
    REPORT[name] = text


def unavailable(config: pytest.Config, name: str, remedy: str) -> None:
    """Skip the test and say so in the summary, or fail with ``--require-servers``."""
    text = f"{name} could not be tested: {remedy}"
    REPORT[name] = f"NOT TESTED: {remedy}"
    if config.getoption("--require-servers"):
        pytest.fail(text)
    pytest.skip(text)


@contextmanager
def running(
    command: Sequence[str],
    *,
    ready: Callable[[], object],
    folder: Path,
    seconds: float = 60,
    user: str | None = None,
    end: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends. The block begins once ``ready`` does not raise.

    :param user: the user to run it as, for servers that refuse to run as root.
    :param end: the signal that ends it without waiting for its clients.
    """
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, cwd=folder, user=user
        )
    try:
        _wait(process, ready, log, seconds)
        yield process
    finally:
        stop(process, end)


def stop(process: subprocess.Popen[bytes], end: signal.Signals = signal.SIGTERM) -> None:
    """Send a server the signal ``end``; kill it if it does not end within a minute."""
    process.send_signal(end)
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=60)


@contextmanager
def hanging(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Stop every thread of a server, like ^Z. The kernel still accepts connections."""
    pause(process)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def pause(process: subprocess.Popen[bytes]) -> None:
    """Stop every thread of a child process, and return once they have stopped."""
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)


def unprivileged_user(name: str) -> str | None:
    """Return the user to run a server as if the tests run as root, otherwise None."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(name).pw_name
    except KeyError:
        return "nobody"


def _wait(
    process: subprocess.Popen[bytes], ready: Callable[[], object], log: Path, seconds: float
) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            ready()
            return
        except Exception as error:
            if process.poll() is not None or time.monotonic() > deadline:
                tail = log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{process.args!r} did not start:\n{tail}") from error
        time.sleep(0.01)
