"""The panel: what the browser holds of a session, and what the server holds."""

from __future__ import annotations

import json
from typing import NamedTuple
from urllib.parse import urlsplit

from flask import current_app

from flask_serversession import manager_of
from flask_serversession import Session
from flask_serversession import SessionCookie
from flask_serversession import SessionManager

from . import csrf
from . import moments

_HIDDEN = "…"


class Panel(NamedTuple):
    short_id: str
    is_new: bool
    permanent: bool
    store: str
    #: The time left when the request arrived; None if not stored yet, or unknown.
    expires_in: str | None
    cookie_name: str
    attributes: list[str]
    #: Each value as JSON, as it is stored.
    data: dict[str, str]


def describe(session: Session) -> Panel:
    """Describe a session, without its whole id and its CSRF token."""
    manager = manager_of(current_app)
    record = manager.store.load(session.id)
    ends = session.cookie.expires or (record and record.expires_at)
    return Panel(
        short_id=_shortened(session.id),
        is_new=session.new,
        permanent=session.permanent,
        store=_name(manager),
        expires_in=moments.until(ends) if ends else None,
        cookie_name=manager.config.cookie_name,
        attributes=_attributes(session.cookie),
        data={key: _shown(key, value) for key, value in session.items()},
    )


def _shortened(sid: str) -> str:
    # The id of a user's session begins with a tag of the user, which is no secret, and a dot.
    tag, dot, secret = sid.rpartition(".")
    return f"{tag}{dot}{secret[:8]}{_HIDDEN}"


def _shown(key: str, value: object) -> str:
    return _HIDDEN if key == csrf.FIELD else json.dumps(value, ensure_ascii=False)


def _name(manager: SessionManager) -> str:
    # Only the scheme, because the URL may contain a password.
    scheme = urlsplit(manager.config.store).scheme or manager.config.store
    return f"{type(manager.store).__name__} ({scheme})"


def _attributes(cookie: SessionCookie) -> list[str]:
    shown = {
        "HttpOnly": cookie.httponly,
        "Secure": cookie.secure,
        f"SameSite={cookie.samesite}": cookie.samesite,
        f"Path={cookie.path}": cookie.path,
    }
    return [text for text, applies in shown.items() if applies]
