"""A Flask request, as far as a session may ask about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Request

from .config import Config
from .cookies.attributes import age_in_milliseconds
from .cookies.options import CookieOptions
from .errors import ConfigError


@dataclass(slots=True)
class FlaskRequest:
    """The :class:`~.sessions.settings.RequestInfo` of a Flask request.

    Nothing is computed before it is asked for.
    """

    request: Request
    config: Config
    cookie_header: str
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

    def cookie_options(self) -> CookieOptions:
        options = self._unresolved_options()
        return options if options.is_definite else options.resolved(is_secure=self.is_secure())

    def generate_id(self) -> str:
        sid = self.config.genid(self.request)
        if not isinstance(sid, str) or not sid:
            raise ConfigError("SESSION_GENID must return a non-empty str.")
        return sid

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
            return CookieOptions(**given)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"SESSION_COOKIE_OPTIONS returned cookie attributes that cannot work: {error}."
            ) from error
