"""``ServerSession``: reads the config, makes the store, and hands Flask its interface."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from functools import partial

from flask import current_app
from flask import Flask
from flask import got_request_exception
from flask import has_app_context
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import TooManyRequests

from .cli import sessions
from .config import Config
from .config import Secrets
from .config import secrets_from
from .config.flaws import flaws_of
from .config.flaws import flaws_of_secrets
from .cookie_session.interface import ClientSessionInterface
from .cookie_session.interface import IN_THE_COOKIE
from .cookie_session.interface import NoStore
from .errors import ConfigError
from .errors import SessionLocked
from .interface import EXTENSION
from .interface import let_error_pages_read
from .interface import load_session
from .interface import ServerSessionInterface
from .manager import SessionManager
from .stores import open_store
from .stores.base import Store
from .stores.memory import MemoryStore

#: Seconds after which a browser may try again that was kept from a session's lock.
RETRY_AFTER = 1

_MEMORY = (
    "Sessions are kept in the memory of this process: they end with it, and several workers do"
    " not share them. Set SESSION_STORE, for example to 'redis://localhost:6379/0' or"
    " 'sqlite:///sessions.db'."
)

logger: logging.Logger = logging.getLogger("flask_serversession")


class ServerSession:
    """Gives any number of applications their server-side sessions.

    .. code-block:: python

        app.config["SESSION_STORE"] = "redis://localhost:6379/0"
        ServerSession(app)

    The instance keeps no state: ``app.extensions["serversession"]`` is the application's
    :class:`~flask_serversession.manager.SessionManager`. ``init_app`` reads the
    configuration once. Nothing connects until a session is used.
    """

    def __init__(self, app: Flask | None = None) -> None:
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Read the application's configuration and replace its session interface.

        :raises ConfigError: if a ``SESSION_…`` key has a value that cannot work; the message
            says which can. Also if the application was initialized before.
        """
        if EXTENSION in app.extensions:
            raise ConfigError("This application already has its sessions: call init_app once.")
        config = _config_of(app)
        secrets = _secrets_of(app, config)
        in_the_cookie = config.store == IN_THE_COOKIE
        manager = SessionManager(
            config,
            NoStore() if in_the_cookie else _open_store(config, app),
            secrets=secrets,
            sender=app,
        )
        if isinstance(manager.store, MemoryStore):
            _warn(app, _MEMORY)
        for flaw in flaws_of(config):
            _warn(app, flaw)
        if config.secret or app.config["SECRET_KEY"]:
            secrets()
        if in_the_cookie:
            app.session_interface = ClientSessionInterface(manager, secrets)
        else:
            _keep_on_the_server(app, manager)
        app.error_handler_spec[None][None].setdefault(SessionLocked, _answer_locked_out)
        app.extensions[EXTENSION] = manager
        app.cli.add_command(sessions)


def _open_store(config: Config, app: Flask) -> Store:
    shared, context = config.profile == "express", partial(_context_of, app)
    return open_store(config.store, config.store_options, shared=shared, context=context)


def _context_of(app: Flask) -> AbstractContextManager[object]:
    # A second context of the same application would run its teardown functions too early.
    is_here = has_app_context() and current_app == app
    return nullcontext() if is_here else app.app_context()


def _keep_on_the_server(app: Flask, manager: SessionManager) -> None:
    app.session_interface = ServerSessionInterface(manager)
    got_request_exception.connect(let_error_pages_read, app)
    if manager.config.policy.needs_every_session:
        app.before_request(load_session)


def _config_of(app: Flask) -> Config:
    config = Config.from_mapping(app.config)
    if config.store != IN_THE_COOKIE:
        return config
    # cookie-session's own default is Flask's, in either profile.
    return replace(config, cookie_name=app.config["SESSION_COOKIE_NAME"])


def _secrets_of(app: Flask, config: Config) -> Callable[[], Secrets]:
    """Return a function that looks the secrets up, and warns about each weak one once."""
    key = "SESSION_SECRET" if config.secret else "SECRET_KEY"

    @cache
    def warn_of(secrets: Secrets) -> None:
        for flaw in flaws_of_secrets(secrets, key=key):
            _warn(app, flaw)

    def secrets() -> Secrets:
        found = secrets_from(app.config, config.secret)
        warn_of(found)
        return found

    return secrets


def _warn(app: Flask, text: str) -> None:
    if not (app.debug or app.testing):
        logger.warning(text)


def _answer_locked_out(error: SessionLocked) -> ResponseReturnValue:
    """Answer 429, unless the application handles this error, errors of its kind, or any 429."""
    handlers = current_app.error_handler_spec[None][None]
    for kind in SessionLocked.__mro__[1:]:
        if kind in handlers:
            answer: ResponseReturnValue = current_app.ensure_sync(handlers[kind])(error)
            return answer
    refusal = TooManyRequests(
        "Other requests of this session are still being answered.", retry_after=RETRY_AFTER
    )
    refusal.__cause__ = error
    return current_app.handle_user_exception(refusal)
