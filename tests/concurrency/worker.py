"""The server that starts the test processes, each with its own app.

``python -m tests.concurrency.worker SOCKET`` forks for every connection it accepts, so
processes start within milliseconds. It has one thread and uses no store itself, so its
processes share no client.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from functools import partial
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.connection import Listener

from .app import make_app
from .request import obey_commands
from .request import outcome_of

#: Seconds after which a process that hangs in a job ends itself.
LONGEST_JOB = 120

#: Imported before forking, since importing them takes longer than most tests.
PACKAGES = [
    *("redis.cluster", "sqlalchemy", "psycopg", "pymysql", "pymongo", "pymemcache"),
    *("gunicorn.app.wsgiapp", "gunicorn.workers.sync", "gunicorn.workers.gthread"),
]


def main(socket: str) -> None:
    for package in PACKAGES:
        with suppress(ImportError):
            import_module(package)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with Listener(socket, family="AF_UNIX") as listener:
        while True:
            with listener.accept() as connection:
                if os.fork() == 0:
                    _run_process(connection)


def _run_process(connection: Connection) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        with suppress(EOFError):  # the tests are over, and closed their end
            _serve(connection)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(0)


def _serve(connection: Connection) -> None:
    place, config = connection.recv()
    app = make_app(place, **config)
    while True:
        job, *args = connection.recv()
        signal.alarm(LONGEST_JOB)
        given = (app, connection) if job is obey_commands else (app,)
        connection.send(outcome_of(partial(job, *given, *args)))
        signal.alarm(0)


if __name__ == "__main__":
    main(sys.argv[1])
