"""How commands reach Redis: several in one trip, and scripts by their digest."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any
from typing import Protocol

#: A command and its arguments.
Command = tuple[str | bytes | int | float, ...]


class Commands(Protocol):
    """Sends commands."""

    def send(self, *commands: Command) -> Sequence[Any]:
        """Return the reply to each, as Redis gave it; raise the first that is an error."""


class ClientCommands:
    """Leaves everything to a client that the application made, and so to its settings."""

    def __init__(self, client: Any) -> None:
        self._execute = client.execute_command
        # What has no pool is a cluster, where a pipeline waits three times for a hung node.
        self._pipeline = client.pipeline if hasattr(client, "connection_pool") else None

    def send(self, *commands: Command) -> Sequence[Any]:
        if len(commands) == 1 or self._pipeline is None:
            return [self._execute(*command) for command in commands]
        pipeline = self._pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        replies: Sequence[Any] = pipeline.execute()
        return replies


class PooledCommands:
    """Borrows a connection of a pool for each trip, which a client does more slowly.

    A dropped connection is noticed when it is borrowed, and replaced; nothing is sent twice.

    :param pool: of a client of our own, which has no retries to be honoured.
    :param failure: what an error that Redis replied is raised as.
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
                raise reply
        return replies

    def _take(self) -> Any:
        return self._pool.get_connection()

    def _give(self, connection: Any) -> None:
        self._pool.release(connection)

    def _drop(self, connection: Any) -> None:
        # Or the next to borrow it would read what is still to come for its own.
        connection.disconnect()
        self._pool.release(connection)

    def _reply(self, connection: Any) -> Any:
        try:
            return connection.read_response()
        except self._failure as error:
            return error


class HeldCommands(PooledCommands):
    """Keeps what it borrowed for the next trip: a pool takes longer than Redis does.

    Those kept count as the pool's, whose limit holds for them.

    :param pool: of connections that one is as good as another of, for as long as it lives.
    :param unavailable: what a dropped connection raises.
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
                continue  # the parent's, and its alone
            if self._is_ready(connection):
                return connection

    def _give(self, connection: Any) -> None:
        self._idle.append(connection)

    def _is_ready(self, connection: Any) -> bool:
        is_ready = False
        try:
            # What can be read before anything was asked is the end of the connection.
            is_ready = not connection.can_read()
        except self._unavailable:
            pass
        finally:
            if not is_ready:  # or if this was interrupted
                self._drop(connection)
        return is_ready


class Script:
    """A Lua script, sent as its digest, and as its text to a server that does not know it."""

    def __init__(self, name: str) -> None:
        self._text = files(__package__).joinpath("lua", name).read_text(encoding="utf-8")
        self._digest = sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    def run(
        self,
        commands: Commands,
        unknown: type[Exception],
        keys: Sequence[bytes],
        *arguments: bytes | int,
    ) -> Any:
        """Return what it returned, after one trip, or two the first time.

        :param unknown: what a server that does not know the digest raises.
        """
        rest = (len(keys), *keys, *arguments)
        try:
            [reply] = commands.send(("EVALSHA", self._digest, *rest))
        except unknown:
            [reply] = commands.send(("EVAL", self._text, *rest))
        return reply
