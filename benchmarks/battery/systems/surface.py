"""What the Python apps share, whatever their framework."""

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
    """The command-line arguments of an app."""

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
    """Carry out a request's action, and return its answer."""
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
    """Signal that the request has loaded its session, and wait until it may continue."""
    if "gate" in arguments:
        place = ("127.0.0.1", int(arguments["gate"]))
        with create_connection(place, timeout=PATIENCE) as gate:
            gate.recv(1)


def serve(app: WSGIApplication) -> None:
    """Serve an app, one thread per request, until the process ends."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    print(server.port, flush=True)
    server.serve_forever()
