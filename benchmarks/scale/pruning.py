"""Measures how long a prune takes, and how long other processes wait meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from time import sleep

from flask_serversession.stores.base import SupportsPrune

from .backends import backend
from .bystander import Bystander
from .calls import Span
from .population import expired
from .population import number_of_expired
from .results import Pruning
from .results import Wait

#: There are PRUNES prunes, or fewer where they take longer than SECONDS.
PRUNES = 3
SECONDS = 100.0
#: Seconds for a server to write the new sessions to disk, which would delay other processes, too.
REST = 5.0
#: The least seconds to watch without a prune: a short prune is too short to compare with.
SHORTEST = 1.0


def measure_pruning(name: str, url: str, place: int, live: int, store: SupportsPrune) -> Pruning:
    """Prune the expired sessions, restore them, and repeat."""
    pruned, quiet = [], []
    with (
        Bystander(name, url, place, live, writes=False) as reader,
        Bystander(name, url, place, live, writes=True) as writer,
    ):
        deadline = monotonic() + SECONDS
        while True:
            sleep(REST)
            pruned.append(_prune(store, number_of_expired(live)))
            quiet.append(_wait(max(pruned[-1].seconds, SHORTEST)))
            if len(pruned) == PRUNES or monotonic() > deadline:
                break
            backend(name, url).fill(place, expired(live))
    waits = [
        Wait([one.longest(span) for span in pruned], [one.longest(span) for span in quiet])
        for one in (reader, writer)
    ]
    return Pruning(live, number_of_expired(live), [span.seconds for span in pruned], *waits)


def measure_nothing(stores: Mapping[int, SupportsPrune]) -> dict[str, list[float]]:
    """Return the seconds of prunes that find nothing, by number of live sessions."""
    for store in stores.values():
        store.prune()
    return {
        str(live): [_prune(store, 0).seconds for _ in range(PRUNES)]
        for live, store in stores.items()
    }


def _prune(store: SupportsPrune, expected: int) -> Span:
    begin = monotonic()
    removed = store.prune()
    end = monotonic()
    assert removed == expected, f"{removed} sessions were removed instead of {expected}"
    return Span(begin, end)


def _wait(seconds: float) -> Span:
    begin = monotonic()
    sleep(seconds)
    return Span(begin, monotonic())
