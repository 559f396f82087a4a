"""What the deployment page says of the environment, of its script, and of two versions at once."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from ast import literal_eval
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from flask import Flask

from flask_serversession import ConfigError
from flask_serversession import manager_of
from flask_serversession import ServerSession

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "deploy.rst").read_text("utf-8")
ROWS = re.findall(r"^``(.+?)`` +``(.+?)``", PAGE, re.M)

#: What the page's application gets in the tests of its script.
_VIEW = """
from flask import session

@app.get("/")
def index():
    session["name"] = "ada"
    return "Hello"
"""


def block(language: str, beginning: str) -> str:
    """Return the code block of a language that begins in this way."""
    blocks = re.findall(rf"\.\. code-block:: {language}\n\n((?:    .*\n|\n)+)", PAGE)
    [found] = [text for text in blocks if text.strip().startswith(beginning)]
    return "\n".join(line[4:] for line in found.splitlines())


def configured(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Flask:
    for key, value in environment.items():
        monkeypatch.setenv(f"FLASK_{key}", value)
    app = Flask("shop")
    app.config.from_prefixed_env()
    return app


@pytest.mark.parametrize(("text", "value"), ROWS, ids=[text for text, _ in ROWS])
def test_a_text_in_the_environment_becomes_what_the_table_says(
    monkeypatch: pytest.MonkeyPatch, text: str, value: str
) -> None:
    found = configured(monkeypatch, VALUE=text).config["VALUE"]

    assert found == literal_eval(value)
    assert type(found) is type(literal_eval(value))


def test_the_table_has_rows() -> None:
    assert len(ROWS) == 11


def test_the_environment_of_the_page_is_a_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = (line.split("=", 1) for line in block("sh", "FLASK_").split())
    app = configured(monkeypatch, **{key.removeprefix("FLASK_"): value for key, value in pairs})

    ServerSession(app)

    config = manager_of(app).config
    assert (config.cookie_name, config.idle_timeout) == ("__Host-session", 1_800_000)
    assert (config.cookie.secure, config.cookie.samesite) == (True, "Lax")
    assert config.store_options == {"prefix": "shop:sess:"}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("SESSION_COOKIE_SECURE", "1"),
        ("SESSION_COOKIE_SECURE", "True"),
        ("SESSION_ABSOLUTE_TIMEOUT", "None"),
        ("SESSION_GENID", "shop:genid"),
        ("SESSION_SECRET", "4711"),
        ("SESSION_SECRET", "4711e12"),
    ],
)
def test_what_the_page_calls_refused_stops_the_application(
    monkeypatch: pytest.MonkeyPatch, key: str, text: str
) -> None:
    app = configured(monkeypatch, **{key: text})

    with pytest.raises(ConfigError, match=key):
        ServerSession(app)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("SESSION_COOKIE_SAMESITE", "None"),
        ("SESSION_SECRET", "new one,old"),
        ("SESSION_SECRET", '["new one", "old"]'),
        ("SESSION_REFRESH_EACH_REQUEST", "False"),
    ],
)
def test_what_the_page_calls_allowed_is_allowed(
    monkeypatch: pytest.MonkeyPatch, key: str, text: str
) -> None:
    # Browsers drop a cookie with SameSite=None that is not secure.
    ServerSession(configured(monkeypatch, **{"SESSION_COOKIE_SECURE": "true", key: text}))


class Server(NamedTuple):
    """A process that runs the page's script."""

    process: subprocess.Popen[bytes]
    url: str

    def get(self, path: str) -> HTTPResponse:
        """Return the answer; wait for the server to start.

        :raises ChildProcessError: if the script ended.
        """
        deadline = time.monotonic() + 60
        while True:
            if self.process.poll() is not None:
                raise ChildProcessError
            try:
                response: HTTPResponse = urlopen(self.url + path, timeout=60)
            except URLError:
                assert time.monotonic() < deadline, "gunicorn did not start"
                time.sleep(0.1)
            else:
                return response


@contextmanager
def script_of_the_page(folder: Path, **environment: str) -> Iterator[Server]:
    (folder / "shop.py").write_text(block("python", "from flask") + _VIEW)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    script = block("sh", "#!/bin/sh").replace("0.0.0.0:8000", address)
    values = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "FLASK_SECRET_KEY": "4f1c0e55a3b1d8c7e2f96a0b7d3e8c15",
        "FLASK_SESSION_STORE": f"sqlite:///{folder}/sessions.db",
    }
    process = subprocess.Popen(["sh", "-c", script], cwd=folder, env=values | environment)
    try:
        yield Server(process, f"http://{address}")
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.slow
@pytest.mark.parametrize("options", ["", "--preload"])
def test_the_script_serves_the_application_under_its_prefix(tmp_path: Path, options: str) -> None:
    prefix = {"SCRIPT_NAME": "/shop", "FLASK_SESSION_COOKIE_PATH": "/shop"}

    with script_of_the_page(tmp_path, GUNICORN_CMD_ARGS=options, **prefix) as server:
        assert server.get("/shop/ready").status == 204
        page = server.get("/shop/")

    assert page.headers["Set-Cookie"].endswith("Path=/shop; HttpOnly")


@pytest.mark.slow
def test_the_script_ends_if_the_sessions_cannot_work(tmp_path: Path) -> None:
    missing = f"sqlite:///{tmp_path}/missing/sessions.db"

    with script_of_the_page(tmp_path, FLASK_SESSION_STORE=missing) as server:
        with pytest.raises(ChildProcessError):
            server.get("/ready")
        assert server.process.returncode == 1
