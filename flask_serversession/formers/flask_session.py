"""Sessions of Flask-Session 0.7 and 0.8, and of those before that are not pickled."""

from __future__ import annotations

import re
from datetime import datetime
from datetime import timezone
from typing import Any

import orjson
import ormsgpack
from flask import Flask
from itsdangerous import BadSignature
from itsdangerous import Signer

from ..config.advice import warn
from ..cookies.signing import cookie_values
from ..cookies.signing import PREFIX
from ..errors import PayloadError
from ..log import QuietLog
from ..sessions.settings import Former
from ..stores.base import epoch_milliseconds
from ..stores.driver_errors import DriverErrors
from .flask_session_places import place_of

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
#: The bytes that a msgpack map with members can start with. A pickle starts with none of them:
#: with \x80, which is msgpack's empty map, or with ASCII.
_MAPS = frozenset([*range(0x81, 0x90), 0xDE, 0xDF])
_OPTIONS = ormsgpack.OPT_NON_STR_KEYS | ormsgpack.OPT_DATETIME_AS_TIMESTAMP_EXT
_BESIDE = (
    "SESSION_STORE is not set, so sessions are kept where those of Flask-Session are, under"
    " names of their own."
)
_UNREADABLE = "A session of Flask-Session is unreadable and is not taken over: %s"


class FlaskSession:
    """Reads a session of Flask-Session through the clients in Flask-Session's own config keys.

    :param app: its config, its secrets and ``PERMANENT_SESSION_LIFETIME`` count.
    :raises ConfigError: if the keys do not say where the sessions are, or nothing can read
        them there.
    """

    #: Whether pickled records are read.
    unpickles = False

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._place = place_of(app.config, unpickles=self.unpickles)
        length = app.config.get("SESSION_ID_LENGTH", 32)
        self._id = re.compile(rf"[\w-]{{{-(-4 * length // 3)}}}|{_UUID}", re.ASCII)
        self._errors = DriverErrors(
            "the one of Flask-Session", unavailable=(Exception,), failed=()
        )
        self._log = QuietLog()
        if "SESSION_STORE" not in app.config:
            self._configure_a_store()

    def __call__(self, cookie_header: str) -> Former | None:
        first = None
        for name in self._names(cookie_header):
            former = self._read(name)
            if former.data:
                return former
            first = first or former
        return first

    def decode(self, stored: bytes) -> Any:
        """Return what a record holds: MessagePack or JSON.

        :raises ValueError: if it is neither.
        """
        if stored.startswith(b"{"):
            return orjson.loads(stored)
        if stored[:1] and stored[0] in _MAPS:
            return ormsgpack.unpackb(stored, option=_OPTIONS)
        raise PayloadError(
            "it is neither MessagePack nor JSON. Flask-Session before 0.7 pickled its sessions,"
            " and SESSION_ADOPT = ['flask-session-pickle'] reads those."
        )

    def _configure_a_store(self) -> None:
        """Configure a store beside Flask-Session's, and warn how the application writes that."""
        config, place = self._app.config, self._place
        found = {"SESSION_STORE": place.store, "SESSION_STORE_OPTIONS": dict(place.options)}
        lines = [f"app.config['SESSION_STORE'] = {place.written}"]
        if place.options:
            lines.append(f"app.config['SESSION_STORE_OPTIONS'] = {found['SESSION_STORE_OPTIONS']}")
        if config.get("SESSION_PERMANENT", True) and "SESSION_COOKIE_MAX_AGE" not in config:
            found["SESSION_COOKIE_MAX_AGE"] = config["PERMANENT_SESSION_LIFETIME"]
            lines.append(
                "app.config['SESSION_COOKIE_MAX_AGE'] = app.config['PERMANENT_SESSION_LIFETIME']"
            )
        config.update(found)
        warn(f"{_BESIDE} Write:\n\n    " + "\n    ".join(lines) + "\n")

    def _names(self, cookie_header: str) -> list[str]:
        """Return the names of the records that the cookies name."""
        cookie_name, prefix = self._app.config["SESSION_COOKIE_NAME"], self._prefix
        values = cookie_values(cookie_header, cookie_name)
        ids = (self._unsigned(value) for value in values if not value.startswith(PREFIX))
        return [prefix + sid for sid in ids if sid is not None and self._id.fullmatch(sid)]

    @property
    def _prefix(self) -> str:
        prefix: str = self._app.config.get("SESSION_KEY_PREFIX", "session:")
        return prefix

    def _unsigned(self, value: str) -> str | None:
        config, current = self._app.config, self._app.secret_key
        if not config.get("SESSION_USE_SIGNER"):
            return value
        if not current:
            return None
        # itsdangerous wants the current one last.
        secrets = [*(config.get("SECRET_KEY_FALLBACKS") or ()), current]
        try:
            signer = Signer(secrets, salt="flask-session", key_derivation="hmac")
            return signer.unsign(value).decode()
        except (BadSignature, UnicodeError):
            return None

    def _read(self, name: str) -> Former:
        with self._errors:
            stored = self._place.read(name)
        data = {} if stored is None else self._decoded(stored)
        is_permanent = bool(data.pop("_permanent", False))
        now = epoch_milliseconds(datetime.now(timezone.utc))
        lifetime = self._app.permanent_session_lifetime.total_seconds()
        return Former(
            f"flask-session {name}",
            data or None,
            began=0,
            ends=now + int(lifetime * 1000),
            permanent=is_permanent,
            is_unique=True,
            end=lambda: self._end(name),
        )

    def _end(self, name: str) -> None:
        with self._errors:
            self._place.delete(name)

    def _decoded(self, stored: bytes) -> dict[str, Any]:
        try:
            data = self.decode(stored)
            if isinstance(data, dict) and all(type(key) is str for key in data):
                return data
            why = "it is not a dict whose keys are text."
        except PayloadError as error:
            why = str(error)
        except Exception as error:
            why = type(error).__name__  # its message may quote the session
        self._log.error(_UNREADABLE, why)
        return {}
