"""The store contract as tests. Subclass them and define a ``store`` fixture."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import TypeVar

import pytest

from ..stores.base import ENDED
from ..stores.base import GONE
from ..stores.base import Record
from ..stores.base import Refusal
from ..stores.base import same_json
from ..stores.base import Store
from ..stores.base import SupportsKeys
from ..stores.base import SupportsPing
from ..stores.base import SupportsPrune
from ..stores.base import SupportsPruning
from ..stores.base import SupportsSetup
from ..stores.base import utc_now

T = TypeVar("T")

#: How far a store may round an expiry. memcached and several SQL layouts count whole seconds.
PRECISION = timedelta(seconds=1)

#: Payloads as the package writes them: JSON objects, in UTF-8, with every awkward character.
PAYLOAD = b'{"cookie":{"originalMaxAge":null},"views":1}'
OTHER_PAYLOAD = b'{"cookie":{"originalMaxAge":null},"views":2}'
AWKWARD_PAYLOADS = [
    pytest.param(b"{}", id="empty object"),
    pytest.param('{"name":"Zoë 🍪 \u2028"}'.encode(), id="beyond ASCII"),
    pytest.param(b'{"text":"\\u0000 \\ud800 \\r\\n \' % _ \\\\"}', id="escapes and quotes"),
    pytest.param(b'{"text":"' + b"x" * 200_000 + b'"}', id="200 kB"),
]
#: What a backend with a JSON type may store in another order and spelling.
RESPELLED_PAYLOADS = [
    b'{"views":%d,"cookie":{"path":"/","originalMaxAge":null},"list":[{"y":4294967296.0,"x":1}]}'
    % views
    for views in range(3)
]


class _Key(str):
    """A key of a class of its own, as ids are, whose ``repr()`` does not show them."""

    __slots__ = ()


AWKWARD_KEYS = [
    pytest.param("jTSkKxZ6D5oZ5v3H4m9sQm1z0L2c8YbX", id="as generated"),
    pytest.param("-_--__-abcDEF", id="dashes"),
    pytest.param("..", id="two dots"),
    pytest.param("../../etc/passwd", id="a path"),
    pytest.param("a.b%2F*?[x]'\"\\", id="punctuation"),
    pytest.param(_Key("of-a-subclass"), id="a subclass of str"),
]


def in_(seconds: float) -> datetime:
    """Return the moment in so many seconds."""
    return utc_now() + timedelta(seconds=seconds)


def live(payload: bytes = PAYLOAD, seconds: float = 3600) -> Record:
    """Return a record that expires after ``seconds``, an hour by default."""
    return Record(payload, in_(seconds))


def expired(payload: bytes = PAYLOAD) -> Record:
    """Return a record that expired a minute ago."""
    return Record(payload, in_(-60))


def at_the_same_time(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Run each call in a thread, all at once; return their results in order."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        barrier.wait(timeout=30)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(run, c) for c in calls]]


def assert_ends_at(record: Record | None, moment: datetime | None) -> None:
    """Assert that a loaded record expires at this moment, if its backend can tell."""
    assert record is not None
    assert moment is not None
    if record.expires_at is not None:
        assert record.expires_at.tzinfo is not None
        assert abs(record.expires_at.astimezone(timezone.utc) - moment) <= PRECISION


class StoreContract:
    """What :class:`~flask_serversession.stores.base.Store` promises. Needs ``store``, empty."""

    def test_an_absent_key_loads_as_none(self, store: Store) -> None:
        assert store.load("absent") is None

    def test_a_created_record_is_loaded_as_it_was(self, store: Store) -> None:
        record = live()

        assert store.create("key", record) is True

        loaded = store.load("key")
        assert loaded is not None
        assert same_json(loaded.payload, PAYLOAD)
        assert_ends_at(loaded, record.expires_at)

    @pytest.mark.parametrize("payload", AWKWARD_PAYLOADS)
    def test_a_payload_comes_back_to_the_byte(self, store: Store, payload: bytes) -> None:
        store.create("key", live(payload))

        loaded = store.load("key")
        assert loaded is not None
        assert loaded.payload == payload
        assert store.save("key", live(OTHER_PAYLOAD), replacing=loaded) is None
        assert store.save("key", live(payload)) is None
        assert_payload(store, "key", payload)

    @pytest.mark.parametrize("key", AWKWARD_KEYS)
    def test_any_key_works_with_every_verb(self, store: Store, key: str) -> None:
        assert store.create(key, live()) is True
        assert store.save(key, live(OTHER_PAYLOAD)) is None
        assert store.touch(key, in_(60)) is True
        assert_payload(store, key, OTHER_PAYLOAD)
        assert store.delete(key) is True
        assert store.load(key) is None

    @pytest.mark.parametrize(
        ("key", "other"), [("Key", "kEY"), ("key", "key "), ("key", "ke"), ("é", "e")]
    )
    def test_keys_that_look_alike_are_different(self, store: Store, key: str, other: str) -> None:
        store.create(key, live())

        assert store.load(other) is None
        assert store.delete(other) is False
        assert_payload(store, key, PAYLOAD)

    def test_create_leaves_a_taken_key_alone(self, store: Store) -> None:
        store.create("key", live())

        assert store.create("key", live(OTHER_PAYLOAD)) is False

        assert_payload(store, "key", PAYLOAD)

    def test_create_with_an_expired_record_leaves_a_taken_key_alone(self, store: Store) -> None:
        store.create("key", live())

        assert store.create("key", expired(OTHER_PAYLOAD)) is False

        assert_payload(store, "key", PAYLOAD)

    def test_an_expired_record_is_not_served(self, store: Store) -> None:
        assert store.create("key", expired()) is True

        assert store.load("key") is None

    def test_an_expired_record_does_not_take_its_key(self, store: Store) -> None:
        store.create("key", expired())

        assert store.create("key", live(OTHER_PAYLOAD)) is True

        assert_payload(store, "key", OTHER_PAYLOAD)

    def test_save_replaces_payload_and_expiry(self, store: Store) -> None:
        record = live(OTHER_PAYLOAD, seconds=7200)
        store.create("key", live())

        assert store.save("key", record) is None

        assert_payload(store, "key", OTHER_PAYLOAD)
        assert_ends_at(store.load("key"), record.expires_at)

    def test_save_of_the_same_record_succeeds(self, store: Store) -> None:
        record = live()
        store.create("key", record)

        assert store.save("key", record) is None
        assert store.save("key", record, replacing=store.load("key")) is None

    def test_save_does_not_add_an_absent_key(self, store: Store) -> None:
        assert store.save("key", live()) == GONE
        assert store.save("key", live(), replacing=live()) == GONE

        assert store.load("key") is None

    def test_save_does_not_bring_back_a_deleted_session(self, store: Store) -> None:
        store.create("key", live())
        loaded = store.load("key")
        store.delete("key")

        assert store.save("key", live(OTHER_PAYLOAD)) == GONE
        assert store.save("key", live(OTHER_PAYLOAD), replacing=loaded) == GONE

        assert store.load("key") is None

    def test_save_does_not_bring_back_an_expired_session(self, store: Store) -> None:
        store.create("key", expired())

        assert store.save("key", live(OTHER_PAYLOAD)) == GONE
        assert store.save("key", live(OTHER_PAYLOAD), replacing=expired()) == GONE

        assert store.load("key") is None

    def test_save_replacing_what_was_loaded_succeeds(self, store: Store) -> None:
        store.create("key", live())

        assert store.save("key", live(OTHER_PAYLOAD), replacing=store.load("key")) is None

        assert_payload(store, "key", OTHER_PAYLOAD)

    def test_save_replacing_what_this_process_wrote_succeeds(self, store: Store) -> None:
        written = live()
        store.create("key", written)

        assert store.save("key", live(OTHER_PAYLOAD), replacing=written) is None

        assert_payload(store, "key", OTHER_PAYLOAD)

    def test_save_replacing_what_was_just_saved_succeeds(self, store: Store) -> None:
        first, second, third = map(live, RESPELLED_PAYLOADS)
        store.create("key", first)

        assert store.save("key", second, replacing=first) is None
        assert store.save("key", third, replacing=second) is None

        assert_payload(store, "key", third.payload)
        assert store.save("key", ENDED, replacing=third) is None

    def test_save_replacing_a_stale_record_is_refused_with_the_current_one(
        self, store: Store
    ) -> None:
        store.create("key", live())
        stale = store.load("key")
        store.save("key", live(OTHER_PAYLOAD))

        refusal = store.save("key", live(b'{"views":3}'), replacing=stale)

        assert isinstance(refusal, Refusal)
        assert refusal.current is not None
        assert same_json(refusal.current.payload, OTHER_PAYLOAD)
        assert_payload(store, "key", OTHER_PAYLOAD)

    def test_the_record_in_a_refusal_can_be_replaced_next(self, store: Store) -> None:
        store.create("key", live())
        stale = store.load("key")
        store.save("key", live(OTHER_PAYLOAD))
        refusal = store.save("key", live(b'{"views":3}'), replacing=stale)
        assert refusal is not None

        assert store.save("key", live(b'{"views":3}'), replacing=refusal.current) is None

        assert_payload(store, "key", b'{"views":3}')

    def test_save_with_an_expiry_in_the_past_ends_the_session(self, store: Store) -> None:
        store.create("key", live())

        assert store.save("key", expired(OTHER_PAYLOAD)) is None

        assert store.load("key") is None

    def test_saving_ended_removes_the_record(self, store: Store) -> None:
        store.create("key", live())

        assert store.save("key", ENDED, replacing=store.load("key")) is None

        assert store.load("key") is None
        assert store.save("key", ENDED) == GONE
        assert store.create("key", live(OTHER_PAYLOAD)) is True
        assert store.save("key", ENDED) is None
        assert store.load("key") is None

    def test_saving_ended_spares_what_another_request_wrote(self, store: Store) -> None:
        store.create("key", live())
        stale = store.load("key")
        store.save("key", live(OTHER_PAYLOAD))

        refusal = store.save("key", ENDED, replacing=stale)

        assert refusal is not None
        assert refusal.current is not None
        assert same_json(refusal.current.payload, OTHER_PAYLOAD)
        assert_payload(store, "key", OTHER_PAYLOAD)

    def test_saving_ended_under_an_absent_key_is_refused(self, store: Store) -> None:
        store.create("key", live())
        loaded = store.load("key")
        store.delete("key")

        assert store.save("key", ENDED, replacing=loaded) == GONE

    def test_touch_moves_the_expiry_and_keeps_the_payload(self, store: Store) -> None:
        end = in_(7200)
        store.create("key", live(seconds=60))

        assert store.touch("key", end) is True

        assert_payload(store, "key", PAYLOAD)
        assert_ends_at(store.load("key"), end)

    def test_touch_can_shorten_a_life(self, store: Store) -> None:
        end = in_(60)
        store.create("key", live(seconds=7200))

        assert store.touch("key", end) is True

        assert_ends_at(store.load("key"), end)

    def test_touch_into_the_past_ends_the_session(self, store: Store) -> None:
        store.create("key", live())

        assert store.touch("key", in_(-60)) is True

        assert store.load("key") is None

    def test_touch_never_creates(self, store: Store) -> None:
        assert store.touch("key", in_(60)) is False
        assert store.load("key") is None

    def test_touch_does_not_revive_an_expired_session(self, store: Store) -> None:
        store.create("key", expired())

        assert store.touch("key", in_(60)) is False

        assert store.load("key") is None

    def test_touch_does_not_make_a_save_conflict(self, store: Store) -> None:
        store.create("key", live())
        loaded = store.load("key")
        assert loaded is not None
        store.touch("key", in_(7200))

        assert save_until_settled(store, "key", live(OTHER_PAYLOAD), loaded) is None

    def test_delete_removes_the_record(self, store: Store) -> None:
        store.create("key", live())

        assert store.delete("key") is True

        assert store.load("key") is None

    def test_delete_of_an_absent_or_expired_key_returns_false(self, store: Store) -> None:
        store.create("expired", expired())

        assert store.delete("absent") is False
        assert store.delete("expired") is False

    def test_a_deleted_key_can_be_created_again(self, store: Store) -> None:
        store.create("key", live())
        store.delete("key")

        assert store.create("key", live(OTHER_PAYLOAD)) is True

        assert_payload(store, "key", OTHER_PAYLOAD)

    def test_records_are_independent(self, store: Store) -> None:
        for number in range(5):
            store.create(f"key{number}", live(b'{"n":%d}' % number))
        store.delete("key0")
        store.save("key1", live(OTHER_PAYLOAD))
        store.touch("key2", in_(60))

        assert store.load("key0") is None
        assert_payload(store, "key1", OTHER_PAYLOAD)
        for number in (2, 3, 4):
            assert_payload(store, f"key{number}", b'{"n":%d}' % number)

    def test_a_record_that_expires_in_a_second_ends_by_itself(self, store: Store) -> None:
        store.create("key", live(seconds=1))
        deadline = time.monotonic() + 10

        while store.load("key") is not None:
            assert time.monotonic() < deadline, "the record outlived its expiry"
            time.sleep(0.1)

    def test_only_one_of_many_creates_wins(self, store: Store) -> None:
        def create(number: int) -> bool:
            return store.create("key", live(b'{"n":%d}' % number))

        won = at_the_same_time([lambda n=n: create(n) for n in range(8)])  # type: ignore[misc]

        assert won.count(True) == 1
        assert_payload(store, "key", b'{"n":%d}' % won.index(True))

    def test_only_one_of_many_saves_of_the_same_state_wins(self, store: Store) -> None:
        store.create("key", live())
        loaded = store.load("key")

        def save(number: int) -> Refusal | None:
            return store.save("key", live(b'{"n":%d}' % number), replacing=loaded)

        refusals = at_the_same_time([lambda n=n: save(n) for n in range(8)])  # type: ignore[misc]

        assert refusals.count(None) == 1
        assert_payload(store, "key", b'{"n":%d}' % refusals.index(None))

    def test_a_delete_is_never_undone_by_saves_and_touches(self, store: Store) -> None:
        for _ in range(20):
            store.create("key", live())
            loaded = store.load("key")
            at_the_same_time(
                [
                    lambda: store.save("key", live(OTHER_PAYLOAD)),
                    lambda loaded=loaded: store.save(  # type: ignore[misc]
                        "key", live(OTHER_PAYLOAD), replacing=loaded
                    ),
                    lambda: store.touch("key", in_(60)),
                    lambda: store.delete("key"),
                ]
            )
            assert store.load("key") is None


class KeysContract:
    """What SupportsKeys promises. Needs ``store`` and ``other_store``, both empty."""

    def test_the_store_claims_keys(self, store: Store) -> None:
        assert isinstance(store, SupportsKeys)

    def test_keys_and_count_cover_live_records_only(self, store: SupportsKeys) -> None:
        for key in ("one", "two", "a.b*c?[d]"):
            store.create(key, live())
        store.create("dead", expired())

        assert sorted(store.keys()) == ["a.b*c?[d]", "one", "two"]
        assert store.count() == 3

    def test_clear_leaves_nothing_and_the_store_usable(self, store: SupportsKeys) -> None:
        store.create("one", live())
        store.create("two", live())

        assert store.clear() >= 2

        assert list(store.keys()) == []
        assert store.load("one") is None
        assert store.create("one", live()) is True

    def test_another_store_on_the_same_server_sees_and_loses_nothing(
        self, store: SupportsKeys, other_store: SupportsKeys
    ) -> None:
        store.create("ours", live())
        other_store.create("theirs", live())

        assert list(store.keys()) == ["ours"]
        assert list(other_store.keys()) == ["theirs"]
        store.clear()
        assert_payload(other_store, "theirs", PAYLOAD)

    def test_many_records_are_all_listed_and_cleared(self, store: SupportsKeys) -> None:
        names = {f"key{number}" for number in range(250)}
        for name in names:
            store.create(name, live())

        assert set(store.keys()) == names
        assert store.clear() == 250
        assert store.count() == 0


class PruneContract:
    """What SupportsPrune promises."""

    def test_the_store_claims_prune(self, store: Store) -> None:
        assert isinstance(store, SupportsPrune)

    def test_prune_removes_expired_records_only(self, store: SupportsPrune) -> None:
        for number in range(30):
            store.create(f"dead{number}", expired())
        store.create("alive", live())

        store.prune()

        assert store.prune() == 0
        assert_payload(store, "alive", PAYLOAD)

    def test_a_dry_run_counts_what_a_prune_removes(self, store: SupportsPrune) -> None:
        if not isinstance(store, SupportsPruning):
            return  # an optional ability
        for number in range(30):
            store.create(f"dead{number}", expired())

        number = sum(store.pruning(dry_run=True))

        assert sum(store.pruning(dry_run=True)) == number
        assert store.prune() == number


class SetupContract:
    """What SupportsSetup promises."""

    def test_setup_can_be_called_again_and_by_many_at_once(self, store: SupportsSetup) -> None:
        assert isinstance(store, SupportsSetup)
        store.create("key", live())

        at_the_same_time([store.setup] * 4)

        assert_payload(store, "key", PAYLOAD)


class PingContract:
    """What SupportsPing promises."""

    def test_ping_returns_while_the_server_answers(self, store: Store) -> None:
        assert isinstance(store, SupportsPing)
        store.ping()


def assert_payload(store: Store, key: str, payload: bytes) -> None:
    """Assert what a key holds, in whatever spelling."""
    record = store.load(key)
    assert record is not None
    assert same_json(record.payload, payload)


def save_until_settled(store: Store, key: str, record: Record, loaded: Record) -> Refusal | None:
    """Save, and once more if the record's version changed but its payload did not.

    memcached gives a touched item a new CAS token; the refusal then shows the same payload.
    """
    refusal = store.save(key, record, replacing=loaded)
    if refusal is None or refusal.current is None:
        return refusal
    if not same_json(refusal.current.payload, loaded.payload):
        return refusal
    return store.save(key, record, replacing=refusal.current)
