"""Warnings about config keys that were probably meant for this extension."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection
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
#: The known keys without their prefixes, which would make all of them look alike.
_SUFFIXES: Final[dict[str, str]] = {
    **{key.removeprefix(_PREFIX).removeprefix("COOKIE_"): key for key in DEFAULTS},
    **{key.removeprefix(_PREFIX): key for key in DEFAULTS},
}
#: How much a misspelt key has in common with the right one: 1 is all of it.
_ALIKE = 0.75

#: Each key of Flask-Session, with what to use here.
_FLASK_SESSION_KEYS: Final[dict[str, str]] = {
    "SESSION_TYPE": "SESSION_STORE, with a URL such as 'redis://localhost:6379/0';"
    " SESSION_ADOPT = ['flask-session'] takes its sessions over",
    "SESSION_PERMANENT": "SESSION_COOKIE_MAX_AGE = PERMANENT_SESSION_LIFETIME for True, its"
    " default, and nothing for False",
    "SESSION_USE_SIGNER": "nothing: ids are always signed",
    "SESSION_KEY_PREFIX": "SESSION_STORE_OPTIONS = {'prefix': …}, a new one",
    "SESSION_ID_LENGTH": "SESSION_GENID",
    "SESSION_SERIALIZATION_FORMAT": "nothing: sessions are JSON that preserves Python's types",
    "SESSION_CLEANUP_N_REQUESTS": "the command 'flask sessions prune', run regularly",
    "SESSION_REDIS": "SESSION_STORE = the client",
    "SESSION_MEMCACHED": "SESSION_STORE = the client",
    "SESSION_CACHELIB": "SESSION_STORE = the cache",
    "SESSION_FILE_DIR": "SESSION_STORE = 'file:///a/new/directory'",
    "SESSION_FILE_THRESHOLD": "nothing: no live session is dropped",
    "SESSION_FILE_MODE": "nothing: files are private",
    "SESSION_MONGODB": "SESSION_STORE = the client",
    "SESSION_MONGODB_DB": "SESSION_STORE_OPTIONS = {'database': …}",
    "SESSION_MONGODB_COLLECT": "SESSION_STORE_OPTIONS = {'collection': …}, a new one",
    "SESSION_SQLALCHEMY": "SESSION_STORE = the engine or the SQLAlchemy object",
    "SESSION_SQLALCHEMY_TABLE": "SESSION_STORE_OPTIONS = {'table': …}, a new table",
    "SESSION_SQLALCHEMY_SCHEMA": "SESSION_STORE_OPTIONS = {'schema': …}",
    "SESSION_SQLALCHEMY_SEQUENCE": "nothing: the table has no sequence",
    "SESSION_SQLALCHEMY_BIND_KEY": "SESSION_STORE ="
    " SQLAlchemyStore(lambda: db.engines['that bind'])",
    "SESSION_DYNAMODB": "SESSION_STORE = a store of your own",
    "SESSION_DYNAMODB_TABLE": "SESSION_STORE = a store of your own",
}


def warn_about_unknown_keys(config: Mapping[str, Any], adopted: Collection[str] = ()) -> None:
    """Warn about each key of Flask-Session and each misspelt key, and suggest the right one.

    A key in lower case is misspelt: ``from_prefixed_env()`` keeps its case.

    Other ``SESSION_…`` keys belong to other extensions: ``SESSION_PROTECTION`` is
    Flask-Login's.

    :param adopted: the kinds of sessions to take over. Flask-Session's need its keys.
    """
    needs_its_keys = any(kind.startswith("flask-session") for kind in adopted)
    known = _KNOWN.union(_FLASK_SESSION_KEYS) if needs_its_keys else _KNOWN
    for key in config:
        if not key.upper().startswith(_PREFIX) or key in known:
            continue
        advice = _advice(key.upper())
        if advice is not None:
            warn(f"The config key {key} {advice}")


def warn(text: str) -> None:
    """Warn about the line of the application that led here."""
    warnings.warn(text, UserWarning, stacklevel=_levels_to_the_application())


def _advice(key: str) -> str | None:
    if key in _FLASK_SESSION_KEYS:
        return f"is Flask-Session's; here it is {_FLASK_SESSION_KEYS[key]}."
    near = get_close_matches(key.removeprefix(_PREFIX), _SUFFIXES, n=1, cutoff=_ALIKE)
    return f"means nothing here; did you mean {_SUFFIXES[near[0]]}?" if near else None


def _levels_to_the_application() -> int:
    """Return the caller's ``stacklevel`` for the first frame outside this package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals["__name__"].startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    return level
