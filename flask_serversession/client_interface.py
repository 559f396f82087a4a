"""Between Flask and a session that travels in its own cookie."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from flask import Flask
from flask import Request
from flask import Response
from flask.sessions import SessionInterface
from flask.sessions import SessionMixin

from .client_session import ClientRules
from .client_session import CookieSession
from .config import Secrets
from .cookies.header import path_matches
from .cookies.signing import Keygrip
from .errors import ConfigError
from .errors import SessionError
from .interface import NoSession
from .interface import RequestVisit
from .manager import SessionManager
from .serializers import TypedJSON

#: What ``SESSION_STORE`` says where no store keeps the sessions.
IN_THE_COOKIE = "cookie"


class NoStore:
    """Stands where the store would: ``flask sessions …`` and scripts learn why there is none."""

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise SessionError(
            "The browsers of the users keep the sessions of this application, for its"
            " SESSION_STORE is 'cookie'. The server has none to find, list, end or clean up."
        )

    load = create = save = touch = delete = _refuse
    keys = count = clear = prune = setup = ping = _refuse


class ClientSessionInterface(SessionInterface):
    """Opens and sends the sessions of one application.

    :param secrets: asked when a session is first used.
    :raises ConfigError: if ``SESSION_STORE_OPTIONS`` has anything but ``overwrite``.
    """

    null_session_class = NoSession  # type: ignore[assignment] # Flask's own names no secret key here

    def __init__(self, manager: SessionManager, secrets: Callable[[], Secrets]) -> None:
        config = manager.config
        self._manager = manager
        self._secrets = secrets
        self._keygrip: Keygrip | None = None
        self._overwrite = _overwrite(config.store_options)
        self._rules = ClientRules(
            cookie_name=config.cookie_name,
            serializer=TypedJSON(),
            permanent_lifetime=config.permanent_lifetime,
            rolling=bool(config.policy.rolling),
            destroy_empty=config.policy.destroy_empty,
            plain_signature=config.profile == "express",
        )

    def keys(self) -> Keygrip:
        """Return what signs and verifies; made when first needed.

        :raises ConfigError: if the application has no secret.
        """
        if self._keygrip is None:
            self._keygrip = Keygrip(self._secrets())
        return self._keygrip

    def open_session(self, app: Flask, request: Request) -> CookieSession | None:
        """Return the session, unread; None outside the cookie's path (RFC 6265 §5.1.4)."""
        visit = ClientVisit(self._manager, request, self.keys)
        if visit.cookie_path != "/" and not path_matches(visit.path, visit.cookie_path):
            return None
        return CookieSession(self._rules, visit)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Put the session on the response, if the browser must know of it."""
        if not isinstance(session, CookieSession):
            return
        lines = session.commit()
        for line in lines:
            self._add(line, response)
        if lines and "Cache-Control" not in response.headers:
            # A shared cache may keep the page, but not one user's session with it.
            response.headers["Cache-Control"] = 'no-cache="Set-Cookie"'
        if lines or session.accessed:
            response.vary.add("Cookie")

    def get_cookie_name(self, app: Flask) -> str:
        """Return the name of the cookie with the data."""
        return self._manager.config.cookie_name

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
        "SESSION_STORE_OPTIONS does not fit SESSION_STORE 'cookie': its one key is 'overwrite',"
        " True or False."
    )


class ClientVisit(RequestVisit):
    """A request whose Cookie header may hold the session itself."""

    __slots__ = ("_keys",)

    def __init__(
        self, manager: SessionManager, request: Request, keys: Callable[[], Keygrip]
    ) -> None:
        super().__init__(manager, request)
        self._keys = keys

    def cookie_header(self) -> str:
        header: str = self._request.environ.get("HTTP_COOKIE", "")
        return header

    def keys(self) -> Keygrip:
        return self._keys()
