"""The app that gunicorn serves. Its store settings come from the environment."""

from __future__ import annotations

import json
import os

from flask import session

from .app import make_app
from .places import Place

app = make_app(Place(**json.loads(os.environ["SESSIONS"])))
# With --preload, this client is used before gunicorn forks.
app.extensions["serversession"].load("nobody's")


@app.get("/pid")
def pid() -> str:
    return str(os.getpid())


@app.post("/count/<name>")
def count(name: str) -> str:
    session[name] = session.get(name, 0) + 1
    return str(os.getpid())


@app.get("/counts")
def counts() -> dict[str, int]:
    return dict(session)
