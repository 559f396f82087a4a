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
from .sessions.settings import Settings
from .sessions.stored import StoredSession
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
        signer = cache(lambda: CookieSigner(secrets()))
        is_shared = config.profile == "express" or getattr(store, "is_shared", False)
        #: What all sessions of the application share.
        self.settings: Settings = Settings(
            config=config,
            store=store,
            signer=signer,
            serializer=TypedJSON(_seal_of(signer) if is_shared else None),
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
        removed = self.store.delete(sid)
        if removed:
            self.settings.notify(signals.session_destroyed, session=None, id=sid)
        return removed

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


def _seal_of(signer: Callable[[], CookieSigner]) -> Seal:
    return Seal(
        sign=lambda text: signer().signature(text),
        verify=lambda text, signature: signer().is_signature(text, signature),
    )


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
