"""A process that uses sessions while something else happens to their store."""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from contextlib import AbstractContextManager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from time import sleep
from types import TracebackType

from flask_serversession.stores.base import Store

from .backends import backend
from .calls import Span
from .calls import timed_load
from .calls import timed_save
from .population import key_of

#: Seconds between two calls, so that the process waits for the store and not for a processor.
PAUSE = 0.001

_processes = get_context("spawn")


class Bystander(AbstractContextManager["Bystander"]):
    """Loads or saves random live sessions, one after the other, until the block ends.

    :param name: the name of the backend at ``url``.
    :param live: the number of live sessions at ``place``.
    """

    def __init__(self, name: str, url: str, place: int, live: int, *, writes: bool) -> None:
        self._calls: tuple[Sequence[float], Sequence[float]] = ((), ())
        self._ours, theirs = _processes.Pipe()
        self._process = _processes.Process(
            target=_use, args=(theirs, name, url, place, live, writes), daemon=True
        )
        self._process.start()
        theirs.close()
        self._ours.recv()  # wait until it has begun

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ours.send(None)
        self._calls = self._ours.recv()
        self._process.join()
        self._ours.close()

    def longest(self, span: Span) -> float:
        """Return the milliseconds of the longest call in that span. Call it after the block."""
        begins, ends = self._calls
        calls = zip(begins, ends, strict=True)
        within = (end - begin for begin, end in calls if begin < span.end and end > span.begin)
        return 1e3 * max(within, default=0.0)


def _use(parent: Connection, name: str, url: str, place: int, live: int, writes: bool) -> None:
    store = backend(name, url).store(place)
    call = _save if writes else _load
    chance = random.Random(writes)
    begins, ends = array("d"), array("d")
    call(store, key_of(0))
    parent.send(None)
    while not parent.poll():
        begin, end = call(store, key_of(chance.randrange(live)))
        begins.append(begin)
        ends.append(end)
        sleep(PAUSE)
    parent.send((begins, ends))


def _load(store: Store, key: str) -> Span:
    span, _ = timed_load(store, key)
    return span


def _save(store: Store, key: str) -> Span:
    _, found = timed_load(store, key)
    return timed_save(store, key, found)
