"""Locks of a database server, which it frees when their connection ends, however it ends."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from abc import ABC
from abc import abstractmethod
from collections.abc import Mapping
from weakref import WeakSet

import sqlalchemy as sa
from sqlalchemy import exc

from ..forking import leave_in_child
from .engine import Database
from .engine import MYSQL
from .psycopg import more_patience

#: Seconds of one wait on MySQL: a driver's timeout may be as short as one second.
_SLICE = 0.5
#: Seconds between two waits. MySQL, unlike MariaDB, rounds half a second down to none.
_PAUSE = 0.02


#: Connections for locks, held or waited on, that a process opens at most.
MOST_CONNECTIONS = 10


class _Users:
    """The locks of this process that may have a connection of their own."""

    def __init__(self) -> None:
        self._begin()
        leave_in_child(self, _Users._begin)

    def add(self, lock: ConnectionLock, timeout: float) -> bool:
        """Wait for a free place; False after the timeout."""
        with self._changed:
            has_place = self._changed.wait_for(self._has_place, max(timeout, 0))
            if has_place:
                self._locks.add(lock)
            return has_place

    def discard(self, lock: ConnectionLock) -> None:
        with self._changed:
            self._locks.discard(lock)
            self._changed.notify()

    def _has_place(self) -> bool:
        return len(self._locks) < MOST_CONNECTIONS

    def _begin(self) -> None:
        # Weakly: a lock that was dropped without a release takes no place.
        self._locks: WeakSet[ConnectionLock] = WeakSet()
        self._changed = threading.Condition()


_users = _Users()


class ConnectionLock(ABC):
    """Holds a key of a table as long as the lock's own connection lives.

    The connection is outside the pool, where waiters could take the connection that the holder
    needs to save. A process opens at most :data:`MOST_CONNECTIONS` of them and waits for one of
    its own beyond that. The server notices at once that a holder was killed. A slow holder
    keeps the lock: there is no ttl.
    """

    _unlock: sa.Executable

    def __init__(self, database: Database, table: str, key: str) -> None:
        self._database = database
        self._digest = hashlib.sha256(f"{table}\0{key}".encode())
        self._connection: sa.Connection | None = None
        leave_in_child(self, ConnectionLock._leave)

    def acquire(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        if not _users.add(self, timeout):
            return False
        acquired = False
        try:
            with self._database.errors:
                acquired = self._database.healed(
                    lambda: self._acquire(max(deadline - time.monotonic(), 0))
                )
        finally:
            if not acquired:
                _users.discard(self)
        return acquired

    def renew(self) -> bool:
        """Tell whether the connection is still alive, and with it the lock."""
        return self._say(sa.select(1))

    def release(self) -> None:
        # Closing the connection frees the lock, too, but with a delay.
        try:
            self._say(self._unlock, self._lock)
        finally:
            self._close()
            _users.discard(self)

    def _say(
        self, statement: sa.Executable, parameters: Mapping[str, object] | None = None
    ) -> bool:
        """Execute a statement; False if the connection is gone."""
        if self._connection is None:
            return False
        with self._database.errors:
            try:
                self._connection.execute(statement, parameters).close()
                return True
            except exc.DBAPIError as error:
                if not error.connection_invalidated:
                    raise
        self._close()
        return False

    def _acquire(self, timeout: float) -> bool:
        self._connection = self._database.detached()
        acquired = False
        try:
            acquired = self._wait(self._connection, timeout)
        finally:
            if not acquired:
                self._close()
        return acquired

    def _close(self) -> None:
        connection = self._leave()
        if connection is not None:
            connection.close()

    def _leave(self) -> sa.Connection | None:
        connection, self._connection = self._connection, None
        return connection

    @property
    @abstractmethod
    def _lock(self) -> Mapping[str, object]:
        """The server's name for the lock, as a parameter of the statements."""

    @abstractmethod
    def _wait(self, connection: sa.Connection, timeout: float) -> bool:
        """Acquire the lock on the connection; False after the timeout."""


class AdvisoryLock(ConnectionLock):
    """PostgreSQL's session-level advisory lock on a 64-bit number."""

    _id: sa.BindParameter[int] = sa.bindparam("id", type_=sa.BigInteger)
    _try = sa.select(sa.func.pg_try_advisory_lock(_id))
    _wait_for = sa.select(sa.func.pg_advisory_lock(_id))
    _unlock = sa.select(sa.func.pg_advisory_unlock(_id))
    #: The connection's own statement timeout may be shorter than the wait.
    _limit = sa.text(
        "SELECT set_config('statement_timeout', '0', false),"
        " set_config('lock_timeout', :milliseconds, false)"
    )

    @property
    def _lock(self) -> Mapping[str, object]:
        return {"id": int.from_bytes(self._digest.digest()[:8], "big", signed=True)}

    def _wait(self, connection: sa.Connection, timeout: float) -> bool:
        if connection.scalar(self._try, self._lock):
            return True
        if timeout <= 0:
            return False
        deadline = time.monotonic() + timeout
        connection.execute(self._limit, {"milliseconds": str(math.ceil(timeout * 1000))}).close()
        try:
            with more_patience(connection, timeout):
                connection.execute(self._wait_for, self._lock).close()
        except exc.DBAPIError as error:
            if error.connection_invalidated or time.monotonic() < deadline:
                raise
            return False
        return True


class NamedLock(ConnectionLock):
    """MySQL's and MariaDB's lock on a name, which has 64 characters at most."""

    _wait_for = sa.text("SELECT GET_LOCK(:name, :seconds)")
    _unlock = sa.text("SELECT RELEASE_LOCK(:name)")

    @property
    def _lock(self) -> Mapping[str, object]:
        return {"name": self._digest.hexdigest()}

    def _wait(self, connection: sa.Connection, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        left = max(timeout, 0)  # MySQL waits for ever if it is negative
        while not self._wait_a_slice(connection, min(left, _SLICE)):
            left = deadline - time.monotonic() - _PAUSE
            if left <= 0:
                return False
            time.sleep(_PAUSE)
        return True

    def _wait_a_slice(self, connection: sa.Connection, seconds: float) -> bool:
        return bool(connection.scalar(self._wait_for, {**self._lock, "seconds": seconds}))


#: Dialect -> its lock. Other dialects have none.
CONNECTION_LOCKS: dict[str, type[ConnectionLock]] = {
    "postgresql": AdvisoryLock,
    **dict.fromkeys(MYSQL, NamedLock),
}
