"""Decorators of views: under the session's lock, without extending it, after a fresh login."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any
from typing import cast
from typing import overload
from typing import TypeVar

from .errors import ConfigError
from .errors import LoginTooOld
from .errors import SessionError
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

    For views that compute a value from the previous one, or keep several keys consistent: a
    counter, a balance. Put it below ``@app.route``.

    :param timeout: seconds to wait for other requests, before
        :exc:`~flask_serversession.errors.SessionLocked` is raised.
    :param ttl: seconds for which the lock is guaranteed.
    :raises ConfigError: if ``timeout`` is negative, or ``ttl`` is not positive.
    """
    if not (timeout >= 0 and ttl > 0):  # neither is NaN
        raise ConfigError("session_lock needs a timeout of 0 or more and a ttl above 0 seconds.")
    decorate = partial(_within, lambda: _session().lock(timeout=timeout, ttl=ttl))
    return decorate if view is None else decorate(view)


def session_peek(view: View, /) -> View:
    """Let a view use its session without extending it.

    For requests that a page sends by itself, such as polls: they must not keep a user logged
    in who has left. Changes are stored, and :meth:`~.sessions.base.Session.touch` extends the
    session. Put it below ``@app.route``.
    """
    return _within(_peeking, view)


def session_read_only(view: View, /) -> View:
    """Make a view fail if it changes its session's data.

    When such a view returns, :exc:`~flask_serversession.errors.SessionError` is raised and the
    changes are dropped. Methods such as ``save()`` and ``destroy()`` take effect as always, and
    reading extends the session. Put it below ``@app.route``.
    """
    return _within(_reading, view)


@overload
def fresh_login_required(view: View, /) -> View: ...
@overload
def fresh_login_required(*, max_age: float | timedelta = 300) -> Callable[[View], View]: ...


def fresh_login_required(
    view: View | None = None, /, *, max_age: float | timedelta = 300
) -> View | Callable[[View], View]:
    """Run a view only if the user proved who they are a short while ago.

    For views that move money or change a password. Without a login, or with an older one,
    :exc:`~flask_serversession.errors.LoginTooOld` is raised and answered 401; an error handler
    can send the user to the login form instead. Put it below ``@app.route``.

    :param max_age: seconds or a timedelta since :meth:`~.sessions.base.Session.log_in`.
    :raises ConfigError: if it is not positive.
    """
    seconds = max_age.total_seconds() if isinstance(max_age, timedelta) else max_age
    if not seconds > 0:  # so that NaN is refused
        raise ConfigError("fresh_login_required needs a max_age above 0 seconds.")
    decorate = partial(_within, partial(_freshly_logged_in, seconds))
    return decorate if view is None else decorate(view)


@contextmanager
def _peeking() -> Iterator[None]:
    _session()._peeks = True
    yield


@contextmanager
def _reading() -> Iterator[None]:
    current = _session()
    try:
        yield
    finally:
        is_changed = current.modified
        if is_changed:
            current._fail()
    if is_changed:
        raise SessionError(
            "A view under session_read_only changed its session. The changes were not stored."
        )


@contextmanager
def _freshly_logged_in(seconds: float) -> Iterator[None]:
    current = _session()
    proved = current.authenticated_at
    if proved is None or current._now() / 1000 - proved.timestamp() > seconds:
        raise LoginTooOld(
            f"This view needs a login that is at most {seconds:.10g} seconds old. Let the user"
            " prove who they are again, and call session.log_in()."
        )
    yield


def _within(enter: Callable[[], AbstractContextManager[None]], view: View) -> View:
    """Return a view that runs in a context."""
    if iscoroutinefunction(view):

        @wraps(view)
        async def around_coroutine(*args: Any, **kwargs: Any) -> Any:
            with enter():
                return await view(*args, **kwargs)

        return cast(View, around_coroutine)

    @wraps(view)
    def around(*args: Any, **kwargs: Any) -> Any:
        with enter():
            return view(*args, **kwargs)

    return cast(View, around)


def _session() -> Session:
    if not hasattr(session, "lock"):
        raise ConfigError("This decorator needs the sessions of ServerSession(app).")
    return session
