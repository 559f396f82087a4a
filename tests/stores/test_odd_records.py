"""Whatever is in a backend is a record, is absent or is a PayloadError. No server needed."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from datetime import datetime
from datetime import timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from cachelib import SimpleCache
from hypothesis import example
from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis import strategies as st

from flask_serversession.cookies.cookie import SessionCookie
from flask_serversession.errors import PayloadError
from flask_serversession.format.serializer import TypedJSON
from flask_serversession.stores.base import Record
from flask_serversession.stores.base import same_json
from flask_serversession.stores.base import Store
from flask_serversession.stores.cachelib import CacheLibStore
from flask_serversession.stores.filesystem import FileSystemStore
from flask_serversession.stores.mongodb.layouts import layout_named
from flask_serversession.stores.redis.replies import record_of
from flask_serversession.stores.sqlalchemy import node_layouts
from flask_serversession.stores.sqlalchemy import SQLAlchemyStore
from flask_serversession.stores.sqlalchemy.rows import _DECODING
from flask_serversession.stores.sqlalchemy.rows import first_record
from flask_serversession.stores.sqlalchemy.table import Layout
from flask_serversession.testing.contract import live
from flask_serversession.testing.contract import PAYLOAD
from flask_serversession.testing.contract import RESPELLED_PAYLOADS

serializer = TypedJSON()
FUTURE = 4_000_000_000_000
COOKIE = {"originalMaxAge": None, "expires": None, "httpOnly": True, "path": "/"}

#: What JSON may hold, with tags, lone surrogates and numbers of any size.
_text = st.text(st.characters(exclude_categories=()), max_size=5)
_names = _text | st.sampled_from(
    [" tuple", " set", " dict", " decimal", " int", " markup", "path"]
)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=10,
)
moments = st.sampled_from(
    ["2031-02-03T04:05:06.789Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "x"]
)
_cookie_members = st.sampled_from(
    [
        "originalMaxAge",
        "expires",
        "secure",
        "httpOnly",
        "domain",
        "path",
        "sameSite",
        "partitioned",
        "priority",
        "retiredUntil",
        "other",
    ]
)
cookies = st.dictionaries(_cookie_members, documents | moments, max_size=4)

#: What a driver may return for a column that somebody changed.
columns = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=30)
    | st.binary(max_size=30)
    | st.decimals()
    | st.datetimes(timezones=st.none() | st.just(timezone.utc))
    | st.timedeltas()
    | moments
    | st.sampled_from([b"2031-02-03T04:05:06.789Z", PAYLOAD, PAYLOAD.decode(), FUTURE, 10**18])
)


def assert_is_record(record: object) -> None:
    assert record is None or isinstance(record, Record)
    if isinstance(record, Record):
        assert type(record.payload) is bytes
        assert record.expires_at is None or record.expires_at.tzinfo is timezone.utc


@given(cookies)
@example({"expires": "0001-01-01T00:00:00+23:59"})
@example({"expires": "9999-12-31T23:59:59-23:59", "originalMaxAge": 10**14})
def test_any_cookie_member_is_a_cookie_that_can_be_stored_again(cookie: dict[str, Any]) -> None:
    document = json.dumps({"cookie": cookie}, separators=(",", ":")).encode()
    try:
        found, _ = serializer.decompose(document)
    except PayloadError:
        return  # a number that is not finite

    made = SessionCookie.from_document(found, lambda: FUTURE)
    made.reset_max_age()

    assert made.expires_at(1000)
    assert isinstance(made.expires, (datetime, type(None), bool))
    serializer.decompose(serializer.compose(made.to_document(), b"{}"))
    serializer.decompose(serializer.compose({"retiredUntil": 1, **found}, b"{}"))


def error_of(store: Store, key: str) -> PayloadError | None:
    """Return why a record cannot be read as a session; None if it counts as absent."""
    try:
        record = store.load(key)
        if record is not None:
            serializer.decompose(record.payload)
    except PayloadError as error:
        return error
    assert record is None
    return None


class Table:
    """A table on SQLite, whose columns take values of any type."""

    def __init__(self, path: Path, layout: str) -> None:
        self.store = SQLAlchemyStore.from_url(f"sqlite:///{path}", layout=layout)
        self.store.create("key", live(PAYLOAD))
        self.columns = self.store.table.columns
        self.rows = sqlite3.connect(path, isolation_level=None)

    def set(self, column: str, value: object, cast: str = "?", key: str = "key") -> None:
        name, id_ = self.columns[column].name, self.columns["id"].name
        self.rows.execute(
            f'UPDATE "{self.store.table.name}" SET "{name}" = {cast} WHERE "{id_}" = ?',
            [value, key],
        )


LAYOUTS = ["native", "connect-session-knex", "connect-session-sequelize"]


@pytest.fixture(params=LAYOUTS)
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Table]:
    table = Table(tmp_path / "sessions.db", request.param)
    yield table
    table.rows.close()
    table.store.close()


_in_sqlite = columns.filter(
    lambda value: isinstance(value, (int, float, str, bytes)) and value == value  # nan is NULL
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None
)
@given(payload=_in_sqlite, expiry=_in_sqlite)
def test_any_row_is_a_record_or_a_payload_error(
    table: Table, payload: object, expiry: object
) -> None:
    table.set("payload", payload)
    table.set("expires_at", expiry)
    table.store.create("other", live(PAYLOAD))
    with contextlib.suppress(PayloadError):
        assert_is_record(table.store.load("key"))

    assert set(table.store.keys()) <= {"key", "other"}
    records = dict(table.store.records())
    assert "other" in records
    for record in records.values():
        assert_is_record(record)
    table.store.delete("other")


@pytest.mark.parametrize(
    ("key", "value", "cast"),
    [
        ("expires_at", "tomorrow", "?"),
        ("expires_at", b"9", "?"),
        ("expires_at", 1e300, "?"),
        ("expires_at", 10**18, "?"),
        ("payload", 5, "?"),
        ("payload", 1.5, "?"),
        ("payload", b"\xff", "CAST(? AS TEXT)"),
    ],
)
def test_an_odd_value_in_a_row_is_a_payload_error_however_often_it_is_read(
    table: Table, key: str, value: object, cast: str
) -> None:
    table.set(key, value, cast)
    for _ in range(3):
        error = error_of(table.store, "key")
        assert error is None or error.__cause__ is None  # it would quote the value

    table.store.create("other", live(PAYLOAD))
    assert table.store.load("other") is not None


@pytest.mark.parametrize("user", [None, "Ada-_Ada-_Ada-_0"])
@pytest.mark.parametrize(
    ("key", "value", "cast"),
    [
        ("expires_at", "tomorrow", "?"),
        ("expires_at", b"9", "?"),
        ("payload", 5, "?"),
        ("payload", b"\xff", "CAST(? AS TEXT)"),
    ],
)
def test_an_odd_row_does_not_hide_the_records_around_it(
    table: Table, user: str | None, key: str, value: object, cast: str
) -> None:
    keys = [f"Ada-_Ada-_Ada-_0.{number:04}" for number in range(0, 1200, 2)]
    for each in keys:
        table.store.create(each, live())
    table.store.delete("key")
    odd = "Ada-_Ada-_Ada-_0.0001"
    table.store.create(odd, live())
    table.set(key, value, cast, odd)
    for _ in range(2):
        found = [each for each, _ in table.store.records(user)]

        assert [each for each in found if each != odd] == keys


def test_a_row_whose_id_is_not_text_is_no_record(table: Table) -> None:
    name = "Ada-_Ada-_Ada-_0"
    table.store.create(f"{name}.one", live())
    for odd in (b"\xff", f"{name}.two".encode(), b""):
        table.store.create("odd", live())
        table.set("id", odd, key="odd")
    table.store.create("odd", live())
    table.set("id", f"{name}.".encode() + b"\xff", "CAST(? AS TEXT)", "odd")

    assert sorted(key for key, _ in table.store.records()) == [f"{name}.one", "key"]
    assert [key for key, _ in table.store.records(name)] == [f"{name}.one"]
    assert sorted(table.store.keys()) == [f"{name}.one", "key"]


@pytest.mark.parametrize("table", ["connect-session-sequelize"], indirect=True)
def test_a_row_without_a_payload_or_an_expiry_hides_no_other(table: Table) -> None:
    for key in ("without a payload", "without an expiry", "other"):
        table.store.create(key, live())
    table.set("payload", None, key="without a payload")
    table.set("expires_at", None, key="without an expiry")

    records = dict(table.store.records())

    assert sorted(records) == ["key", "other", "without a payload"]
    assert records["without a payload"].payload == b""


_OF_SERVERS = [
    node_layouts.connect_pg_simple,
    node_layouts.express_mysql_session,
    node_layouts.knex_on_postgresql,
    node_layouts.knex_on_mysql,
    node_layouts.sequelize_on_postgresql,
    node_layouts.sequelize_on_mysql,
]


@pytest.mark.parametrize("make", _OF_SERVERS)
@given(payload=columns, expiry=columns)
@example(payload=PAYLOAD.decode(), expiry=Decimal("-Infinity"))
@example(payload=PAYLOAD.decode(), expiry="0000-00-00 00:00:00")
@example(payload=5, expiry=None)
def test_any_value_of_a_server_is_a_record_or_a_payload_error(
    make: Any, payload: object, expiry: object
) -> None:
    layout: Layout = make(None, None)
    try:
        with _DECODING:
            row = [
                layout.table.c[key].type.result_processor(None, None)(value)  # type: ignore[arg-type, misc]
                for key, value in (("payload", payload), ("expires_at", expiry))
            ]
        assert_is_record(first_record([row]))
    except PayloadError:
        pass


_bson = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | _text
    | st.binary(max_size=5)
    | st.datetimes(timezones=st.just(timezone.utc))
    | st.builds(ObjectId),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize("name", ["connect-mongo", "connect-mongo-subdocument"])
@given(_bson | st.dictionaries(st.just("cookie") | _names, _bson, max_size=3))
def test_any_session_of_a_document_is_a_record_or_a_payload_error(
    name: str, session: object
) -> None:
    with contextlib.suppress(PayloadError):
        assert_is_record(layout_named(name, ObjectId).load(session, None))


@pytest.mark.parametrize(
    ("number", "stored"),
    [
        (0.0, b"0.0"),
        (-0.0, b"-0.0"),
        (2.0, b"2.0"),
        (-(2.0**31) + 1, b"-2147483647.0"),
        (3e9, b"3000000000"),
        (2.0**53, b"9007199254740992.0"),
        (5, b"5"),
    ],
)
def test_a_subdocument_keeps_the_floats_that_node_would_not_store_as_such(
    number: float, stored: bytes
) -> None:
    record = layout_named("connect-mongo-subdocument", ObjectId).load({"n": number}, None)

    assert record.payload == b'{"n":%s}' % stored


@pytest.mark.parametrize("payload", RESPELLED_PAYLOADS)
def test_a_subdocument_comes_back_as_the_same_json(payload: bytes) -> None:
    layout = layout_named("connect-mongo-subdocument", ObjectId)

    loaded = layout.load(layout.dump(payload), None)

    assert loaded.payload != payload
    assert same_json(loaded.payload, payload)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    st.binary(max_size=50)
    | documents.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries({"cookie": cookies, "__lastAccess": documents}).map(
        lambda value: json.dumps(value).encode()
    ),
    st.sampled_from([0, 2_000_000_000, 4_000_000_000, 300_000_000_000]),
)
@example(b'{"__lastAccess":%s}' % (b"9" * 5000), 0)
@example(b"{}", 300_000_000_000)
def test_any_file_is_a_record_or_a_payload_error(
    tmp_path: Path, content: bytes, modified: int
) -> None:
    for layout, suffix in ("native", "session"), ("session-file-store", "json"):
        store = FileSystemStore(tmp_path, layout=layout)
        path = tmp_path / f"key.{suffix}"
        path.write_bytes(content)
        os.utime(path, (modified, modified))
        with contextlib.suppress(PayloadError):
            assert_is_record(store.load("key"))
        assert list(store.keys()) in ([], ["key"])
        store.close()


@pytest.mark.parametrize("left", [-1, 1, 10**12, 2**63 - 1])
def test_any_ttl_of_redis_is_an_expiry(left: int) -> None:
    assert_is_record(record_of(PAYLOAD, left))


@pytest.mark.parametrize("value", [None, 5, "text", b"", b"\0\0" + b"\xff" * 6 + PAYLOAD, {}])
def test_any_value_in_a_cache_is_a_record_or_a_payload_error(value: object) -> None:
    store = CacheLibStore(SimpleCache(threshold=sys.maxsize))
    store._cache.set("sess:key", value)
    with contextlib.suppress(PayloadError):
        assert_is_record(store.load("key"))
