"""Measures a load and a save among few sessions and among many, in turns."""

from __future__ import annotations

import gc
import random
from collections.abc import Mapping
from statistics import median
from time import monotonic

from flask_serversession.stores.base import Store

from .calls import timed_load
from .calls import timed_save
from .population import key_of
from .results import Cost

ROUNDS = 100
#: Requests in a turn, after one that is not measured.
REQUESTS = 16

Turns = list[tuple[float, float]]


def measure_cost(stores: Mapping[int, Store], seconds: float) -> Cost:
    """Have the stores, by their number of live sessions, take turns for ``seconds``."""
    cost = Cost({str(live): [] for live in stores}, {str(live): [] for live in stores})
    chance = random.Random(6)
    gc.collect()
    gc.disable()
    try:
        for _ in range(ROUNDS):
            for live, turns in _round(stores, chance, seconds / ROUNDS).items():
                loads, saves = zip(*turns, strict=True)
                cost.load[str(live)].append(round(median(loads) * 1e6, 2))
                cost.save[str(live)].append(round(median(saves) * 1e6, 2))
    finally:
        gc.enable()
    return cost


def _round(stores: Mapping[int, Store], chance: random.Random, seconds: float) -> dict[int, Turns]:
    turns: dict[int, Turns] = {live: [] for live in stores}
    deadline = monotonic() + seconds
    while True:
        for live in chance.sample(list(stores), len(stores)):
            turns[live] += _turn(stores[live], live, chance)
        if monotonic() > deadline:
            return turns


def _turn(store: Store, live: int, chance: random.Random) -> Turns:
    keys = [key_of(chance.randrange(live)) for _ in range(REQUESTS + 1)]
    return [_request(store, key) for key in keys][1:]


def _request(store: Store, key: str) -> tuple[float, float]:
    """Return the seconds of a load and of a save."""
    load, found = timed_load(store, key)
    return load.seconds, timed_save(store, key, found).seconds
