"""Fuzzes what is in a backend. Each verb of a store finds a record, none, or a PayloadError."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from contextlib import suppress
from datetime import timedelta
from datetime import timezone
from pathlib import Path
from typing import Any

import bson
import ormsgpack
import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from flask_serversession import Record
from flask_serversession.encryption import Encryption
from flask_serversession.encryption import keys_from
from flask_serversession.errors import PayloadError
from flask_serversession.formers.flask_session import FlaskSession
from flask_serversession.formers.flask_session_pickle import PickledFlaskSession
from flask_serversession.log import QuietLog
from flask_serversession.stores.base import StoredKey
from flask_serversession.stores.base import utc_now
from flask_serversession.stores.epochs import is_of_epoch
from flask_serversession.stores.filesystem import FileSystemStore
from flask_serversession.stores.memory import MemoryStore
from flask_serversession.stores.mongodb.layouts import layout_named
from flask_serversession.stores.protected.abilities import protected
from flask_serversession.stores.redis.replies import record_of
from flask_serversession.stores.redis.replies import refusal_of
from flask_serversession.stores.sqlalchemy import SQLAlchemyStore

from .fuzzing import changed
from .fuzzing import fuzzing
from .fuzzing import odd_documents
from .test_fuzz_records import ADA
from .test_fuzz_records import payloads
from .test_fuzz_records import RECORDS
from .test_fuzz_records import SID

pytestmark = pytest.mark.slow

KEYS = ["5e" * 32, "0d" * 32]


def ends() -> Any:
    return utc_now() + timedelta(hours=1)


def use(store: Any, key: str = SID) -> Record | None:
    """Call each verb once; return what the first load returned."""
    found: Record | None = None
    with suppress(PayloadError):
        found = store.load(key)
        assert found is None or type(found.payload) is bytes
        assert found is None or found.expires_at is None or found.expires_at.tzinfo is timezone.utc
    assert all(isinstance(each, str) for each in store.keys())  # noqa: SIM118 - no mapping
    for user in (None, ADA):
        for each, record in store.records(user):
            assert (type(each), type(record.payload)) in ((str, bytes), (StoredKey, bytes))
    new = Record(RECORDS[0], ends())
    for act in (
        lambda: store.touch(key, ends()),
        lambda: store.save(key, new, replacing=found or new),
        lambda: store.save(key, new),
        lambda: store.create(key, new),
    ):
        with suppress(PayloadError):
            act()
    store.delete(key)
    return found


@pytest.fixture(
    scope="module", params=["native", "connect-session-knex", "connect-session-sequelize"]
)
def table(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, sqlite3.Connection]]:
    """A store on SQLite, whose columns take values of any type, and a connection to its rows."""
    path = tmp_path_factory.mktemp("fuzz") / "sessions.db"
    store = SQLAlchemyStore.from_url(f"sqlite:///{path}", layout=request.param)
    store.setup()
    with closing(sqlite3.connect(path, isolation_level=None)) as rows:
        yield store, rows
    store.close()


@fuzzing
@given(
    payloads | payloads.map(lambda payload: payload.decode(errors="replace")),
    changed([b"2031-02-03T04:05:06.789Z", b"2031-02-03 04:05:06.789 +00:00"]).map(
        lambda text: text.decode(errors="replace")
    )
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False),
)
def test_no_row_is_an_error(
    table: tuple[Any, sqlite3.Connection], payload: object, expiry: object
) -> None:
    store, rows = table
    columns = [store.table.columns[key].name for key in ("id", "payload", "expires_at")]
    names = ", ".join(f'"{name}"' for name in columns)
    store.create(SID, Record(RECORDS[0], ends()))
    rows.execute(f'UPDATE "{store.table.name}" SET ({names}) = (?, ?, ?)', [SID, payload, expiry])

    use(store)
    rows.execute(f'DELETE FROM "{store.table.name}"')


class TestFiles:
    LAYOUTS = (("native", "session"), ("session-file-store", "json"))
    SEEDS = tuple(record[:-1] + b',"__lastAccess":1795219467024}' for record in RECORDS)

    @pytest.mark.parametrize(("layout", "suffix"), LAYOUTS)
    @fuzzing
    @given(
        payloads | odd_documents(SEEDS) | changed(SEEDS),
        st.sampled_from([0, 2_000_000_000, 4_000_000_000, 300_000_000_000]),
    )
    def test_no_file_is_an_error(
        self, tmp_path: Path, layout: str, suffix: str, content: bytes, modified: int
    ) -> None:
        with closing(FileSystemStore(tmp_path, layout=layout)) as store:
            file = tmp_path / f"{SID}.{suffix}"
            file.write_bytes(content)
            os.utime(file, (modified, modified))

            use(store)


class TestMongoDB:
    @pytest.mark.parametrize("layout", ["connect-mongo", "connect-mongo-subdocument"])
    @fuzzing
    @given(payloads)
    def test_no_document_is_an_error(self, layout: str, payload: bytes) -> None:
        its = layout_named(layout, ObjectId)
        values: list[object] = [payload, payload.decode(errors="replace"), None]
        with suppress(bson.errors.BSONError, OverflowError, RecursionError, ValueError):
            values.append(bson.decode(bson.encode({"session": json.loads(payload)}))["session"])
        for value in values:
            with suppress(PayloadError):
                assert type(its.load(value, None).payload) is bytes


@fuzzing
@given(payloads, st.integers(-2, 2**63 - 1), st.booleans())
def test_no_reply_of_redis_is_an_error(payload: bytes, left: int, is_there: bool) -> None:
    refusal = refusal_of([payload, left])

    for found in (record_of(payload if is_there else None, left), refusal and refusal.current):
        assert found is None or found.payload == payload


@fuzzing
@given(changed([b"ePoch-_8", b"", b"x.y"]), changed([SID.encode(), f"{ADA}.ePoch-_8.x".encode()]))
def test_no_epoch_is_an_error(stored: bytes, key: bytes) -> None:
    with suppress(PayloadError):
        if is_of_epoch(key.decode(errors="replace"), stored):
            assert stored.decode() == key.decode(errors="replace")[17:].partition(".")[0]


@pytest.mark.parametrize("hash_ids", [False, True], ids=["encrypted", "both"])
class TestProtected:
    """Encrypted records, with ids that are hashed or not."""

    @staticmethod
    def stores(hash_ids: bool, keys: list[str | None]) -> tuple[MemoryStore, Any]:
        inner = MemoryStore()
        encryption = Encryption(keys_from(keys))
        return inner, protected(inner, hash_ids=hash_ids, encryption=encryption)

    @fuzzing
    @given(st.data())
    def test_no_row_is_another_record_than_was_encrypted_for_its_key(
        self, hash_ids: bool, data: st.DataObject
    ) -> None:
        inner, store = self.stores(hash_ids, [*KEYS])
        names = [SID, f"{ADA}.{'c' * 32}", "d" * 32]
        for name, record in zip(names, RECORDS, strict=False):
            store.create(name, Record(record, ends()))
        rows = dict(inner.records())
        seeds = [row.payload for row in rows.values()]
        payload = data.draw(changed(seeds) | payloads)
        key = store.key_of(SID)
        inner.save(key, Record(payload, ends()))

        with suppress(PayloadError):
            assert store.load(SID).payload == RECORDS[0]
        with suppress(PayloadError):
            assert store.load(StoredKey(key)).payload in (RECORDS[0], *map(_head, RECORDS[:1]))
        inner.save(key, Record(payload, ends()))
        use(store)

    @fuzzing
    @given(payloads)
    def test_what_is_encrypted_comes_back(self, hash_ids: bool, payload: bytes) -> None:
        _, store = self.stores(hash_ids, [*KEYS])
        try:
            store.create(SID, Record(payload, ends()))
        except PayloadError:
            return  # it is no document

        assert store.load(SID).payload == payload

    @fuzzing
    @given(payloads)
    def test_no_plain_row_is_accepted_without_being_asked_for(
        self, hash_ids: bool, payload: bytes
    ) -> None:
        inner, store = self.stores(hash_ids, [*KEYS])
        inner.create(store.key_of(SID), Record(payload, ends()))

        with pytest.raises(PayloadError):
            store.load(SID)

    @fuzzing
    @given(payloads)
    def test_no_plain_row_is_an_error_where_it_is(self, hash_ids: bool, payload: bytes) -> None:
        inner, store = self.stores(hash_ids, [KEYS[0], None])
        inner.create(store.key_of(SID), Record(payload, ends()))

        use(store)


def _head(record: bytes) -> bytes:
    members = json.loads(record)
    head = {name: members[name] for name in ("cookie", "_login") if name in members}
    return json.dumps(head, separators=(",", ":")).encode()


#: What Flask-Session has stored: MessagePack, JSON or a pickle.
FORMER_DATA = {"user": "ada", "cart": [1, 2.5, None, True], "deep": {"a": [{}]}}
FORMER = [
    ormsgpack.packb(FORMER_DATA),
    json.dumps(FORMER_DATA).encode(),
    b"\x80\x04\x95\x19\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x04user\x94\x8c\x03ada\x94\x8c"
    b"\x01n\x94K\x05u.",
    b"(dp0\nVuser\np1\nVada\np2\ns.",
    b"\x80\x02}q\x00X\x04\x00\x00\x00userq\x01cuuid\nUUID\nq\x02)\x81q\x03}q\x04X\x03\x00\x00"
    b"\x00intq\x05K\x07sbs.",
    b"\x80\x03cmarkupsafe\nMarkup\nq\x00X\x03\x00\x00\x00<b>q\x01\x85q\x02Rq\x03.",
    b"cos\nsystem\n(S'false'\ntR.",
    b"c__builtin__\neval\n(S'1'\ntR.",
]


class TestFlaskSession:
    @pytest.mark.parametrize("kind", [FlaskSession, PickledFlaskSession])
    @fuzzing
    @given(changed(FORMER))
    def test_no_record_is_an_error_or_anything_but_a_dict(
        self, kind: type[FlaskSession], stored: bytes
    ) -> None:
        former = kind.__new__(kind)
        former._log = QuietLog()

        found = former._decoded(stored)

        assert type(found) is dict
        assert all(type(key) is str for key in found)
