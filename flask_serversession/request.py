"""A Flask request, as far as a session may ask about it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from functools import lru_cache

from flask import Request

from .config import Config
from .config.strict import refuse_a_longer_age
from .cookies.attributes import age_in_milliseconds
from .cookies.ids import SessionId
from .cookies.options import CookieOptions
from .errors import ConfigError
from .sessions.login import Client
from .stores.base import USER_LENGTH

logger: logging.Logger = logging.getLogger("flask_serversession")

#: Characters of an id with 128 random bits in base64, and the bytes that fit into a cookie if
#: each one is percent-encoded.
_SHORTEST_ID, _LONGEST_ID = 22, 1024


@dataclass(slots=True)
class FlaskRequest:
    """The :class:`~.sessions.settings.RequestInfo` of a Flask request.

    Nothing is computed before it is asked for.
    """

    request: Request
    config: Config
    cookie_header: str = field(repr=False)
    _options: CookieOptions | None = None

    @property
    def path(self) -> str:
        """The path that the browser sees, including where the application is mounted."""
        return self.request.script_root + self.request.path

    @property
    def cookie_path(self) -> str:
        """The path of the session cookie."""
        return self._unresolved_options().path

    def is_secure(self) -> bool:
        if self._direct_scheme() == "https":
            return True
        if self.config.proxy is None:
            return self.request.is_secure
        if not self.config.proxy:
            return False
        forwarded: str = self.request.environ.get("HTTP_X_FORWARDED_PROTO", "")
        return forwarded.partition(",")[0].strip().lower() == "https"

    def is_answered(self) -> bool:
        if self.request.environ.get("HTTP_UPGRADE", "").lower() == "websocket":
            return False
        # Flask-SocketIO gives its handlers the request that opened the connection.
        return not (hasattr(self.request, "namespace") and hasattr(self.request, "event"))

    def client(self) -> Client:
        return Client.of(self.request.remote_addr, self.request.headers.get("User-Agent", ""))

    def cookie_options(self) -> CookieOptions:
        options = self._unresolved_options()
        if options.domain and not _is_within(self.request.host, options.domain):
            _warn_once(
                f"The session cookie's Domain is {options.domain!r}, which the host of this"
                " request is not in, so its browser drops the cookie. Look at"
                " SESSION_COOKIE_DOMAIN (or SESSION_COOKIE_OPTIONS)."
            )
        if options.is_definite:
            return options
        resolved = options.resolved(is_secure=self.is_secure())
        flaw = None if resolved.secure else resolved.flaw(self.config.cookie_name)
        if flaw:
            _warn_once(
                "Over plain http SESSION_COOKIE_SECURE 'auto' makes a cookie that browsers drop:"
                f" {flaw}."
            )
        return resolved

    def generate_id(self) -> str:
        sid = self.config.genid(self.request)
        if not isinstance(sid, str) or not sid:
            raise ConfigError("SESSION_GENID must return a non-empty str.")
        size = len(sid.encode(errors="surrogatepass"))
        if size > _LONGEST_ID:
            raise ConfigError(
                f"SESSION_GENID returned an id of {size} bytes; the cookie has room for"
                f" {_LONGEST_ID}."
            )
        if len(sid) < _SHORTEST_ID:
            _warn_once(
                f"SESSION_GENID returned an id of {len(sid)} characters, which cannot have 128"
                " random bits: others may guess it. Use secrets.token_urlsafe(24)."
            )
        if self.config.profile == "express":
            return SessionId(sid)
        # A dot there would end the tag of a user, which logs and hashed keys show.
        front, rest = sid[: USER_LENGTH + 1], sid[USER_LENGTH + 1 :]
        return SessionId(front.replace(".", "-") + rest)

    def _direct_scheme(self) -> str:
        # ProxyFix rewrites the scheme and keeps the original one.
        environ = self.request.environ
        original: Mapping[str, str] = environ.get("werkzeug.proxy_fix.orig", {})
        scheme: str = original.get("wsgi.url_scheme") or environ["wsgi.url_scheme"]
        return scheme

    def _unresolved_options(self) -> CookieOptions:
        if self._options is None:
            self._options = self._make_options()
        return self._options

    def _make_options(self) -> CookieOptions:
        per_request = self.config.cookie_per_request
        if per_request is None:
            return self.config.cookie
        given = dict(per_request(self.request))
        try:
            if "max_age" in given:
                given["max_age"] = age_in_milliseconds(given["max_age"])
            options = CookieOptions(**given)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"SESSION_COOKIE_OPTIONS returned cookie attributes that cannot work: {error}."
            ) from error
        refuse_a_longer_age(self.config, options.max_age)
        flaw = options.flaw(self.config.cookie_name)
        if flaw:
            _warn_once(f"SESSION_COOKIE_OPTIONS returned a cookie that browsers drop: {flaw}.")
        return options


@lru_cache(maxsize=128)
def _warn_once(text: str) -> None:
    logger.warning(text)


def _is_within(host: str, domain: str) -> bool:
    name = host.rpartition(":")[0] if host[-1:].isdigit() and ":" in host else host
    suffix = domain.lower().removeprefix(".")
    return f".{name.lower()}".endswith(f".{suffix}")
