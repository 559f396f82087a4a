"""A test's handles on the processes that run its apps."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Client
from typing import Any

from .places import Place
from .request import Answer
from .request import obey_commands

#: Seconds after which a process counts as hanging.
PATIENCE = 60


class Process:
    """A process that does one thing at a time: it holds a request open, or runs a job."""

    def __init__(self, socket: str, place: Place, config: dict[str, Any]) -> None:
        self._connection = Client(socket, family="AF_UNIX")
        self._connection.send((place, config))
        #: Whether it has nothing to do.
        self.is_idle = True
        self._is_ending = False

    def close(self) -> None:
        """End the process."""
        self._connection.close()

    def open(self, sid: str | None) -> None:
        """Begin a request whose cookie has this id, and hold it open."""
        self._connection.send((obey_commands, sid))
        self.is_idle = self._is_ending = False

    def do(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the open request's session, or read an attribute."""
        self._connection.send((name, args, kwargs))
        return self.result()

    def tell_to_end(self) -> None:
        """Let the view return, without waiting for the response."""
        self._connection.send(None)
        self._is_ending = True

    def end(self) -> Answer:
        """Let the view return, and wait until the session is settled."""
        self.tell_to_end()
        answer = self.result()
        assert isinstance(answer, Answer)
        return answer

    def visit(self, sid: str | None, name: str, *args: Any, **kwargs: Any) -> Answer:
        """Send a complete request that calls one method of its session."""
        self.open(sid)
        self.do(name, *args, **kwargs)
        return self.end()

    def data(self, sid: str) -> dict[str, Any]:
        """Return the data that a request finds in a session."""
        self.open(sid)
        data: dict[str, Any] = self.do("copy")
        self.end()
        return data

    def start(self, job: Callable[..., Any], *args: Any) -> None:
        """Call ``job(app, *args)`` in the process, without waiting for it."""
        self._connection.send((job, *args))
        self.is_idle, self._is_ending = False, True

    def result(self) -> Any:
        """Wait for what was started last; return its result or raise its error."""
        assert self._connection.poll(PATIENCE), "a process hangs"
        value, error = self._connection.recv()
        self.is_idle = self._is_ending
        if error is not None:
            raise error
        return value


class Processes:
    """Starts the processes of one store. One that has nothing left to do serves the next test."""

    def __init__(self, socket: str, place: Place) -> None:
        self._socket = socket
        self._place = place
        self._idle: dict[str, list[Process]] = {}

    @contextmanager
    def lent(self) -> Iterator[Callable[..., Process]]:
        """Give a function that returns a process of the block's own, with these config keys."""
        used: list[tuple[str, Process]] = []

        def start(**config: Any) -> Process:
            idle = self._idle.setdefault(str(config), [])
            process = idle.pop() if idle else Process(self._socket, self._place, config)
            used.append((str(config), process))
            return process

        try:
            yield start
        finally:
            for config, process in used:
                if process.is_idle:
                    self._idle[config].append(process)
                else:
                    process.close()

    def close(self) -> None:
        """End the processes."""
        for idle in self._idle.values():
            for process in idle:
                process.close()
