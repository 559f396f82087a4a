"""The sessions of one application, with or without a request."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
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
from .errors import SessionError
from .format.seals import Seal
from .format.serializer import TypedJSON
from .sessions.base import Session
from .sessions.request_store import RequestStore
from .sessions.settings import Settings
from .sessions.stored import StoredSession
from .sessions.working_copy import end
from .stores.base import Store
from .stores.base import SupportsClose
from .stores.base import SupportsKeys
from .stores.base import SupportsPing
from .stores.base import SupportsPrune
from .stores.base import SupportsSetup


class SessionManager:
    """Finds, lists and ends an application's sessions.

    :func:`~flask_serversession.interface.manager_of` returns it. It needs no request, and
    works in scripts, shells and workers too.

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
        #: The application's store.
        self.store = store
        is_shared = config.profile == "express" or getattr(store, "is_shared", False)
        #: What all sessions of the application share.
        self.settings: Settings = Settings(
            config=config,
            store=store,
            signer=self._make_signer(),
            serializer=TypedJSON(self._seal() if is_shared else None, config.types),
            sender=sender,
            clock=clock,
        )

    @property
    def config(self) -> Config:
        """The application's options."""
        return self.settings.config

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

    def keys(self) -> Iterator[str]:
        """Return an iterator of the ids of live sessions. They are secrets.

        :raises SessionError: if the store cannot list its sessions.
        """
        return self._listing().keys()

    def count(self) -> int:
        """Return the number of live sessions.

        :raises SessionError: if the store cannot list its sessions.
        """
        return self._listing().count()

    def clear(self) -> int:
        """End all sessions, and return how many records were removed. Sends no signals.

        :raises SessionError: if the store cannot list its sessions.
        """
        return self._listing().clear()

    def prune(self) -> int:
        """Remove expired sessions, and return how many.

        0 without a store call if the backend removes them by itself.
        """
        return self.store.prune() if isinstance(self.store, SupportsPrune) else 0

    def setup(self) -> None:
        """Create the table, index or directory that the store needs, if it needs one."""
        if isinstance(self.store, SupportsSetup):
            self.store.setup()

    def ping(self) -> None:
        """Return if the store answers.

        :raises StoreUnavailable: if it does not.
        """
        if isinstance(self.store, SupportsPing):
            self.store.ping()
        else:
            self.store.load("-")

    def close(self) -> None:
        """Close the connections that the store opened. A client of the application stays open."""
        if isinstance(self.store, SupportsClose):
            self.store.close()

    def _listing(self) -> SupportsKeys:
        if isinstance(self.store, SupportsKeys):
            return self.store
        raise SessionError(
            f"{type(self.store).__name__} cannot list its sessions: its backend has no way to."
        )

    def _reconfigure(self, config: Config) -> None:
        """Use other options, and ask for the secrets again, from the next request on."""
        self.settings.config = config
        # Not cleared: a request that is making a signer now would fill it with the old one.
        self.settings.signer = self._make_signer()

    def _make_signer(self) -> Callable[[], CookieSigner]:
        return cache(lambda: CookieSigner(self._secrets()))

    def _seal(self) -> Seal:
        return Seal(
            sign=lambda text: self.signer.signature(text),
            verify=lambda text, signature: self.signer.is_signature(text, signature),
        )


@dataclass(frozen=True, slots=True)
class _NoRequest:
    """Stands in for a request when a session is opened by id."""

    options: CookieOptions
    cookie_header: str = ""

    def is_secure(self) -> bool:
        return False

    def is_answered(self) -> bool:
        return True

    def cookie_options(self) -> CookieOptions:
        return self.options.resolved(is_secure=self.is_secure())

    def generate_id(self) -> str:
        return generate_id()
