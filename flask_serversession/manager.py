"""The sessions of one application, with or without a request."""

from __future__ import annotations

from collections.abc import Callable

from . import signals
from .config import Config
from .config import Secrets
from .cookie import Clock
from .cookie import system_clock
from .cookie_options import CookieOptions
from .lifecycle import ManagedSession
from .rules import Notify
from .rules import Rules
from .rules import Visit
from .serializers import TypedJSON
from .session import Session
from .sid import generate_id
from .signing import CookieSigner
from .stores.base import Store
from .stores.base import SupportsClose


class SessionManager:
    """``app.extensions["serversession"]``: finds, opens and ends sessions.

    Works in a script, a shell or a worker just as in a request.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        *,
        secrets: Callable[[], Secrets],
        notify: Notify,
        clock: Clock = system_clock,
    ) -> None:
        self.config = config
        #: The store itself, for what no session is needed for.
        self.store = store
        self._secrets = secrets
        self._signer: CookieSigner | None = None
        self._rules = Rules(
            store=store,
            serializer=TypedJSON(),
            policy=config.policy,
            concurrency=config.concurrency,
            resolve=config.resolve,
            idle_timeout=config.idle_timeout,
            permanent_lifetime=config.permanent_lifetime,
            touch_interval=config.touch_interval,
            regenerate_grace=config.regenerate_grace,
            null_on_failure=config.store_error == "null",
            notify=notify,
            clock=clock,
        )

    @property
    def signer(self) -> CookieSigner:
        """Signs and verifies ids; made when first needed.

        :raises ConfigError: if the application has no secret.
        """
        if self._signer is None:
            self._signer = CookieSigner(self._secrets())
        return self._signer

    def open(self, visit: Visit) -> ManagedSession:
        """Return the session of a request; no call to the store."""
        return ManagedSession(self._rules, visit)

    def load(self, sid: str) -> Session | None:
        """Return a stored session, or None if the store has none of this id.

        Changes reach the store with ``session.save()``.
        """
        session = ManagedSession(self._rules, _NoRequest(sid, self.config.cookie))
        return None if session.new else session

    def destroy(self, sid: str) -> bool:
        """End a session; False if the store had none of this id."""
        removed = self.store.delete(sid)
        if removed:
            self._rules.notify(signals.session_destroyed, session=None, id=sid)
        return removed

    def close(self) -> None:
        """Close what the store opened itself; an application's own client stays open."""
        if isinstance(self.store, SupportsClose):
            self.store.close()


class _NoRequest:
    """The visit of nobody: a session opened by its id."""

    def __init__(self, sid: str, options: CookieOptions) -> None:
        self._sid = sid
        self._options = options

    def sent_id(self) -> str:
        return self._sid

    def is_secure(self) -> bool:
        return False

    def cookie_options(self) -> CookieOptions:
        return self._options.resolved(is_secure=self.is_secure())

    def generate_id(self) -> str:
        return generate_id()
