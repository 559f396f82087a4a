"""Between Flask and a session: cookie in, cookie out. The only file that sees a request."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from flask import Flask
from flask import Request
from flask import request
from flask import Response
from flask.sessions import SessionInterface
from flask.sessions import SessionMixin

from .config import Config
from .cookies.attributes import age_in_milliseconds
from .cookies.header import clear_cookie_line
from .cookies.header import cookie_values
from .cookies.header import path_matches
from .cookies.header import set_cookie_line
from .cookies.options import CookieOptions
from .errors import ConfigError
from .errors import SessionError
from .lifecycle import ManagedSession
from .manager import SessionManager
from .policy import CookieAction

logger = logging.getLogger(__package__)

_OPENED = "flask_serversession.session"


def load_session() -> None:
    """Load the request's session, where the policy needs every one, before the view runs.

    Flask's error handlers see what fails here; what fails while a response is saved they
    do not.
    """
    session: ManagedSession | None = request.environ.pop(_OPENED, None)
    if session is not None:
        session.preload()


class NoSession(SessionMixin, dict[str, Any]):
    """What ``flask.session`` is outside the cookie's path: empty, and not to be written."""

    accessed = False

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise SessionError(
            "There is no session here: the request's path is outside SESSION_COOKIE_PATH, so"
            " no browser would send the cookie back."
        )

    __setitem__ = __delitem__ = clear = pop = popitem = update = setdefault = _refuse
    regenerate = destroy = reload = save = touch = unset = lock = _refuse
    id = sid = cookie = permanent = property(_refuse, _refuse)


class ServerSessionInterface(SessionInterface):
    """Opens and saves the sessions of one application."""

    null_session_class = NoSession  # type: ignore[assignment] # Flask's own names no secret key here

    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager
        config = manager.config
        self._is_everywhere = config.cookie.path == "/" and config.cookie_per_request is None
        self._is_eager = config.policy.needs_every_session
        flaw = config.cookie.flaw(config.cookie_name)
        if flaw and config.cookie_per_request is None:
            logger.warning("No browser keeps this application's session cookie: %s.", flaw)

    def open_session(self, app: Flask, request: Request) -> ManagedSession | None:
        """Return the session, unread; None outside the cookie's path (RFC 6265 §5.1.4)."""
        visit = RequestVisit(self._manager, request)
        if not (self._is_everywhere or path_matches(visit.path, visit.cookie_path)):
            return None
        session = self._manager.open(visit)
        if self._is_eager:
            request.environ[_OPENED] = session
        return session

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Settle the session and put what the browser must know on the response."""
        if not isinstance(session, ManagedSession):
            return
        action = session.commit()
        if action is not CookieAction.NONE:
            self._send(session, action, response)
        if session.accessed or action is not CookieAction.NONE:
            _vary_by_cookie(response)

    def get_cookie_name(self, app: Flask) -> str:
        """Return the name in use, which the profile may have chosen."""
        return self._manager.config.cookie_name

    def _send(self, session: ManagedSession, action: CookieAction, response: Response) -> None:
        name = self._manager.config.cookie_name
        if action is CookieAction.SET:
            line = set_cookie_line(name, self._manager.signer.sign(session.id), session.cookie)
        else:
            line = clear_cookie_line(name, session.cookie_to_clear)
        _replace_line(response, session.sent_line, line)
        session.sent_line = line
        if "Cache-Control" not in response.headers:
            # A shared cache may keep the page, but not one user's cookie with it.
            response.headers["Cache-Control"] = 'no-cache="Set-Cookie"'


def _vary_by_cookie(response: Response) -> None:
    if "Vary" in response.headers:
        response.vary.add("Cookie")
    else:  # the same, without parsing nothing
        response.headers["Vary"] = "Cookie"


def _replace_line(response: Response, before: str | None, line: str) -> None:
    """Add a Set-Cookie line, in place of the one an earlier save put there."""
    lines = response.headers.getlist("Set-Cookie")
    if before in lines:
        lines[lines.index(before)] = line
        response.headers.setlist("Set-Cookie", lines)
    else:
        response.headers.add("Set-Cookie", line)


class RequestVisit:
    """A request, as far as a session may ask about it; each answer is worked out when asked."""

    __slots__ = ("_manager", "_options", "_request")

    def __init__(self, manager: SessionManager, request: Request) -> None:
        self._manager = manager
        self._request = request
        self._options: CookieOptions | None = None

    @property
    def path(self) -> str:
        """The path as the browser sees it, with what the app is mounted under."""
        return self._request.script_root + self._request.path

    @property
    def cookie_path(self) -> str:
        if self._config.cookie_per_request is None:
            return self._config.cookie.path
        return self._unresolved_options().path

    def sent_id(self) -> str | None:
        header: str = self._request.environ.get("HTTP_COOKIE", "")
        signer = self._manager.signer
        if self._config.cookie_name not in header:
            return None
        for value in cookie_values(header, self._config.cookie_name):
            sid = signer.unsign(value)
            if sid is not None:
                return sid
        return None

    def is_secure(self) -> bool:
        if self._direct_scheme() == "https":
            return True
        if self._config.proxy is None:
            return self._request.is_secure
        if not self._config.proxy:
            return False
        forwarded: str = self._request.environ.get("HTTP_X_FORWARDED_PROTO", "")
        return forwarded.partition(",")[0].strip().lower() == "https"

    def cookie_options(self) -> CookieOptions:
        options = self._unresolved_options()
        return options if options.is_definite else options.resolved(is_secure=self.is_secure())

    def generate_id(self) -> str:
        sid = self._config.genid(self._request)
        if not isinstance(sid, str) or not sid:
            raise ConfigError("SESSION_GENID must return a non-empty str.")
        return sid

    @property
    def _config(self) -> Config:
        return self._manager.config

    def _direct_scheme(self) -> str:
        # ProxyFix rewrites the scheme and keeps what it was.
        environ = self._request.environ
        original: Mapping[str, str] = environ.get("werkzeug.proxy_fix.orig", {})
        scheme: str = original.get("wsgi.url_scheme") or environ["wsgi.url_scheme"]
        return scheme

    def _unresolved_options(self) -> CookieOptions:
        if self._options is None:
            self._options = self._make_options()
        return self._options

    def _make_options(self) -> CookieOptions:
        per_request = self._config.cookie_per_request
        if per_request is None:
            return self._config.cookie
        given = dict(per_request(self._request))
        try:
            if "max_age" in given:
                given["max_age"] = age_in_milliseconds(given["max_age"])
            return CookieOptions(**given)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"SESSION_COOKIE_OPTIONS returned cookie attributes that cannot work: {error}."
            ) from error
