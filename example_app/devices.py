"""The page "Your devices": where a user is logged in, and how to end that."""

from __future__ import annotations

from flask import abort
from flask import Blueprint
from flask import current_app
from flask import flash
from flask import redirect
from flask import render_template
from flask import request
from flask import url_for
from flask_login import current_user
from flask_login import login_required
from werkzeug.wrappers import Response

from flask_serversession import manager_of
from flask_serversession import session
from flask_serversession import UserSession

from . import moments

blueprint = Blueprint("devices", __name__)

# Files and /session-timeout tell nothing, so the message waits for a page.
_PAGES = {"account", "devices", "shop"}

#: The reason to end a session that a user gave up on another device.
_ENDED = "ended"

_WHY_ENDED = {
    _ENDED: "You logged this device out from another one.",
    "limit": "This device was logged out because you logged in on another one.",
}

# The first one that a User-Agent contains: Edge names Chrome and Safari, too.
_BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "Firefox/": "Firefox",
    "FxiOS": "Firefox",
    "Chrome/": "Chrome",
    "CriOS": "Chrome",
    "Safari/": "Safari",
}
_SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Macintosh": "Mac",
    "CrOS": "Chromebook",
    "Linux": "Linux",
}


@blueprint.before_app_request
def tell_why_ended() -> None:
    """Tell visitors on their next page why their session was ended elsewhere."""
    if request.blueprint in _PAGES and session.ended_reason:
        flash(_WHY_ENDED.get(session.ended_reason, "You were logged out."))


@blueprint.get("/devices")
@login_required
def index() -> str:
    return render_template(
        "devices.html", devices=_devices(), name_of=_name_of, ago=moments.ago, until=moments.until
    )


@blueprint.post("/devices/end")
@login_required
def end() -> Response:
    handle = request.form.get("handle", "")
    # Handles are no secrets. Without this check, a user could end the sessions of others.
    if handle not in [device.handle for device in _devices() if not device.is_current]:
        abort(404, "None of your other devices is logged in under this name.")
    manager_of(current_app).end(handle, reason=_ENDED)
    flash("The device is logged out.")
    return redirect(url_for(".index"))


@blueprint.post("/devices/end-others")
@login_required
def end_others() -> Response:
    manager_of(current_app).end_others(current_user.id, reason=_ENDED)
    flash("Your other devices are logged out.")
    return redirect(url_for(".index"))


def _devices() -> list[UserSession]:
    return manager_of(current_app).sessions_of(current_user.id)


def _name_of(device: UserSession) -> str:
    if device.label:
        return device.label
    agent = device.user_agent or ""
    names = [_first(_BROWSERS, agent), _first(_SYSTEMS, agent)]
    return " on ".join(filter(None, names)) or "Unknown browser"


def _first(names: dict[str, str], agent: str) -> str | None:
    return next((name for mark, name in names.items() if mark in agent), None)
