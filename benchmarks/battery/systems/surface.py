"""What the apps in Python have in common, whatever their framework."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import MutableMapping
from socket import create_connection
from typing import Any
from typing import NamedTuple
from typing import TYPE_CHECKING

from werkzeug.serving import make_server

from ..browser import PATIENCE

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class Given(NamedTuple):
    """What the command line of an app holds."""

    url: str
    options: dict[str, Any]


def given() -> Given:
    _, url, options = sys.argv
    return Given(url, json.loads(options))


def act(
    session: MutableMapping[str, Any],
    action: str,
    arguments: Mapping[str, str],
    log_out: Callable[[], object],
) -> dict[str, Any]:
    """Do what a request asks for; return what it is answered with."""
    match action:
        case "read":
            return dict(session.items())
        case "login":
            session["user"] = arguments["user"]
            session["cart"] = ["tea"]
        case "set":
            session[arguments["key"]] = arguments["value"]
        case "nested":
            session["cart"].append("milk")
        case "logout":
            log_out()
    return {}


def wait_at_gate(arguments: Mapping[str, str]) -> None:
    """Say that the request is inside, and wait until it may go on."""
    if "gate" in arguments:
        place = ("127.0.0.1", int(arguments["gate"]))
        with create_connection(place, timeout=PATIENCE) as gate:
            gate.recv(1)


def serve(app: WSGIApplication) -> None:
    """Serve an app, each request in a thread of its own, until the process is ended."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    print(server.port, flush=True)
    server.serve_forever()
