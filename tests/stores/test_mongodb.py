from __future__ import annotations

import json
import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import DatetimeMS
from bson import ObjectId
from bson import Regex
from bson.raw_bson import RawBSONDocument
from hypothesis.stateful import run_state_machine_as_test
from pymongo import MongoClient
from pymongo.errors import WaitQueueTimeoutError
from pymongo.monitoring import CommandFailedEvent
from pymongo.monitoring import CommandListener
from pymongo.monitoring import CommandStartedEvent
from pymongo.monitoring import CommandSucceededEvent

from flask_serversession.errors import ConfigError
from flask_serversession.errors import PayloadError
from flask_serversession.errors import StoreError
from flask_serversession.errors import StoreUnavailable
from flask_serversession.stores.base import ENDED
from flask_serversession.stores.base import Record
from flask_serversession.stores.base import Store
from flask_serversession.stores.base import SupportsLock
from flask_serversession.stores.mongodb import MongoDBStore
from flask_serversession.stores.mongodb.clients import decoded
from flask_serversession.testing import KeysContract
from flask_serversession.testing import LeaseContract
from flask_serversession.testing import LockContract
from flask_serversession.testing import PingContract
from flask_serversession.testing import PruneContract
from flask_serversession.testing import SetupContract
from flask_serversession.testing import store_machine
from flask_serversession.testing import StoreContract
from flask_serversession.testing import UsersContract
from flask_serversession.testing.contract import assert_ends_at
from flask_serversession.testing.contract import assert_payload
from flask_serversession.testing.contract import expired
from flask_serversession.testing.contract import in_
from flask_serversession.testing.contract import live
from flask_serversession.testing.contract import OTHER_PAYLOAD
from flask_serversession.testing.contract import PAYLOAD
from flask_serversession.testing.users import ADA
from flask_serversession.testing.users import keys_of

from ..servers.base import free_port
from ..servers.base import hanging
from ..servers.base import stop
from ..servers.mongodb import is_nx
from ..servers.mongodb import mongodb_url as mongodb_url
from ..servers.mongodb import running_mongodb

DATABASE = "flask_serversession_test"

#: express-session's JSON for a cookie of a minute, and connect-mongo's subdocument for it
#: (stringify: false).
NODE_PAYLOAD = (
    b'{"cookie":{"originalMaxAge":60000,"expires":"2026-11-21T00:07:03.371Z","httpOnly":true,'
    b'"path":"/"},"user":{"name":"Juan"},"views":3}'
)
NODE_SESSION: dict[str, Any] = {
    "cookie": {
        "originalMaxAge": 60000,
        "partitioned": None,
        "priority": None,
        "expires": datetime(2026, 11, 21, 0, 7, 3, 371_000),
        "secure": None,
        "httpOnly": True,
        "domain": None,
        "path": "/",
        "sameSite": None,
    },
    "user": {"name": "Juan"},
    "views": 3,
}

Client = MongoClient[dict[str, Any]]


@pytest.fixture
def client(mongodb_url: str) -> Iterator[Client]:
    with Client(mongodb_url, timeoutMS=5000) as client:
        yield client


@pytest.fixture
def collection(client: Client) -> Iterator[str]:
    name = f"sessions_{uuid.uuid4().hex}"
    yield name
    client[DATABASE].drop_collection(name)
    client[DATABASE].drop_collection(f"{name}_locks")


@pytest.fixture
def store(client: Client, collection: str) -> MongoDBStore:
    return MongoDBStore(client, database=DATABASE, collection=collection)


@pytest.fixture
def other_store(client: Client, collection: str) -> Iterator[MongoDBStore]:
    neighbour = f"{collection}_other"
    yield MongoDBStore(client, database=DATABASE, collection=neighbour)
    client[DATABASE].drop_collection(neighbour)


class TestMongoDBStore(
    StoreContract, KeysContract, UsersContract, PruneContract, SetupContract, PingContract
):
    pass


class TestLock(LockContract, LeaseContract):
    def test_the_store_has_the_ability_to_lock(self, store: MongoDBStore) -> None:
        assert isinstance(store, SupportsLock)

    def test_it_is_in_a_collection_without_sessions(
        self, store: MongoDBStore, client: Client, collection: str
    ) -> None:
        lock = store.lock("key", ttl=60)
        assert lock.acquire(0) is True

        assert client[DATABASE][f"{collection}_locks"].count_documents({}) == 1
        assert (list(store.keys()), store.count(), store.clear(), store.prune()) == ([], 0, 0, 0)
        assert lock.renew() is True

        lock.release()
        assert client[DATABASE][f"{collection}_locks"].count_documents({}) == 0

    def test_the_first_one_creates_the_ttl_index(
        self, store: MongoDBStore, client: Client, collection: str
    ) -> None:
        store.create("key", live())
        lock = store.lock("key", ttl=60)
        assert f"{collection}_locks" not in client[DATABASE].list_collection_names()

        lock.acquire(0)

        assert len(ttl_indexes(client, f"{collection}_locks")) == 1
        lock.release()

    def test_after_the_first_one_acquire_and_release_are_one_command_each(
        self, mongodb_url: str, collection: str
    ) -> None:
        commands = Commands()
        with Client(mongodb_url, event_listeners=[commands]) as client:
            store = MongoDBStore(client, database=DATABASE, collection=collection)
            for _ in range(2):
                commands.sent.clear()
                lock = store.lock("key", ttl=60)
                lock.acquire(0)
                lock.release()
            sent_by_second = list(commands.sent)

        assert [next(iter(sent)) for sent in sent_by_second] == ["update", "delete"]

    def test_without_create_it_has_no_index(self, client: Client, collection: str) -> None:
        store = MongoDBStore(client, database=DATABASE, collection=collection, create=False)
        lock = store.lock("key", ttl=60)
        lock.acquire(0)

        assert ttl_indexes(client, f"{collection}_locks") == []
        lock.release()


class TestConnectMongoSubdocument(
    StoreContract, KeysContract, UsersContract, PruneContract, SetupContract, PingContract
):
    @pytest.fixture
    def store(self, client: Client, collection: str) -> MongoDBStore:
        return subdocument_store(client, collection)

    @pytest.fixture
    def other_store(self, client: Client, collection: str) -> Iterator[MongoDBStore]:
        neighbour = f"{collection}_other"
        yield subdocument_store(client, neighbour)
        client[DATABASE].drop_collection(neighbour)

    # BSON stores the values of a JSON text and not its format, so only text in the format of
    # sessions comes back to the byte. A lone surrogate has no BSON form.
    @pytest.mark.parametrize(
        "payload",
        [
            pytest.param(b"{}", id="empty object"),
            pytest.param('{"name":"Zoë 🍪 \u2028"}'.encode(), id="beyond ASCII"),
            pytest.param(b'{"text":"\\u0000 \\r\\n \' % _ \\\\"}', id="escapes and quotes"),
            pytest.param(b'{"a.b":{"$c":1,"":2},"$d":[{"$e":null}]}', id="dots and dollars"),
            pytest.param(b'{"n":[0,-1,1.5,1099511627776,true,null,"2020-01-01"]}', id="values"),
            pytest.param(b'{"text":"' + b"x" * 200_000 + b'"}', id="200 kB"),
        ],
    )
    def test_a_payload_comes_back_to_the_byte(self, store: Store, payload: bytes) -> None:
        super().test_a_payload_comes_back_to_the_byte(store, payload)

    def test_a_document_is_the_one_connect_mongo_writes(
        self, store: MongoDBStore, client: Client, collection: str
    ) -> None:
        moment = in_(3600).replace(microsecond=123_000)
        store.create("key", Record(NODE_PAYLOAD, moment))

        document = client[DATABASE][collection].find_one()
        assert document == {
            "_id": "key",
            "session": NODE_SESSION,
            "expires": moment.replace(tzinfo=None),
        }
        assert list(document["session"]) == ["cookie", "user", "views"]
        assert list(document["session"]["cookie"]) == list(NODE_SESSION["cookie"])
        assert_payload(store, "key", NODE_PAYLOAD)

    def test_a_document_of_node_is_loaded_as_its_json(
        self, store: MongoDBStore, client: Client, collection: str
    ) -> None:
        client[DATABASE][collection].insert_one(
            {
                "_id": "key",
                "session": {
                    "cookie": {**NODE_SESSION["cookie"], "originalMaxAge": 2592000000.0},
                    "seen": datetime(2026, 11, 21, 0, 7, 3),
                    "carts": [{"item": ObjectId("6b01092caa389ea69e65c984"), "price": 1.5}],
                    "nothing": None,
                    "secure": None,
                },
                "expires": datetime(2126, 1, 1),
                "lastModified": datetime(2026, 1, 1),
                "createdAt": datetime(2026, 1, 1),
                "updatedAt": datetime(2026, 1, 1),
            }
        )

        loaded = store.load("key")
        assert loaded is not None
        assert loaded.payload == (
            b'{"cookie":{"originalMaxAge":2592000000,"expires":"2026-11-21T00:07:03.371Z",'
            b'"httpOnly":true,"path":"/"},"seen":"2026-11-21T00:07:03.000Z",'
            b'"carts":[{"item":"6b01092caa389ea69e65c984","price":1.5}],"nothing":null,'
            b'"secure":null}'
        )
        assert store.touch("key", in_(60)) is True
        assert store.save("key", live(NODE_PAYLOAD), replacing=loaded) is None
        assert store.save("key", live(OTHER_PAYLOAD), replacing=loaded) is not None
        document = client[DATABASE][collection].find_one()
        assert document is not None
        assert document.keys() == {"_id", "session", "expires"}
        assert document["session"] == NODE_SESSION

    @pytest.mark.parametrize(
        "cookie",
        [
            b'{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}',
            b'{"originalMaxAge":60000,"partitioned":true,"priority":"high",'
            b'"expires":"2026-11-21T00:36:05.942Z","secure":false,"httpOnly":false,'
            b'"domain":"example.com","path":"/","sameSite":"lax"}',
            b'{"originalMaxAge":false,"expires":false,"httpOnly":true,"path":"/"}',
            b'{"originalMaxAge":1,"expires":"garbage","path":"/","of_tomorrow":{"x":[]}}',
            b'{"expires":"2026-11-21T00:36:05.942"}',
            b"null",
            b'"text"',
        ],
    )
    def test_any_cookie_comes_back(self, store: MongoDBStore, cookie: bytes) -> None:
        payload = b'{"cookie":%s}' % cookie
        store.create("key", live(payload))

        assert_payload(store, "key", payload)

    @pytest.mark.parametrize(
        "payload",
        [b'{"a":"\\ud800"}', b'{"a\\u0000":1}', b'{"a":9223372036854775808}', b"\x80\x03"],
        ids=["half a pair", "NUL in a name", "over 64 bits", "no JSON"],
    )
    def test_a_value_that_bson_cannot_store_is_refused_and_changes_nothing(
        self, store: MongoDBStore, payload: bytes
    ) -> None:
        store.create("key", live())

        with pytest.raises(StoreError) as caught:
            store.save("key", live(payload))

        assert payload.decode("latin-1") not in str(caught.value)
        assert_payload(store, "key", PAYLOAD)

    @pytest.mark.parametrize("value", [b"bytes", Regex("x"), DatetimeMS(10**15)])
    def test_a_value_without_a_json_form_is_an_error(
        self,
        store: MongoDBStore,
        client: Client,
        collection: str,
        mongodb_url: str,
        value: object,
    ) -> None:
        if is_nx(mongodb_url) and not isinstance(value, bytes):
            pytest.skip("nx-27017 cannot store it")
        client[DATABASE][collection].insert_one({"_id": "key", "session": {"value": value}})

        with pytest.raises(PayloadError, match="without a JSON form"):
            store.load("key")

    @pytest.mark.parametrize("session", ["{}", None, [], 1])
    def test_a_session_that_is_not_a_subdocument_is_an_error(
        self, store: MongoDBStore, client: Client, collection: str, session: object
    ) -> None:
        client[DATABASE][collection].insert_one({"_id": "key", "session": session})

        with pytest.raises(PayloadError, match="stringify: false"):
            store.load("key")


def subdocument_store(client: Client, collection: str) -> MongoDBStore:
    layout = "connect-mongo-subdocument"
    return MongoDBStore(client, database=DATABASE, collection=collection, layout=layout)


class Respelling(MongoDBStore):
    """Formats payloads like the random programs, with spaces."""

    def load(self, key: str) -> Record | None:
        record = super().load(key)
        if record is None:
            return None
        return replace(record, payload=json.dumps(json.loads(record.payload)).encode())


@pytest.mark.parametrize("layout", ["connect-mongo", "express"])
def test_the_text_layouts_are_the_native_one(
    store: MongoDBStore, client: Client, collection: str, layout: str
) -> None:
    again = MongoDBStore(client, database=DATABASE, collection=collection, layout=layout)
    store.create("key", live(NODE_PAYLOAD))

    assert again.load("key") == store.load("key")
    assert again.save("key", live(OTHER_PAYLOAD), replacing=store.load("key")) is None
    assert_payload(store, "key", OTHER_PAYLOAD)


def test_an_unknown_layout_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'bson': use .*'connect-mongo-subdocument'"):
        MongoDBStore.from_url("mongodb://localhost", layout="bson")


def test_random_programs_behave_as_on_a_dict_with_subdocuments(
    client: Client, collection: str
) -> None:
    layout = "connect-mongo-subdocument"
    store = Respelling(client, database=DATABASE, collection=collection, layout=layout)

    def emptied() -> MongoDBStore:
        store.clear()
        return store

    run_state_machine_as_test(store_machine(emptied))


def test_random_programs_behave_as_on_a_dict(client: Client, collection: str) -> None:
    store = MongoDBStore(client, database=DATABASE, collection=collection)

    def emptied() -> MongoDBStore:
        store.clear()
        return store

    run_state_machine_as_test(store_machine(emptied))


def test_a_document_is_the_one_connect_mongo_writes(
    store: MongoDBStore, client: Client, collection: str
) -> None:
    moment = in_(3600).replace(microsecond=123_000)
    store.create("key", Record(PAYLOAD, moment))

    assert client[DATABASE][collection].find_one() == {
        "_id": "key",
        "session": PAYLOAD.decode(),
        "expires": moment.replace(tzinfo=None),
    }


def test_a_saved_document_has_no_other_fields(
    store: MongoDBStore, client: Client, collection: str
) -> None:
    sessions = client[DATABASE][collection]
    sessions.insert_one({"_id": "key", "session": "{}", "lastModified": datetime(2020, 1, 1)})
    store.save("key", live())

    document = sessions.find_one()
    assert document is not None
    assert document.keys() == {"_id", "session", "expires"}
    assert type(document["expires"]) is datetime


@pytest.mark.parametrize("layout", ["native", "connect-mongo-subdocument"])
def test_saving_the_end_leaves_no_document(client: Client, collection: str, layout: str) -> None:
    store = MongoDBStore(client, database=DATABASE, collection=collection, layout=layout)
    store.create("key", live())
    store.create("other", live())

    assert store.save("key", ENDED, replacing=store.load("key")) is None

    assert [document["_id"] for document in client[DATABASE][collection].find()] == ["other"]


def test_a_document_without_an_expiry_lives_on(
    store: MongoDBStore, client: Client, collection: str
) -> None:
    client[DATABASE][collection].insert_one({"_id": "key", "session": PAYLOAD.decode()})

    assert store.load("key") == Record(PAYLOAD, None)
    assert list(store.keys()) == ["key"]
    assert store.create("key", live()) is False
    assert store.prune() == 0
    assert store.save("key", Record(OTHER_PAYLOAD, None), replacing=store.load("key")) is None
    assert store.load("key") == Record(OTHER_PAYLOAD, None)
    assert store.touch("key", in_(60)) is True
    assert_ends_at(store.load("key"), in_(60))


@pytest.mark.parametrize("tz_aware", [True, False])
def test_a_clients_date_settings_do_not_matter(
    mongodb_url: str, collection: str, tz_aware: bool
) -> None:
    with Client(mongodb_url, tz_aware=tz_aware) as client:
        store = MongoDBStore(client, database=DATABASE, collection=collection)
        store.create("key", live())
        store.create("dead", expired())

        assert_ends_at(store.load("key"), in_(3600))
        assert store.load("dead") is None


def test_a_document_whose_id_is_no_text_is_not_listed(
    store: MongoDBStore, client: Client, collection: str
) -> None:
    client[DATABASE][collection].insert_many([{"_id": 1, "session": "{}"}, {"session": "{}"}])
    store.create("key", live())

    assert list(store.keys()) == ["key"]
    assert [key for key, _ in store.records()] == ["key"]


def test_an_odd_document_does_not_hide_the_records_around_it(
    store: MongoDBStore, client: Client, collection: str
) -> None:
    keys = [f"{ADA}.{number:03}" for number in range(250)]
    for key in keys:
        store.create(key, live())
    odd: list[dict[str, Any]] = [
        {"session": 5},
        {"session": None},
        {},
        {"session": "{}", "expires": "tomorrow"},
        {"session": {"views": 1}, "expires": in_(60)},
    ]
    client[DATABASE][collection].insert_many(
        [{"_id": f"{ADA}.odd{number}", **fields} for number, fields in enumerate(odd)]
    )

    assert keys_of(store, ADA) == keys
    assert keys_of(store) == keys


def test_a_document_that_is_not_valid_bson_does_not_hide_those_around_it() -> None:
    valid, invalid = bson.encode({"_id": "one"}), bson.encode({"_id": "two"})
    raw = [RawBSONDocument(one) for one in (invalid.replace(b"two", b"\xff\xff\xff"), valid)]

    assert list(decoded(raw, bson.DEFAULT_CODEC_OPTIONS)) == [{"_id": "one"}]


@pytest.mark.parametrize("session", [{"views": 1}, None, ObjectId()])
def test_a_session_that_is_not_text_is_an_error(
    store: MongoDBStore, client: Client, collection: str, session: object
) -> None:
    client[DATABASE][collection].insert_one({"_id": "key", "session": session})

    with pytest.raises(PayloadError, match="stringify"):
        store.load("key")


class Commands(CommandListener):
    """Records the commands that a client sends."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        self.sent.append(dict(event.command))

    def succeeded(self, event: CommandSucceededEvent) -> None: ...

    def failed(self, event: CommandFailedEvent) -> None: ...


@pytest.mark.parametrize("layout", ["native", "connect-mongo-subdocument"])
def test_every_verb_is_one_command_and_a_touch_sends_no_payload(
    mongodb_url: str, collection: str, layout: str
) -> None:
    commands = Commands()
    with Client(mongodb_url, event_listeners=[commands]) as client:
        store = MongoDBStore(
            client, database=DATABASE, collection=collection, layout=layout, create=False
        )
        store.create("key", live())
        loaded = store.load("key")
        store.save("key", live(OTHER_PAYLOAD), replacing=loaded)
        moment = in_(60)
        store.touch("key", moment)
        store.delete("key")
        sent_by_verbs = list(commands.sent)

    assert [next(iter(sent)) for sent in sent_by_verbs] == [
        *("update", "find", "update", "update", "delete")
    ]
    upserts = [update.get("upsert", False) for sent in sent_by_verbs for update in updates(sent)]
    assert upserts == [True, False, False]
    assert updates(sent_by_verbs[3])[0]["u"] == {"$set": {"expires": moment}}


def updates(command: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = command.get("updates", [])
    return found


def ttl_indexes(client: Client, collection: str) -> list[str]:
    return [
        name
        for name, index in client[DATABASE][collection].index_information().items()
        if list(index["key"]) == [("expires", 1)] and index.get("expireAfterSeconds") == 0
    ]


def test_the_first_session_creates_the_ttl_index(
    store: MongoDBStore, client: Client, collection: str
) -> None:
    store.load("key")
    assert ttl_indexes(client, collection) == []

    store.create("key", live())
    assert len(ttl_indexes(client, collection)) == 1


def test_the_ttl_index_is_named_as_connect_mongo_names_it(
    store: MongoDBStore, client: Client, collection: str, mongodb_url: str
) -> None:
    if is_nx(mongodb_url):
        pytest.skip("nx-27017 gives indexes names of its own")
    store.setup()

    assert ttl_indexes(client, collection) == ["expires_1"]
    client[DATABASE][collection].create_index([("expires", 1)], expireAfterSeconds=0)


def test_without_create_no_index_is_created(client: Client, collection: str) -> None:
    store = MongoDBStore(client, database=DATABASE, collection=collection, create=False)
    store.create("key", live())

    assert ttl_indexes(client, collection) == []


def test_clear_keeps_the_index(store: MongoDBStore, client: Client, collection: str) -> None:
    store.create("key", live())
    store.clear()

    assert len(ttl_indexes(client, collection)) == 1


class TestSteps:
    @pytest.fixture
    def filled(self, client: Client, collection: str, store: MongoDBStore) -> MongoDBStore:
        """A store with 1200 expired and 1200 live documents."""
        documents = [
            {"_id": f"{name}{number}", "session": "{}", "expires": in_(seconds)}
            for name, seconds in (("dead", -60), ("live", 60))
            for number in range(1200)
        ]
        client[DATABASE][collection].insert_many(documents)
        return store

    def test_prune_removes_expired_documents_in_batches(self, filled: MongoDBStore) -> None:
        assert sum(filled.pruning(dry_run=True)) == 1200
        assert list(filled.pruning()) == [1000, 200]
        assert filled.count() == 1200

    def test_clear_removes_all_documents_in_batches(self, filled: MongoDBStore) -> None:
        assert list(filled.clearing()) == [1000, 1000, 400]
        assert filled.count() == 0

    def test_clear_can_be_interrupted_after_a_batch(self, filled: MongoDBStore) -> None:
        assert next(filled.clearing()) == 1000
        assert filled.clear() == 1400

    def test_clear_removes_documents_with_ids_of_any_type(
        self, client: Client, collection: str, store: MongoDBStore
    ) -> None:
        client[DATABASE][collection].insert_many([{"_id": 1}, {}, {"_id": "key", "expires": 5}])

        assert store.clear() == 3


class TestCheck:
    def test_it_creates_the_index_as_the_first_session_does(self, store: MongoDBStore) -> None:
        assert store.check() == []

    def test_a_missing_index_is_a_warning(
        self, client: Client, collection: str, store: MongoDBStore
    ) -> None:
        by_hand = MongoDBStore(client, database=DATABASE, collection=collection, create=False)
        (warning,) = by_hand.check()
        assert warning == (
            f"The collection '{collection}' has no TTL index, so expired sessions stay."
            " Run flask sessions setup."
        )

        by_hand.setup()

        assert by_hand.check() == []

    def test_the_index_is_gone_after_the_collection_was_dropped(
        self, client: Client, collection: str, store: MongoDBStore
    ) -> None:
        store.create("key", live())
        client[DATABASE].drop_collection(collection)
        store.create("key", live())

        (warning,) = store.check()

        assert warning.endswith("Run flask sessions setup.")

    @pytest.mark.parametrize("options", [{}, {"expireAfterSeconds": 86400}])
    def test_an_index_with_other_options_is_a_warning_that_names_it(
        self, client: Client, collection: str, options: dict[str, int]
    ) -> None:
        client[DATABASE][collection].create_index("expires", **options)
        (name,) = client[DATABASE][collection].index_information().keys() - {"_id_"}
        store = MongoDBStore(client, database=DATABASE, collection=collection, create=False)

        (warning,) = store.check()

        assert f"db.getCollection('{collection}').dropIndex('{name}')" in warning

    def test_documents_of_another_program_are_a_warning(
        self, client: Client, collection: str, store: MongoDBStore
    ) -> None:
        store.create("key", live())
        client[DATABASE][collection].insert_one({"id": "session:abc", "val": b"\x80\x04}\x94."})

        (warning,) = store.check()

        assert "documents of another program" in warning

    def test_setup_says_that_an_index_with_other_options_is_in_the_way(
        self, client: Client, collection: str, store: MongoDBStore, mongodb_url: str
    ) -> None:
        if is_nx(mongodb_url):
            pytest.skip("nx-27017 changes the options of an index instead")
        client[DATABASE][collection].create_index("expires", expireAfterSeconds=86400)

        with pytest.raises(ConfigError, match="dropIndex"):
            store.create("key", live())


@pytest.mark.parametrize(
    ("path", "options", "name"),
    [("", {}, "test"), ("app", {}, "app"), ("app", {"database": "other"}, "other")],
)
def test_the_database_is_the_one_of_the_url(path: str, options: dict[str, Any], name: str) -> None:
    store = MongoDBStore.from_url(f"mongodb://localhost/{path}", **options)

    assert store._sessions.full_name == f"{name}.sessions"
    store.close()


def test_making_a_store_connects_to_nothing() -> None:
    MongoDBStore.from_url("mongodb://user:hunter2@database.test:1/app").close()


def test_an_object_that_is_no_client_is_refused(client: Client) -> None:
    with pytest.raises(ConfigError, match="not Database"):
        MongoDBStore(client[DATABASE])  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["mongodb://u:hunter2/@host", "mongodb://host:port", "host/db/x"])
def test_a_url_that_cannot_be_read_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="looks like mongodb://") as caught:
        MongoDBStore.from_url(url)
    assert "hunter2" not in str(caught.value)


def test_a_name_that_mongodb_does_not_allow_is_refused(client: Client) -> None:
    with pytest.raises(ConfigError, match="no database named 'a b'"):
        MongoDBStore(client, database="a b")
    with pytest.raises(ConfigError, match=r"no collection named '\$x'"):
        MongoDBStore(client, collection="$x")


def test_a_client_without_acknowledged_writes_is_refused() -> None:
    with pytest.raises(ConfigError, match="w=0"):
        MongoDBStore.from_url("mongodb://localhost/?w=0")


def test_a_missing_driver_raises_an_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pymongo", None)

    with pytest.raises(ConfigError, match=r"Flask-ServerSession\[mongodb\]"):
        MongoDBStore.from_url("mongodb://localhost")


def test_a_session_over_the_size_limit_is_an_error_and_leaves_the_old_one(
    store: MongoDBStore,
) -> None:
    store.create("key", live())

    with pytest.raises(StoreError) as caught:
        store.save("key", live(b'{"secret":"%s"}' % (b"x" * 17_000_000)))

    assert "secret" not in str(caught.value)
    assert_payload(store, "key", PAYLOAD)


def test_closing_leaves_an_applications_client_open(store: MongoDBStore) -> None:
    store.create("key", live())
    store.close()

    assert_payload(store, "key", PAYLOAD)


def assert_unavailable(store: Store) -> None:
    started = time.monotonic()
    with pytest.raises(StoreUnavailable) as caught:
        store.create("the-key", live())
    with pytest.raises(StoreUnavailable):
        store.load("the-key")
    assert time.monotonic() - started < 10
    for secret in ("the-key", "hunter2", PAYLOAD.decode()):
        assert secret not in str(caught.value)


def test_a_missing_server_is_unavailable() -> None:
    url = f"mongodb://user:hunter2@127.0.0.1:{free_port()}"
    store = MongoDBStore.from_url(url, timeout=0.5)
    assert_unavailable(store)
    store.close()


def test_a_server_that_does_not_answer_is_named_without_the_password() -> None:
    port = free_port()
    store = MongoDBStore.from_url(f"mongodb://user:hunter2@127.0.0.1:{port}", timeout=0.2)

    with pytest.raises(StoreUnavailable, match=f"MongoDB at 127.0.0.1:{port}") as caught:
        store.load("key")

    assert "user" not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    store.close()


def test_an_exhausted_pool_says_so(store: MongoDBStore) -> None:
    with pytest.raises(StoreUnavailable, match=r"is in use\. Raise maxPoolSize"), store._errors:
        raise WaitQueueTimeoutError("as the driver does")


def test_a_stopped_server_is_unavailable(tmp_path: Path) -> None:
    with running_mongodb(tmp_path) as (url, process):
        store = MongoDBStore.from_url(url, timeout=0.5)
        store.create("key", live())
        stop(process)

        assert_unavailable(store)
        with pytest.raises(StoreUnavailable):
            store.ping()
        store.close()


def test_a_server_that_hangs_is_unavailable(tmp_path: Path) -> None:
    with running_mongodb(tmp_path) as (url, process):
        store = MongoDBStore.from_url(url, timeout=0.5)
        store.create("key", live())
        with hanging(process):
            assert_unavailable(store)
        store.close()


def keep_saving(store: Store, key: str) -> None:
    for number in range(100):
        payload = b'{"%s":%d}' % (key.encode(), number)
        assert store.save(key, live(payload)) is None
        assert_payload(store, key, payload)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:MongoClient opened before fork")
def test_a_forked_child_shares_no_connection(store: MongoDBStore) -> None:
    store.create("parent", live())
    store.create("child", live())

    child = os.fork()
    if child == 0:
        signal.alarm(60)
        try:
            keep_saving(store, "child")
        except BaseException:
            os._exit(1)
        os._exit(0)
    keep_saving(store, "parent")
    _, status = os.waitpid(child, 0)

    assert status == 0
