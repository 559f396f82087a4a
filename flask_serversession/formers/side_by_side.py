"""Runs the former kind of sessions and this package's in one application.

While servers are replaced, a browser goes from the old version to the new one and back. With
``SESSION_ADOPT_STEP`` a session stays of the kind that both versions know.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import cast
from typing import Final

from flask import Flask
from flask import Request
from flask import request as flask_request
from flask import Response
from flask.sessions import SecureCookieSessionInterface
from flask.sessions import SessionInterface
from flask.sessions import SessionMixin

from .. import signals
from ..config import Config
from ..errors import ConfigError
from ..errors import MissingSecret
from ..errors import StoreError
from ..interface import ServerSessionInterface
from ..manager import SessionManager
from ..sessions.adoption import find_former
from ..sessions.adoption import hand_back
from ..sessions.adoption import Standing
from ..sessions.adoption import standing_of
from ..sessions.login import MEMBER
from ..sessions.policy import CookieAction
from ..sessions.settings import Former
from ..sessions.stored import Fate
from ..sessions.stored import StoredSession
from ..sessions.working_copy import WorkingCopy

#: The longest Set-Cookie line that browsers keep.
_LONGEST_LINE: Final = 4093
_NOT_RETURNED = (
    "A session did not go back and stays in the store, where the former version of the"
    " application does not see it: %s."
)


class SideBySideInterface(ServerSessionInterface):
    """Leaves a session as it is, whether the former interface made it or this package.

    A new visitor gets one of the former kind. So does a browser with a stored session, at the
    end of a request that uses it, if the step is ``"return"``.

    :param former: the interface that opened and saved the application's sessions before.
    """

    def __init__(
        self,
        app: Flask,
        manager: SessionManager,
        read: Callable[[Mapping[str, Any]], Config],
        former: SessionInterface,
    ) -> None:
        super().__init__(app, manager, read)
        self._former = former

    def open_session(self, app: Flask, request: Request) -> SessionMixin | None:
        self._keep_up(app)
        former, standing = self._find(request.environ.get("HTTP_COOKIE", ""))
        if standing is Standing.FORBIDDEN:
            return self._former.open_session(app, _without_cookies(request))
        if standing is Standing.FREE:
            opened = self._former.open_session(app, request)
            if not _is_missing(former, opened):
                return opened
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if isinstance(session, StoredSession):
            super().save_session(app, session, response)
            if session._settings.config.adopt_step == "return":
                self._return(app, session, response)
        elif cast("SessionMixin | None", session) is not None:  # open_session may have failed
            self._former.save_session(app, session, response)

    def regenerate(self, session: SessionMixin) -> None:
        if isinstance(session, StoredSession):
            super().regenerate(session)
        else:
            cast(Any, self._former).regenerate(session)

    def _find(self, cookie_header: str) -> tuple[Former | None, Standing]:
        """Return the former session of a browser, and what has become of it."""
        settings = self._manager.settings
        name, most = settings.config.cookie_name, settings.config.max_cookies
        try:
            if settings.signer().find(cookie_header, name, most):
                return None, Standing.ADOPTED
            former = find_former(settings, cookie_header)
            if former is None:
                return None, Standing.FREE
            return former, standing_of(self._manager._calls(), former)
        except (MissingSecret, StoreError):
            return None, Standing.ADOPTED  # the first use of that session raises the error

    def _return(self, app: Flask, session: StoredSession, response: Response) -> None:
        """Make a session one of the former kind again, if this response can carry its cookie."""
        copy = session._copy
        is_kept = session._fate is Fate.KEPT and session._request.is_answered()
        if copy is None or copy.base is None or copy.draft.superseded or not is_kept:
            return
        flaw = "it is too large for a cookie"
        try:
            lines = self._cookies_of_a_former(app, copy)
            fits = all(len(line) <= _LONGEST_LINE for line in lines)
            is_returned = fits and hand_back(copy)
        except Exception as error:
            fits, flaw = False, type(error).__name__
        if not fits:
            session._settings.log.error(_NOT_RETURNED, flaw)
        elif is_returned:
            self._send(session, CookieAction.CLEAR, response)
            for line in lines:
                response.headers.add("Set-Cookie", line)
            session._notify(signals.session_destroyed, id=copy.id, by="return")

    def _cookies_of_a_former(self, app: Flask, copy: WorkingCopy) -> list[str]:
        """Store the data of a session as the former interface does; return what it sends."""
        blank = _without_cookies(cast(Any, flask_request)._get_current_object())
        former = cast(SessionMixin, self._former.open_session(app, blank))
        former.update((key, value) for key, value in copy.draft.data.items() if key != MEMBER)
        if former.permanent is not copy.draft.cookie.is_persistent:
            former.permanent = copy.draft.cookie.is_persistent
        carrier = app.response_class()
        self._former.save_session(app, former, carrier)
        return carrier.headers.getlist("Set-Cookie")


def _is_missing(former: Former | None, opened: SessionMixin | None) -> bool:
    """Return whether another request took a session over before it was opened."""
    was_there = former is not None and former.is_unique and former.data
    return bool(was_there) and not set(opened or ()) - {"_permanent"}


def _without_cookies(request: Request) -> Request:
    return type(request)({**request.environ, "HTTP_COOKIE": ""})


def side_by_side(
    app: Flask, manager: SessionManager, read: Callable[[Mapping[str, Any]], Config]
) -> SideBySideInterface:
    """Return an interface that leaves the sessions of the application's present one alone.

    :raises ConfigError: if that one is not of a kind in ``SESSION_ADOPT``.
    """
    former, adopted = app.session_interface, manager.config.adopt
    if not adopted:
        raise ConfigError(
            f"SESSION_ADOPT_STEP is {manager.config.adopt_step!r} and needs SESSION_ADOPT, which"
            " says what kind of sessions the application had before."
        )
    if "flask" not in adopted and type(former) is SecureCookieSessionInterface:
        raise ConfigError(
            f"SESSION_ADOPT_STEP is {manager.config.adopt_step!r} and needs Flask-Session, which"
            " keeps the application's sessions: call Flask-Session's Session(app) before"
            " ServerSession(app)."
        )
    return SideBySideInterface(app, manager, read, former)
