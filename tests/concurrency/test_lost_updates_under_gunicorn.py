"""Two gunicorn workers lose none of the changes of eight clients with one session."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextlib import closing
from contextlib import contextmanager
from contextlib import suppress
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from ..servers.base import free_port
from ..servers.base import unavailable
from .places import Place
from .process import Process
from .under_gunicorn import own_pid
from .under_gunicorn import run_gunicorn

CLIENTS = [f"client-{number}" for number in range(8)]

#: Each client sends TIMES requests, and up to MOST_TIMES until both workers have answered some.
TIMES = 5
MOST_TIMES = 100


class Reply(NamedTuple):
    body: bytes
    #: What the browser sends from then on. Empty if the response sets no cookie.
    cookie: str


Serve = Callable[..., AbstractContextManager[str]]


@pytest.fixture
def serve(request: pytest.FixtureRequest, socket: str, place: Place, tmp_path: Path) -> Serve:
    """Run two gunicorn workers with the given options; yield their address once both answer."""
    if find_spec("gunicorn") is None:
        unavailable(request.config, "gunicorn", "pip install gunicorn")

    @contextmanager
    def serve(*options: str) -> Iterator[str]:
        address = f"127.0.0.1:{free_port()}"
        with closing(Process(socket, place, {})) as process:
            process.start(own_pid)
            pid = process.result()
            process.start(run_gunicorn, place, str(tmp_path), "--bind", address, *options)
            try:
                _wait_for_both(address)
                yield address
            finally:
                os.kill(pid, signal.SIGTERM)
                with suppress(EOFError):  # it has ended
                    process.result()

    return serve


@pytest.mark.parametrize("fork", [["--preload"], []], ids=["preload", "no-preload"])
@pytest.mark.parametrize("threads", [[], ["--threads=4"]], ids=["sync", "gthread"])
def test_two_workers_lose_no_change_of_eight_clients(
    serve: Serve, threads: list[str], fork: list[str]
) -> None:
    served: set[bytes] = set()
    sent = 0
    with serve(*threads, *fork) as address, ThreadPoolExecutor(len(CLIENTS)) as pool:
        cookie = _send(address, "POST", "/count/first").cookie
        while sent < TIMES or (len(served) < 2 and sent < MOST_TIMES):
            replies = [
                pool.submit(_send, address, "POST", f"/count/{name}", cookie) for name in CLIENTS
            ]
            served.update(reply.result().body for reply in replies)
            sent += 1
        counts = json.loads(_send(address, "GET", "/counts", cookie).body)

    assert counts == {"first": 1, **dict.fromkeys(CLIENTS, sent)}
    assert len(served) == 2


def _wait_for_both(address: str) -> None:
    pids: set[bytes] = set()
    deadline = time.monotonic() + 60
    while len(pids) < 2:
        assert time.monotonic() < deadline, "gunicorn did not start"
        try:
            pids.add(_send(address, "GET", "/pid").body)
        except OSError:  # not yet
            time.sleep(0.01)


def _send(address: str, method: str, path: str, cookie: str = "") -> Reply:
    with closing(HTTPConnection(address, timeout=30)) as connection:
        connection.request(method, path, headers={"Cookie": cookie})
        response = connection.getresponse()
        assert response.status == 200
        set_cookie = response.getheader("Set-Cookie", "")
        return Reply(response.read(), set_cookie.partition(";")[0])
