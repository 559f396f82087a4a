"""The round-trip table again, by the commands that the servers really received."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
import redis
from flask import Flask
from flask import session
from flask.testing import FlaskClient

from flask_serversession import ServerSession

from ..servers.mariadb import mysql_log
from ..servers.postgresql import postgresql_log

#: Opens a block; what it yields holds, after it, each command the server received in it.
Log = Callable[[], AbstractContextManager[list[str]]]

#: What a request does, and the commands it costs on Redis and on SQL. What follows
#: "evalsha" the script does inside the server.
TABLE = {
    "/ignore": ("", ""),
    "/read": ("get pttl", "SELECT"),
    "/change": ("get pttl evalsha get set", "SELECT UPDATE"),
    "/regenerate": ("get pttl set evalsha get del", "SELECT INSERT DELETE"),
    "/destroy": ("del", "DELETE"),
}


@pytest.fixture
def redis_log(redis_url: str) -> Log:
    client = redis.Redis.from_url(redis_url)

    def calls() -> Counter[str]:
        stats = client.info("commandstats")
        return Counter({name.removeprefix("cmdstat_"): s["calls"] for name, s in stats.items()})

    @contextmanager
    def log() -> Iterator[list[str]]:
        received: list[str] = []
        before = calls()
        yield received
        spent = calls() - before
        # Not counted: this fixture's own, and what a new connection says first.
        for name in ("info", "client|setinfo", "client|maint_notifications", "hello", "auth"):
            del spent[name]
        received += spent.elements()

    yield log
    client.close()


@pytest.fixture
def make_client() -> Iterator[Callable[..., FlaskClient]]:
    apps: list[Flask] = []

    def make(url: str, options: dict[str, str], **config: object) -> FlaskClient:
        app = Flask(__name__)
        app.config.update(
            SECRET_KEY="key",
            SESSION_STORE=url,
            SESSION_STORE_OPTIONS=options,
            SESSION_IDLE_TIMEOUT=timedelta(hours=1),
            **config,
        )
        ServerSession(app)
        apps.append(app)
        _add_views(app)
        return app.test_client()

    yield make
    for app in apps:
        app.extensions["serversession"].store.clear()
        app.extensions["serversession"].close()


def _add_views(app: Flask) -> None:
    def change() -> str:
        session["n"] = session.get("n", 0) + 1
        return ""

    def destroy() -> str:
        session.destroy()
        return ""

    def regenerate() -> str:
        session.regenerate(keep_data=True)
        return ""

    app.add_url_rule("/ignore", view_func=lambda: "", endpoint="ignore")
    app.add_url_rule("/read", view_func=lambda: str(session.get("n")), endpoint="read")
    for view in (change, destroy, regenerate):
        app.add_url_rule(f"/{view.__name__}", view_func=view)


@pytest.mark.parametrize("path", TABLE)
def test_redis_receives_what_the_table_says_and_nothing_else(
    path: str, redis_url: str, redis_log: Log, make_client: Callable[..., FlaskClient]
) -> None:
    client = make_client(redis_url, {"prefix": f"{uuid4().hex}:"})
    client.get("/change")
    client.get("/change")
    client.get("/regenerate")
    client.get("/read")  # the scripts are known to the server from here on

    with redis_log() as received:
        assert client.get(path).status_code == 200

    assert sorted(received) == sorted(TABLE[path][0].split())


@pytest.mark.parametrize("path", TABLE)
@pytest.mark.parametrize("server", ["postgresql", "mysql"])
def test_sql_servers_receive_what_the_table_says_and_nothing_else(
    path: str,
    server: str,
    request: pytest.FixtureRequest,
    make_client: Callable[..., FlaskClient],
) -> None:
    url: str = request.getfixturevalue(f"{server}_url")
    log = {"postgresql": postgresql_log, "mysql": mysql_log}[server]
    client = make_client(url, {"table": f"t{uuid4().hex}"})
    client.get("/change")

    with log(url) as received:
        assert client.get(path).status_code == 200

    assert received == TABLE[path][1].split()


def test_a_touch_that_is_due_costs_redis_one_command_more(
    redis_url: str, redis_log: Log, make_client: Callable[..., FlaskClient]
) -> None:
    client = make_client(redis_url, {"prefix": f"{uuid4().hex}:"}, SESSION_TOUCH_INTERVAL=0)
    client.get("/change")

    with redis_log() as received:
        client.get("/read")

    assert sorted(received) == ["get", "pexpire", "pttl"]


def test_a_new_visitor_costs_one_command(
    redis_url: str, redis_log: Log, make_client: Callable[..., FlaskClient]
) -> None:
    make_client(redis_url, options := {"prefix": f"{uuid4().hex}:"}).get("/change")
    visitor = make_client(redis_url, options)

    with redis_log() as received:
        visitor.get("/change")

    assert received == ["set"]
