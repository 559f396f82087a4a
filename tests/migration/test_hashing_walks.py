"""Nobody is logged out, and nobody back in, while an application begins to hash and encrypt."""

from __future__ import annotations

import secrets
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from flask_serversession import manager_of
from flask_serversession.stores.protected.names import is_hashed

from .pairs import make_app
from .walk import close
from .walk import Walk

STEPS = 120
KEY = secrets.token_hex(32)

pytestmark = pytest.mark.slow

#: Each deployment of the way to hashed ids and encrypted sessions, side by side with the next.
PLAIN: dict[str, Any] = {}
DEPLOYMENTS = [
    PLAIN,
    {"SESSION_HASH_IDS": "prepare", "SESSION_ENCRYPTION_KEYS": [None, KEY]},
    {"SESSION_HASH_IDS": "switch", "SESSION_ENCRYPTION_KEYS": [KEY, None]},
    {"SESSION_HASH_IDS": True, "SESSION_ENCRYPTION_KEYS": [KEY, None]},
]


class SideBySide(Walk):
    """Sends each request to either application, whichever the visitor's last one was."""

    def step(self, *, new_share: float) -> None:
        for visitor in self.visitors:
            visitor.is_moved = False
        super().step(new_share=new_share)


@pytest.fixture(params=["redis", "sqlite", "files", "memcached"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    if request.param == "redis":
        url, options = request.getfixturevalue("redis_url"), {"prefix": f"{uuid4().hex}:"}
        return {"SESSION_STORE": url, "SESSION_STORE_OPTIONS": options}
    if request.param == "memcached":
        url, options = request.getfixturevalue("memcached_url"), {"prefix": f"{uuid4().hex}:"}
        return {"SESSION_STORE": url, "SESSION_STORE_OPTIONS": options}
    return {
        "SESSION_STORE": f"sqlite:///{tmp_path}/sessions.db"
        if request.param == "sqlite"
        else f"file://{tmp_path}/sessions"
    }


def test_a_random_walk_loses_no_login_and_undoes_no_logout(place: dict[str, Any]) -> None:
    apps = [make_app({**place, **deployment}) for deployment in DEPLOYMENTS]
    visitors: list[Any] = []
    for number, (old, new) in enumerate(pairwise(apps)):
        walk = SideBySide(old, new, Random(str(number)))
        if visitors:
            walk.visitors = visitors
        visitors = walk.visitors
        for _ in range(STEPS):
            walk.step(new_share=0.5)
        if number == 1:
            _move_the_rest(new, walk)
        walk.check_everything()
        assert walk.wrong == []
    close(*apps)


def _move_the_rest(switching: Flask, walk: SideBySide) -> None:
    """Move what is left under raw ids, once all servers switch."""
    store: Any = manager_of(switching).store
    if hasattr(store, "migrate"):
        assert "left" not in list(store.migrate())
        assert all(map(is_hashed, store.keys()))
        return
    for visitor in walk.visitors:  # no store of this kind can list: everybody comes by once
        walk._look(switching, visitor, "before the last deployment")
