"""``@session_lock``: runs a view for one request of a session at a time."""

from __future__ import annotations

from collections.abc import Awaitable
from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any
from typing import cast
from typing import overload
from typing import TypeVar

from flask import session as flask_session

from .errors import ConfigError
from .sessions.base import Session

View = TypeVar("View", bound=Callable[..., Any])


@overload
def session_lock(view: View, /) -> View: ...
@overload
def session_lock(*, timeout: float = 5.0, ttl: float = 30.0) -> Callable[[View], View]: ...


def session_lock(
    view: View | None = None, /, *, timeout: float = 5.0, ttl: float = 30.0
) -> View | Callable[[View], View]:
    """Return the view with :meth:`~.sessions.base.Session.lock` around it.

    For views whose invariant spans keys, or that compute a value from the one before: a
    counter, a balance. Decorate the view itself, below ``@app.route``.

    :param timeout: seconds to wait for other requests, then
        :exc:`~flask_serversession.errors.SessionLocked`.
    :param ttl: seconds for which the lock is sure to be held.
    """
    if timeout < 0 or ttl <= 0:
        raise ConfigError("session_lock needs a timeout of 0 or more and a ttl above 0 seconds.")

    def decorate(view: View) -> View:
        if iscoroutinefunction(view):
            return cast(View, _around_coroutine(view, timeout, ttl))

        @wraps(view)
        def locked(*args: Any, **kwargs: Any) -> Any:
            with _session().lock(timeout=timeout, ttl=ttl):
                return view(*args, **kwargs)

        return cast(View, locked)

    return decorate if view is None else decorate(view)


def _around_coroutine(
    view: Callable[..., Awaitable[Any]], timeout: float, ttl: float
) -> Callable[..., Awaitable[Any]]:
    @wraps(view)
    async def locked(*args: Any, **kwargs: Any) -> Any:
        with _session().lock(timeout=timeout, ttl=ttl):
            return await view(*args, **kwargs)

    return locked


def _session() -> Session:
    if not hasattr(flask_session, "lock"):
        raise ConfigError("session_lock needs the sessions of ServerSession(app).")
    return cast(Session, flask_session)
