"""A process with an app of its own, as a test sees it."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.connection import Client
from typing import Any

from .places import Place
from .request import Answer
from .request import take_orders

#: Seconds after which a process counts as hanging.
PATIENCE = 60


class Process:
    """Does one thing at a time: a request held open, or a job."""

    def __init__(self, socket: str, place: Place, config: dict[str, Any]) -> None:
        self._connection = Client(socket, family="AF_UNIX")
        self._connection.send((place, config))

    def close(self) -> None:
        """End the process."""
        self._connection.close()

    def open(self, sid: str | None) -> None:
        """Begin a request of the browser that has this id, and hold it open."""
        self._connection.send((take_orders, sid))

    def do(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the open request's session, or look at an attribute."""
        self._connection.send((name, args, kwargs))
        return self.result()

    def tell_to_end(self) -> None:
        """Let the view return, and do not wait for the answer."""
        self._connection.send(None)

    def end(self) -> Answer:
        """Let the view return; the session is settled then."""
        self.tell_to_end()
        answer = self.result()
        assert isinstance(answer, Answer)
        return answer

    def visit(self, sid: str | None, name: str, *args: Any, **kwargs: Any) -> Answer:
        """Send a whole request that does one thing to its session."""
        self.open(sid)
        self.do(name, *args, **kwargs)
        return self.end()

    def data(self, sid: str) -> dict[str, Any]:
        """Return what is in a session."""
        self.open(sid)
        data: dict[str, Any] = self.do("copy")
        self.end()
        return data

    def start(self, job: Callable[..., Any], *args: Any) -> None:
        """Have it call ``job(app, *args)``, and do not wait for it."""
        self._connection.send((job, *args))

    def result(self) -> Any:
        """Wait for what was started last."""
        assert self._connection.poll(PATIENCE), "a process hangs"
        value, error = self._connection.recv()
        if error is not None:
            raise error
        return value
