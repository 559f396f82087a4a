"""The contracts of stores that find or end the records of a user, as tests to subclass."""

from __future__ import annotations

import re

from ..stores.base import ENDED
from ..stores.base import GONE
from ..stores.base import Store
from ..stores.base import SupportsEpochs
from ..stores.base import SupportsUsers
from ..stores.base import USER_LENGTH
from ..stores.record_lock import RecordLock
from ..stores.record_move import move_record
from .contract import assert_payload
from .contract import at_the_same_time
from .contract import expired
from .contract import in_
from .contract import live
from .contract import OTHER_PAYLOAD
from .contract import PAYLOAD
from .locks import lock_of

#: Tags whose characters an order or a pattern may take for others.
ADA, BOB = "Ada-_Ada-_Ada-_0", "ada-_ada-_ada-_0"
assert len(ADA) == len(BOB) == USER_LENGTH


def keys_of(store: SupportsUsers, user: str | None = None) -> list[str]:
    """Return the keys of a user's records, sorted."""
    return sorted(key for key, _ in store.records(user))


class UsersContract:
    """What SupportsUsers promises. Needs ``store`` and ``other_store``, both empty."""

    def test_the_store_claims_users(self, store: Store) -> None:
        assert isinstance(store, SupportsUsers)

    def test_the_records_of_a_user_are_those_that_begin_with_its_tag(
        self, store: SupportsUsers
    ) -> None:
        for key in (f"{ADA}.one", f"{ADA}.two", f"{BOB}.three", "anonymous", f"x{ADA}.four"):
            store.create(key, live())

        assert keys_of(store, ADA) == [f"{ADA}.one", f"{ADA}.two"]
        assert keys_of(store, BOB) == [f"{BOB}.three"]
        assert keys_of(store, "nobody-nobody-00") == []

    def test_the_records_of_everybody_include_those_of_no_user(self, store: SupportsUsers) -> None:
        keys = [f"{ADA}.one", f"{BOB}.two", "anonymous"]
        for key in keys:
            store.create(key, live())

        assert keys_of(store) == sorted(keys)

    def test_records_come_with_their_payload_and_expiry(self, store: SupportsUsers) -> None:
        record = live()
        store.create(f"{ADA}.one", record)
        store.save(f"{ADA}.one", live(OTHER_PAYLOAD))
        store.touch(f"{ADA}.one", in_(60))

        [(key, found)] = store.records(ADA)

        loaded = store.load(key)
        assert loaded is not None
        assert found.payload == loaded.payload
        assert found.expires_at is not None
        assert abs((found.expires_at - in_(60)).total_seconds()) < 5

    def test_a_record_that_ended_in_any_way_is_not_found(self, store: SupportsUsers) -> None:
        for key in ("deleted", "saved", "replaced", "touched"):
            store.create(f"{ADA}.{key}", live())
        store.create(f"{ADA}.expired", expired())
        store.create(f"{ADA}.alive", live())

        store.delete(f"{ADA}.deleted")
        store.save(f"{ADA}.saved", ENDED)
        store.save(f"{ADA}.replaced", ENDED, replacing=store.load(f"{ADA}.replaced"))
        store.touch(f"{ADA}.touched", in_(-1))

        assert keys_of(store, ADA) == [f"{ADA}.alive"]

    def test_a_refused_verb_brings_no_record_back(self, store: SupportsUsers) -> None:
        key = f"{ADA}.one"
        store.create(key, live())
        loaded = store.load(key)
        store.delete(key)

        assert store.save(key, live()) is not None
        assert store.save(key, live(), replacing=loaded) is not None
        assert store.touch(key, in_(60)) is False
        assert store.delete(key) is False

        assert keys_of(store, ADA) == []

    def test_a_refused_create_and_a_refused_save_lose_no_record(
        self, store: SupportsUsers
    ) -> None:
        key = f"{ADA}.one"
        store.create(key, live())
        loaded = store.load(key)
        store.save(key, live(OTHER_PAYLOAD))

        assert store.create(key, live(PAYLOAD, seconds=1)) is False
        assert store.save(key, ENDED, replacing=loaded) is not None

        assert keys_of(store, ADA) == [key]
        assert_payload(store, key, OTHER_PAYLOAD)

    def test_records_that_begin_at_once_are_all_found(self, store: SupportsUsers) -> None:
        keys = [f"{ADA}.{number}" for number in range(8)]

        at_the_same_time([lambda key=key: store.create(key, live()) for key in keys])  # type: ignore[misc]

        assert keys_of(store, ADA) == keys

    def test_many_records_are_all_found(self, store: SupportsUsers) -> None:
        keys = [f"{ADA}.{number:04}" for number in range(505)]
        for key in keys:
            store.create(key, live())

        assert keys_of(store, ADA) == keys
        assert keys_of(store) == keys

    def test_a_lock_is_not_a_record_of_a_user(self, store: SupportsUsers) -> None:
        lock = RecordLock(store, f"{ADA}.one", ttl=60)
        assert lock.acquire(0) is True

        assert keys_of(store, ADA) == []

        lock.release()

    def test_another_store_on_the_same_server_has_other_records(
        self, store: SupportsUsers, other_store: SupportsUsers
    ) -> None:
        store.create(f"{ADA}.ours", live())
        other_store.create(f"{ADA}.theirs", live())

        assert keys_of(store, ADA) == [f"{ADA}.ours"]
        assert keys_of(other_store, ADA) == [f"{ADA}.theirs"]


class EpochsContract:
    """What SupportsEpochs promises. Needs ``store``, empty."""

    def test_the_store_claims_epochs(self, store: Store) -> None:
        assert isinstance(store, SupportsEpochs)

    def test_an_epoch_lasts_until_the_user_is_ended(self, store: SupportsEpochs) -> None:
        epoch = store.epoch(ADA)

        assert store.epoch(ADA) == epoch
        store.end_user(ADA)
        assert store.epoch(ADA) != epoch

    def test_a_record_of_the_epoch_is_live_and_one_of_another_is_not(
        self, store: SupportsEpochs
    ) -> None:
        epoch = store.epoch(ADA)
        store.create(f"{ADA}.{epoch}.one", live())
        store.create(f"{BOB}.{store.epoch(BOB)}.two", live())

        assert_payload(store, f"{ADA}.{epoch}.one", PAYLOAD)
        store.end_user(ADA)

        assert store.load(f"{ADA}.{epoch}.one") is None
        assert_payload(store, f"{BOB}.{store.epoch(BOB)}.two", PAYLOAD)

    def test_what_is_written_to_an_ended_record_stays_absent(self, store: SupportsEpochs) -> None:
        key = f"{ADA}.{store.epoch(ADA)}.one"
        store.create(key, live())
        loaded = store.load(key)
        store.end_user(ADA)

        store.save(key, live(OTHER_PAYLOAD))
        store.save(key, live(OTHER_PAYLOAD), replacing=loaded)
        store.touch(key, in_(60))

        assert store.load(key) is None

    def test_a_conflict_on_an_ended_record_does_not_show_it(self, store: SupportsEpochs) -> None:
        key = f"{ADA}.{store.epoch(ADA)}.one"
        store.create(key, live())
        stale = store.load(key)
        store.save(key, live(OTHER_PAYLOAD))
        store.end_user(ADA)

        assert store.save(key, live(), replacing=stale) == GONE
        assert store.save(key, live(), replacing=live()) == GONE

    def test_an_ended_record_does_not_live_on_under_a_new_key(self, store: SupportsEpochs) -> None:
        key = f"{ADA}.{store.epoch(ADA)}.one"
        store.create(key, live())
        loaded = store.load(key)
        store.end_user(ADA)
        new = f"{ADA}.{store.epoch(ADA)}.two"

        assert move_record(store, key, new, live(), replacing=loaded) == GONE
        assert move_record(store, key, new, live()) == GONE
        assert move_record(store, key, "anonymous", live()) == GONE

        assert store.load(new) is None
        assert store.load("anonymous") is None

    def test_an_ended_record_can_be_deleted(self, store: SupportsEpochs) -> None:
        key = f"{ADA}.{store.epoch(ADA)}.one"
        store.create(key, live())
        store.end_user(ADA)

        store.delete(key)

        assert store.create(key, live()) is True

    def test_a_record_of_no_user_has_no_epoch(self, store: SupportsEpochs) -> None:
        store.create("anonymous", live())

        store.end_user(ADA)

        assert_payload(store, "anonymous", PAYLOAD)

    def test_a_lock_outlives_the_epoch_of_its_key(self, store: SupportsEpochs) -> None:
        key = f"{ADA}.{store.epoch(ADA)}.one"
        lock = lock_of(store, key)
        assert lock.acquire(0) is True

        store.end_user(ADA)

        assert lock.renew() is True
        lock.release()
        assert lock_of(store, key).acquire(0) is True

    def test_a_user_can_be_ended_before_any_record(self, store: SupportsEpochs) -> None:
        store.end_user(ADA)
        key = f"{ADA}.{store.epoch(ADA)}.one"

        store.create(key, live())

        assert_payload(store, key, PAYLOAD)

    def test_a_key_with_an_invented_epoch_is_absent(self, store: SupportsEpochs) -> None:
        for key in (f"{ADA}.invented.one", f"{ADA}..one", f"{ADA}.", f"{ADA}..", f"{ADA}...one"):
            store.create(key, live())
            assert store.load(key) is None

            store.epoch(ADA)
            assert store.load(key) is None

    def test_a_key_with_nothing_after_the_epoch_is_absent(self, store: SupportsEpochs) -> None:
        key = f"{ADA}.{store.epoch(ADA)}"
        store.create(key, live())

        assert store.load(key) is None

    def test_an_epoch_is_a_short_part_of_a_key_without_dots(self, store: SupportsEpochs) -> None:
        assert re.fullmatch(r"[A-Za-z0-9_-]{8,16}", store.epoch(ADA))

    def test_many_at_once_begin_the_same_epoch(self, store: SupportsEpochs) -> None:
        epochs = at_the_same_time([lambda: store.epoch(ADA)] * 8)

        assert len(set(epochs)) == 1
