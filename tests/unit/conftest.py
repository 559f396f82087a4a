from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask_serversession.rules import Rules

from flask_serversession.format.merge import keep_mine
from flask_serversession.format.serializer import TypedJSON
from flask_serversession.sessions.policy import SavePolicy
from flask_serversession.stores.memory import MemoryStore

from .clock import Clock

DAY = 24 * 60 * 60 * 1000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_rules(clock: Clock) -> Callable[..., Rules]:
    """Make the rules of an application that configured nothing but what is given."""

    def make(**given: Any) -> Rules:
        defaults: dict[str, Any] = {
            "store": MemoryStore(),
            "serializer": TypedJSON(),
            "policy": SavePolicy(),
            "concurrency": "merge",
            "resolve": keep_mine,
            "idle_timeout": DAY,
            "permanent_lifetime": 31 * DAY,
            "touch_interval": None,
            "regenerate_grace": 0,
            "null_on_failure": False,
            "notify": lambda signal, /, **values: None,
            "clock": clock,
        }
        return Rules(**defaults | given)

    return make


@pytest.fixture
def rules(make_rules: Callable[..., Rules]) -> Rules:
    return make_rules()
