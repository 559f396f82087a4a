"""The systems and their options. Each system has an app, and all apps do the same.

The arguments of an app are the URL of its store and its options as JSON. It prints the port on
which it listens, and answers these requests:

* ``POST /login?user=…`` stores the user, and a list under ``cart``.
* ``GET /read`` returns the session's data as JSON.
* ``POST /set?key=…&value=…`` stores one key.
* ``POST /nested`` appends to the list.
* ``POST /logout`` ends the session with the system's own method.

A request with ``gate=…`` first loads its session. It then connects to that loopback port, and
continues when the connection is closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Final


@dataclass(frozen=True)
class System:
    name: str
    store: str
    #: Its module or script in this folder.
    app: str
    #: The options that are not the default, under the system's own names.
    options: dict[str, Any] = field(default_factory=dict)


FLASKS_OWN: Final = System("Flask's own sessions", "cookie", "flask_cookie")

_SAVING = {"SESSION_SAVE_EVERY_REQUEST": True}
_EXPRESS = {"resave": False, "saveUninitialized": False}

_PEERS = [
    FLASKS_OWN,
    System("Flask-Session", "Redis", "flask_session"),
    System("Django", "SQLite", "django_sessions"),
    System("Django", "Redis", "django_sessions"),
    System("Django, SAVE_EVERY_REQUEST", "SQLite", "django_sessions", _SAVING),
    System("Starsessions", "Redis", "starsessions"),
    System("Beaker, auto", "files", "beaker"),
    System("Beaker, auto", "Redis", "beaker"),
    System("express-session", "Redis", "express.js", _EXPRESS),
    System("express-session, rolling", "Redis", "express.js", _EXPRESS | {"rolling": True}),
    System("express-session, resave", "Redis", "express.js", _EXPRESS | {"resave": True}),
]

_STORES = ["memory", "Redis", "PostgreSQL", "MariaDB", "SQLite", "MongoDB", "memcached", "files"]

#: This project with its defaults, on every store.
DEFAULTS: Final = [
    *(System("Flask-ServerSession", store, "ours") for store in _STORES),
    System("Flask-ServerSession, cachelib", "Redis", "ours_on_cachelib"),
]

#: Overwrites like express-session, but does not bring back a session that has ended.
EXPRESS_PROFILE: Final = System(
    "Flask-ServerSession, express profile",
    "Redis",
    "ours",
    {"SESSION_PROFILE": "express", "SESSION_RESAVE": False, "SESSION_SAVE_UNINITIALIZED": False},
)

SYSTEMS: Final = [*_PEERS, *DEFAULTS, EXPRESS_PROFILE]
