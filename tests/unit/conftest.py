from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from flask_serversession.config import Config
from flask_serversession.sessions.settings import Settings
from flask_serversession.stores.memory import MemoryStore

from .clock import Clock

DAY = 24 * 60 * 60 * 1000

MakeSettings = Callable[..., Settings]

#: What Flask's own defaults say, as far as they are required.
FLASKS_DEFAULTS = {"PERMANENT_SESSION_LIFETIME": 31 * DAY // 1000}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_settings(clock: Clock) -> MakeSettings:
    """Make the settings of an application that configured only what is given."""

    def make(store: Any = None, **options: Any) -> Settings:
        config = replace(Config.from_mapping(FLASKS_DEFAULTS), **options)
        return Settings(
            config=config,
            store=MemoryStore() if store is None else store,
            secrets=lambda: ("keyboard cat",),
            sender="the application",
            clock=clock,
        )

    return make


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    return make_settings()
