"""Parallel requests on a session that is being moved, in random orders, some of them killed."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from flask_serversession import Record
from flask_serversession import Store
from flask_serversession.stores.memory import MemoryStore
from flask_serversession.stores.moving.abilities import moving_store
from flask_serversession.testing.contract import live

from .stepping import Actor
from .stepping import Killed
from .stepping import run_in_any_order
from .stepping import SteppedStore

ROUNDS = 150
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))]
#: No actor needs more verbs when nobody else is there.
LONGEST = 16


def counted(number: int) -> Record:
    return live(b'{"cookie":{"originalMaxAge":null},"n":%d}' % number)


def number_in(record: Record) -> int:
    number: int = json.loads(record.payload)["n"]
    return number


def read(store: Store) -> bool:
    return store.load("key") is not None


def count(store: Store) -> bool:
    """Add one to what is stored, as a request that merges does."""
    known = store.load("key")
    while known is not None:
        refusal = store.save("key", counted(number_in(known) + 1), replacing=known)
        if refusal is None:
            return True
        known = refusal.current
    return False


def overwrite(store: Store) -> bool:
    """Store a record whatever is there, as a request with "overwrite" does."""
    return read(store) and store.save("key", counted(100)) is None


def migrate(store: Any) -> bool:
    return len(list(store.migrate())) < 2


def log_out(store: Store) -> bool:
    return store.delete("key")


class Round:
    """Some requests, each of an instance of its own, on one session of the former store."""

    def __init__(self, random: Random, verbs: list[Callable[[Store], bool]]) -> None:
        new, former = MemoryStore(), MemoryStore()
        former.create("key", counted(0))
        self.stores = SteppedStore(new), SteppedStore(former)
        self.verbs = random.choices(verbs, k=random.randint(2, 5))
        self.actors = [
            Actor(
                lambda verb=verb: verb(moving_store(*self.stores)),  # type: ignore[misc]
                random.choice([None, random.randrange(LONGEST)]),
            )
            for verb in self.verbs
        ]
        run_in_any_order(self.actors, random)
        self.found = moving_store(*self.stores).load("key")

    def results_of(self, verb: Callable[[Store], bool]) -> list[object]:
        pairs = zip(self.actors, self.verbs, strict=True)
        return [actor.result for actor, its in pairs if its is verb]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_request_loses_a_session_or_an_update_while_it_is_moved(seed: int) -> None:
    random = Random(seed)
    for _ in range(ROUNDS):
        a_round = Round(random, [read, count, migrate])

        results = [actor.result for actor in a_round.actors]
        assert all(result in (True, Killed) for result in results)
        assert a_round.found is not None
        counts = a_round.results_of(count)
        assert counts.count(True) <= number_in(a_round.found) <= len(counts)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_request_undoes_a_logout_while_the_session_is_moved(seed: int) -> None:
    random = Random(seed)
    for _ in range(ROUNDS):
        a_round = Round(random, [read, count, overwrite, migrate, log_out, log_out])

        assert not [a for a in a_round.actors if isinstance(a.result, Exception)]
        if {True, False} & set(a_round.results_of(log_out)):
            assert a_round.found is None
