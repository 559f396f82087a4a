"""``@session_lock``: only one request of a session runs the view at a time."""

from __future__ import annotations

from collections.abc import Awaitable
from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any
from typing import cast
from typing import overload
from typing import TypeVar

from .errors import ConfigError
from .interface import session
from .sessions.base import Session

View = TypeVar("View", bound=Callable[..., Any])


@overload
def session_lock(view: View, /) -> View: ...
@overload
def session_lock(*, timeout: float = 5.0, ttl: float = 30.0) -> Callable[[View], View]: ...


def session_lock(
    view: View | None = None, /, *, timeout: float = 5.0, ttl: float = 30.0
) -> View | Callable[[View], View]:
    """Run a view under :meth:`~.sessions.base.Session.lock`.

    For views whose invariant spans several keys, or that compute a value from the previous
    one: a counter, a balance. Put it below ``@app.route``.

    :param timeout: seconds to wait for other requests, before
        :exc:`~flask_serversession.errors.SessionLocked` is raised.
    :param ttl: seconds for which the lock is guaranteed.
    :raises ConfigError: if ``timeout`` is negative, or ``ttl`` is not positive.
    """
    if not (timeout >= 0 and ttl > 0):  # neither is NaN
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
    if not hasattr(session, "lock"):
        raise ConfigError("session_lock needs the sessions of ServerSession(app).")
    return session
