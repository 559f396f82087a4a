from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask_serversession.rules import Rules

from flask_serversession import session_store_error
from flask_serversession import StoreUnavailable

MINUTE = 60_000


@pytest.mark.parametrize(
    ("lifetime", "interval"),
    [(24 * 60 * MINUTE, MINUTE), (10 * MINUTE, MINUTE), (5 * MINUTE, MINUTE // 2), (0, 0)],
)
def test_a_session_is_touched_once_a_minute_or_ten_times_a_life(
    rules: Rules, lifetime: int, interval: int
) -> None:
    assert rules.interval_for(lifetime) == interval


@pytest.mark.parametrize("configured", [0, 5000])
def test_a_configured_interval_holds_for_every_lifetime(
    make_rules: Callable[..., Rules], configured: int
) -> None:
    rules = make_rules(touch_interval=configured)

    assert rules.interval_for(1) == rules.interval_for(24 * 60 * MINUTE) == configured


def test_the_application_hears_of_a_store_that_failed(make_rules: Callable[..., Rules]) -> None:
    heard: list[tuple[Any, dict[str, Any]]] = []
    rules = make_rules(notify=lambda signal, /, **values: heard.append((signal, values)))
    error = StoreUnavailable("no answer")

    rules.report(error)

    assert heard == [(session_store_error, {"error": error})]
