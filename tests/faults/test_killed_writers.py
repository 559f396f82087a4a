"""No record is torn or lost when a process is killed in the middle of a write."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Iterator
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from signal import SIGKILL
from typing import NamedTuple

import pytest

from flask_serversession import Record
from flask_serversession import Store
from flask_serversession.stores import open_store
from flask_serversession.stores.base import SupportsClose

KILLS = 200
KEYS = [f"key{number}" for number in range(6)]
#: Bytes: one or two pages of a database, and many.
SIZES = [5_000, 150_000]
#: A writer does at most this many writes before the wait that ends with its death.
MOST_WRITES = 8
#: The longest such wait, in seconds: about as long as one or two of the longest writes.
LAST_MOMENTS = 0.002
YEAR_2100 = datetime(2100, 1, 1, tzinfo=timezone.utc)

fork = multiprocessing.get_context("fork")


class State(NamedTuple):
    """What is stored under a key: the numbers of its payload and its expiry."""

    payload: int
    expiry: int

    @property
    def record(self) -> Record:
        # Every line contains the number, so a payload of two writes is recognised.
        line = b"%07d " % self.payload
        text = line * (SIZES[self.payload % len(SIZES)] // len(line))
        return Record(b'{"text":"%s"}' % text, YEAR_2100 + timedelta(seconds=self.expiry))


class Write(NamedTuple):
    key: str
    #: None if it is a delete.
    after: State | None


@pytest.fixture(params=["file://", "sqlite:///"], ids=["files", "SQLite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    store = open_store(f"{request.param}{tmp_path}/sessions", {})
    yield store
    if isinstance(store, SupportsClose):
        store.close()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_after_each_kill_every_record_is_the_one_last_written(store: Store) -> None:
    known: dict[str, State | None] = dict.fromkeys(KEYS)
    interrupted = 0
    for seed in range(KILLS):
        # Every write is reported twice, when it begins and when it is done.
        told = killed_writer(store, seed, known)
        known.update(told[1::2])
        found = {key: store.load(key) for key in KEYS}
        if len(told) % 2:
            interrupted += 1
            key, after = told[-1]
            # It may have been done without being reported, but only as a whole.
            if found[key] == (after and after.record):
                known[key] = after
        assert found == {key: state and state.record for key, state in known.items()}

    # Otherwise most kills hit between two writes and prove little.
    assert interrupted > KILLS / 4


def killed_writer(store: Store, seed: int, known: dict[str, State | None]) -> list[Write]:
    """Have a process write until it is killed at a random moment; return what it reported."""
    # No other process then has the file open and could clean up after the writer.
    if isinstance(store, SupportsClose):
        store.close()
    moment = random.Random(seed)
    ours, its = fork.Pipe(duplex=False)
    writer = fork.Process(target=write_on, args=(store, seed, known, its), daemon=True)
    writer.start()
    its.close()
    with ours:
        told = [ours.recv() for _ in range(2 * moment.randint(1, MOST_WRITES))]
        time.sleep(moment.uniform(0, LAST_MOMENTS))
        writer.kill()
        writer.join(60)
        assert writer.exitcode == -SIGKILL
        while ours.poll():
            try:
                told.append(ours.recv())
            except EOFError:
                break
    return told


def write_on(store: Store, seed: int, known: dict[str, State | None], parent: Connection) -> None:
    chance = random.Random(seed)
    for number in count(seed * 1_000):
        key = chance.choice(KEYS)
        verb, after = chosen(known[key], number, chance)
        write = Write(key, after)
        # A message this short is written to the pipe as a whole or not at all.
        parent.send(write)
        carry_out(store, verb, write)
        parent.send(write)
        known[key] = after


def chosen(before: State | None, number: int, chance: random.Random) -> tuple[str, State | None]:
    if before is None:
        return "create", State(number, number)
    verb = chance.choice(["save", "save", "save", "touch", "delete"])
    if verb == "delete":
        return verb, None
    return verb, State(before.payload if verb == "touch" else number, number)


def carry_out(store: Store, verb: str, write: Write) -> None:
    if write.after is None:
        assert store.delete(write.key)
        return
    record = write.after.record
    assert record.expires_at
    if verb == "create":
        assert store.create(write.key, record)
    elif verb == "save":
        assert store.save(write.key, record) is None
    else:
        assert store.touch(write.key, record.expires_at)
