"""Connects Flask to sessions that live in a store: cookie in, cookie out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Mapping
from inspect import getattr_static
from typing import Any
from typing import cast
from typing import Final

from flask import Flask
from flask import Request
from flask import request
from flask import Response
from flask import session as flask_session
from flask.config import ConfigAttribute
from flask.sessions import SessionInterface
from flask.sessions import SessionMixin

from .config import Config
from .config.options import FLASKS_OPTIONS
from .config.options import OPTIONS
from .cookies.header import clear_cookie_line
from .cookies.header import path_matches
from .cookies.header import set_cookie_line
from .errors import ConfigError
from .errors import MissingSecret
from .errors import SessionError
from .errors import StoreError
from .manager import SessionManager
from .no_session import NoSession
from .no_session import OUTSIDE
from .request import FlaskRequest
from .response import clear_site_data
from .response import keep_from_all_caches
from .response import keep_from_shared_caches
from .response import replace_cookie_line
from .response import tell_time_left
from .sessions.base import Session
from .sessions.policy import CookieAction
from .sessions.settle import cookie_to_clear
from .sessions.settle import preload
from .sessions.settle import settle
from .sessions.stored import StoredSession

logger: logging.Logger = logging.getLogger("flask_serversession")

#: The key of ``app.extensions`` that holds the manager.
EXTENSION = "serversession"
_OPENED = "flask_serversession.session"

#: ``flask.session`` itself, typed as the :class:`~.sessions.base.Session` that it is under
#: ``ServerSession(app)``.
session: Session = cast(Session, flask_session)


def manager_of(app: Flask) -> SessionManager:
    """Return the manager of an application's sessions. Needs no application context.

    :raises ConfigError: if ``ServerSession`` was not initialized with the application.
    """
    manager: SessionManager | None = app.extensions.get(EXTENSION)
    if manager is None:
        raise ConfigError(
            "This application has no server-side sessions: call ServerSession(app) first."
        )
    return manager


_KEYS: Final = tuple(option.key for option in (*OPTIONS, *FLASKS_OPTIONS))
#: The keys that Flask has too.
_FLASKS_KEYS: Final = (
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    *(key for key in _KEYS if key in Flask.default_config),
)

_OUTSIDE_THE_PATH = (
    "The path of this request, %r, is outside the session cookie's path, %r, which comes from"
    " APPLICATION_ROOT or SESSION_COOKIE_PATH: a browser that asks for it does not send the"
    " cookie. If a proxy strips that prefix from the path, pass it on as SCRIPT_NAME, or as"
    " X-Forwarded-Prefix with ProxyFix(x_prefix=1). This is logged once."
)


def load_session() -> None:
    """Load the request's session before its view, for policies that need every session."""
    session: StoredSession | None = request.environ.pop(_OPENED, None)
    if session is not None:
        preload(session)


def let_error_pages_read(app: Flask, exception: Exception, **extra: Any) -> None:
    """Have the session read as empty once its store's failure has ended the view.

    Otherwise a page for the error that shows who is logged in would fail in the same way.
    """
    if not isinstance(exception, StoreError):
        return
    current = flask_session._get_current_object()  # type: ignore[attr-defined]
    if isinstance(current, StoredSession):
        current._told = True


class AppInterface(SessionInterface):
    """What sessions need of an application, wherever they are kept.

    Flask reads its own keys in each request, so they are read again here when they change.
    All others are read in ``init_app`` only; the log says so if one changes later.

    :param read: returns the options that a config has.
    """

    null_session_class = NoSession  # type: ignore[assignment] # Flask's has another __init__
    _has_secret = False
    _told_of_path = False

    def __init__(
        self, app: Flask, manager: SessionManager, read: Callable[[Mapping[str, Any]], Config]
    ) -> None:
        self._manager = manager
        self._read = read
        #: Flask's keys as they were last read.
        self._flasks: dict[str, Any] = {}
        #: What the latest request found of them.
        self._found: tuple[Any, ...] = ()
        self._given = {key: app.config[key] for key in _KEYS if key in app.config}
        lifetime = getattr_static(app.__class__, "permanent_session_lifetime")
        self._overrides_lifetime = not isinstance(lifetime, ConfigAttribute)
        self._replace_config(manager.config)

    def get_cookie_name(self, app: Flask) -> str:
        """Return the name in use, which the profile may have chosen."""
        return self._manager.config.cookie_name

    def make_null_session(self, app: Flask) -> NoSession:  # type: ignore[override]
        """Return what stands in for the session where there can be none."""
        try:
            _ = self._manager.signer
        except MissingSecret as error:
            return NoSession(error)
        return NoSession(SessionError(OUTSIDE))

    def _keep_up(self, app: Flask) -> None:
        """Read Flask's keys again if one of them has changed."""
        get = app.config.get
        fallbacks = get("SECRET_KEY_FALLBACKS")
        found = (
            app.secret_key,
            tuple(fallbacks) if fallbacks else fallbacks,  # the list itself may change
            app.permanent_session_lifetime if self._overrides_lifetime else None,
            *map(get, _FLASKS_KEYS),
        )
        if found != self._found:
            self._read_again(app, *found)
            self._found = found

    def _read_again(
        self, app: Flask, secret: Any, fallbacks: Any, lifetime: Any, *values: Any
    ) -> None:
        if not self._flasks:
            _warn_about_late_keys(app.config, self._given)
        flasks = dict(zip(_FLASKS_KEYS, values, strict=True))
        flasks |= {"SECRET_KEY": secret, "SECRET_KEY_FALLBACKS": fallbacks}
        if self._overrides_lifetime:
            flasks["PERMANENT_SESSION_LIFETIME"] = lifetime
        config = self._read({**self._given, **flasks})
        self._has_secret = bool(config.secret or secret)
        self._manager.settings.replace_config(config)
        self._replace_config(config)
        self._flasks = flasks

    def _replace_config(self, config: Config) -> None:
        self._is_everywhere = config.cookie.path == "/" and config.cookie_per_request is None

    def _follow_lifetime(self, app: Flask, session: Session) -> None:
        """Give a session that became permanent the lifetime that Flask would give it now."""
        before = session._permanent_lifetime
        self._keep_up(app)
        if session.cookie.original_max_age == before:
            session.permanent = True

    def _is_within_path(self, opened: FlaskRequest) -> bool:
        """Return whether a request may have a session at its path (RFC 6265 §5.1.4).

        APPLICATION_ROOT says where the application is, not where its sessions are wanted.
        A proxy may have stripped it from the request's path, so it excludes no request.
        """
        path = opened.cookie_path
        if path_matches(opened.path, path):
            return True
        if not self._told_of_path:
            self._told_of_path = True
            logger.warning(_OUTSIDE_THE_PATH, opened.path, path)
        return not (opened.config.cookie_per_request or self._flasks["SESSION_COOKIE_PATH"])


class ServerSessionInterface(AppInterface):
    """Opens and saves the sessions of one application."""

    _flaw: str | None = None

    def open_session(self, app: Flask, request: Request) -> SessionMixin | None:
        """Return the session, unread; None without a secret or outside the cookie's path."""
        self._keep_up(app)
        if not self._has_secret and not self._is_eager:
            return None  # an eager session is loaded before the view, and raises there
        header: str = request.environ.get("HTTP_COOKIE", "")
        settings = self._manager.settings
        opened = FlaskRequest(request, settings.config, header)
        if not (self._is_everywhere or self._is_within_path(opened)):
            return None
        session = StoredSession(settings, opened)
        if self._is_eager:
            request.environ[_OPENED] = session
        return session

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Settle the session and add its headers to the response."""
        if not isinstance(session, StoredSession):
            return
        if session._made_permanent:
            self._follow_lifetime(app, session)
        if session._settings.config.cache_control and session.accessed and session._is_of_a_user:
            keep_from_all_caches(response)
        action = settle(session)
        if action is not CookieAction.NONE:
            self._send(session, action, response)
        if session.accessed or action is not CookieAction.NONE:
            _vary_by_cookie(response)
        config = session._settings.config
        if session._logged_out:
            clear_site_data(response, config.clear_site_data)
        if config.timeout_header and session._copy is not None and session._copy.base is not None:
            tell_time_left(response, session.expires_in.seconds)

    def regenerate(self, session: SessionMixin) -> None:
        """Give a session a new id: ``session.regenerate(keep_data=True)`` for Flask-Session."""
        cast(Session, session).regenerate(keep_data=True)

    def _replace_config(self, config: Config) -> None:
        super()._replace_config(config)
        self._is_eager = config.policy.needs_every_session
        flaw = config.cookie_flaw
        if flaw and flaw != self._flaw:
            logger.warning("No browser keeps this application's session cookie: %s.", flaw)
        self._flaw = flaw

    def _send(self, session: StoredSession, action: CookieAction, response: Response) -> None:
        settings = self._manager.settings
        name = settings.config.cookie_name
        if action is CookieAction.SET:
            copy = session._checked_out()
            signed = settings.signer().sign(copy.id)
            line = set_cookie_line(name, signed, copy.draft.cookie)
        else:
            line = clear_cookie_line(name, cookie_to_clear(session))
        replace_cookie_line(response, session._sent_line, line)
        session._sent_line = line
        keep_from_shared_caches(response)


def _vary_by_cookie(response: Response) -> None:
    if "Vary" in response.headers:
        response.vary.add("Cookie")
    else:  # skips the parsing of an empty header
        response.headers["Vary"] = "Cookie"


def _warn_about_late_keys(config: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    ours = [key for key in _KEYS if key not in _FLASKS_KEYS]
    late = [key for key in ours if config.get(key) != given.get(key)]
    if late:
        logger.warning(
            "%s changed after ServerSession(app) had read it, and the change has no effect. Set"
            " it before.",
            ", ".join(late),
        )
