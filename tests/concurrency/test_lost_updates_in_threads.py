"""The memory and cachelib stores, shared by threads of one process, lose no change."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cachelib import FileSystemCache
from cachelib import SimpleCache
from flask import Flask

from flask_serversession.stores.cachelib import CacheLibStore
from flask_serversession.stores.memory import MemoryStore

from ..flask.browser import browser_of
from ..flask.browser import session
from .app import make_app
from .hammer import hammer
from .hammer import left
from .hammer import Tally
from .hammer import TASKS
from .hammer import WRITERS
from .places import Place


@pytest.fixture(params=["memory", "SimpleCache", "FileSystemCache"])
def local_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A store that the threads of this process share."""
    make_store = {
        "memory": MemoryStore,
        "SimpleCache": lambda: CacheLibStore(SimpleCache(threshold=sys.maxsize)),
        "FileSystemCache": lambda: CacheLibStore(FileSystemCache(str(tmp_path), threshold=0)),
    }
    return Place(request.param, make_store[request.param]())


@pytest.mark.parametrize("task", TASKS)
def test_eight_threads_lose_no_change(local_place: Place, task: str) -> None:
    browser = browser_of(make_app(local_place))
    browser.run(lambda: session.update(user="ada"))

    # Here, for CPython 3.11 may fail to compile routes in several threads at once.
    apps = [make_app(local_place) for _ in WRITERS]

    def write(app: Flask, writer: str) -> Tally:
        return hammer(app, browser.sid or "", task, writer)

    with ThreadPoolExecutor(len(WRITERS)) as pool:
        tally = Tally.of(list(pool.map(write, apps, WRITERS)))

    assert tally.given_up == 0
    assert tally.merged > 0
    assert left(task, browser.data()) == len(WRITERS) * TASKS[task].times
