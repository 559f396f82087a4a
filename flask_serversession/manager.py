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
from .sessions.settings import Settings
from .sessions.stored import StoredSession
from .stores.base import Store
from .stores.base import SupportsClose


class SessionManager:
    """``app.extensions["serversession"]``: finds and ends sessions by their ids.

    Works in a script, a shell or a worker just as in a request.

    :param secrets: called when a cookie is first signed or verified, and again when Flask's
        keys have changed.
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
        self._secrets = secrets
        #: The store itself.
        self.store = store
        #: What all sessions of the application share.
        self.settings: Settings = Settings(
            config=config,
            store=store,
            signer=self._make_signer(),
            sender=sender,
            clock=clock,
        )

    @property
    def config(self) -> Config:
        """The application's options."""
        return self.settings.config

    @property
    def signer(self) -> CookieSigner:
        """Signs and verifies ids.

        :raises ConfigError: if the application has no secret.
        """
        return self.settings.signer()

    def load(self, sid: str) -> Session | None:
        """Return a stored session, or None if the store has none of this id.

        Changes reach the store with ``session.save()``.
        """
        session = StoredSession(self.settings, _NoRequest(self.config.cookie), sid)
        return None if session.new else session

    def destroy(self, sid: str) -> bool:
        """End a session; False if the store had none of this id."""
        removed = self.store.delete(sid)
        if removed:
            self.settings.notify(signals.session_destroyed, session=None, id=sid)
        return removed

    def close(self) -> None:
        """Close what the store opened itself; an application's own client stays open."""
        if isinstance(self.store, SupportsClose):
            self.store.close()

    def _reconfigure(self, config: Config) -> None:
        """Use other options, and ask for the secrets again, from the next request on."""
        self.settings.config = config
        # Not cleared: a request that is making a signer now would fill it with the old one.
        self.settings.signer = self._make_signer()

    def _make_signer(self) -> Callable[[], CookieSigner]:
        return cache(lambda: CookieSigner(self._secrets()))


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
