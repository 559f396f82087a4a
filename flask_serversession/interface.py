"""Connects Flask to sessions that live in a store: cookie in, cookie out."""

from __future__ import annotations

import logging
from typing import Any
from typing import cast

from flask import Flask
from flask import Request
from flask import request
from flask import Response
from flask import session as flask_session
from flask.sessions import SessionInterface
from flask.sessions import SessionMixin

from .cookies.header import clear_cookie_line
from .cookies.header import path_matches
from .cookies.header import set_cookie_line
from .errors import ConfigError
from .errors import SessionError
from .errors import StoreError
from .manager import SessionManager
from .request import FlaskRequest
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


class NoSession(SessionMixin, dict[str, Any]):
    """``flask.session`` outside the cookie's path: empty. Every change raises SessionError."""

    accessed = False

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise SessionError(
            "There is no session here: the request's path is outside SESSION_COOKIE_PATH, so"
            " no browser would send the cookie back."
        )

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
    permanent: Any = property(_refuse, _refuse)


class ServerSessionInterface(SessionInterface):
    """Opens and saves the sessions of one application."""

    null_session_class = NoSession  # type: ignore[assignment] # Flask's own asks for a secret key

    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager
        config = manager.config
        self._is_everywhere = config.cookie.path == "/" and config.cookie_per_request is None
        self._is_eager = config.policy.needs_every_session
        flaw = config.cookie.flaw(config.cookie_name)
        if flaw and config.cookie_per_request is None:
            logger.warning("No browser keeps this application's session cookie: %s.", flaw)

    def open_session(self, app: Flask, request: Request) -> StoredSession | None:
        """Return the session, not loaded yet; None outside its cookie's path (RFC 6265 §5.1.4)."""
        header: str = request.environ.get("HTTP_COOKIE", "")
        opened = FlaskRequest(request, self._manager.config, header)
        if not (self._is_everywhere or path_matches(opened.path, opened.cookie_path)):
            return None
        session = StoredSession(self._manager.settings, opened)
        if self._is_eager:
            request.environ[_OPENED] = session
        return session

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Settle the session and add its headers to the response."""
        if not isinstance(session, StoredSession):
            return
        action = settle(session)
        if action is not CookieAction.NONE:
            self._send(session, action, response)
        if session.accessed or action is not CookieAction.NONE:
            _vary_by_cookie(response)

    def get_cookie_name(self, app: Flask) -> str:
        """Return the cookie's name. The profile chooses its default."""
        return self._manager.config.cookie_name

    def _send(self, session: StoredSession, action: CookieAction, response: Response) -> None:
        name = self._manager.config.cookie_name
        if action is CookieAction.SET:
            copy = session._checked_out()
            signed = self._manager.settings.signer().sign(copy.id)
            line = set_cookie_line(name, signed, copy.draft.cookie)
        else:
            line = clear_cookie_line(name, cookie_to_clear(session))
        _replace_line(response, session._sent_line, line)
        session._sent_line = line
        keep_from_shared_caches(response)


def keep_from_shared_caches(response: Response) -> None:
    """Let no shared cache hand one user's cookie to another, whatever the view allowed."""
    if "Cache-Control" not in response.headers:
        # A shared cache may keep the page, but not one user's cookie with it.
        response.headers["Cache-Control"] = 'no-cache="Set-Cookie"'
        return
    control = response.cache_control
    if control.public or control.s_maxage is not None:
        control.public, control.s_maxage, control.private = False, None, True


def _vary_by_cookie(response: Response) -> None:
    if "Vary" in response.headers:
        response.vary.add("Cookie")
    else:  # skips the parsing of an empty header
        response.headers["Vary"] = "Cookie"


def _replace_line(response: Response, before: str | None, line: str) -> None:
    """Add a Set-Cookie line, or replace the one that an earlier ``save_session`` added."""
    lines = response.headers.getlist("Set-Cookie")
    if before in lines:
        lines[lines.index(before)] = line
        response.headers.setlist("Set-Cookie", lines)
    else:
        response.headers.add("Set-Cookie", line)
