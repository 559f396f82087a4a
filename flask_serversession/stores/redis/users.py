"""Indexes in Redis of the records that each user has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from itertools import islice
from typing import Any

from ..base import milliseconds_left
from ..base import Record
from ..base import user_of
from .commands import Command
from .commands import Commands
from .commands import Script
from .replies import NEVER
from .replies import record_of
from .replies import text_of

REPLACE = Script("index.lua", "replace.lua")
_WRITE = Script("index.lua", "write.lua")
_ENTER = Script("index.lua", "enter.lua")
_RECORDS = Script("records.lua")

#: Names or records in one trip.
BATCH = 500


class UserIndexes:
    """Keeps, for each user, a sorted set of the keys of its records by when they end.

    A record and its entry change in one step. A set expires with the longest of its records.

    :param unknown_script: the exception for an unknown script.
    :param prefix: starts the name of every record.
    """

    def __init__(self, commands: Commands, unknown_script: type[Exception], prefix: bytes) -> None:
        self._commands = commands
        self._unknown_script = unknown_script
        self._prefix = prefix
        #: Starts the name of every index.
        self.start: bytes = index_of(prefix)

    def create(self, key: str, left: int, command: Command) -> Any:
        """Send a command that adds a record; return its reply.

        :param left: the milliseconds that the record has left if the command succeeds.
        """
        return self.change(key, left, command)

    def change(self, key: str, left: int, command: Command) -> Any:
        """Send a command that fails only if the record is gone; return its reply."""
        verb, name, *rest = command
        return self._run(_WRITE, [name, self._index(key)], key, left, verb, *rest)

    def replace(self, key: str, name: bytes, old: bytes, new: bytes, left: int) -> Any:
        """Return the reply of replace.lua."""
        return self._run(REPLACE, [name, self._index(key)], old, new, left, key)

    def find(self, user: str) -> Iterable[tuple[str, Record]]:
        """Return the keys and records of a user. Keys without a record leave the index."""
        index = self.start + user.encode()
        return _live(self._run(_RECORDS, [index], self._prefix))

    def read(self, keys: Iterable[str]) -> Iterator[tuple[str, Record]]:
        """Yield the keys that have a record, and the records, in batches."""
        keys = iter(keys)
        while batch := list(islice(keys, BATCH)):
            names = [self._prefix + key.encode() for key in batch]
            # GET would fail for another type of value, which MGET passes over.
            replies = iter(self._send([c for n in names for c in (("MGET", n), ("PTTL", n))]))
            found = zip(batch, replies, replies, strict=True)
            yield from _live((key, payload, left) for key, [payload], left in found)

    def removals(self, names: Iterable[bytes]) -> list[Command]:
        """Return the commands that remove these records from the indexes."""
        keys: defaultdict[bytes, list[bytes]] = defaultdict(list)
        for name in names:
            key = text_of(name[len(self._prefix) :])
            if key is not None and user_of(key) is not None:
                keys[self._index(key)].append(key.encode())
        return [("ZREM", index, *of_user) for index, of_user in keys.items()]

    def _index(self, key: str) -> bytes:
        return self.start + str(user_of(key)).encode()

    def _run(self, script: Script, names: list[Any], *arguments: Any) -> Any:
        return script.run(self._commands, self._unknown_script, names, *arguments)

    def _send(self, commands: list[Command]) -> Any:
        return self._commands.send(*commands)


class ClusterIndexes(UserIndexes):
    """Does the same in a Cluster, where a record and its index are on different nodes.

    A key is entered before its record begins or is extended, and removed after it has ended.
    A killed process leaves at most a key without a record, until the key is read or its time
    is over, and never a record without its key.

    :param pipeline: returns a pipeline of the client.
    """

    def __init__(
        self,
        commands: Commands,
        unknown_script: type[Exception],
        prefix: bytes,
        pipeline: Callable[[], Any],
    ) -> None:
        super().__init__(commands, unknown_script, prefix)
        self._pipeline = pipeline

    def create(self, key: str, left: int, command: Command) -> Any:
        self._enter(key, left)
        [created] = self._commands.send(command)
        if created:
            # In between, find() may have removed the key, because it had no record yet.
            self._enter(key, left)
        return created

    def change(self, key: str, left: int, command: Command) -> Any:
        if left > 0:
            self._enter(key, left)
        [changed] = self._commands.send(command)
        if not changed or left <= 0:
            self._enter(key, 0)
        return changed

    def replace(self, key: str, name: bytes, old: bytes, new: bytes, left: int) -> Any:
        if left > 0:
            self._enter(key, left)
        reply = self._run(REPLACE, [name], old, new, left)
        is_gone = left <= 0 if reply == 1 else reply[0] is None
        if is_gone:
            self._enter(key, 0)
        return reply

    def find(self, user: str) -> Iterable[tuple[str, Record]]:
        [names] = self._commands.send(("ZRANGE", self.start + user.encode(), 0, -1))
        keys = [key for key in map(text_of, names) if key is not None]
        found = dict(self.read(keys))
        without = [key for key in keys if key not in found]
        for key in without:
            self._enter(key, 0)
        # Their records may have been created in between.
        for key, record in self.read(without):
            self._enter(key, milliseconds_left(record.expires_at or NEVER))
            found[key] = record
        return found.items()

    def _enter(self, key: str, left: int) -> None:
        self._run(_ENTER, [self._index(key)], key, left)

    def _send(self, commands: list[Command]) -> Any:
        # Much faster than one by one, but slow to give up on a node that hangs.
        pipeline = self._pipeline()
        for command in commands:
            pipeline.execute_command(*command)
        return pipeline.execute()


def index_of(prefix: bytes) -> bytes:
    """Return the start of the names of the indexes of a store with this prefix."""
    return b"by-user:" + prefix


def _live(replies: Iterable[tuple[Any, Any, int]]) -> Iterator[tuple[str, Record]]:
    for key, payload, left in replies:
        text = text_of(key) if isinstance(key, bytes) else key
        record = record_of(payload, left)
        if text is not None and record is not None:
            yield text, record
