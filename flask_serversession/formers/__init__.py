"""The kinds of sessions that an application may have had before, one file each.

:func:`open_former` imports a kind's file by name, so an application loads only the kinds in its
``SESSION_ADOPT``.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast
from typing import Final

from flask import Flask

from ..sessions.settings import FindFormer

#: The name of a kind in SESSION_ADOPT -> its file and its class.
_KINDS: Final = {
    "flask": ("flask_cookie", "FlaskCookie"),
    "flask-session": ("flask_session", "FlaskSession"),
    "flask-session-pickle": ("flask_session_pickle", "PickledFlaskSession"),
}


def open_former(kind: str, app: Flask) -> FindFormer:
    """Return what looks for the sessions of a kind.

    :raises ConfigError: if the application's config does not say where they are.
    """
    file, name = _KINDS[kind]
    return cast(FindFormer, getattr(import_module(f"{__name__}.{file}"), name)(app))
