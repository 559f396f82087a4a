"""The config keys there are, and a word about those there are not."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any
from typing import Final

#: Each key that means something to this extension, with its default per profile where
#: that is a plain value.
DEFAULTS: Final[dict[str, tuple[Any, Any]]] = {
    "SESSION_PROFILE": ("flask", "flask"),
    "SESSION_STORE": ("memory", "memory"),
    "SESSION_STORE_OPTIONS": ({}, {}),
    "SESSION_SECRET": (None, None),
    "SESSION_COOKIE_NAME": ("session", "connect.sid"),
    "SESSION_COOKIE_PATH": (None, None),
    "SESSION_COOKIE_DOMAIN": (None, None),
    "SESSION_COOKIE_HTTPONLY": (True, True),
    "SESSION_COOKIE_SECURE": (False, False),
    "SESSION_COOKIE_SAMESITE": (None, None),
    "SESSION_COOKIE_PARTITIONED": (False, False),
    "SESSION_COOKIE_MAX_AGE": (None, None),
    "SESSION_COOKIE_PRIORITY": (None, None),
    "SESSION_COOKIE_OPTIONS": (None, None),
    "SESSION_GENID": (None, None),
    "SESSION_PROXY": (None, None),
    "SESSION_RESAVE": (False, True),
    "SESSION_SAVE_UNINITIALIZED": (False, True),
    "SESSION_ROLLING": (None, False),
    "SESSION_UNSET": ("keep", "keep"),
    "SESSION_IDLE_TIMEOUT": (timedelta(days=1), timedelta(days=1)),
    "SESSION_TOUCH": ("accessed", "always"),
    "SESSION_TOUCH_INTERVAL": (None, 0),
    "SESSION_CONCURRENCY": ("merge", "overwrite"),
    "SESSION_MERGE": (None, None),
    "SESSION_REGENERATE_GRACE": (0, 0),
    "SESSION_STORE_ERROR": ("raise", "raise"),
    "SESSION_DESTROY_EMPTY": (True, False),
    "SESSION_CLEAR_COOKIE": (True, False),
}

_PREFIX = "SESSION_"

#: Keys that are Flask's own and start alike.
_FLASKS_OWN = {"SESSION_REFRESH_EACH_REQUEST"}

#: What a key of Flask-Session is called here.
_FLASK_SESSION_KEYS: Final[dict[str, str]] = {
    "SESSION_TYPE": "SESSION_STORE, with a URL such as 'redis://localhost:6379/0'",
    "SESSION_PERMANENT": "SESSION_COOKIE_MAX_AGE = PERMANENT_SESSION_LIFETIME for True, its"
    " default, and nothing for False",
    "SESSION_USE_SIGNER": "nothing: ids are always signed",
    "SESSION_KEY_PREFIX": "SESSION_STORE_OPTIONS = {'prefix': …}",
    "SESSION_ID_LENGTH": "SESSION_GENID",
    "SESSION_SERIALIZATION_FORMAT": "nothing: sessions are JSON that keeps Python's types",
    "SESSION_CLEANUP_N_REQUESTS": "the command 'flask sessions prune', run by a timer",
    "SESSION_REDIS": "SESSION_STORE = the client",
    "SESSION_MEMCACHED": "SESSION_STORE = the client",
    "SESSION_CACHELIB": "SESSION_STORE = the cache",
    "SESSION_FILE_DIR": "SESSION_STORE = 'file:///that/directory'",
    "SESSION_FILE_THRESHOLD": "nothing: no live session is dropped",
    "SESSION_FILE_MODE": "nothing: files are private",
    "SESSION_MONGODB": "SESSION_STORE = the client",
    "SESSION_MONGODB_DB": "SESSION_STORE_OPTIONS = {'database': …}",
    "SESSION_MONGODB_COLLECT": "SESSION_STORE_OPTIONS = {'collection': …}",
    "SESSION_SQLALCHEMY": "SESSION_STORE = the engine or the SQLAlchemy object",
    "SESSION_SQLALCHEMY_TABLE": "SESSION_STORE_OPTIONS = {'table': …}, and not the old table",
    "SESSION_SQLALCHEMY_SCHEMA": "SESSION_STORE_OPTIONS = {'schema': …}",
    "SESSION_SQLALCHEMY_SEQUENCE": "nothing: the table has no sequence",
    "SESSION_SQLALCHEMY_BIND_KEY": "SESSION_STORE ="
    " SQLAlchemyStore(lambda: db.engines['that bind'])",
    "SESSION_DYNAMODB": "SESSION_STORE = a store of your own",
    "SESSION_DYNAMODB_TABLE": "SESSION_STORE = a store of your own",
}


def warn_about_unknown_keys(config: Mapping[str, Any]) -> None:
    """Warn of each ``SESSION_…`` key that means nothing, with the one that was meant."""
    for key in config:
        if key.startswith(_PREFIX) and key not in DEFAULTS and key not in _FLASKS_OWN:
            text = f"The config key {key} {_advice(key)}"
            warnings.warn(text, UserWarning, stacklevel=_levels_to_the_application())


def _advice(key: str) -> str:
    if key in _FLASK_SESSION_KEYS:
        return f"is Flask-Session's; here it is {_FLASK_SESSION_KEYS[key]}."
    # By what tells them apart: alike is every key that starts like this.
    known = {name.removeprefix(_PREFIX): name for name in DEFAULTS}
    near = get_close_matches(key.removeprefix(_PREFIX), known, n=1)
    return f"means nothing here; did you mean {known[near[0]]}?" if near else "means nothing here."


def _levels_to_the_application() -> int:
    """Return the stack level, as the caller counts, of the first frame outside this package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals["__name__"].startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    return level


_PACKAGE = f"{__package__}."
