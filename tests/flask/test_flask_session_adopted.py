"""``SESSION_ADOPT = ["flask-session"]``: sessions of Flask-Session are taken over."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from pathlib import Path
from typing import Any

import ormsgpack
import pymongo
import pytest
import redis
import time_machine
from cachelib import NullCache
from flask import Flask
from flask import Request
from flask.sessions import SecureCookieSession
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import Signer
from pymemcache import PooledClient
from pymemcache.serde import pickle_serde

from flask_serversession import ConfigError
from flask_serversession import manager_of
from flask_serversession import Record
from flask_serversession import ServerSession
from flask_serversession import StoreUnavailable
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import serve_browsers
from .browser import session
from .conftest import MakeApp
from .counting import CountingStore
from .flask_sessions import KINDS
from .flask_sessions import Records
from .flask_sessions import records_in
from .flask_sessions import SOON

DATA: dict[str, Any] = {
    "_permanent": True,
    "cart": {"cup": 2},
    "sizes": {1: "small"},
    "list": [1, "two", None],
    "bytes": b"\0\xff",
    "moment": datetime(2030, 1, 1, tzinfo=timezone.utc),
}
SEEN = {key: value for key, value in DATA.items() if key != "_permanent"}


def msgpack(data: Any) -> bytes:
    options = ormsgpack.OPT_NON_STR_KEYS | ormsgpack.OPT_DATETIME_AS_TIMESTAMP_EXT
    return ormsgpack.packb(data, option=options)


@pytest.fixture
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Records]:
    """Records in a SQLite file, or in what the test is parametrized with."""
    records = records_in(getattr(request, "param", "sqlalchemy"), request, tmp_path)
    yield records
    records.close()


@pytest.fixture
def make_after(records: Records, memory: MemoryStore) -> MakeApp:
    """Make the application as it is now."""

    def make_after(**config: Any) -> Flask:
        given = {"SESSION_STORE": memory, **records.config, **config}
        return application(prepare=records.prepare, **given)

    return make_after


def application(prepare: Callable[[Flask], object] = lambda app: None, **config: Any) -> Flask:
    app = Flask(__name__)
    app.config.update(SECRET_KEY="keyboard cat", TESTING=True, SESSION_ADOPT=["flask-session"])
    app.config.update(config)
    prepare(app)
    ServerSession(app)
    serve_browsers(app)
    return app


@pytest.fixture
def after(make_after: MakeApp) -> Flask:
    return make_after()


Visitor = Callable[..., Browser]


@pytest.fixture
def visitor(records: Records) -> Visitor:
    """Return a browser that comes with a session of Flask-Session."""

    def visitor(
        app: Flask,
        data: Any = DATA,
        *,
        sid: str | None = None,
        cookie: str | None = None,
        prefix: str = "session:",
        lasting: timedelta = SOON,
    ) -> Browser:
        sid = sid or secrets.token_urlsafe(32)
        stored = data if isinstance(data, bytes) else msgpack(data)
        records.put(prefix + sid, stored, lasting)
        return browser_with(app, sid if cookie is None else cookie)

    return visitor


def browser_with(app: Flask, cookie: str) -> Browser:
    browser = browser_of(app)
    browser.set_cookie(app.config["SESSION_COOKIE_NAME"], cookie)
    return browser


def old_cookie(browser: Browser) -> str:
    cookie = browser.get_cookie("session")
    assert cookie is not None
    return cookie.value


@pytest.mark.parametrize("records", KINDS, indirect=True)
def test_the_data_come_over_under_a_new_id_and_the_old_record_ends(
    after: Flask, visitor: Visitor, records: Records, memory: MemoryStore
) -> None:
    browser = visitor(after)
    old = old_cookie(browser)
    assert records.has(f"session:{old}")

    assert browser.data() == SEEN

    assert not records.has(f"session:{old}")
    assert browser.sid is not None
    assert memory.load(browser.sid) is not None
    assert browser.data() == SEEN


@pytest.mark.parametrize("records", KINDS, indirect=True)
def test_an_id_without_a_record_is_no_session(after: Flask) -> None:
    assert browser_with(after, secrets.token_urlsafe(32)).data() == {}


@pytest.mark.parametrize("records", ["mongodb", "sqlalchemy"], indirect=True)
def test_a_record_that_has_expired_is_no_session(after: Flask, visitor: Visitor) -> None:
    assert visitor(after, lasting=timedelta(seconds=-1)).data() == {}


@pytest.mark.parametrize("column", ["expiry", "data"])
def test_a_row_without_an_expiry_or_without_data_is_no_session(
    after: Flask, visitor: Visitor, tmp_path: Path, column: str
) -> None:
    browser = visitor(after)
    with closing(sqlite3.connect(tmp_path / "app.db")) as database, database:
        database.execute(f"UPDATE sessions SET {column} = NULL")

    assert browser.data() == {}


@pytest.mark.parametrize(("seconds", "is_live"), [(60, True), (-60, False)])
def test_a_mongodb_client_may_have_a_time_zone(
    mongodb_url: str, memory: MemoryStore, seconds: int, is_live: bool
) -> None:
    zone = timezone(timedelta(hours=5))
    client = pymongo.MongoClient[dict[str, Any]](mongodb_url, tz_aware=True, tzinfo=zone)
    ends, sid = datetime.now(zone) + timedelta(seconds=seconds), secrets.token_urlsafe(32)
    client["flask_session"]["sessions"].insert_one(
        {"id": f"session:{sid}", "val": msgpack(DATA), "expiration": ends}
    )
    app = application(SESSION_TYPE="mongodb", SESSION_MONGODB=client, SESSION_STORE=memory)

    assert browser_with(app, sid).data() == (SEEN if is_live else {})
    client.close()


def test_it_is_taken_over_at_its_first_use_and_not_before(
    after: Flask, visitor: Visitor, memory: MemoryStore
) -> None:
    browser = visitor(after)

    browser.run(lambda: None)
    assert memory.count() == 0

    browser.run(lambda: str(session.get("cart")))
    assert memory.count() == 2  # for a minute, the other one tells where the session is


def test_once_it_is_taken_over_a_request_costs_one_trip(
    make_after: MakeApp, visitor: Visitor, store: CountingStore
) -> None:
    browser = visitor(make_after(SESSION_STORE=store))

    browser.run(lambda: str(session.get("cart")))
    assert store.calls == ["load", "create", "create"]

    store.calls.clear()
    browser.run(lambda: str(session.get("cart")))
    assert store.calls == ["load"]


def test_json_is_read_too(after: Flask, visitor: Visitor) -> None:
    data = {"_permanent": True, "cart": {"cup": 2}}

    assert visitor(after, json.dumps(data).encode()).data() == {"cart": {"cup": 2}}


@pytest.mark.parametrize("is_permanent", [True, False])
def test_a_permanent_session_stays_permanent(
    after: Flask, visitor: Visitor, is_permanent: bool
) -> None:
    browser = visitor(after, {"cart": 1, **({"_permanent": True} if is_permanent else {})})

    [line] = cookie_lines(browser.run(lambda: str(session.get("cart"))))

    assert ("Expires=" in line) is is_permanent
    assert browser.see(lambda: session.permanent) is is_permanent


@pytest.mark.parametrize("sid", ["6f1c0f0e-4a4e-4c3a-9d0b-3f3c6a1f7b52", "-_" + "a" * 41])
def test_ids_of_every_version_are_accepted(after: Flask, visitor: Visitor, sid: str) -> None:
    assert visitor(after, sid=sid).data() == SEEN


def test_the_configured_length_of_ids_counts(make_after: MakeApp, visitor: Visitor) -> None:
    app = make_after(SESSION_ID_LENGTH=16)

    assert visitor(app, sid=secrets.token_urlsafe(16)).data() == SEEN
    assert visitor(app, sid=secrets.token_urlsafe(32)).data() == {}


@pytest.mark.parametrize(
    "sid", ["x", "x" * 42, "x" * 44, "x" * 42 + "*", "x" * 42 + "é", "x" * 300]
)
def test_ids_of_another_shape_never_reach_the_store(
    after: Flask, visitor: Visitor, sid: str, records: Records
) -> None:
    assert visitor(after, sid=sid).data() == {}
    assert records.has(f"session:{sid}")


def test_only_sessions_with_the_configured_prefix_are_found(
    make_after: MakeApp, visitor: Visitor
) -> None:
    app = make_after(SESSION_KEY_PREFIX="shop:")

    assert visitor(app, prefix="shop:").data() == SEEN
    assert visitor(app).data() == {}


def signed(sid: str, secret: str = "keyboard cat") -> str:
    signer = Signer(secret, salt="flask-session", key_derivation="hmac")
    return signer.sign(sid).decode()


def test_a_signed_id_is_accepted_only_with_its_signature(
    make_after: MakeApp, visitor: Visitor
) -> None:
    app = make_after(SESSION_USE_SIGNER=True)
    sid = secrets.token_urlsafe(32)

    assert visitor(app, sid=sid, cookie=sid).data() == {}
    assert visitor(app, sid=sid, cookie=signed(sid, "another")).data() == {}
    assert visitor(app, sid=sid, cookie=signed(sid)[:-1]).data() == {}
    assert visitor(app, sid=sid, cookie=signed(sid)).data() == SEEN


def test_a_signed_id_is_not_accepted_where_ids_are_not_signed(
    after: Flask, visitor: Visitor
) -> None:
    sid = secrets.token_urlsafe(32)

    assert visitor(after, sid=sid, cookie=signed(sid)).data() == {}


def test_a_fallback_secret_verifies_a_signed_id(make_after: MakeApp, visitor: Visitor) -> None:
    app = make_after(
        SESSION_USE_SIGNER=True, SECRET_KEY="new", SECRET_KEY_FALLBACKS=["keyboard cat"]
    )
    sid = secrets.token_urlsafe(32)

    assert visitor(app, sid=sid, cookie=signed(sid)).data() == SEEN


def test_without_flasks_secret_no_signed_id_is_accepted(
    make_after: MakeApp, visitor: Visitor
) -> None:
    app = make_after(SESSION_USE_SIGNER=True, SECRET_KEY=None, SESSION_SECRET="keyboard cat")
    sid = secrets.token_urlsafe(32)

    assert visitor(app, sid=sid, cookie=signed(sid)).data() == {}


def test_the_first_requests_of_a_browser_share_one_session(
    after: Flask, visitor: Visitor, memory: MemoryStore
) -> None:
    one = visitor(after)
    other = browser_with(after, old_cookie(one))
    one.run(lambda: session.update(one=1))

    other.run(lambda: session.update(other=2))

    assert one.sid == other.sid
    assert one.data() == {**SEEN, "one": 1, "other": 2}


class FlaskSessions(SecureCookieSessionInterface):
    """Finds no session, as Flask-Session does once it has been taken over."""

    before_opening: Callable[[], object] | None = None

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        before_opening, self.before_opening = self.before_opening, None
        if before_opening is not None:
            before_opening()
        return self.session_class()


@pytest.mark.parametrize("is_meanwhile", [True, False])
def test_the_prepared_version_finds_the_shared_session_too(
    after: Flask,
    visitor: Visitor,
    records: Records,
    memory: MemoryStore,
    is_meanwhile: bool,
) -> None:
    interface = FlaskSessions()

    def prepare(app: Flask) -> None:
        records.prepare(app)
        app.session_interface = interface

    config = {**records.config, "SESSION_STORE": memory, "SESSION_ADOPT_STEP": "prepare"}
    prepared = application(prepare=prepare, **config)
    one = visitor(after)
    other = browser_with(prepared, old_cookie(one))

    def take_it_over() -> None:
        one.run(lambda: session.update(one=1))

    if is_meanwhile:
        interface.before_opening = take_it_over
    else:
        take_it_over()

    assert other.data() == {**SEEN, "one": 1}
    assert other.sid == one.sid


def test_a_request_that_only_reads_gets_the_cookie_of_the_shared_session(
    after: Flask, visitor: Visitor
) -> None:
    one = visitor(after)
    other = browser_with(after, old_cookie(one))
    one.run(lambda: str(session.get("cart")))

    [line] = cookie_lines(other.run(lambda: str(session.get("cart"))))

    assert line.startswith("session=s%3A")
    assert other.sid == one.sid
    assert cookie_lines(browser_with(after, old_cookie(one)).run(lambda: None)) == []


def test_of_two_requests_at_the_same_moment_one_stores_the_session(
    make_after: MakeApp, visitor: Visitor, memory: MemoryStore
) -> None:
    found = []

    class Slow(CountingStore):
        def create(self, key: str, record: Record) -> bool:
            if self.calls == ["load"]:
                self.calls.append("create")
                found.append(other.data())
            return super().create(key, record)

    app = make_after(SESSION_STORE=Slow(memory))
    one = visitor(app)
    other = browser_with(app, old_cookie(one))
    found.append(one.data())

    assert found == [SEEN, SEEN]
    assert one.sid == other.sid
    assert memory.count() == 2


def test_the_old_cookie_is_worth_nothing_after_a_minute(after: Flask, visitor: Visitor) -> None:
    one = visitor(after)
    stolen = browser_with(after, old_cookie(one))
    one.run(lambda: str(session.get("cart")))

    with time_machine.travel(datetime.now(timezone.utc) + timedelta(seconds=61)):
        assert stolen.data() == {}
        assert one.data() == SEEN


@pytest.mark.parametrize("seconds", [0, 61])
def test_a_logout_ends_the_old_cookie_even_if_its_record_comes_back(
    after: Flask, visitor: Visitor, seconds: int
) -> None:
    one = visitor(after, {"_user_id": "ada"})
    stolen = browser_with(after, old_cookie(one))
    one.run(lambda: str(session.user_id))
    with time_machine.travel(datetime.now(timezone.utc) + timedelta(seconds=seconds)):
        one.run(lambda: session.log_out())

        # A request of the application before, which still runs, writes it again.
        visitor(after, {"_user_id": "ada"}, sid=old_cookie(stolen))

        assert stolen.see(lambda: session.user_id) is None
        assert stolen.data() == {}
    with time_machine.travel(datetime.now(timezone.utc) + timedelta(days=1)):
        assert stolen.data() == {}


def test_under_the_old_cookie_a_session_with_a_new_id_can_be_read_and_not_written(
    after: Flask, visitor: Visitor
) -> None:
    one = visitor(after)
    old = old_cookie(one)
    other = browser_with(after, old)
    one.run(lambda: session.regenerate(keep_data=True))
    one.run(lambda: session.regenerate(keep_data=True))

    other.run(lambda: session.update(lost=1))

    assert one.data() == SEEN
    with time_machine.travel(datetime.now(timezone.utc) + timedelta(seconds=6)):
        assert browser_with(after, old).data() == {}


def test_under_the_old_cookie_a_session_lasts_no_longer(
    make_after: MakeApp, visitor: Visitor
) -> None:
    one = visitor(make_after(SESSION_ABSOLUTE_TIMEOUT=3600))
    old = old_cookie(one)
    one.run(lambda: str(session.get("cart")))

    with time_machine.travel(datetime.now(timezone.utc) + timedelta(seconds=31)):
        assert browser_with(make_after(SESSION_ABSOLUTE_TIMEOUT=30), old).data() == {}


def test_a_login_of_flask_login_is_one_of_the_user(after: Flask, visitor: Visitor) -> None:
    seen, unseen = (visitor(after, {"_user_id": "ada"}) for _ in range(2))
    assert seen.see(lambda: session.user_id) == "ada"
    assert len(manager_of(after).sessions_of("ada")) == 1

    manager_of(after).end_all("ada")

    assert seen.see(lambda: session.user_id) is None
    assert unseen.see(lambda: session.user_id) is None


@pytest.mark.parametrize(
    ("stored", "why"),
    [
        (b"\x80\x05}\x94.", "pickled"),
        (b"(dp0\n.", "pickled"),
        (b"", "pickled"),
        (b"{", "JSONDecodeError"),
        (b"\x82\xa1a", "ValueError"),
        (b"\x81\x01\x02", "keys are text"),
        (b"\xa1a", "pickled"),
    ],
)
def test_a_record_that_cannot_be_read_is_no_session(
    after: Flask, visitor: Visitor, caplog: pytest.LogCaptureFixture, stored: bytes, why: str
) -> None:
    assert visitor(after, stored).data() == {}
    assert why in caplog.text


def test_a_session_without_data_is_not_taken_over(
    after: Flask, visitor: Visitor, memory: MemoryStore
) -> None:
    assert visitor(after, {"_permanent": True}).data() == {}
    assert memory.count() == 0


def test_a_second_cookie_of_the_name_does_not_hide_the_session(
    after: Flask, visitor: Visitor
) -> None:
    good, stale = old_cookie(visitor(after)), secrets.token_urlsafe(32)
    browser = after.test_client(use_cookies=False)
    assert isinstance(browser, Browser)
    found: list[dict[str, Any]] = []

    browser.run(
        lambda: found.append(session.copy()),
        environ_overrides={"HTTP_COOKIE": f"session={stale}; session={good}; session=s:x.y"},
    )

    assert found == [SEEN]


def test_a_store_of_flask_session_that_fails_is_a_store_error(
    make_after: MakeApp, visitor: Visitor
) -> None:
    browser = visitor(make_after(SESSION_SQLALCHEMY_TABLE="absent"))

    with pytest.raises(StoreUnavailable, match="Flask-Session"):
        browser.data()


def test_a_bind_and_a_schema_are_used(
    make_after: MakeApp, visitor: Visitor, records: Records
) -> None:
    url = records.config["SQLALCHEMY_DATABASE_URI"]
    app = make_after(
        SQLALCHEMY_DATABASE_URI="sqlite://",
        SQLALCHEMY_BINDS={"sessions": url},
        SESSION_SQLALCHEMY_BIND_KEY="sessions",
        SESSION_SQLALCHEMY_SCHEMA="main",
    )

    assert visitor(app).data() == SEEN


def test_text_of_a_redis_client_that_decodes_is_read(redis_url: str, memory: MemoryStore) -> None:
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    sid = secrets.token_urlsafe(32)
    client.set(f"session:{sid}", '{"cart": 1}')
    app = Flask(__name__)
    app.config.update(SECRET_KEY="keyboard cat", TESTING=True, SESSION_STORE=memory)
    app.config.update(SESSION_ADOPT=["flask-session"], SESSION_TYPE="redis", SESSION_REDIS=client)
    ServerSession(app)
    serve_browsers(app)

    assert browser_with(app, sid).data() == {"cart": 1}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"SESSION_TYPE": None}, "SESSION_TYPE is None.*remove it from SESSION_ADOPT"),
        ({"SESSION_TYPE": "null"}, "SESSION_TYPE is 'null'"),
        ({"SESSION_TYPE": "DynamoDB"}, "SESSION_TYPE is 'dynamodb'.*logs in once more"),
        ({"SESSION_TYPE": "filesystem"}, "'flask-session-pickle'"),
        ({"SESSION_TYPE": "cachelib"}, "'flask-session-pickle'"),
        ({"SESSION_TYPE": "redis"}, r"SESSION_REDIS is not set.*redis\.Redis\(\)"),
        ({"SESSION_TYPE": "redis", "SESSION_REDIS": "redis://localhost"}, "SESSION_REDIS is text"),
        ({"SESSION_TYPE": "sqlalchemy", "SESSION_SQLALCHEMY": None}, "SESSION_SQLALCHEMY is not"),
        ({"SESSION_TYPE": "memcached", "SESSION_MEMCACHED": object()}, "pymemcache.PooledClient"),
        (
            {
                "SESSION_TYPE": "memcached",
                "SESSION_MEMCACHED": PooledClient("localhost", serde=pickle_serde),
            },
            "PooledClient, which may unpickle",
        ),
        (
            {
                "SESSION_ADOPT": ["flask-session-pickle"],
                "SESSION_TYPE": "cachelib",
                "SESSION_CACHELIB": NullCache(),
            },
            "SESSION_CACHELIB is a NullCache.*everybody logs in once more",
        ),
    ],
)
def test_what_cannot_be_taken_over_is_refused_with_a_remedy(
    make_after: MakeApp, config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_after(**config)
