"""A process that moves sessions is killed again and again while the application is used."""

from __future__ import annotations

import multiprocessing
import time
from random import Random
from typing import Any

import pytest
from flask import Flask

from flask_serversession import manager_of
from flask_serversession.stores.moving.mark import Mark

from .pairs import make_app
from .pairs import pair_named
from .walk import close
from .walk import Walk

SESSIONS, KILLS = 400, 20
#: Seconds that a mover lives at most; it could move a tenth of the sessions in that time.
LIFE = 0.03

fork = multiprocessing.get_context("fork")

pytestmark = pytest.mark.slow


def move_all(app: Flask) -> None:
    store: Any = manager_of(app).store
    for _ in store.migrate():
        pass


def interrupted_moves(app: Flask) -> int:
    """Return how many marks the two stores of an application hold."""
    moving: Any = manager_of(app).store
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
    interrupted = 0

    for _ in range(KILLS):
        mover = fork.Process(target=move_all, args=(new,))
        mover.start()
        end = time.monotonic() + random.uniform(0.002, LIFE)
        while time.monotonic() < end:
            walk.step(new_share=1.0)
        mover.kill()
        mover.join()
        interrupted += interrupted_moves(new)
        walk.step(new_share=1.0)
    left = len(list(manager_of(old).keys()))
    move_all(new)
    walk.check_everything()
    rest = list(manager_of(old).keys())
    close(old, new)

    assert walk.wrong == []
    assert rest == []
    assert 0 < left < SESSIONS
    assert interrupted > 0
