"""Connects Flask to sessions that are kept in cookies."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from functools import cache
from typing import Any

from flask import Flask
from flask import Request
from flask import Response
from flask.sessions import SessionMixin

from ..config import Config
from ..config import Secrets
from ..cookies.signing import Keygrip
from ..errors import ConfigError
from ..errors import SessionError
from ..interface import AppInterface
from ..manager import SessionManager
from ..request import FlaskRequest
from ..response import clear_site_data
from ..response import keep_from_all_caches
from ..response import keep_from_shared_caches
from .session import CookieSession
from .settings import ClientSettings
from .settle import settle


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
    records: Any = _refuse
    count: Any = _refuse
    clear: Any = _refuse
    prune: Any = _refuse
    setup: Any = _refuse
    migrate: Any = _refuse
    ping: Any = _refuse


class ClientSessionInterface(AppInterface):
    """Opens and sends the sessions of one application.

    :param secrets: called when a session is first used.
    :raises ConfigError: if ``SESSION_STORE_OPTIONS`` has a key other than ``overwrite``, or
        with ``SESSION_ABSOLUTE_TIMEOUT``.
    """

    def __init__(
        self,
        app: Flask,
        manager: SessionManager,
        read: Callable[[Mapping[str, Any]], Config],
        secrets: Callable[[], Secrets],
    ) -> None:
        if manager.config.absolute_timeout is not None:
            raise ConfigError(
                "SESSION_ABSOLUTE_TIMEOUT, like SESSION_ASSURANCE_LEVEL, needs sessions on the"
                " server. With SESSION_STORE 'cookie' a browser could send an older copy of its"
                " cookie."
            )
        self._secrets = secrets
        self._overwrite = _overwrite(manager.config.store_options)
        self._settings = ClientSettings(
            config=manager.config,
            serializer=manager.settings.serializer,
            keys=self._make_keys(),
            encryption=manager.config.encryption,
        )
        super().__init__(app, manager, read)

    def open_session(self, app: Flask, request: Request) -> CookieSession | None:
        """Return the session, unread; None without a secret or outside the cookie's path."""
        self._keep_up(app)
        if not self._has_secret:
            return None
        header: str = request.environ.get("HTTP_COOKIE", "")
        opened = FlaskRequest(request, self._manager.config, header)
        if not (self._is_everywhere or self._is_within_path(opened)):
            return None
        return CookieSession(self._settings, opened)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Settle the session and add its cookies to the response, if any must be sent."""
        if not isinstance(session, CookieSession):
            return
        if session._made_permanent:
            self._follow_lifetime(app, session)
        config = self._manager.config
        if config.cache_control and session.accessed and session._is_of_a_user:
            keep_from_all_caches(response)
        if session._logged_out:
            clear_site_data(response, config.clear_site_data)
        lines = settle(session)
        for line in lines:
            self._add(line, response)
        if lines:
            keep_from_shared_caches(response)
        if lines or session.accessed:
            response.vary.add("Cookie")

    def _replace_config(self, config: Config) -> None:
        super()._replace_config(config)
        self._settings.config = config
        self._settings.keys = self._make_keys()

    def _make_keys(self) -> Callable[[], Keygrip]:
        return cache(lambda: Keygrip(self._secrets()))

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
