"""Sends commands to Redis, several in one round trip, and scripts by their digest."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha1
from importlib.resources import files
from typing import Any
from typing import Protocol

#: A command and its arguments.
Command = tuple[str | bytes | int | float, ...]


class Commands(Protocol):
    """Sends commands."""

    def send(self, *commands: Command) -> Sequence[Any]:
        """Return the raw reply to each command; raise the first that is an error."""


#: In the class or the text of an error reply; Lua's quote the server's.
_NO_WRITES = ("ReadOnlyError", "READONLY", "OutOfMemoryError", "OOM ", "MISCONF", "NOREPLICAS")


def takes_no_writes(error: BaseException) -> bool:
    """Tell whether a server can be read but not written: a replica, full or cut off."""
    words = f"{type(error).__name__} {error}"
    return any(word in words for word in _NO_WRITES)


class ClientCommands:
    """Sends through an application's client, with its settings."""

    def __init__(self, client: Any) -> None:
        self._execute = client.execute_command
        self._pool = getattr(client, "connection_pool", None)
        # A cluster client has no pool; its pipeline waits three times for a hung node.
        self._pipeline = client.pipeline if self._pool is not None else None

    def send(self, *commands: Command) -> Sequence[Any]:
        try:
            return self._send(*commands)
        except Exception as error:
            if takes_no_writes(error) and self._pool is not None:
                _disconnect_idle(self._pool)
            raise

    def _send(self, *commands: Command) -> Sequence[Any]:
        if len(commands) == 1 or self._pipeline is None:
            return [self._execute(*command) for command in commands]
        pipeline = self._pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        replies: Sequence[Any] = pipeline.execute()
        return replies


class PooledCommands:
    """Checks a connection out of a pool for each trip, faster than a client does.

    The pool replaces a dropped connection at checkout. Nothing is sent twice.

    :param pool: the pool of a client that does not retry.
    :param failure: the exception for an error reply.
    """

    def __init__(self, pool: Any, failure: type[Exception]) -> None:
        self._pool = pool
        self._failure = failure

    def send(self, *commands: Command) -> Sequence[Any]:
        connection = self._take()
        try:
            connection.send_packed_command(connection.pack_commands(commands))
            replies = [self._reply(connection) for _ in commands]
        except BaseException:
            self._drop(connection)
            raise
        self._give(connection)
        for reply in replies:
            if isinstance(reply, self._failure):
                if takes_no_writes(reply):
                    self._disconnect()
                raise reply
        return replies

    def _disconnect(self) -> None:
        """Have the next trips connect again: after a failover, to another server."""
        _disconnect_idle(self._pool)

    def _take(self) -> Any:
        return self._pool.get_connection()

    def _give(self, connection: Any) -> None:
        self._pool.release(connection)

    def _drop(self, connection: Any) -> None:
        # Otherwise the next user would read the replies that are still to come.
        connection.disconnect()
        self._pool.release(connection)

    def _reply(self, connection: Any) -> Any:
        try:
            return connection.read_response()
        except self._failure as error:
            return error


class ReusingCommands(PooledCommands):
    """Reuses idle connections: a pool checkout takes longer than Redis needs to answer.

    Idle connections stay checked out and count towards the pool's limit.

    :param pool: a pool whose connections are interchangeable.
    :param unavailable: the exceptions of a dropped connection.
    """

    def __init__(
        self, pool: Any, failure: type[Exception], unavailable: tuple[type[Exception], ...]
    ) -> None:
        super().__init__(pool, failure)
        self._unavailable = unavailable
        self._idle: deque[Any] = deque()

    def _take(self) -> Any:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._pool.get_connection()
            if connection.pid != os.getpid():
                continue  # it belongs to the parent process
            if self._is_ready(connection):
                return connection

    def _give(self, connection: Any) -> None:
        self._idle.append(connection)

    def _disconnect(self) -> None:
        with suppress(IndexError):
            while True:
                self._drop(self._idle.pop())

    def _is_ready(self, connection: Any) -> bool:
        is_ready = False
        try:
            # Readable before a command was sent: the server has closed it.
            is_ready = not connection.can_read()
        except self._unavailable:
            pass
        finally:
            if not is_ready:  # also if this was interrupted
                self._drop(connection)
        return is_ready


def _disconnect_idle(pool: Any) -> None:
    # redis-py 6 has a blocking pool that can only disconnect connections in use, too.
    with suppress(TypeError):
        pool.disconnect(inuse_connections=False)


class Script:
    """A Lua script, sent as its digest, or as its text if the server does not know it.

    :param names: files that are joined to one script, functions first.
    """

    def __init__(self, *names: str) -> None:
        folder = files(__package__) / "lua"
        self._text = "\n".join((folder / name).read_text(encoding="utf-8") for name in names)
        self._digest = sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    def run(
        self,
        commands: Commands,
        unknown: type[Exception],
        keys: Sequence[bytes],
        *arguments: bytes | int,
    ) -> Any:
        """Return the script's reply, after one round trip or two if the server is new to it.

        :param unknown: the exception for an unknown digest.
        """
        rest = (len(keys), *keys, *arguments)
        try:
            [reply] = commands.send(("EVALSHA", self._digest, *rest))
        except unknown:
            [reply] = commands.send(("EVAL", self._text, *rest))
        return reply
