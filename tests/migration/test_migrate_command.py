"""``flask sessions migrate`` on real servers, as an operator uses it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flask_serversession import manager_of

from .pairs import make_app
from .pairs import pair_named

SESSIONS, SOME = 120, 10
SHOP = """
from flask import Flask
from flask_serversession import ServerSession

app = Flask(__name__)
app.config.from_prefixed_env()
ServerSession(app)
"""

pytestmark = pytest.mark.slow


def test_a_killed_migrate_goes_on_where_it_was(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    pair = pair_named(request, "redis to postgresql")
    old, new = make_app(pair.former_config()), make_app(pair.config())
    for number in range(SESSIONS):
        old.test_client().post(f"/login/user{number}")
    store: Any = manager_of(new).store
    store.setup()
    (tmp_path / "shop.py").write_text(SHOP)
    given = {f"FLASK_{key}": value for key, value in pair.config().items()}
    environ = {
        **os.environ,
        "FLASK_SECRET_KEY": "only for the tests of a migration",
        **{
            key: value if type(value) is str else json.dumps(value) for key, value in given.items()
        },
    }
    command = [sys.executable, "-m", "flask", "--app", "shop", "sessions", "migrate"]
    command += ["--from", pair.former.store, "--to", pair.new.store]

    mover = subprocess.Popen(command, cwd=tmp_path, env=environ)
    until = time.monotonic() + 60
    while store._store.count() < SOME and time.monotonic() < until:
        time.sleep(0.001)
    mover.kill()
    mover.wait(60)
    there = store._store.count()
    dry = new.test_cli_runner().invoke(args=["sessions", "migrate", "--dry-run", "--json"])
    terminal, its_side = pty.openpty()
    rest = subprocess.run(
        command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=its_side, check=True
    )

    would_be_moved = json.loads(dry.output)["moved"]
    assert SESSIONS - there <= would_be_moved <= SESSIONS - there + 1  # one was on its way
    assert rest.stdout.decode().startswith(f"{would_be_moved} moved, ")
    assert b"Sessions looked at" in os.read(terminal, 10_000)
    assert (manager_of(old).count(), manager_of(new).count()) == (0, SESSIONS)
    for end in (terminal, its_side):
        os.close(end)
    for app in (old, new):
        manager_of(app).close()
