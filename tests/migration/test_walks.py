"""Nobody is logged out, and nobody back in, while the store of an application changes."""

from __future__ import annotations

from random import Random
from threading import Thread
from typing import Any

import pytest

from flask_serversession import manager_of

from .pairs import make_app
from .pairs import pair_named
from .pairs import PAIRS
from .walk import close
from .walk import Walk

STEPS = 200
#: Steps before the new application starts, and before the rest is moved.
CHANGE, MIGRATE = 60, 140

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", PAIRS)
def test_a_random_walk_loses_no_login_and_undoes_no_logout(
    request: pytest.FixtureRequest, name: str
) -> None:
    pair = pair_named(request, name)
    old, new = make_app(pair.former_config()), make_app(pair.config())
    walk = Walk(old, new, Random(name))
    store: Any = manager_of(new).store
    outcomes: list[str] = []
    mover = Thread(target=lambda: outcomes.extend(store.migrate()))

    for number in range(STEPS):
        if number == MIGRATE:
            mover.start()
        walk.step(new_share=0.0 if number < CHANGE else 0.3 if number < MIGRATE else 1.0)
    mover.join()
    outcomes.extend(store.migrate())
    walk.check_everything()
    rest = list(manager_of(old).keys())
    close(old, new)

    assert walk.wrong == []
    assert (rest, "left" in outcomes) == ([], False)
