"""A server that is killed and stopped, and comes back on its port with its folder."""

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

#: Seconds; longer than any request may take.
_LONGEST_HANG = 6.0

Serve = Callable[[Path, int], AbstractContextManager["subprocess.Popen[bytes]"]]


def nothing(folder: Path) -> None:
    """Prepare nothing: the server makes what it needs."""


@dataclass(frozen=True)
class Backend:
    """How a server of a kind is run, and what may be expected of it."""

    name: str
    #: Whether this machine has its program, or what stands in for that.
    is_installed: bool
    #: Its URL, given a port.
    address: Callable[[int], str]
    serve: Serve
    install: Callable[[Path], None] = nothing
    #: Whether what it acknowledged is there after a SIGKILL.
    durable: bool = False
    #: Whether the driver fails once per pooled connection after a restart.
    notices_late: bool = False


class Server:
    """A server of one's own, always on the same port and with the same data."""

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
        """End every process of it with SIGKILL, as a crash of the machine would."""
        # Stopped first, the parent cannot replace a child and the list stays complete.
        self._process.send_signal(signal.SIGSTOP)
        for each in (*children_of(self._process.pid), self._process.pid):
            os.kill(each, signal.SIGKILL)
        self._process.wait()
        self._is_up = False

    def hang(self) -> None:
        """Stop every process of it; the kernel still accepts connections for it.

        After a while it goes on by itself, so that a client that waits without end fails
        its test instead of stopping the run.
        """
        self._process.send_signal(signal.SIGSTOP)
        self._stopped = [self._process.pid, *children_of(self._process.pid)]
        for each in self._stopped:
            os.kill(each, signal.SIGSTOP)
        self._alarm = threading.Timer(_LONGEST_HANG, self._wake)
        self._alarm.start()

    def mend(self) -> None:
        """Have it answer again, whatever was done to it."""
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
    """Run a server until the block ends, in a folder that other users may enter."""
    # pytest's own temporary folders are closed to the users that servers run as.
    with tempfile.TemporaryDirectory(prefix="server-") as folder:
        server = Server(backend, Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.close()


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started and that still run (Linux)."""
    children = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            # The name, in brackets, may itself contain brackets and spaces.
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid:
            children.append(int(entry.name))
    return children
