"""Browsers go from an application with Flask-Session to the same one with this extension.

The one before is the real Flask-Session, in a process of its own, on the store's real server.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from flask import Flask

from flask_serversession import ServerSession

from ..servers.base import unavailable
from . import flask_session_app
from .visitor import Answer
from .visitor import arrival
from .visitor import Ask
from .visitor import take_a_step
from .visitor import Visitor

pytestmark = pytest.mark.slow

#: What pip installs of a version, beside what the tests have. 0.5 signs ids with Werkzeug 2 only.
VERSIONS = {
    "0.8.0": ["flask-session==0.8.0", "msgspec"],
    "0.7.0": ["flask-session==0.7.0", "msgspec"],
    "0.6.0": ["flask-session==0.6.0"],
    "0.5.0": ["flask-session==0.5.0", "flask==2.2.5", "werkzeug==2.2.3"],
}
#: SQLite and its servers are one SESSION_TYPE.
TYPES = {"sqlite": "sqlalchemy", "postgresql": "sqlalchemy", "mysql": "sqlalchemy"}
#: A version, where its records are, and whether ids are signed. In MongoDB 0.6 stands for 0.5,
#: which works with PyMongo 3 only.
CASES = [
    (version, kind, is_signed)
    for version, kinds in {
        "0.8.0": ["redis", "memcached", "mongodb", *TYPES, "filesystem", "cachelib"],
        "0.7.0": ["redis"],
        "0.6.0": ["redis", "mongodb"],
        "0.5.0": ["redis", "memcached", *TYPES, "filesystem"],
    }.items()
    for kind in kinds
    for is_signed in (False, True)
]
BROWSERS, REQUESTS = 12, 200


@pytest.fixture(scope="session")
def packages(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[list[str]], str]:
    """Install packages into a folder of their own, once, and return its path."""
    installed: dict[str, str] = {}

    def install(names: list[str]) -> str:
        key = " ".join(names)
        if key not in installed:
            folder = str(tmp_path_factory.mktemp("packages"))
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
            done = subprocess.run(
                [*pip, "--disable-pip-version-check", "--target", folder, *names], check=False
            )
            if done.returncode:
                unavailable(request.config, key, "pip could not install it")
            installed[key] = folder
        return installed[key]

    return install


def named(case: tuple[str, str, bool]) -> str:
    version, kind, is_signed = case
    return f"{kind}-{version}" + "-signed" * is_signed


@pytest.fixture(params=CASES, ids=named)
def case(request: pytest.FixtureRequest) -> tuple[str, str, bool]:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def place(case: tuple[str, str, bool], request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the records are: a server's URL, or a path."""
    kind = case[1]
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'app.db'}"
    if kind in ("filesystem", "cachelib"):
        return str(tmp_path / "flask_session")
    url: str = request.getfixturevalue(f"{kind}_url")
    return url


@pytest.fixture
def keys(case: tuple[str, str, bool]) -> dict[str, Any]:
    _, kind, is_signed = case
    return {
        "SESSION_USE_SIGNER": is_signed,
        "SESSION_KEY_PREFIX": f"{os.urandom(4).hex()}:",
        "SESSION_SQLALCHEMY_TABLE": f"before_{os.urandom(4).hex()}",
        # nx-27017 cannot store bytes a second time.
        "SESSION_REFRESH_EACH_REQUEST": kind != "mongodb",
    }


@pytest.fixture
def before(
    case: tuple[str, str, bool],
    place: str,
    keys: dict[str, Any],
    packages: Callable[[list[str]], str],
) -> Iterator[Ask]:
    """Return a function that sends requests to the application before."""
    version, kind, _ = case
    process = subprocess.Popen(
        [
            sys.executable,
            "-W",
            "ignore",
            flask_session_app.__file__,
            TYPES.get(kind, kind),
            place,
            json.dumps(keys),
        ],
        env={**os.environ, "PYTHONPATH": packages(VERSIONS[version])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    requests, answers = process.stdin, process.stdout

    def ask(path: str, cookie: str | None) -> Answer:
        requests.write(json.dumps([path, cookie]) + "\n")
        requests.flush()
        status, page, lines = json.loads(answers.readline())
        return status, page, lines

    yield ask
    requests.close()
    answers.close()
    assert process.wait(timeout=30) == 0


@pytest.fixture
def after(case: tuple[str, str, bool], place: str, keys: dict[str, Any]) -> Iterator[Ask]:
    """Return a function that sends requests to the application as it is now."""
    version, kind = case[0], TYPES.get(case[1], case[1])
    is_pickled = version in ("0.5.0", "0.6.0") or kind in ("filesystem", "cachelib")
    adopted = "flask-session-pickle" if is_pickled else "flask-session"
    app = Flask(__name__)
    app.config.update(keys, SESSION_TYPE=kind, SECRET_KEY="keyboard cat")
    app.config.update(flask_session_app.keys_of(kind, place), SESSION_ADOPT=[adopted])
    flask_session_app.prepare(app)
    with pytest.warns(UserWarning, match="SESSION_STORE is not set"):
        ServerSession(app)
    flask_session_app.serve(app)
    client = app.test_client(use_cookies=False)

    def ask(path: str, cookie: str | None) -> Answer:
        response = client.get(path, headers={} if cookie is None else {"Cookie": cookie})
        return response.status_code, response.text, response.headers.getlist("Set-Cookie")

    yield ask
    for key in ("SESSION_REDIS", "SESSION_MEMCACHED", "SESSION_MONGODB"):
        if key in app.config:
            app.config[key].close()
    if "SESSION_SQLALCHEMY" in app.config:
        with app.app_context():
            engine = app.config["SESSION_SQLALCHEMY"].engine
            with engine.begin() as connection:
                connection.exec_driver_sql(f"DROP TABLE {keys['SESSION_SQLALCHEMY_TABLE']}")
            engine.dispose()


def test_no_login_is_lost_and_no_logout_undone(
    case: tuple[str, str, bool], before: Ask, after: Ask
) -> None:
    chance, is_nx = random.Random(0), case[1] == "mongodb"
    visitors = [arrival(before, chance, once=is_nx) for _ in range(BROWSERS)]

    for number in range(REQUESTS):
        visitor = chance.choice(visitors)
        take_a_step(visitor, after, chance)
        if number % 5 == 0:  # another one comes, so that sessions are taken over all the time
            visitor.look(after)
            visitors[visitors.index(visitor)] = arrival(before, chance, once=is_nx)

    for visitor in visitors:
        visitor.look(after)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case[1] == "redis"], ids=named, indirect=True
)
def test_what_a_browser_finds_that_goes_back_to_flask_session_and_returns(
    case: tuple[str, str, bool], before: Ask, after: Ask
) -> None:
    version, _, is_signed = case
    # 0.5 stores a session for every visitor. Before 0.7 any unsigned id is accepted.
    keeps_the_cookie = version != "0.5.0" or not is_signed
    takes_the_cookie = version < "0.7" and not is_signed
    visitor = Visitor()
    visitor.log_in(before, "ada")
    visitor.look(after)

    # Flask-Session does not know it, and does not end it.
    assert json.loads(visitor.ask(before, "/see")) == {"user": None, "cart": None}
    found = json.loads(visitor.ask(after, "/see"))["user"]
    assert found == ("ada" if keeps_the_cookie else None)

    # A login there is taken over like any other, if it gets a cookie of its own.
    visitor.ask(before, "/login/bob")
    found = json.loads(visitor.ask(after, "/see"))["user"]
    assert found == ("ada" if takes_the_cookie else "bob")


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case[0] == "0.8.0" and not case[2]],
    ids=named,
    indirect=True,
)
def test_requests_at_the_same_time_get_one_session(before: Ask, after: Ask) -> None:
    for number in range(5):
        visitor = Visitor()
        visitor.log_in(before, f"user{number}")
        together = Barrier(8)

        def ask(together: Barrier = together, cookie: str | None = visitor.cookie) -> Answer:
            together.wait(30)
            return after("/see", cookie)

        with ThreadPoolExecutor(8) as threads:
            answers = [each.result() for each in [threads.submit(ask) for _ in range(8)]]

        assert [json.loads(page)["user"] for _, page, _ in answers] == [visitor.user] * 8
        assert len({line.partition(";")[0] for _, _, lines in answers for line in lines}) == 1
