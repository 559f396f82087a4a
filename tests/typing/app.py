# pyright: strict
"""An application as users write it, checked by mypy and pyright and never run by them."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from pathlib import PurePosixPath
from typing import Any

from flask import current_app
from flask import Flask
from werkzeug.wrappers import Response

from flask_serversession import manager_of
from flask_serversession import ServerSession
from flask_serversession import Session
from flask_serversession import session
from flask_serversession import session_destroyed
from flask_serversession import session_lock
from flask_serversession import SessionCookie
from flask_serversession import SessionManager
from flask_serversession import SessionType
from flask_serversession import Store
from flask_serversession.stores.memory import MemoryStore


class Theme(Enum):
    LIGHT = "light"
    DARK = "dark"


THEME = SessionType("app-theme", Theme, lambda theme: theme.value, Theme)
PATH = SessionType("app-path", PurePosixPath, str, PurePosixPath)


def create_app(store: Store | None = None) -> Flask:
    app = Flask(__name__)
    app.secret_key = "keyboard cat"
    app.config["SESSION_STORE"] = store or MemoryStore()
    app.config["SESSION_TYPES"] = [THEME, PATH]
    ServerSession(app)
    app.add_url_rule("/login/<name>", view_func=log_in, methods=["POST"])
    app.add_url_rule("/me", view_func=me)
    app.add_url_rule("/spend", view_func=spend, methods=["POST"])
    app.add_url_rule("/logout", view_func=log_out, methods=["POST"])
    app.add_url_rule("/sessions", view_func=sessions)
    session_destroyed.connect(audit, app)
    return app


def log_in(name: str) -> Response:
    session.regenerate(keep_data=True)
    session["user"] = name
    session.permanent = True
    session.cookie.max_age = timedelta(days=30)
    session.touch()
    return Response(status=204)


def me() -> dict[str, Any]:
    cookie: SessionCookie = session.cookie
    return {"user": session.get("user"), "id": session.id, "new": session.new, "path": cookie.path}


@session_lock
def spend() -> str:
    with session.lock(timeout=2):
        session["balance"] = session.get("balance", 10) - 1
    session.save()
    session.reload()
    return str(session["balance"])


def log_out() -> str:
    session.destroy()
    return "Bye"


def sessions() -> dict[str, int]:
    manager: SessionManager = manager_of(current_app)
    manager.ping()
    ids: list[str] = list(manager.keys())
    return {"count": manager.count(), "listed": len(ids), "pruned": manager.prune()}


def end_all_but(sid: str, manager: SessionManager) -> None:
    kept: Session | None = manager.load(sid)
    if kept is None:
        manager.clear()
        return
    for other in manager.keys():  # noqa: SIM118 - a manager is not a mapping
        if other != kept.id:
            manager.destroy(other)


def audit(sender: Flask, session: Session | None, handle: str, **extra: object) -> None:
    sender.logger.info("Session %s has ended.", handle)
