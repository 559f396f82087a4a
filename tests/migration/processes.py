"""Sends requests to applications, in this process or in others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from typing import cast
from typing import IO

from flask import Flask

import flask_serversession

from . import flask_session_app
from .visitor import Answer
from .visitor import Ask

#: A version of Flask-Session, where its records are, and whether ids are signed.
Case = tuple[str, str, bool]

#: What pip installs of a version, beside what the tests have. 0.5 signs ids with Werkzeug 2 only.
VERSIONS = {
    "0.8.0": ["flask-session==0.8.0", "msgspec"],
    "0.7.0": ["flask-session==0.7.0", "msgspec"],
    "0.6.0": ["flask-session==0.6.0"],
    "0.5.0": ["flask-session==0.5.0", "flask==2.2.5", "werkzeug==2.2.3"],
}
#: SQLite and its servers are one SESSION_TYPE.
TYPES = {"sqlite": "sqlalchemy", "postgresql": "sqlalchemy", "mysql": "sqlalchemy"}

_OURS = str(Path(flask_serversession.__file__).parents[1])


def named(case: Case) -> str:
    version, kind, is_signed = case
    return f"{kind}-{version}" + "-signed" * is_signed


def adopted(case: Case) -> str:
    """Return the kind of sessions that a version left."""
    version, kind, _ = case
    is_pickled = version in ("0.5.0", "0.6.0") or kind in ("filesystem", "cachelib")
    return "flask-session-pickle" if is_pickled else "flask-session"


def asked(app: Flask) -> Ask:
    """Return a function that sends requests to an application."""
    flask_session_app.serve(app)
    client = app.test_client(use_cookies=False)

    def ask(path: str, cookie: str | None) -> Answer:
        response = client.get(path, headers={} if cookie is None else {"Cookie": cookie})
        return response.status_code, response.text, response.headers.getlist("Set-Cookie")

    return ask


@contextmanager
def application(folder: str, case: Case, place: str, keys: dict[str, Any]) -> Iterator[Ask]:
    """Start an application with Flask-Session, and give a function that sends requests to it.

    :param folder: the packages that it imports first.
    """
    kind = TYPES.get(case[1], case[1])
    program = [sys.executable, "-W", "ignore", flask_session_app.__file__]
    with subprocess.Popen(
        [*program, kind, place, json.dumps(keys)],
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{_OURS}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        requests, answers = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)

        def ask(path: str, cookie: str | None) -> Answer:
            requests.write(json.dumps([path, cookie]) + "\n")
            requests.flush()
            status, page, lines = json.loads(answers.readline())
            return status, page, lines

        yield ask
    assert process.returncode == 0
