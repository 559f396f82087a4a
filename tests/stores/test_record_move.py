"""Gives a record a new key, in two steps. The second may undo the first."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from flask_serversession.stores.base import ENDED
from flask_serversession.stores.base import GONE
from flask_serversession.stores.base import Record
from flask_serversession.stores.base import Refusal
from flask_serversession.stores.base import Store
from flask_serversession.stores.base import TAKEN
from flask_serversession.stores.filesystem import FileSystemStore
from flask_serversession.stores.memory import MemoryStore
from flask_serversession.stores.record_move import move_record
from flask_serversession.testing.contract import assert_ends_at
from flask_serversession.testing.contract import at_the_same_time
from flask_serversession.testing.contract import expired
from flask_serversession.testing.contract import in_
from flask_serversession.testing.contract import live
from flask_serversession.testing.contract import OTHER_PAYLOAD
from flask_serversession.testing.contract import PAYLOAD


@pytest.fixture(params=["memory", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else FileSystemStore(tmp_path)


def loaded(store: Store, key: str) -> Record:
    record = store.load(key)
    assert record is not None
    return record


def test_a_moved_record_is_under_the_new_key_alone(store: Store) -> None:
    store.create("old", live())

    assert move_record(store, "old", "new", live(OTHER_PAYLOAD, 1800)) is None

    assert store.load("old") is None
    assert loaded(store, "new").payload == OTHER_PAYLOAD
    assert_ends_at(store.load("new"), in_(1800))


def test_a_record_that_is_unchanged_is_moved(store: Store) -> None:
    store.create("old", live())
    base = loaded(store, "old")

    assert move_record(store, "old", "new", live(OTHER_PAYLOAD), replacing=base) is None

    assert store.load("old") is None
    assert loaded(store, "new").payload == OTHER_PAYLOAD


def test_a_changed_record_is_shown_and_stays(store: Store) -> None:
    store.create("old", live())
    base = loaded(store, "old")
    store.save("old", live(OTHER_PAYLOAD, 1800))

    refusal = move_record(store, "old", "new", live(), replacing=base)

    assert refusal is not None
    assert refusal.current is not None
    assert refusal.current.payload == OTHER_PAYLOAD
    assert_ends_at(refusal.current, in_(1800))
    assert loaded(store, "old").payload == OTHER_PAYLOAD
    assert store.load("new") is None


@pytest.mark.parametrize("replacing", [None, live()])
@pytest.mark.parametrize("key", ["absent", "dead"])
def test_a_record_that_is_gone_is_not_moved(
    store: Store, key: str, replacing: Record | None
) -> None:
    store.create("dead", expired())

    assert move_record(store, key, "new", live(), replacing=replacing) == GONE

    assert store.load("new") is None


def test_nothing_is_moved_to_a_key_that_is_taken(store: Store) -> None:
    store.create("old", live())
    store.create("taken", live(OTHER_PAYLOAD))

    assert move_record(store, "old", "taken", live(b"{}")) == TAKEN

    assert loaded(store, "old").payload == PAYLOAD
    assert loaded(store, "taken").payload == OTHER_PAYLOAD


def test_an_expired_leftover_does_not_take_a_key(store: Store) -> None:
    store.create("old", live())
    store.create("dead", expired())

    assert move_record(store, "old", "dead", live(OTHER_PAYLOAD)) is None

    assert store.load("old") is None
    assert loaded(store, "dead").payload == OTHER_PAYLOAD


def test_the_old_key_holds_the_record_that_is_left_there(store: Store) -> None:
    store.create("old", live())
    base = loaded(store, "old")
    left = live(b'{"left":1}', 60)

    assert (
        move_record(store, "old", "new", live(OTHER_PAYLOAD), replacing=base, leaving=left) is None
    )

    assert loaded(store, "old").payload == left.payload
    assert_ends_at(store.load("old"), in_(60))
    assert loaded(store, "new").payload == OTHER_PAYLOAD


def test_moving_a_record_that_has_ended_ends_both_keys(store: Store) -> None:
    store.create("old", live())

    assert move_record(store, "old", "new", ENDED) is None

    assert store.load("old") is None
    assert store.load("new") is None


def test_of_several_moves_of_a_record_one_succeeds(store: Store) -> None:
    store.create("old", live())
    base = loaded(store, "old")

    def move(to: str) -> Refusal | None:
        return move_record(store, "old", to, live(OTHER_PAYLOAD), replacing=base)

    moved = at_the_same_time([partial(move, to) for to in "abcdef"])

    assert sorted(moved, key=bool) == [None] + [GONE] * 5
    assert [store.load(to) is None for to in "abcdef"] == [one == GONE for one in moved]
