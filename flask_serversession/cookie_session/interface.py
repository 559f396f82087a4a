"""Connects Flask to sessions that are kept in cookies."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from flask import Flask
from flask import Request
from flask import Response
from flask.sessions import SessionInterface
from flask.sessions import SessionMixin

from ..config import Secrets
from ..cookies.header import path_matches
from ..cookies.signing import Keygrip
from ..errors import ConfigError
from ..errors import SessionError
from ..interface import keep_from_shared_caches
from ..interface import NoSession
from ..manager import SessionManager
from ..request import FlaskRequest
from .session import ClientSettings
from .session import CookieSession
from .session import settle

#: The ``SESSION_STORE`` that keeps sessions in cookies.
IN_THE_COOKIE = "cookie"


class NoStore:
    """Stands in for the store; every method raises an error that says why there is none."""

    #: Express may write the cookie, too.
    is_shared = True

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise SessionError(
            "SESSION_STORE is 'cookie', so the browsers keep the sessions of this application."
            " The server has none to find, list, end or clean up."
        )

    load: Any = _refuse
    create: Any = _refuse
    save: Any = _refuse
    touch: Any = _refuse
    delete: Any = _refuse
    keys: Any = _refuse
    count: Any = _refuse
    clear: Any = _refuse
    prune: Any = _refuse
    setup: Any = _refuse
    ping: Any = _refuse


class ClientSessionInterface(SessionInterface):
    """Opens and sends the sessions of one application.

    :param secrets: called when a session is first used.
    :raises ConfigError: if ``SESSION_STORE_OPTIONS`` has a key other than ``overwrite``.
    """

    null_session_class = NoSession  # type: ignore[assignment] # Flask's own asks for a secret key

    def __init__(self, manager: SessionManager, secrets: Callable[[], Secrets]) -> None:
        self._manager = manager
        self._secrets = secrets
        self._keygrip: Keygrip | None = None
        self._overwrite = _overwrite(manager.config.store_options)
        self._settings = ClientSettings(
            config=manager.config, serializer=manager.settings.serializer, keys=self._keys
        )

    def open_session(self, app: Flask, request: Request) -> CookieSession | None:
        """Return the session, unread; None outside the cookie's path (RFC 6265 §5.1.4)."""
        header: str = request.environ.get("HTTP_COOKIE", "")
        opened = FlaskRequest(request, self._manager.config, header)
        if opened.cookie_path != "/" and not path_matches(opened.path, opened.cookie_path):
            return None
        return CookieSession(self._settings, opened)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Settle the session and add its cookies to the response, if any must be sent."""
        if not isinstance(session, CookieSession):
            return
        lines = settle(session)
        for line in lines:
            self._add(line, response)
        if lines:
            keep_from_shared_caches(response)
        if lines or session.accessed:
            response.vary.add("Cookie")

    def get_cookie_name(self, app: Flask) -> str:
        """Return the name of the cookie that holds the data."""
        return self._manager.config.cookie_name

    def _keys(self) -> Keygrip:
        if self._keygrip is None:
            self._keygrip = Keygrip(self._secrets())
        return self._keygrip

    def _add(self, line: str, response: Response) -> None:
        before = response.headers.getlist("Set-Cookie")
        if self._overwrite:
            name, _, _ = line.partition("=")
            before = [other for other in before if not other.startswith(f"{name}=")]
        elif line in before:
            return
        response.headers.setlist("Set-Cookie", [*before, line])


def _overwrite(options: Mapping[str, Any]) -> bool:
    overwrite = options.get("overwrite", True)
    if options.keys() <= {"overwrite"} and isinstance(overwrite, bool):
        return overwrite
    raise ConfigError(
        "SESSION_STORE_OPTIONS cannot be used with SESSION_STORE 'cookie', whose only option is"
        " 'overwrite', True or False."
    )
