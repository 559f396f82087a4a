"""What a store promises of moves, as tests."""

from __future__ import annotations

from functools import partial

import pytest

from ..stores.base import ENDED
from ..stores.base import GONE
from ..stores.base import Record
from ..stores.base import Refusal
from ..stores.base import SupportsMove
from ..stores.base import TAKEN
from .contract import assert_ends_at
from .contract import at_the_same_time
from .contract import expired
from .contract import in_
from .contract import live
from .contract import OTHER_PAYLOAD
from .contract import PAYLOAD


class MoveContract:
    """What SupportsMove promises."""

    def test_the_store_claims_to_move(self, store: SupportsMove) -> None:
        assert isinstance(store, SupportsMove)

    def test_a_moved_record_is_under_the_new_key_alone(self, store: SupportsMove) -> None:
        store.create("old", live())

        assert store.move("old", "new", live(OTHER_PAYLOAD, 1800)) is None

        assert store.load("old") is None
        moved = _loaded(store, "new")
        assert moved.payload == OTHER_PAYLOAD
        assert_ends_at(moved, in_(1800))

    def test_a_record_is_moved_if_it_is_the_one_to_be_replaced(self, store: SupportsMove) -> None:
        store.create("old", live())
        loaded = _loaded(store, "old")

        assert store.move("old", "new", live(OTHER_PAYLOAD), replacing=loaded) is None

        assert store.load("old") is None
        assert _loaded(store, "new").payload == OTHER_PAYLOAD

    def test_a_changed_record_is_shown_and_stays(self, store: SupportsMove) -> None:
        store.create("old", live())
        stale = _loaded(store, "old")
        store.save("old", live(OTHER_PAYLOAD, 1800))

        refusal = store.move("old", "new", live(), replacing=stale)

        assert refusal is not None
        assert refusal.current is not None
        assert refusal.current.payload == OTHER_PAYLOAD
        assert_ends_at(refusal.current, in_(1800))
        assert _loaded(store, "old").payload == OTHER_PAYLOAD
        assert store.load("new") is None

    @pytest.mark.parametrize("replacing", [None, live()])
    def test_what_is_gone_is_not_moved(
        self, store: SupportsMove, replacing: Record | None
    ) -> None:
        store.create("dead", expired())

        assert store.move("absent", "new", live(), replacing=replacing) == GONE
        assert store.move("dead", "new", live(), replacing=replacing) == GONE

        assert store.load("new") is None

    def test_a_taken_key_is_not_moved_to(self, store: SupportsMove) -> None:
        store.create("old", live())
        store.create("taken", live(OTHER_PAYLOAD))

        assert store.move("old", "taken", live(b"{}")) == TAKEN

        assert _loaded(store, "old").payload == PAYLOAD
        assert _loaded(store, "taken").payload == OTHER_PAYLOAD

    def test_an_expired_leftover_does_not_take_a_key(self, store: SupportsMove) -> None:
        store.create("old", live())
        store.create("dead", expired())

        assert store.move("old", "dead", live(OTHER_PAYLOAD)) is None

        assert store.load("old") is None
        assert _loaded(store, "dead").payload == OTHER_PAYLOAD

    def test_what_is_left_is_under_the_old_key(self, store: SupportsMove) -> None:
        store.create("old", live())
        loaded = _loaded(store, "old")
        left = live(b'{"left":1}', 60)

        assert (
            store.move("old", "new", live(OTHER_PAYLOAD), replacing=loaded, leaving=left) is None
        )

        old = _loaded(store, "old")
        assert old.payload == left.payload
        assert_ends_at(old, in_(60))
        assert _loaded(store, "new").payload == OTHER_PAYLOAD

    def test_a_record_that_has_expired_may_be_moved_to(self, store: SupportsMove) -> None:
        store.create("old", live())

        assert store.move("old", "new", ENDED) is None

        assert store.load("old") is None
        assert store.load("new") is None

    def test_one_of_several_moves(self, store: SupportsMove) -> None:
        store.create("old", live())
        loaded = _loaded(store, "old")

        def move(to: str) -> Refusal | None:
            return store.move("old", to, live(OTHER_PAYLOAD), replacing=loaded)

        moved = at_the_same_time([partial(move, to) for to in "abcdef"])

        assert sorted(moved, key=bool) == [None] + [GONE] * 5
        assert [store.load(to) is None for to in "abcdef"] == [one == GONE for one in moved]


def _loaded(store: SupportsMove, key: str) -> Record:
    record = store.load(key)
    assert record is not None
    return record
