"""Pickled sessions of Flask-Session: all before 0.7, since then those in files and caches.

A pickle is a program. This one may build plain values only, see :data:`_ALLOWED`. Nothing else
in the package imports this module, and only ``SESSION_ADOPT = ["flask-session-pickle"]`` loads it.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from datetime import date
from datetime import datetime
from datetime import time
from datetime import timedelta
from datetime import timezone
from decimal import Decimal
from io import BytesIO
from typing import Any
from typing import ClassVar
from typing import Final
from uuid import UUID

from markupsafe import Markup

from ..errors import PayloadError
from .flask_session import FlaskSession


class PickledFlaskSession(FlaskSession):
    """Reads sessions of Flask-Session in any of its formats."""

    unpickles = True

    def decode(self, stored: bytes) -> Any:
        try:
            return super().decode(stored)
        except PayloadError:
            # cachelib's Redis cache marks a pickle.
            return _Unpickler(BytesIO(stored.removeprefix(b"!"))).load()


def _encode(text: str, encoding: str) -> bytes:
    """Return bytes, which a pickle of protocol 2 and below spells as text."""
    if encoding != "latin1":
        raise PayloadError("it names an encoding that pickle does not use.")
    return text.encode("latin1")


def _reconstruct(kind: object, base: object, state: object) -> object:
    """Return a Markup or a UUID, which a pickle of protocol 0 or 1 spells like this."""
    if kind is Markup and base is str:
        return Markup(state)  # noqa: S704 # it was one before
    if kind is UUID and base is object:
        return object.__new__(UUID)
    raise PayloadError("it has an object that is not a plain value.")


_BUILTINS = (set, frozenset, complex, str, object)
_OTHERS = (OrderedDict, Decimal, Markup, UUID, date, datetime, time, timedelta, timezone)
#: What a pickle may name, also by the names of Python 2, which protocols 0 to 2 use.
_ALLOWED: Final[dict[tuple[str, str], object]] = {
    **{("builtins", kind.__name__): kind for kind in _BUILTINS},
    **{("__builtin__", kind.__name__): kind for kind in _BUILTINS},
    **{(kind.__module__, kind.__name__): kind for kind in _OTHERS},
    ("__builtin__", "unicode"): str,
    ("_codecs", "encode"): _encode,
    ("copyreg", "_reconstructor"): _reconstruct,
    ("copy_reg", "_reconstructor"): _reconstruct,
}


class _Unpickler(pickle._Unpickler):
    """Builds plain values; raises PayloadError for anything else.

    It is the unpickler written in Python, whose steps can be replaced.
    """

    stack: list[Any]

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            named = f"{module}.{name}"
            raise PayloadError(f"its pickle names {named!r}.") from None

    def load_build(self) -> None:
        """Set the state of a UUID. No other plain value has one, but it could change a class."""
        state, target = self.stack.pop(), self.stack[-1]
        if type(target) is not UUID:
            raise PayloadError("its pickle changes an object that is not a UUID.")
        UUID.__init__(target, int=state["int"])

    dispatch: ClassVar[dict[int, Any]] = {
        **pickle._Unpickler.dispatch,
        pickle.BUILD[0]: load_build,
    }
