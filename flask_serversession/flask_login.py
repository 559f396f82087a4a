"""Has the logins of Flask-Login count as the session's own, by its signals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from typing import cast

import flask
from flask import Flask

from .errors import SessionLimitReached
from .sessions.base import Session
from .sessions.login import MEMBER

#: What Flask-Login writes to the session at a login, some of it for the end of the request.
_LOGIN = ("_user_id", "_fresh", "_id", "_remember", "_remember_seconds")
#: What it still needs if the session's data are dropped.
_KEPT = (*_LOGIN, "_flashes", "next")


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


def _logged_in(app: Flask, **extra: Any) -> None:
    session = _session()
    with _keeping(session), _forgetting_a_refused_login(session):
        session.log_in(str(session["_user_id"]), remembered=not session.get("_fresh"))


def _confirmed(app: Flask, **extra: Any) -> None:
    if "_user_id" in _session():
        _logged_in(app)


def _remembered(app: Flask, **extra: Any) -> None:
    session = _session()
    with _keeping(session), _forgetting_a_refused_login(session):
        session.log_in(str(session["_user_id"]), remembered=True)


def _logged_out(app: Flask, **extra: Any) -> None:
    session: Any = _session()
    if not isinstance(session, Session):
        return  # outside the cookie's path there is nothing to end
    with _keeping(session):
        session.log_out()


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
def _forgetting_a_refused_login(session: Session) -> Iterator[None]:
    """Take back what Flask-Login wrote before its signal, if there is no room for the login."""
    try:
        yield
    except SessionLimitReached:
        for key in _LOGIN:
            session.pop(key, None)
        flask.g.pop("_login_user", None)
        raise


@contextmanager
def _keeping(session: Session) -> Iterator[None]:
    """Carry over what Flask-Login still needs if the block drops the session's data."""
    kept = {key: session[key] for key in _KEPT if key in session}
    yield
    session.update((key, value) for key, value in kept.items() if key not in session)


def _session() -> Session:
    """Return the session itself; Flask-Login has written to it, so it is one of ours."""
    return cast(Session, cast(Any, flask.session)._get_current_object())
