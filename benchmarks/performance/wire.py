"""Counts the bytes and the round trips of every peer."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from .http import HttpDriver
from .measure import Contestant
from .peers import express
from .peers import peers_of
from .proxy import counting
from .proxy import Proxy
from .results import Count
from .scenarios import Scenario
from .scenarios import SCENARIOS

REQUESTS = 10
#: Uncounted requests before those. They load scripts and prepare statements.
WARM_UP = 8
#: Seconds after which all bytes of a request have arrived.
SETTLED = 0.02


def count(store: str, url: str, payloads: list[str]) -> list[Count]:
    """Count every peer's traffic in every scenario."""
    with ExitStack() as stack:
        counted_url, proxy = stack.enter_context(counting(url))
        contestants = [
            Contestant.of(peer, counted_url)
            for peer in peers_of(store).values()
            if peer.baseline and peer.uses_store
        ]
        if store in express.STORES and express.available():
            folder = Path(stack.enter_context(TemporaryDirectory()))
            driver = HttpDriver(stack.enter_context(express.serving(counted_url, folder)))
            contestants.append(Contestant(express.NAME, driver, driver))
        return [
            count_requests(contestant, proxy, payload, scenario)
            for payload in payloads
            for contestant in contestants
            for scenario in SCENARIOS
        ]


def count_requests(
    contestant: Contestant, proxy: Proxy, payload: str, scenario: Scenario
) -> Count:
    """Count the traffic of some requests, once the application is warm."""
    driver = contestant.driver(scenario)
    path = scenario.path.format(payload=payload)
    cookies = contestant.cookies(scenario, payload, WARM_UP + REQUESTS)
    driver.time(path, cookies[:WARM_UP])
    time.sleep(SETTLED)
    before = proxy.traffic
    driver.time(path, cookies[WARM_UP:])
    time.sleep(SETTLED)
    trips, sent, received = (now - then for now, then in zip(proxy.traffic, before, strict=True))
    return Count(
        payload,
        scenario.name,
        contestant.name,
        trips / REQUESTS,
        sent / REQUESTS,
        received / REQUESTS,
    )
