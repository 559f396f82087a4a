"""Runs gunicorn in a test process, where most of what it imports is imported already."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

from flask import Flask

from .places import Place


def own_pid(app: Flask) -> int:
    """Return the id of this process."""
    return os.getpid()


def run_gunicorn(app: Flask, place: Place, home: str, *options: str) -> None:
    """Run the ``gunicorn`` command with two workers and the app of ``served.py``."""
    from gunicorn.app.wsgiapp import run

    # gunicorn creates a control socket in its user's home directory.
    os.environ.update(HOME=home, SESSIONS=json.dumps(asdict(place)))
    sys.argv = ["gunicorn", "--workers=2", *options, f"{__package__}.served:app"]
    try:
        run()
    except SystemExit as end:
        # gunicorn stops if a worker ends with the code of one that cannot load the app.
        os._exit(end.code if isinstance(end.code, int) else 0)
