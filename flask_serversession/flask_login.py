"""Has the logins of Flask-Login count as the session's own, by its signals."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any
from typing import cast

import flask
from flask import Flask

from .errors import SessionLimitReached
from .interface import manager_of
from .sessions.base import Session
from .sessions.login import MEMBER

#: What Flask-Login writes to the session at a login, some of it for the end of the request.
_LOGIN = ("_user_id", "_fresh", "_id", "_remember", "_remember_seconds")
#: What it still needs if the session's data are dropped.
_KEPT = (*_LOGIN, "_flashes", "next")
#: What Flask-Security leaves there to have its CSRF cookie removed, if it has one.
_CSRF_FLAG = "fs_cc"


def follow_flask_login(app: Flask) -> None:
    """Give a session a new id and a user at each login, and end it at each logout.

    Does nothing where Flask-Login is not installed. ``SESSION_FLASK_LOGIN`` turns it off.
    """
    try:
        from flask_login import signals
    except ImportError:
        return
    signals.user_logged_in.connect(_logged_in, app)
    signals.user_login_confirmed.connect(_confirmed, app)
    signals.user_loaded_from_cookie.connect(_remembered, app)
    signals.user_logged_out.connect(_logged_out, app)
    signals.session_protected.connect(_protected, app)


def _in_a_session_of_ours(follow: Callable[..., None]) -> Callable[..., None]:
    """Call a receiver only where there is a session of this package.

    There is none outside the cookie's path, nor in one that ``SESSION_ADOPT_STEP`` leaves alone.
    """

    @wraps(follow)
    def receiver(app: Flask, **values: Any) -> None:
        if isinstance(_session(), Session):
            follow(app, **values)

    return receiver


@_in_a_session_of_ours
def _logged_in(app: Flask, user: Any, **extra: Any) -> None:
    _log_in(app, user, remembered=not _session().get("_fresh"))


@_in_a_session_of_ours
def _confirmed(app: Flask, **extra: Any) -> None:
    if "_user_id" in _session():
        from flask_login import current_user

        _logged_in(app, user=current_user)


@_in_a_session_of_ours
def _remembered(app: Flask, user: Any, **extra: Any) -> None:
    try:
        _log_in(app, user, remembered=True)
    except SessionLimitReached:
        # Otherwise each page would be refused that looks the user up, even one that explains it.
        _session()["_remember"] = "clear"
        raise


def _log_in(app: Flask, user: Any, *, remembered: bool) -> None:
    session = _session()
    with _keeping(session), _forgetting_a_failed_login(session):
        session.log_in(_id_of(app, user), remembered=remembered)


def _id_of(app: Flask, user: Any) -> str:
    function = manager_of(app).config.flask_login
    found = function(user) if callable(function) else _session()["_user_id"]
    return "" if found is None else str(found)  # log_in() refuses an empty one


@_in_a_session_of_ours
def _logged_out(app: Flask, **extra: Any) -> None:
    session = _session()
    # Without that cookie nothing would take the flag out again.
    more = (_CSRF_FLAG,) if app.config.get("SECURITY_CSRF_COOKIE_NAME") else ()
    with _keeping(session, *more):
        session.log_out()


@_in_a_session_of_ours
def _protected(app: Flask, **extra: Any) -> None:
    """End a login whose browser changed, or in Flask-Login's mode "basic" its freshness.

    The other data stay, as Flask-Login promises.
    """
    session = _session()
    login = session._login
    if login is not None and "_user_id" in session:
        session[MEMBER] = login._replace(at=None).to_member()
    else:
        session.pop(MEMBER, None)


@contextmanager
def _forgetting_a_failed_login(session: Session) -> Iterator[None]:
    """Take back what Flask-Login wrote before its signal, if the login fails."""
    try:
        yield
    except Exception:
        for key in _LOGIN:
            session.pop(key, None)
        flask.g.pop("_login_user", None)
        raise


@contextmanager
def _keeping(session: Session, *more: str) -> Iterator[None]:
    """Carry over what Flask-Login still needs if the block drops the session's data."""
    kept = {key: session[key] for key in (*_KEPT, *more) if key in session}
    yield
    session.update((key, value) for key, value in kept.items() if key not in session)


def _session() -> Session:
    """Return the session itself."""
    return cast(Session, cast(Any, flask.session)._get_current_object())
