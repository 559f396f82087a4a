"""A process that moves sessions is killed again and again while the application is used."""

from __future__ import annotations

import multiprocessing
import os
from itertools import count
from random import Random
from signal import SIGKILL
from typing import Any

import pytest
from flask import Flask

from flask_serversession import manager_of
from flask_serversession.stores.moving.mark import Mark

from .pairs import make_app
from .pairs import pair_named
from .walk import close
from .walk import Walk

SESSIONS, KILLS = 250, 20
#: Verbs after which a mover dies at the latest. It takes eight to move a session.
LONGEST = 60
VERBS = ("load", "create", "save", "delete")

#: Seconds between requests, so that they do not move everything themselves.
PAUSE = 0.02

fork = multiprocessing.get_context("fork")

pytestmark = pytest.mark.slow


class Deadly:
    """A store that kills its process instead of executing a verb."""

    def __init__(self, store: Any, calls: count[int], last: int) -> None:
        self._store, self._calls, self._last = store, calls, last

    def __getattr__(self, name: str) -> Any:
        if name in VERBS and next(self._calls) == self._last:
            os.kill(os.getpid(), SIGKILL)
        return getattr(self._store, name)


def move_until_killed(config: dict[str, Any], last: int) -> None:
    """Move sessions, and die before the verb with this number."""
    # An application of its own: pymongo's client should not be used after a fork.
    store, calls = moving_store_of(make_app(config)), count()
    store._store = Deadly(store._store, calls, last)
    store._before = Deadly(store._before, calls, last)
    for _ in store.migrate():
        pass


def moving_store_of(app: Flask) -> Any:
    return manager_of(app).store


def marks(app: Flask) -> int:
    """Return how many marks the two stores of an application hold."""
    moving = moving_store_of(app)
    stores: list[Any] = [moving._store, moving._before]
    records = [store.load(key) for store in stores for key in list(store.keys())]
    return sum(Mark.of(record) is not None for record in records)


@pytest.mark.parametrize("name", ["redis to postgresql", "files to sqlite"])
def test_a_killed_mover_loses_no_session_and_brings_none_back(
    request: pytest.FixtureRequest, name: str
) -> None:
    pair, random = pair_named(request, name), Random(name)
    old, new = make_app(pair.former_config()), make_app(pair.config())
    walk = Walk(old, new, random, visitors=SESSIONS)
    walk.log_everybody_in()
    found = []

    for _ in range(KILLS):
        mover = fork.Process(
            target=move_until_killed, args=(pair.config(), random.randrange(LONGEST))
        )
        mover.start()
        while mover.is_alive():
            walk.step(new_share=1.0)
            mover.join(PAUSE)
        assert mover.exitcode == -SIGKILL
        found.append(marks(new))
        walk.step(new_share=1.0)
    left = len(list(manager_of(old).keys()))
    outcomes = set(moving_store_of(new).migrate())
    walk.check_everything()
    rest = list(manager_of(old).keys())
    close(old, new)

    assert walk.wrong == []
    assert (rest, "left" in outcomes) == ([], False)
    assert left > 0
    assert any(found)
