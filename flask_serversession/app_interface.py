"""What sessions need of an application, wherever they are kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Mapping
from inspect import getattr_static
from typing import Any
from typing import Final

from flask import Flask
from flask import Response
from flask.config import ConfigAttribute
from flask.sessions import SessionInterface
from flask.sessions import SessionMixin

from .config import Config
from .config.options import FLASKS_OPTIONS
from .config.options import OPTIONS
from .cookies.header import path_matches
from .errors import MissingSecret
from .errors import ServerSessionError
from .errors import SessionError
from .manager import SessionManager
from .request import FlaskRequest
from .sessions.base import Session

logger: logging.Logger = logging.getLogger("flask_serversession")

_KEYS: Final = tuple(option.key for option in (*OPTIONS, *FLASKS_OPTIONS))
#: The keys that Flask has too.
_FLASKS_KEYS: Final = (
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    *(key for key in _KEYS if key in Flask.default_config),
)

_OUTSIDE = (
    "There is no session here: the request's path is outside SESSION_COOKIE_PATH, so"
    " no browser would send the cookie back. If a proxy strips that prefix from the path, pass"
    " it on as SCRIPT_NAME, or as X-Forwarded-Prefix with ProxyFix(x_prefix=1)."
)
_OUTSIDE_THE_PATH = (
    "The path of this request, %r, is outside the session cookie's path, %r, which comes from"
    " APPLICATION_ROOT or SESSION_COOKIE_PATH: a browser that asks for it does not send the"
    " cookie. If a proxy strips that prefix from the path, pass it on as SCRIPT_NAME, or as"
    " X-Forwarded-Prefix with ProxyFix(x_prefix=1). This is logged once."
)


class NoSession(SessionMixin, dict[str, Any]):
    """``flask.session`` where there can be none: reads as empty, and raises when written to."""

    accessed = False

    def __init__(self, error: ServerSessionError) -> None:
        super().__init__()
        self._error = error

    def __repr__(self) -> str:
        return f"<NoSession: {self._error}>"

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise self._error

    __setitem__: Any = _refuse
    __delitem__: Any = _refuse
    __ior__: Any = _refuse
    clear: Any = _refuse
    pop: Any = _refuse
    popitem: Any = _refuse
    update: Any = _refuse
    setdefault: Any = _refuse
    regenerate: Any = _refuse
    destroy: Any = _refuse
    reload: Any = _refuse
    save: Any = _refuse
    touch: Any = _refuse
    unset: Any = _refuse
    lock: Any = _refuse
    id: Any = property(_refuse, _refuse)
    sid: Any = property(_refuse, _refuse)
    cookie: Any = property(_refuse, _refuse)
    permanent: Any = property(lambda self: False, _refuse)


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
        #: Flask's keys as the latest request found them.
        self._flasks: dict[str, Any] = {}
        self._given = {key: app.config[key] for key in _KEYS if key in app.config}
        lifetime = getattr_static(app.__class__, "permanent_session_lifetime")
        self._overrides_lifetime = not isinstance(lifetime, ConfigAttribute)
        self._adopt(manager.config)

    def get_cookie_name(self, app: Flask) -> str:
        """Return the name in use, which the profile may have chosen."""
        return self._manager.config.cookie_name

    def make_null_session(self, app: Flask) -> NoSession:  # type: ignore[override]
        """Return what stands in for the session where there can be none."""
        try:
            _ = self._manager.signer
        except MissingSecret as error:
            return NoSession(error)
        return NoSession(SessionError(_OUTSIDE))

    def _keep_up(self, app: Flask) -> None:
        """Read Flask's keys again if one of them has changed."""
        flasks = dict(zip(_FLASKS_KEYS, map(app.config.get, _FLASKS_KEYS), strict=True))
        flasks["SECRET_KEY"] = app.secret_key
        fallbacks = flasks["SECRET_KEY_FALLBACKS"]
        if fallbacks:
            flasks["SECRET_KEY_FALLBACKS"] = tuple(fallbacks)  # the list itself may change
        if self._overrides_lifetime:
            flasks["PERMANENT_SESSION_LIFETIME"] = app.permanent_session_lifetime
        if flasks != self._flasks:
            self._read_again(app, flasks)

    def _read_again(self, app: Flask, flasks: dict[str, Any]) -> None:
        if not self._flasks:
            _warn_about_late_keys(app.config, self._given)
        config = self._read({**self._given, **flasks})
        self._has_secret = bool(config.secret or flasks["SECRET_KEY"])
        self._manager._reconfigure(config)
        self._adopt(config)
        self._flasks = flasks

    def _adopt(self, config: Config) -> None:
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


def keep_from_shared_caches(response: Response) -> None:
    """Let no shared cache hand one user's cookie to another, whatever the view allowed."""
    if "Cache-Control" not in response.headers:
        # A shared cache may keep the page, but not one user's cookie with it.
        response.headers["Cache-Control"] = 'no-cache="Set-Cookie"'
        return
    control = response.cache_control
    if control.public or control.s_maxage is not None:
        control.public, control.s_maxage, control.private = False, None, True


def _warn_about_late_keys(config: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    ours = [key for key in _KEYS if key not in _FLASKS_KEYS]
    late = [key for key in ours if config.get(key) != given.get(key)]
    if late:
        logger.warning(
            "%s changed after ServerSession(app) had read it, and the change has no effect. Set"
            " it before.",
            ", ".join(late),
        )
