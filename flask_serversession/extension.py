"""``ServerSession``: reads the config, makes the store, and hands Flask its interface."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from typing import cast

from flask import Flask

from .cli import sessions
from .config import Config
from .config import Secrets
from .config import secrets_from
from .cookie_session.interface import ClientSessionInterface
from .cookie_session.interface import IN_THE_COOKIE
from .cookie_session.interface import NoStore
from .errors import ConfigError
from .interface import load_session
from .interface import ServerSessionInterface
from .manager import SessionManager
from .stores import open_store
from .stores.base import Store
from .stores.memory import MemoryStore

EXTENSION = "serversession"

logger: logging.Logger = logging.getLogger("flask_serversession")


class ServerSession:
    """Puts the sessions of any number of applications on the server.

    .. code-block:: python

        app.config["SESSION_STORE"] = "redis://localhost:6379/0"
        ServerSession(app)

    Nothing of an application is kept here: ``app.extensions["serversession"]`` is its
    :class:`~flask_serversession.manager.SessionManager`. The configuration is read when
    ``init_app`` is called, and Flask's own keys again when they change. Nothing connects
    until a session is used.
    """

    def __init__(self, app: Flask | None = None) -> None:
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Give an application its sessions.

        :raises ConfigError: if a ``SESSION_…`` key cannot work, saying what can; if the
            application is not Flask's; or if it has been given its sessions before.
        """
        if not isinstance(cast(object, app), Flask):
            kind = type(app)
            raise ConfigError(
                "ServerSession needs an application of Flask's, and this one is a"
                f" {kind.__module__}.{kind.__qualname__}."
            )
        if EXTENSION in app.extensions:
            raise ConfigError("This application has its sessions already: call init_app once.")
        config = _read(app.config)
        secrets = partial(_secrets_of, app, config.secret)
        in_the_cookie = config.store == IN_THE_COOKIE
        manager = SessionManager(
            config,
            NoStore() if in_the_cookie else _open_store(config),
            secrets=secrets,
            sender=app,
        )
        if isinstance(manager.store, MemoryStore):
            _warn_of_memory(app)
        if in_the_cookie:
            app.session_interface = ClientSessionInterface(app, manager, _read, secrets)
        else:
            _keep_on_the_server(app, manager)
        app.extensions[EXTENSION] = manager
        app.cli.add_command(sessions)


def _open_store(config: Config) -> Store:
    shared = config.profile == "express"
    return open_store(config.store, config.store_options, shared=shared)


def _keep_on_the_server(app: Flask, manager: SessionManager) -> None:
    app.session_interface = ServerSessionInterface(app, manager, _read)
    if manager.config.policy.needs_every_session:
        app.before_request(load_session)


def _read(given: Mapping[str, Any]) -> Config:
    config = Config.from_mapping(given)
    if config.store != IN_THE_COOKIE:
        return config
    # cookie-session's own default is Flask's, in either profile.
    return replace(config, cookie_name=given["SESSION_COOKIE_NAME"])


def _secrets_of(app: Flask, explicit: Secrets | None) -> Secrets:
    # Not app.config alone: a subclass may define secret_key itself.
    return secrets_from({**app.config, "SECRET_KEY": app.secret_key}, explicit)


def _warn_of_memory(app: Flask) -> None:
    if app.debug or app.testing:
        return
    logger.warning(
        "Sessions are kept in the memory of this process: they end with it, and several"
        " workers do not share them. Set SESSION_STORE, for example to"
        " 'redis://localhost:6379/0' or 'sqlite:///sessions.db'."
    )
