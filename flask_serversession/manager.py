"""The sessions of one application, with or without a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from . import signals
from .config import Config
from .config import Secrets
from .cookies.cookie import Clock
from .cookies.cookie import system_clock
from .cookies.ids import generate_id
from .cookies.options import CookieOptions
from .cookies.signing import CookieSigner
from .sessions.base import Session
from .sessions.request_store import RequestStore
from .sessions.settings import Settings
from .sessions.stored import StoredSession
from .sessions.working_copy import end
from .stores.base import Store
from .stores.base import SupportsClose


class SessionManager:
    """``app.extensions["serversession"]``: loads and ends sessions by their ids.

    It needs no request, and works in scripts, shells and workers too.

    :param secrets: called when a cookie is first signed or verified.
    :param sender: the application, the sender of every signal.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        *,
        secrets: Callable[[], Secrets],
        sender: Any = None,
        clock: Clock = system_clock,
    ) -> None:
        #: The options that ``init_app`` read.
        self.config = config
        #: The application's store.
        self.store = store
        #: What all sessions of the application share.
        self.settings: Settings = Settings(
            config=config,
            store=store,
            signer=cache(lambda: CookieSigner(secrets())),
            sender=sender,
            clock=clock,
        )

    @property
    def signer(self) -> CookieSigner:
        """The signer, which signs and verifies ids.

        :raises ConfigError: if the application has no secret.
        """
        return self.settings.signer()

    def load(self, sid: str) -> Session | None:
        """Return a stored session; None if the store has none with this id.

        Changes are stored by ``session.save()``, and only by that.

        :raises StoreError: if the store failed.
        """
        session = StoredSession(self.settings, _NoRequest(self.config.cookie), sid)
        # A session that is not stored gets an id of its own.
        return session if session.id == sid else None

    def destroy(self, sid: str) -> bool:
        """End a session; return False if the store has none with this id.

        :raises StoreError: if the store failed.
        """
        ended = end(RequestStore(self.settings), sid)
        if ended is not None:
            self.settings.notify(signals.session_destroyed, session=None, id=ended)
        return ended is not None

    def close(self) -> None:
        """Close the connections that the store opened. A client of the application stays open."""
        if isinstance(self.store, SupportsClose):
            self.store.close()


@dataclass(frozen=True, slots=True)
class _NoRequest:
    """Stands in for a request when a session is opened by id."""

    options: CookieOptions
    cookie_header: str = ""

    def is_secure(self) -> bool:
        return False

    def cookie_options(self) -> CookieOptions:
        return self.options.resolved(is_secure=self.is_secure())

    def generate_id(self) -> str:
        return generate_id()
