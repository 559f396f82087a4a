"""How many commands each kind of request sends, as logged by the servers themselves."""

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

#: A block that fills the list it yields with the commands the server received.
Log = Callable[[], AbstractContextManager[list[str]]]

#: The commands of each request on Redis and on SQL. Those after "evalsha" are run by
#: the script inside Redis.
TABLE = {
    "/ignore": ("", ""),
    "/read": ("get pttl", "SELECT"),
    "/change": ("get pttl evalsha get set", "SELECT UPDATE"),
    "/regenerate": ("get pttl set evalsha get set", "SELECT INSERT UPDATE"),
    "/destroy": ("get pttl evalsha get del", "SELECT DELETE"),
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
        # Leave out the commands of this fixture and of new connections.
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
def test_redis_receives_exactly_the_commands_of_the_table(
    path: str, redis_url: str, redis_log: Log, make_client: Callable[..., FlaskClient]
) -> None:
    client = make_client(redis_url, {"prefix": f"{uuid4().hex}:"})
    client.get("/change")
    client.get("/change")
    client.get("/regenerate")
    client.get("/read")  # from here on the scripts are loaded

    with redis_log() as received:
        assert client.get(path).status_code == 200

    assert sorted(received) == sorted(TABLE[path][0].split())


@pytest.mark.parametrize("path", TABLE)
@pytest.mark.parametrize("server", ["postgresql", "mysql"])
def test_sql_servers_receive_exactly_the_statements_of_the_table(
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


def test_a_due_touch_adds_one_redis_command(
    redis_url: str, redis_log: Log, make_client: Callable[..., FlaskClient]
) -> None:
    client = make_client(redis_url, {"prefix": f"{uuid4().hex}:"}, SESSION_TOUCH_INTERVAL=0)
    client.get("/change")
    client.get("/read")

    with redis_log() as received:
        client.get("/read")

    assert sorted(received) == ["get", "pexpire", "pttl"]


def test_a_new_session_costs_one_redis_command(
    redis_url: str, redis_log: Log, make_client: Callable[..., FlaskClient]
) -> None:
    make_client(redis_url, options := {"prefix": f"{uuid4().hex}:"}).get("/change")
    visitor = make_client(redis_url, options)

    with redis_log() as received:
        visitor.get("/change")

    assert received == ["set"]
