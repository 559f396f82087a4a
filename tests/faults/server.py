"""A server that tests can kill, stop and bring back, on the same port with the same folder."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ..servers.base import free_port
from ..servers.base import pause

#: Seconds after which a hanging server continues; longer than any request may take.
_LONGEST_HANG = 6.0

Serve = Callable[[Path, int], AbstractContextManager["subprocess.Popen[bytes]"]]


def nothing(folder: Path) -> None:
    """Do nothing: this server needs no preparation."""


@dataclass(frozen=True)
class Backend:
    """How to run one kind of server, and what it guarantees."""

    name: str
    #: Whether this machine has its program or a replacement for it.
    is_installed: bool
    #: Returns its URL for a port.
    address: Callable[[int], str]
    serve: Serve
    install: Callable[[Path], None] = nothing
    #: Whether it keeps every acknowledged write when it is killed with SIGKILL.
    durable: bool = False
    #: Whether the driver fails once per pooled connection after a restart.
    notices_late: bool = False


class Server:
    """One server, always on the same port and with the same data folder."""

    _process: subprocess.Popen[bytes]
    _alarm: threading.Timer

    def __init__(self, backend: Backend, folder: Path) -> None:
        self.backend = backend
        self._port = free_port()
        self.url = backend.address(self._port)
        self._folder = folder
        self._life = ExitStack()
        self._stopped: list[int] = []
        self._is_up = False
        backend.install(folder)

    def start(self) -> None:
        self._process = self._life.enter_context(self.backend.serve(self._folder, self._port))
        self._is_up = True

    def kill(self) -> None:
        """Kill all of its processes with SIGKILL at once, as a crash would."""
        # The parent is stopped first, so that it cannot start a child that is not in the list.
        pause(self._process)
        for each in (*children_of(self._process.pid), self._process.pid):
            os.kill(each, signal.SIGKILL)
        self._process.wait()
        self._is_up = False

    def hang(self) -> None:
        """Stop all of its processes. The kernel still accepts connections for it.

        It continues by itself after a few seconds, so that a client without a timeout fails
        its test and does not block the run.
        """
        pause(self._process)
        children = children_of(self._process.pid)
        for each in children:
            os.kill(each, signal.SIGSTOP)
        self._stopped = [self._process.pid, *children]
        self._alarm = threading.Timer(_LONGEST_HANG, self._wake)
        self._alarm.start()

    def mend(self) -> None:
        """Make it answer again after :meth:`kill` or :meth:`hang`."""
        if self._stopped:
            self._alarm.cancel()
            self._alarm.join()
            self._wake()
        if not self._is_up:
            self._life.close()
            self.start()

    def close(self) -> None:
        self.mend()
        self._life.close()

    def _wake(self) -> None:
        while self._stopped:
            os.kill(self._stopped.pop(), signal.SIGCONT)


@contextmanager
def own_server(backend: Backend) -> Iterator[Server]:
    """Run a server until the block ends, in a folder that other users can enter."""
    # pytest's temporary folders are closed to the users that some servers run as.
    with tempfile.TemporaryDirectory(prefix="server-") as folder:
        server = Server(backend, Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.close()


def children_of(pid: int) -> list[int]:
    """Return the ids of a process's running children. Works on Linux only."""
    children = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            # The process name, in parentheses, may itself contain parentheses and spaces.
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid:
            children.append(int(entry.name))
    return children
