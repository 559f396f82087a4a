"""Random programs of store verbs, run on a store and on a dict that models it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule
from hypothesis.stateful import RuleBasedStateMachine

from ..stores.base import Record
from ..stores.base import same_json
from ..stores.base import Store
from ..stores.base import SupportsClose
from ..stores.base import utc_now

KEYS = st.sampled_from(["a", "B", "b", "a.b", "-_x"])
PAYLOADS = st.dictionaries(st.sampled_from("xyz"), st.integers(0, 3), max_size=2).map(
    lambda data: str(data).replace("'", '"').encode()
)
#: Far enough from now that neither clock skew nor rounding matters.
LIVES = st.sampled_from([timedelta(hours=-1), timedelta(hours=1), timedelta(days=2)])


def store_machine(
    make_store: Callable[[], Store], *, examples: int = 25, steps: int = 30
) -> type[RuleBasedStateMachine]:
    """Return a state machine whose ``TestCase`` pytest can run.

    :param make_store: returns an empty store, for each program.
    :param examples: how many random programs to run.
    :param steps: how many verbs a program has at most.
    """

    class StoreAgainstDict(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.store = make_store()
            self.model: dict[str, bytes] = {}

        @rule(key=KEYS, payload=PAYLOADS, life=LIVES)
        def create(self, key: str, payload: bytes, life: timedelta) -> None:
            created = self.store.create(key, Record(payload, utc_now() + life))
            assert created is (key not in self.model)
            if created:
                self._holds(key, payload, life)

        @rule(key=KEYS, payload=PAYLOADS, life=LIVES)
        def save(self, key: str, payload: bytes, life: timedelta) -> None:
            refusal = self.store.save(key, Record(payload, utc_now() + life))
            assert (refusal is None) is (key in self.model)
            if refusal is None:
                self._holds(key, payload, life)

        @rule(key=KEYS, payload=PAYLOADS, life=LIVES, base=PAYLOADS)
        def save_replacing(self, key: str, payload: bytes, life: timedelta, base: bytes) -> None:
            replacing = Record(base, utc_now() + timedelta(hours=1))
            refusal = self.store.save(key, Record(payload, utc_now() + life), replacing=replacing)
            if self.model.get(key) == base:
                assert refusal is None
                self._holds(key, payload, life)
                return
            assert refusal is not None
            self._is_held(key, refusal.current)

        @rule(key=KEYS, payload=PAYLOADS)
        def load_then_save(self, key: str, payload: bytes) -> None:
            loaded = self.store.load(key)
            self._is_held(key, loaded)
            if loaded is None:
                return
            life = timedelta(hours=1)
            record = Record(payload, utc_now() + life)
            assert self.store.save(key, record, replacing=loaded) is None
            self._holds(key, payload, life)

        @rule(key=KEYS, life=LIVES)
        def touch(self, key: str, life: timedelta) -> None:
            assert self.store.touch(key, utc_now() + life) is (key in self.model)
            if key in self.model:
                self._holds(key, self.model[key], life)

        @rule(key=KEYS)
        def delete(self, key: str) -> None:
            assert self.store.delete(key) is (key in self.model)
            self.model.pop(key, None)

        @rule(key=KEYS)
        def load(self, key: str) -> None:
            loaded = self.store.load(key)
            self._is_held(key, loaded)

        def _is_held(self, key: str, record: Record | None) -> None:
            payload = self.model.get(key)
            assert (record is None) is (payload is None)
            assert record is None or payload is None or same_json(record.payload, payload)

        def _holds(self, key: str, payload: bytes, life: timedelta) -> None:
            if life > timedelta(0):
                self.model[key] = payload
            else:
                self.model.pop(key, None)

        def teardown(self) -> None:
            if isinstance(self.store, SupportsClose):
                self.store.close()

    StoreAgainstDict.TestCase.settings = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    return StoreAgainstDict
