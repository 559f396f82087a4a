"""Connections that stay borrowed from an engine's pool between two statements."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import Any

import sqlalchemy as sa


class HeldConnections:
    """Lends connections in autocommit mode, which have nothing to be reset in between.

    To borrow one from the pool and give it back takes several times what SQLite takes to
    find a row. Those lent count as the pool's, whose limit holds for them.

    :param limit: how many to keep at most when nobody uses them; the rest go back at once.
    """

    def __init__(self, engine: sa.Engine, limit: int) -> None:
        self._engine = engine
        self._limit = limit
        self._idle: deque[sa.PoolProxiedConnection] = deque()

    def take(self) -> sa.PoolProxiedConnection:
        """Return a connection, the one used last if one is kept.

        :raises Exception: the driver's, if a new one cannot be made.
        """
        try:
            return self._idle.pop()
        except IndexError:
            return self._engine.raw_connection()

    def give(self, connection: sa.PoolProxiedConnection) -> None:
        """Take a connection back."""
        if len(self._idle) < self._limit:
            self._idle.append(connection)
        else:
            connection.close()

    def give_back(self) -> None:
        """Have one in the pool for who borrows there, rather than have a new one made."""
        with suppress(IndexError):
            self._idle.popleft().close()

    def drop(self, error: BaseException | None = None) -> None:
        """Give all back to the pool; with an error, as ones that are as dead as another was."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return
            if error is not None:
                connection.invalidate(error)
            connection.close()

    def leave(self) -> Any:
        """Forget all without a word to the server, and return them to be kept somewhere."""
        left, self._idle = self._idle, deque()
        return left
