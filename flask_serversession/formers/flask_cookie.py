"""Flask's own sessions, which it keeps in a signed cookie."""

from __future__ import annotations

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import BadSignature
from itsdangerous import URLSafeTimedSerializer

from ..cookies.signing import cookie_values
from ..cookies.signing import PREFIX
from ..sessions.settings import Former


class FlaskCookie:
    """Reads a session of Flask's as Flask does: the same salt, digest, secrets and age.

    :param app: its secrets, ``SESSION_COOKIE_NAME`` and ``PERMANENT_SESSION_LIFETIME`` count.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __call__(self, cookie_header: str) -> Former | None:
        name = self._app.config["SESSION_COOKIE_NAME"]
        for value in cookie_values(cookie_header, name):
            former = None if value.startswith(PREFIX) else self._read(value)
            if former is not None:
                return former
        return None

    def _read(self, value: str) -> Former | None:
        lifetime = self._app.permanent_session_lifetime
        try:
            data, signed_at = self._serializer().loads(
                value, max_age=int(lifetime.total_seconds()), return_timestamp=True
            )
        except BadSignature:
            return None
        if not isinstance(data, dict) or data.keys() <= {"_permanent"}:
            return None
        is_permanent = bool(data.pop("_permanent", False))
        began, ends = (int(at.timestamp() * 1000) for at in (signed_at, signed_at + lifetime))
        return Former(value, data, began, ends, is_permanent)

    def _serializer(self) -> URLSafeTimedSerializer:
        # Flask's own method leaves out SECRET_KEY_FALLBACKS before Flask 3.1.
        flasks = SecureCookieSessionInterface
        current, fallbacks = self._app.secret_key, self._app.config.get("SECRET_KEY_FALLBACKS")
        return URLSafeTimedSerializer(
            [*(fallbacks or ()), current],  # itsdangerous wants the current one last
            salt=flasks.salt,
            serializer=flasks.serializer,
            signer_kwargs={
                "key_derivation": flasks.key_derivation,
                "digest_method": flasks.digest_method,
            },
        )
