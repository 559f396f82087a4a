"""Takes all measurements of one store in one run, because filling it takes longest."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import ExitStack

from flask_serversession.stores.base import Store
from flask_serversession.stores.base import SupportsClose
from flask_serversession.stores.base import SupportsPrune
from flask_serversession.stores.base import SupportsSetup

from ..performance import servers
from .backends import Backend
from .backends import backend
from .cost import measure_cost
from .population import Entry
from .population import everybody
from .population import key_of
from .population import number_of_expired
from .population import payload_of
from .pruning import measure_nothing
from .pruning import measure_pruning
from .results import Pruning
from .results import Result

#: Seconds for which the stores of all sizes take turns.
SECONDS = 40.0

_LOOKED_AT = 200
_A_STEP = 100_000


def measure(name: str, sizes: Sequence[int]) -> Result:
    """Fill one place per size and measure it. Stores that are pruned get expired sessions, too."""
    with servers.running(name) as url, ExitStack() as stack:
        made = backend(name, url)
        stores: dict[int, Store] = {}
        held: dict[str, float] = {}
        for place, live in enumerate(sizes):
            store = made.store(place)
            if isinstance(store, SupportsClose):
                stack.callback(store.close)
            stores[live] = store
            held[str(live)] = _fill(made, store, place, live)
        _say(f"{name}: loading and saving for {SECONDS:.0f} s")
        cost = measure_cost(stores, SECONDS)
        pruning, nothing = _measure_pruning(name, url, stores)
        return Result(name, made.settings(), cost, held, pruning, nothing)


def _fill(made: Backend, store: Store, place: int, live: int) -> float:
    """Fill a place, and return the bytes per session."""
    prunes = isinstance(store, SupportsPrune)
    if isinstance(store, SupportsSetup):
        store.setup()
    before = made.bytes_held(place)
    made.fill(place, _progress(everybody(live, with_expired=prunes)))
    for number in random.Random(live).choices(range(live), k=_LOOKED_AT):
        found = store.load(key_of(number))
        assert found is not None, "the store does not find a session that it was filled with"
        assert found.payload == payload_of(number), "the store finds other data"
    filled = live + (number_of_expired(live) if prunes else 0)
    return (made.bytes_held(place) - before) / filled


def _measure_pruning(
    name: str, url: str, stores: dict[int, Store]
) -> tuple[Pruning | None, dict[str, list[float]]]:
    prunable = {live: store for live, store in stores.items() if isinstance(store, SupportsPrune)}
    if not prunable:
        return None, {}
    _say(f"{name}: pruning")
    live = max(prunable)
    pruning = measure_pruning(name, url, list(stores).index(live), live, prunable[live])
    return pruning, measure_nothing(prunable)


def _progress(entries: Iterable[Entry]) -> Iterator[Entry]:
    for number, entry in enumerate(entries, start=1):
        yield entry
        if number % _A_STEP == 0:
            _say(f"  {number:,} sessions filled in")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
