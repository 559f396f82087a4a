"""What SESSION_STORE may hold. No server runs here: opening a store connects to nothing."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any

import cachelib
import flask_sqlalchemy
import pymemcache
import pymongo
import pytest
import redis
import sqlalchemy

from flask_serversession.errors import ConfigError
from flask_serversession.stores import open_store
from flask_serversession.stores.base import GONE
from flask_serversession.stores.base import Record
from flask_serversession.stores.base import Refusal
from flask_serversession.stores.memory import MemoryStore
from flask_serversession.stores.postgresql import PostgreSQLStore
from flask_serversession.stores.sqlalchemy import SQLAlchemyStore


def kind(store: object) -> str:
    return type(store).__name__


@pytest.mark.parametrize(
    ("url", "store"),
    [
        ("redis://localhost:6379/0", "RedisStore"),
        ("rediss://localhost:6379/0", "RedisStore"),
        ("unix:///run/redis.sock", "RedisStore"),
        ("redis+cluster://localhost:6379", "RedisStore"),
        ("redis+sentinel://localhost:26379/mymaster", "RedisStore"),
        ("sqlite:///sessions.db", "SQLAlchemyStore"),
        ("postgresql://localhost/app", "SQLAlchemyStore"),
        ("postgresql+psycopg://localhost/app", "SQLAlchemyStore"),
        ("mysql+pymysql://localhost/app", "SQLAlchemyStore"),
        ("mariadb+pymysql://localhost/app", "SQLAlchemyStore"),
        ("mongodb://localhost:27017/app", "MongoDBStore"),
        ("memcached://localhost:11211", "MemcachedStore"),
        ("file:///var/lib/app/sessions", "FileSystemStore"),
    ],
)
def test_a_url_opens_the_store_of_its_scheme(url: str, store: str) -> None:
    opened = open_store(url, {})

    assert kind(opened) == store
    close = getattr(opened, "close", None)
    if close is not None:
        close()


def test_the_sql_store_also_has_a_name_on_postgresql() -> None:
    assert PostgreSQLStore is SQLAlchemyStore


def memcached_client() -> pymemcache.PooledClient:
    return pymemcache.PooledClient("localhost", connect_timeout=1, timeout=1, no_delay=True)


@pytest.mark.parametrize(
    ("client", "store"),
    [
        pytest.param(lambda: redis.Redis(), "RedisStore", id="redis"),
        pytest.param(
            lambda: sqlalchemy.create_engine("sqlite:///app.db"),
            "SQLAlchemyStore",
            id="sqlalchemy",
        ),
        pytest.param(lambda: pymongo.MongoClient(connect=False), "MongoDBStore", id="pymongo"),
        pytest.param(memcached_client, "MemcachedStore", id="pymemcache"),
        pytest.param(
            lambda: cachelib.SimpleCache(threshold=sys.maxsize), "CacheLibStore", id="cachelib"
        ),
    ],
)
def test_a_client_of_the_application_opens_its_store(
    client: Callable[[], Any], store: str
) -> None:
    assert kind(open_store(client(), {})) == store


def test_a_subclass_of_a_client_opens_the_same_store() -> None:
    class TracedRedis(redis.Redis):
        """Made by a subclass, as monitoring tools do."""

    assert kind(open_store(TracedRedis(), {"prefix": "app:"})) == "RedisStore"


def test_the_engine_of_flask_sqlalchemy_is_not_needed_before_first_use() -> None:
    db = flask_sqlalchemy.SQLAlchemy()

    assert kind(open_store(db, {"create": False})) == "SQLAlchemyStore"


def test_a_name_opens_its_store_with_the_options() -> None:
    store = open_store("memory", {"max_records": 1})
    store.create("one", Record(b"{}", None))
    store.create("two", Record(b"{}", None))

    assert isinstance(store, MemoryStore)
    assert store.count() == 1


def test_a_name_may_come_with_options(tmp_path: Path) -> None:
    assert kind(open_store("filesystem", {"directory": tmp_path})) == "FileSystemStore"


def test_the_bare_name_of_a_store_with_a_place_asks_for_a_url() -> None:
    with pytest.raises(ConfigError, match=r"'filesystem', which does not say where.*file:///"):
        open_store("filesystem", {})


def test_a_store_object_is_used_as_it_is() -> None:
    store = MemoryStore()

    assert open_store(store, {}) is store


class FiveVerbs:
    """As little as a store of somebody's own can be: it holds nothing, ever."""

    def load(self, key: str) -> Record | None:
        return None

    def create(self, key: str, record: Record) -> bool:
        return True

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        return GONE

    def touch(self, key: str, expires_at: datetime) -> bool:
        return False

    def delete(self, key: str) -> bool:
        return False


def test_any_object_with_the_five_verbs_is_a_store() -> None:
    store = FiveVerbs()

    assert open_store(store, {}) is store


def test_a_store_object_takes_no_options() -> None:
    with pytest.raises(ConfigError, match="SESSION_STORE_OPTIONS has no effect"):
        open_store(MemoryStore(), {"max_records": 1})


def test_a_class_is_not_a_store_object() -> None:
    with pytest.raises(ConfigError, match="MemoryStore"):
        open_store(MemoryStore, {})


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ("reddis://localhost", "Did you mean 'redis'"),
        ("postgres+psycopg://localhost/app", "Did you mean 'postgresql'"),
        ("xyz://localhost", "The known ones are redis, "),
        ("://localhost", "The known ones are"),
        ("http://[", "SESSION_STORE"),
        ("memmory", "Did you mean 'memory'"),
        ("sqlite", "The known ones are memory, redis"),
        ("", "The known ones are memory, redis"),
        (None, "an environment variable, it is not set"),
        (Path("sessions"), "file://"),
        (42, "int"),
        (b"redis://localhost", "bytes"),
        (object(), "builtins.object"),
        (["memory"], "list"),
    ],
)
def test_a_value_that_is_no_store_is_refused_with_advice(given: object, advice: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_store(given, {})

    assert "SESSION_STORE" in str(caught.value)
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("store", "options"),
    [
        ("memory", {"max_recrods": 5}),
        ("memory", {"max_records": "many"}),
        ("memory", {"max_records": 0}),
        ("memory", {5: 5}),
        ("mongodb://localhost/app", {"colection": "sessions"}),
        (cachelib.SimpleCache(threshold=sys.maxsize), {"prefiks": "app:"}),
    ],
)
def test_options_that_do_not_fit_the_store_are_refused(store: Any, options: Any) -> None:
    with pytest.raises(ConfigError, match="SESSION_STORE"):
        open_store(store, options)


@pytest.mark.parametrize(
    ("store", "options", "advice"),
    [
        ("memory", {"max_recrods": 5}, "has 'max_recrods'; did you mean 'max_records'?"),
        ("sqlite:///sessions.db", {"tabel": "users"}, "has 'tabel'; did you mean 'table'?"),
        ("redis://localhost", {"prefiks": "app:"}, "has 'prefiks'; did you mean 'prefix'?"),
        ("mongodb://localhost/app", {"colection": "x"}, "did you mean 'collection'?"),
        ("memcached://localhost", {"prefiks": "app:"}, "did you mean 'prefix'?"),
        ("file:///tmp/sessions", {"layuot": "express"}, "did you mean 'layout'?"),
    ],
)
def test_a_misspelled_option_is_named_with_the_nearest(
    store: str, options: dict[str, Any], advice: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        open_store(store, options)

    assert "SESSION_STORE_OPTIONS" in str(caught.value)
    assert advice in str(caught.value)


def test_a_wrong_value_of_a_known_option_suggests_no_other() -> None:
    with pytest.raises(ConfigError) as caught:
        open_store("redis://localhost", {"timeout": -1})

    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        *(math.nan, math.inf, -math.inf, 1e308, -1, 0, 86_401, "5", None, True, [5]),
        pytest.param(10**5000, id="more digits than Python prints"),
        timedelta(seconds=5),
        timedelta.max,
    ],
)
@pytest.mark.parametrize(
    ("url", "option"),
    [
        ("redis://localhost", "timeout"),
        ("sqlite:///sessions.db", "timeout"),
        ("postgresql+psycopg://localhost/app", "timeout"),
        ("mysql+pymysql://localhost/app", "timeout"),
        ("mongodb://localhost", "timeout"),
        ("memcached://localhost", "timeout"),
        ("file:///var/lib/app/sessions", "lock_timeout"),
    ],
)
def test_a_time_that_no_driver_takes_is_refused_with_its_name(
    url: str, option: str, value: object
) -> None:
    with pytest.raises(ConfigError) as caught:
        open_store(url, {option: value})

    allowed = "must be a number of seconds above 0, at most 86400."
    assert str(caught.value) == f"The store's {option} {allowed}"


@pytest.mark.parametrize("ttl", [math.nan, math.inf, 1e308, 0, "5", timedelta(hours=1)])
def test_a_lifetime_of_files_that_is_no_time_is_refused(ttl: object) -> None:
    options = {"layout": "session-file-store", "ttl": ttl}

    with pytest.raises(ConfigError, match=r"^The store's ttl must be a number of seconds above 0"):
        open_store("file:///var/lib/app/sessions", options)


def test_no_message_shows_the_password_of_a_url() -> None:
    with pytest.raises(ConfigError) as caught:
        open_store("reddis://user:planted@localhost", {})

    assert "planted" not in str(caught.value)


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package that brings stores, as pip would lay it out."""
    (tmp_path / "shelf_store.py").write_text(
        "from flask_serversession.stores.memory import MemoryStore\n\n\n"
        "class ShelfStore(MemoryStore):\n"
        "    url = None\n\n"
        "    @classmethod\n"
        "    def from_url(cls, url, **options):\n"
        "        store = cls(**options)\n"
        "        store.url = url\n"
        "        return store\n\n\n"
        "def make(**options):\n"
        "    return ShelfStore(**options)\n"
    )
    metadata = tmp_path / "shelf_store-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: shelf-store\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[flask_serversession.stores]\n"
        "shelf = shelf_store:ShelfStore\n"
        "plain = shelf_store:make\n"
        "memory = shelf_store:ShelfStore\n"
        "redis = shelf_store:ShelfStore\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "shelf_store", raising=False)


@pytest.mark.usefixtures("plugin")
def test_another_package_adds_a_store_by_its_scheme_and_its_name() -> None:
    by_url: Any = open_store("shelf://somewhere", {"max_records": 1})
    by_name: Any = open_store("shelf", {})

    assert (kind(by_url), by_url.url) == ("ShelfStore", "shelf://somewhere")
    assert (kind(by_name), by_name.url) == ("ShelfStore", None)


@pytest.mark.usefixtures("plugin")
def test_another_packages_store_need_not_take_urls() -> None:
    assert kind(open_store("plain", {})) == "ShelfStore"

    with pytest.raises(ConfigError, match="scheme 'plain', which no store has"):
        open_store("plain://somewhere", {})


@pytest.mark.usefixtures("plugin")
def test_another_package_cannot_replace_a_store_of_this_one() -> None:
    assert kind(open_store("memory", {})) == "MemoryStore"
    assert kind(open_store("redis://localhost", {})) == "RedisStore"


def test_no_driver_is_imported_before_its_store_is_opened() -> None:
    program = """if True:
        import sys
        import flask_serversession
        from flask_serversession.stores import open_store

        open_store("memory", {})
        drivers = {"redis", "sqlalchemy", "pymongo", "pymemcache", "cachelib"}
        print(*drivers.intersection(sys.modules))
    """
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == ""
