"""``ServerSession``: reads the config, makes the store, and hands Flask its interface."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from functools import partial
from typing import Any
from typing import cast

from flask import current_app
from flask import Flask
from flask import got_request_exception
from flask import has_app_context
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Forbidden
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import TooManyRequests
from werkzeug.exceptions import Unauthorized

from .cli import sessions
from .config import Config
from .config import Secrets
from .config import secrets_from
from .config.flaws import flaws_of
from .config.flaws import flaws_of_secrets
from .cookie_session.interface import ClientSessionInterface
from .cookie_session.interface import NoStore
from .errors import ConfigError
from .errors import LoginTooOld
from .errors import SessionError
from .errors import SessionLimitReached
from .errors import SessionLocked
from .flask_login import follow_flask_login
from .formers import open_former
from .formers.side_by_side import side_by_side
from .interface import EXTENSION
from .interface import let_error_pages_read
from .interface import load_session
from .interface import ServerSessionInterface
from .manager import SessionManager
from .sessions.settings import FindFormer
from .stores import open_store
from .stores.abilities import why_not_found
from .stores.base import Store
from .stores.memory import MemoryStore
from .stores.moving.pair import open_pair
from .stores.moving.pair import Place
from .stores.protected.opening import nested

#: Seconds after which a browser may try again that was kept from a session's lock.
RETRY_AFTER = 1

_MEMORY = (
    "Sessions are kept in the memory of this process: they end with it, and several workers do"
    " not share them. Set SESSION_STORE, for example to 'redis://localhost:6379/0' or"
    " 'sqlite:///sessions.db'."
)

logger: logging.Logger = logging.getLogger("flask_serversession")


class ServerSession:
    """Gives Flask applications server-side sessions.

    .. code-block:: python

        app.config["SESSION_STORE"] = "redis://localhost:6379/0"
        ServerSession(app)

    One instance may serve several applications, because it keeps no state. ``init_app`` reads
    the configuration; only keys that Flask has too may change later. No connection is opened
    until a session is used. :func:`~flask_serversession.interface.manager_of` returns the
    application's :class:`~flask_serversession.manager.SessionManager`.
    """

    def __init__(self, app: Flask | None = None) -> None:
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Read the application's configuration and replace its session interface.

        :raises ConfigError: if a ``SESSION_…`` key has a value that cannot work; the message
            says what can. Also if the application was initialized before.
        """
        _refuse_another_application(app)
        config, formers = _configured(app)
        secrets = _secrets_of(app, config)
        store = _no_store(config) if config.is_in_cookies else _open_store(config, app)
        manager = SessionManager(config, store, secrets=secrets, sender=app, formers=formers)
        if config.limit_per_user is not None:
            _refuse_an_impossible_limit(store)
        for flaw in flaws_of(config):
            _warn(app, flaw)
        if config.secret or app.secret_key:
            secrets()
        if config.is_in_cookies:
            app.session_interface = ClientSessionInterface(app, manager, _read, secrets)
        else:
            _keep_on_the_server(app, manager)
        if config.flask_login:
            follow_flask_login(app)
        _answer(app, SessionLocked, _locked_out)
        _answer(app, LoginTooOld, _log_in_again)
        _answer(app, SessionLimitReached, _too_many_sessions)
        app.extensions[EXTENSION] = manager
        app.cli.add_command(sessions)


def _refuse_another_application(app: Flask) -> None:
    if not isinstance(cast(object, app), Flask):
        kind = type(app)
        raise ConfigError(
            "ServerSession needs a Flask application, not an object of type"
            f" {kind.__module__}.{kind.__qualname__}."
        )
    if EXTENSION in app.extensions:
        raise ConfigError("ServerSession has already been initialized with this application.")


def _configured(app: Flask) -> tuple[Config, tuple[FindFormer, ...]]:
    config = _read(app.config)
    formers = tuple(open_former(kind, app) for kind in config.adopt)
    if app.config.get("SESSION_STORE", config.store) is not config.store:
        config = _read(app.config)  # Flask-Session's keys gave it a store
    return config, formers


def _refuse_a_cookie_that_browsers_drop(app: Flask, config: Config) -> None:
    """Refuse it in production. The express profile allows it, as express-session does."""
    is_development = (app.debug or app.testing) and config.profile != "strict"
    flaw = config.cookie_flaw
    if flaw and config.profile != "express" and not is_development:
        raise ConfigError(f"No browser keeps this application's session cookie: {flaw}.")


def _no_store(config: Config) -> NoStore:
    given = {
        "SESSION_STORE_BEFORE": config.store_before is not None,
        "SESSION_ADOPT": bool(config.adopt),
    }
    for key, is_given in given.items():
        if is_given:
            raise ConfigError(
                f"{key} cannot be used with SESSION_STORE 'cookie': only a store can take other"
                " sessions over."
            )
    return NoStore()


def _open_store(config: Config, app: Flask) -> Store:
    _refuse_a_cookie_that_browsers_drop(app, config)
    shared, context = config.profile == "express", partial(_context_of, app)
    open_one = partial(open_store, shared=shared, context=context)
    place = Place(config.store, config.store_options)
    if config.store_before is None:
        stores: tuple[Store, Store | None] = open_one(*place), None
    else:
        before = Place(config.store_before, config.store_before_options)
        stores = open_pair(place, before, open_one)
    if isinstance(stores[0], MemoryStore):
        _warn(app, _MEMORY)
    return nested(*stores, hash_ids=config.hash_ids, encryption=config.encryption)


def _context_of(app: Flask) -> AbstractContextManager[object]:
    # A second context of the same application would run its teardown functions too early.
    is_here = has_app_context() and current_app == app
    return nullcontext() if is_here else app.app_context()


def _keep_on_the_server(app: Flask, manager: SessionManager) -> None:
    is_alone = manager.config.adopt_step == "switch"
    make = ServerSessionInterface if is_alone else side_by_side
    app.session_interface = make(app, manager, _read)
    got_request_exception.connect(let_error_pages_read, app)
    if manager.config.policy.needs_every_session:
        app.before_request(load_session)


def _read(given: Mapping[str, Any]) -> Config:
    config = Config.from_mapping(given)
    if not config.is_in_cookies or config.profile != "express":
        return config
    # cookie-session's own default is Flask's.
    return replace(config, cookie_name=given["SESSION_COOKIE_NAME"])


def _answer(app: Flask, kind: type[SessionError], refuse: Callable[[], HTTPException]) -> None:
    """Answer an error with a refusal, unless the application handles it or errors of its kind.

    It may handle the refusal's status, too.
    """

    def answer(error: SessionError) -> ResponseReturnValue:
        handlers = current_app.error_handler_spec[None][None]
        for base in kind.__mro__[1:]:
            if base in handlers:
                answer: ResponseReturnValue = current_app.ensure_sync(handlers[base])(error)
                return answer
        refusal = refuse()
        refusal.__cause__ = error
        return current_app.handle_user_exception(refusal)

    app.error_handler_spec[None][None].setdefault(kind, answer)


def _locked_out() -> HTTPException:
    return TooManyRequests(
        "Other requests of this session are still being answered.", retry_after=RETRY_AFTER
    )


def _log_in_again() -> HTTPException:
    return Unauthorized("Log in again to see this page.")


def _too_many_sessions() -> HTTPException:
    return Forbidden(
        "You are logged in on as many devices as allowed. Log out on one of them first."
    )


def _refuse_an_impossible_limit(store: Store) -> None:
    flaw = why_not_found(store)
    if isinstance(store, NoStore):
        flaw = "SESSION_STORE is 'cookie', so the server does not know of other sessions."
    if flaw is not None:
        raise ConfigError(f"SESSION_LIMIT_PER_USER cannot be used: {flaw}")


def _secrets_of(app: Flask, config: Config) -> Callable[[], Secrets]:
    """Return a function that looks the secrets up, and warns about each weak one once."""
    key = "SESSION_SECRET" if config.secret else "SECRET_KEY"

    @cache
    def warn_of(secrets: Secrets) -> None:
        for flaw in flaws_of_secrets(config, secrets, key=key):
            _warn(app, flaw)

    def secrets() -> Secrets:
        # Not app.config alone: a subclass may define secret_key itself.
        found = secrets_from({**app.config, "SECRET_KEY": app.secret_key}, config.secret)
        warn_of(found)
        return found

    return secrets


def _warn(app: Flask, text: str) -> None:
    if not (app.debug or app.testing):
        logger.warning(text)
