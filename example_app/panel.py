"""What the panel tells of a session: which part the browser has and which the server."""

from __future__ import annotations

import json
import math
from datetime import datetime
from datetime import timezone
from typing import NamedTuple
from urllib.parse import urlsplit

from flask import current_app

from flask_serversession import Session
from flask_serversession import SessionCookie
from flask_serversession import SessionManager

from . import csrf

_HIDDEN = "…"


class Panel(NamedTuple):
    short_id: str
    is_new: bool
    permanent: bool
    store: str
    #: How long it had left when this request came; None before it is stored.
    expires_in: str | None
    cookie_name: str
    attributes: list[str]
    #: As JSON, which is also how it is stored.
    data: dict[str, str]


def describe(session: Session) -> Panel:
    """Return what may be shown of a session: never the whole id, nor the token of its forms."""
    manager: SessionManager = current_app.extensions["serversession"]
    record = manager.store.load(session.id)
    ends = session.cookie.expires or (record and record.expires_at)
    return Panel(
        short_id=session.id[:8] + _HIDDEN,
        is_new=session.new,
        permanent=session.permanent,
        store=_name(manager),
        expires_in=_time_until(ends) if ends else None,
        cookie_name=manager.config.cookie_name,
        attributes=_attributes(session.cookie),
        data={key: _shown(key, value) for key, value in session.items()},
    )


def _shown(key: str, value: object) -> str:
    return _HIDDEN if key == csrf.FIELD else json.dumps(value, ensure_ascii=False)


def _name(manager: SessionManager) -> str:
    # The scheme alone: the rest of the URL may hold a password.
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


def _time_until(moment: datetime) -> str:
    minutes = math.ceil((moment - datetime.now(timezone.utc)).total_seconds() / 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = {"d": days, "h": hours, "min": minutes}
    return " ".join(f"{number} {unit}" for unit, number in parts.items() if number)
