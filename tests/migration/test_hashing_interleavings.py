"""Parallel requests of processes that prepare for hashed ids and of those that switch to them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from flask_serversession import Store
from flask_serversession.encryption import Encryption
from flask_serversession.stores.memory import MemoryStore
from flask_serversession.stores.protected.names import hashed
from flask_serversession.stores.protected.opening import nested

from .stepping import Actor
from .stepping import Killed
from .stepping import run_in_any_order
from .stepping import SteppedStore
from .test_interleavings import count
from .test_interleavings import counted
from .test_interleavings import log_out
from .test_interleavings import number_in
from .test_interleavings import overwrite
from .test_interleavings import read

ROUNDS = 100
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))]
#: No actor needs more verbs when nobody else is there.
LONGEST = 24
ENCRYPTION = Encryption((bytes(range(32)),))

protections = pytest.mark.parametrize("encryption", [None, ENCRYPTION], ids=["plain", "encrypted"])


def opened(store: Any, setting: Any, encryption: Encryption | None) -> Any:
    return nested(store, None, hash_ids=setting, encryption=encryption)


def migrate(store: Any) -> bool:
    return len(list(store.migrate())) < 2


class Round:
    """Some requests, each of a process with either setting, on one session under its raw id."""

    def __init__(
        self, random: Random, verbs: list[Callable[[Store], bool]], encryption: Encryption | None
    ) -> None:
        self.place = MemoryStore()
        begins_hashed = random.random() < 0.5
        first = opened(self.place, "switch" if begins_hashed else "prepare", encryption)
        first.create("key", counted(0))
        stepped = SteppedStore(self.place)
        self.verbs = random.choices(verbs, k=random.randint(2, 5))
        self.actors = []
        for verb in self.verbs:
            setting = "switch" if verb is migrate else random.choice(["prepare", "switch"])
            store = opened(stepped, setting, encryption)
            killed_after = random.choice([None, random.randrange(LONGEST)])
            self.actors.append(Actor(lambda verb=verb, store=store: verb(store), killed_after))  # type: ignore[misc]
        run_in_any_order(self.actors, random)
        last = opened(self.place, random.choice(["prepare", "switch"]), encryption)
        self.found = last.load("key")

    def results_of(self, verb: Callable[[Store], bool]) -> list[object]:
        pairs = zip(self.actors, self.verbs, strict=True)
        return [actor.result for actor, its in pairs if its is verb]


@protections
@pytest.mark.parametrize("seed", SEEDS)
def test_no_request_loses_a_session_or_an_update_while_ids_are_hashed(
    seed: int, encryption: Encryption | None
) -> None:
    random = Random(seed)
    for _ in range(ROUNDS):
        a_round = Round(random, [read, count, migrate], encryption)

        results = [actor.result for actor in a_round.actors]
        assert all(result in (True, Killed) for result in results)
        assert a_round.found is not None
        counts = a_round.results_of(count)
        assert counts.count(True) <= number_in(a_round.found) <= len(counts)


@protections
@pytest.mark.parametrize("seed", SEEDS)
def test_no_request_undoes_a_logout_while_ids_are_hashed(
    seed: int, encryption: Encryption | None
) -> None:
    random = Random(seed)
    for _ in range(ROUNDS):
        verbs = [read, count, overwrite, migrate, log_out, log_out]
        a_round = Round(random, verbs, encryption)

        assert not [a for a in a_round.actors if isinstance(a.result, Exception)]
        if {True, False} & set(a_round.results_of(log_out)):
            assert a_round.found is None


@protections
def test_after_the_move_no_raw_id_is_left(encryption: Encryption | None) -> None:
    random = Random(1)
    for _ in range(ROUNDS):
        a_round = Round(random, [read, count, migrate], encryption)
        switching = opened(a_round.place, "switch", encryption)

        assert set(switching.migrate()) <= {"moved", "already there", "expired"}

        assert set(switching.migrate(dry_run=True)) <= {"already there"}
        strict = opened(a_round.place, True, encryption)
        assert hashed("key") in list(strict.keys())
        assert number_in(strict.load("key")) >= 0
