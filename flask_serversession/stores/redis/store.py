"""Sessions in Redis or Valkey: on one server, behind Sentinel, or in a Cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any
from typing import Protocol

from ...errors import ConfigError
from ..base import check_seconds
from ..base import GONE
from ..base import Lock
from ..base import milliseconds_left
from ..base import Record
from ..base import Refusal
from ..base import user_of
from .answers import answers_of
from .checks import flaws_of_memory
from .checks import flaws_of_permissions
from .clients import commands_of
from .clients import open_clients
from .commands import ClientCommands
from .commands import Commands
from .lock import RedisLock
from .replies import NEVER
from .replies import record_of
from .replies import refusal_of
from .replies import text_of
from .users import BATCH
from .users import ClusterIndexes
from .users import REPLACE
from .users import UserIndexes

#: Seconds assumed as the timeout of an application's client that has none.
_PATIENCE = 5.0


class Client(Protocol):
    """The part of a redis-py or valkey-py client that the store uses."""

    def execute_command(self, *args: Any, **options: Any) -> Any: ...
    def pipeline(self, transaction: Any = ...) -> Any: ...
    def unlink(self, *names: Any) -> Any: ...
    def scan_iter(self, match: Any = ..., count: Any = ...) -> Iterator[Any]: ...
    def get_connection_kwargs(self) -> Any: ...


class RedisStore:
    """Keeps each payload as a plain string with a Redis TTL, as connect-redis does.

    ``load`` sends GET and PTTL together; ``create`` is SET NX PX, ``save`` SET XX PX,
    ``touch`` PEXPIRE and ``delete`` DEL. A save with ``replacing`` is SET IFEQ PX on Valkey
    8.1 and Redis 8.4, plus a second trip if it is refused; on older servers it is a script.
    Every verb is one round trip, plus one when a server does not know the script yet.
    ``keys``, ``count`` and ``clear`` walk the whole database with SCAN. A session's lock is a
    key of its own, ``lock:{…}``. Waiters sleep in Redis, and the lock of a killed holder ends
    after its ``ttl``.

    The keys of a user's records are also in a sorted set, ``by-user:<prefix><user>``, which
    expires with the longest of them. A script changes both in one step, and another reads the
    records of a user in one round trip. In a Cluster they are on different nodes, so a change
    of such a record takes two trips, or three if it is new, and reading them takes several. A
    process that is killed between the steps leaves at most a key without a record, which the
    next read removes.

    A server that evicts keys when its memory is full ends sessions early, or forgets whose
    they are, and one that fails over may lose the last writes. Both depend on how Redis is
    configured.

    :param client: a ``Redis`` or ``RedisCluster`` of redis-py, a client made by its
        ``Sentinel``, or the same of valkey-py. The application owns it: the store never
        closes it, and its own timeouts and retries apply.
    :param prefix: starts every key. Every key in the database that starts with it counts as
        a session of this store.
    """

    def __init__(self, client: Client, *, prefix: str = "sess:") -> None:
        _refuse_unfit(client)
        self._unlink = client.unlink
        self._scan_iter = client.scan_iter
        # A cluster cannot send two commands in one trip, so a script replaces them.
        self._is_cluster = not hasattr(client, "connection_pool")
        #: Whether some sessions can be read while others cannot.
        self.is_split: bool = self._is_cluster
        #: False once the server has refused SET IFEQ.
        self._has_ifeq = True
        self._timeout = client.get_connection_kwargs().get("socket_timeout") or _PATIENCE
        self._errors, self._refused, self._unknown_script = answers_of(client)
        self._prefix = prefix.encode()
        self._opened: list[Any] = []
        self._send_with(ClientCommands(client), client)

    @classmethod
    def from_url(
        cls, url: str, *, prefix: str = "sess:", timeout: float = 5.0, **client_options: Any
    ) -> RedisStore:
        """Return a store with its own client, which connects on first use.

        ``redis://``, ``rediss://`` (TLS) and ``unix://`` URLs are redis-py's.
        ``redis+cluster://host:6379,host:6380`` names some nodes of a cluster;
        ``redis+sentinel://host:26379,host:26380/service/0`` names sentinels, a service and its
        database. ``valkey`` works in place of ``redis``. User and password are those of the
        servers that hold the data.

        :param timeout: seconds to wait for a connection, and again for a reply. A dropped
            connection in the pool is replaced. No command is sent twice; one without a reply
            may still have been executed.
        :param client_options: for redis-py's client, such as ``sentinel_kwargs`` with the
            sentinels' own password.
        """
        check_seconds("timeout", timeout)
        client, opened = open_clients(url, timeout, client_options)
        store = cls(client, prefix=prefix)
        store._opened = opened
        store._send_with(commands_of(client, client_options), client)
        return store

    def load(self, key: str) -> Record | None:
        name = self._prefix + key.encode()
        with self._errors:
            if self._is_cluster:
                found = self._run(name)
            else:
                found = self._commands.send(("GET", name), ("PTTL", name))
        return record_of(*found)

    def create(self, key: str, record: Record) -> bool:
        name = self._prefix + key.encode()
        left = milliseconds_left(record.expires_at or NEVER)
        with self._errors:
            if left <= 0:
                return not self._send("EXISTS", name)
            command = ("SET", name, record.payload, "NX", "PX", left)
            if user_of(key) is None:
                return bool(self._send(*command))
            return bool(self._users.create(key, left, command))

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        name = self._prefix + key.encode()
        left = milliseconds_left(record.expires_at or NEVER)
        with self._errors:
            if replacing is not None:
                return self._replace(key, name, replacing.payload, record.payload, left)
            if left <= 0:
                saved = self._change(key, 0, "DEL", name)
            else:
                saved = self._change(key, left, "SET", name, record.payload, "XX", "PX", left)
        return None if saved else GONE

    def touch(self, key: str, expires_at: datetime) -> bool:
        name = self._prefix + key.encode()
        left = milliseconds_left(expires_at)
        with self._errors:
            # PEXPIRE with no time left removes the key.
            return bool(self._change(key, left, "PEXPIRE", name, left))

    def delete(self, key: str) -> bool:
        name = self._prefix + key.encode()
        with self._errors:
            return bool(self._change(key, 0, "DEL", name))

    def lock(self, key: str, *, ttl: float) -> Lock:
        return RedisLock(
            self._commands,
            self._errors,
            self._prefix + key.encode(),
            ttl=ttl,
            unknown_script=self._unknown_script,
            longest_wait=self._timeout,
        )

    def keys(self) -> Iterator[str]:
        seen: set[bytes] = set()  # SCAN may name a key twice.
        with self._errors:
            for name in self._names():
                key = text_of(name[len(self._prefix) :])
                if key is not None and name not in seen:
                    seen.add(name)
                    yield key

    def records(self, user: str | None = None) -> Iterator[tuple[str, Record]]:
        """Yield keys and live records: those of a user by their index, or all in batches."""
        with self._errors:
            yield from self._users.read(self.keys()) if user is None else self._users.find(user)

    def count(self) -> int:
        return sum(1 for _ in self.keys())

    def clear(self) -> int:
        return sum(self.clearing())

    def clearing(self) -> Iterator[int]:
        if not self._prefix:
            raise ConfigError(
                "This store has the prefix '', so every key in the database counts as a session,"
                " and clearing it would remove them all. Give sessions a prefix, or send FLUSHDB"
                " yourself if nothing else is in the database."
            )
        names = self._names()
        while True:
            with self._errors:
                batch = list(islice(names, BATCH))
                if not batch:
                    return
                removals = self._users.removals(batch)
                if self._is_cluster:
                    number = self._unlink(*batch)
                    self._commands.send(*removals)
                else:
                    number, *_ = self._commands.send(("UNLINK", *batch), *removals)
            yield number

    def ping(self) -> None:
        with self._errors:
            self._send("PING")

    def check(self) -> list[str]:
        """Return which permissions the user lacks, and whether the server evicts sessions."""
        with self._errors:
            flaws = flaws_of_permissions(self._commands, self._refused, self._prefix)
            with suppress(self._refused):  # the user may not ask
                flaws += flaws_of_memory(self._send("INFO", "memory"))
        return flaws

    def close(self) -> None:
        for client in self._opened:
            client.close()

    def _names(self) -> Iterator[bytes]:
        # A prefix such as "b" starts the names of the indexes, too.
        return (name for name in self._scan() if not name.startswith(self._users.start))

    def _scan(self) -> Iterator[bytes]:
        pattern = re.sub(rb"([*?\[\]\\])", rb"\\\1", self._prefix) + b"*"
        if self._is_cluster:
            yield from self._scan_iter(match=pattern, count=BATCH)
            return
        cursor: int | None = None
        while cursor != 0:
            # Not scan_iter: it would check out one more connection than the idle ones.
            reply = self._send("SCAN", cursor or 0, "MATCH", pattern, "COUNT", BATCH)
            cursor = int(reply[0])
            yield from reply[1]

    def _send_with(self, commands: Commands, client: Client) -> None:
        self._commands = commands
        if self._is_cluster:
            self._users: UserIndexes = ClusterIndexes(
                commands, self._unknown_script, self._prefix, client.pipeline
            )
        else:
            self._users = UserIndexes(commands, self._unknown_script, self._prefix)

    def _send(self, *command: str | bytes | int) -> Any:
        [reply] = self._commands.send(command)
        return reply

    def _change(self, key: str, left: int, *command: str | bytes | int) -> Any:
        """Send a command that fails only if the record is gone; ``left`` is its new TTL."""
        if user_of(key) is None:
            return self._send(*command)
        return self._users.change(key, left, command)

    def _replace(self, key: str, name: bytes, old: bytes, new: bytes, left: int) -> Refusal | None:
        if user_of(key) is not None:
            return refusal_of(self._users.replace(key, name, old, new, left))
        if left > 0 and self._set_if_equal(name, new, left, old):
            return None
        return refusal_of(self._run(name, old, new, left))

    def _run(self, name: bytes, *arguments: bytes | int) -> Any:
        return REPLACE.run(self._commands, self._unknown_script, [name], *arguments)

    def _set_if_equal(self, name: bytes, new: bytes, left: int, old: bytes) -> bool:
        """Compare and set without Lua, which is several times slower for a long payload."""
        if not self._has_ifeq:
            return False
        try:
            return bool(self._send("SET", name, new, "IFEQ", old, "PX", left))
        except self._refused as error:
            if "syntax" not in str(error):
                raise
            self._has_ifeq = False
            return False


def _refuse_unfit(client: Client) -> None:
    options = getattr(client, "get_connection_kwargs", None)
    if options is None or options().get("decode_responses") or hasattr(client, "aclose"):
        raise ConfigError(
            "RedisStore needs a synchronous client of redis-py or valkey-py, made without"
            " decode_responses=True (a payload is bytes). from_url() takes a URL instead."
        )
