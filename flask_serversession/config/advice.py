"""Warnings about config keys that this extension does not know."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any
from typing import Final

from .options import DEFAULTS
from .options import FLASKS_OPTIONS
from .options import OPTIONS

_PREFIX = "SESSION_"

#: The frames of this package, and not only those of its folder ``config``.
_PACKAGE = "flask_serversession."
_KNOWN = frozenset(option.key for option in (*OPTIONS, *FLASKS_OPTIONS))

#: Each key of Flask-Session, with what to use here.
_FLASK_SESSION_KEYS: Final[dict[str, str]] = {
    "SESSION_TYPE": "SESSION_STORE, with a URL such as 'redis://localhost:6379/0'",
    "SESSION_PERMANENT": "SESSION_COOKIE_MAX_AGE = PERMANENT_SESSION_LIFETIME for True, its"
    " default, and nothing for False",
    "SESSION_USE_SIGNER": "nothing: ids are always signed",
    "SESSION_KEY_PREFIX": "SESSION_STORE_OPTIONS = {'prefix': …}",
    "SESSION_ID_LENGTH": "SESSION_GENID",
    "SESSION_SERIALIZATION_FORMAT": "nothing: sessions are JSON that preserves Python's types",
    "SESSION_CLEANUP_N_REQUESTS": "the command 'flask sessions prune', run regularly",
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
    "SESSION_SQLALCHEMY_TABLE": "SESSION_STORE_OPTIONS = {'table': …}, a new table",
    "SESSION_SQLALCHEMY_SCHEMA": "SESSION_STORE_OPTIONS = {'schema': …}",
    "SESSION_SQLALCHEMY_SEQUENCE": "nothing: the table has no sequence",
    "SESSION_SQLALCHEMY_BIND_KEY": "SESSION_STORE ="
    " SQLAlchemyStore(lambda: db.engines['that bind'])",
    "SESSION_DYNAMODB": "SESSION_STORE = a store of your own",
    "SESSION_DYNAMODB_TABLE": "SESSION_STORE = a store of your own",
}


def warn_about_unknown_keys(config: Mapping[str, Any]) -> None:
    """Warn about each unknown ``SESSION_…`` key and suggest the right one."""
    for key in config:
        if key.startswith(_PREFIX) and key not in _KNOWN:
            text = f"The config key {key} {_advice(key)}"
            warnings.warn(text, UserWarning, stacklevel=_levels_to_the_application())


def _advice(key: str) -> str:
    if key in _FLASK_SESSION_KEYS:
        return f"is Flask-Session's; here it is {_FLASK_SESSION_KEYS[key]}."
    # Without the prefix, which would make all keys look alike.
    known = {name.removeprefix(_PREFIX): name for name in DEFAULTS}
    near = get_close_matches(key.removeprefix(_PREFIX), known, n=1)
    return f"means nothing here; did you mean {known[near[0]]}?" if near else "means nothing here."


def _levels_to_the_application() -> int:
    """Return the caller's ``stacklevel`` for the first frame outside this package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals["__name__"].startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    return level
