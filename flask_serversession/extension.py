"""``ServerSession``: reads the config, makes the store, and hands Flask its interface."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from blinker import Signal
from flask import Flask

from .cli import sessions
from .config import Config
from .config import secrets_from
from .errors import ConfigError
from .interface import load_session
from .interface import ServerSessionInterface
from .manager import SessionManager
from .stores import open_store
from .stores.memory import MemoryStore

EXTENSION = "serversession"

logger = logging.getLogger(__package__)


class ServerSession:
    """Puts the sessions of any number of applications on the server.

    .. code-block:: python

        app.config["SESSION_STORE"] = "redis://localhost:6379/0"
        ServerSession(app)

    Nothing of an application is kept here: ``app.extensions["serversession"]`` is its
    :class:`~flask_serversession.manager.SessionManager`. Configuration is read when
    ``init_app`` is called and not again; nothing connects until a session is used.
    """

    def __init__(self, app: Flask | None = None) -> None:
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Give an application its sessions.

        :raises ConfigError: if a ``SESSION_…`` key cannot work, saying what can; or if
            the application has been given its sessions before.
        """
        if EXTENSION in app.extensions:
            raise ConfigError("This application has its sessions already: call init_app once.")
        config = Config.from_mapping(app.config)
        manager = SessionManager(
            config,
            open_store(config.store, config.store_options),
            secrets=lambda: secrets_from(app.config, config.secret),
            notify=partial(_notify, app),
        )
        if isinstance(manager.store, MemoryStore):
            _warn_of_memory(app)
        app.extensions[EXTENSION] = manager
        app.session_interface = ServerSessionInterface(manager)
        if config.policy.needs_every_session:
            app.before_request(load_session)
        app.cli.add_command(sessions)


def _notify(app: Flask, signal: Signal, /, **values: Any) -> None:
    if signal.receivers:
        signal.send(app, **values)


def _warn_of_memory(app: Flask) -> None:
    if app.debug or app.testing:
        return
    logger.warning(
        "Sessions are kept in the memory of this process: they end with it, and several"
        " workers do not share them. Set SESSION_STORE, for example to"
        " 'redis://localhost:6379/0' or 'sqlite:///sessions.db'."
    )
