"""Times every peer on one store, in turns and in one process."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from time import monotonic

from .drive import Driver
from .peers import Peer
from .peers import peers_of
from .results import Cell
from .results import Rounds
from .scenarios import Scenario
from .scenarios import SCENARIOS
from .servers import OWN

#: The number of requests in a turn. A slow peer's turn has fewer.
MOST_REQUESTS = 16
FEWEST_REQUESTS = 3
SECONDS_A_TURN = 0.008
FEWEST_ROUNDS = 5
MOST_ROUNDS = 101


class Contestant:
    """A peer with its two applications. In the second, every read finds a touch due."""

    def __init__(self, name: str, *drivers: Driver) -> None:
        self.name = name
        self._drivers = drivers
        self._requests = FEWEST_REQUESTS

    @classmethod
    def of(cls, peer: Peer, url: str) -> Contestant:
        return cls(peer.name, peer.drive(url, touch=False), peer.drive(url, touch=True))

    def driver(self, scenario: Scenario) -> Driver:
        return self._drivers[scenario.touch]

    def cookies(self, scenario: Scenario, payload: str, number: int) -> list[str | None]:
        """Create the sessions for that many requests, and return their cookies."""
        if scenario.visitor == "stranger":
            return [None] * number
        create = self.driver(scenario).get
        if scenario.visitor == "same":
            return [create(f"/new/{payload}")] * number
        return [create(f"/new/{payload}") for _ in range(number)]

    def warm_up(self, scenario: Scenario, payload: str) -> None:
        """Determine how many requests fit into a turn."""
        self._requests = FEWEST_REQUESTS
        fitting = int(SECONDS_A_TURN / self.turn(scenario, payload))
        self._requests = min(MOST_REQUESTS, max(FEWEST_REQUESTS, fitting))

    def turn(self, scenario: Scenario, payload: str) -> float:
        """Return the median seconds of a request, after one that is not measured."""
        path = scenario.path.format(payload=payload)
        cookies = self.cookies(scenario, payload, self._requests + 1)
        return median(self.driver(scenario).time(path, cookies)[1:])


def measure(store: str, url: str, payloads: list[str], seconds: float) -> list[Cell]:
    """Measure every payload in every scenario, within about ``seconds`` in total."""
    contestants = {
        peer: Contestant.of(peer, url.replace(OWN, f"peer-{number}"))
        for number, peer in enumerate(peers_of(store).values())
    }
    each = seconds / (len(payloads) * len(SCENARIOS))
    cells = []
    for payload in payloads:
        playing = [made for peer, made in contestants.items() if payload in peer.payloads]
        for scenario in SCENARIOS:
            rounds = rounds_of(playing, scenario, payload, each)
            cells.append(Cell(payload, scenario.name, rounds))
    return cells


def rounds_of(
    playing: list[Contestant], scenario: Scenario, payload: str, seconds: float
) -> Rounds:
    """Return the microseconds of every turn, in which the contestants alternate at random."""
    deadline = monotonic() + seconds
    for one in playing:
        one.warm_up(scenario, payload)
    rounds: Rounds = {one.name: [] for one in playing}
    order = random.Random(f"{scenario.name} {payload}")
    for number in range(MOST_ROUNDS):
        if number >= FEWEST_ROUNDS and monotonic() > deadline:
            break
        with _no_collection():
            for one in order.sample(playing, len(playing)):
                rounds[one.name].append(one.turn(scenario, payload) * 1e6)
    return rounds


@contextmanager
def _no_collection() -> Iterator[None]:
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
