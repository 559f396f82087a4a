"""The log of what happens to sessions: one JSON object a line, without ids, data or addresses."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any
from typing import Final

from blinker import Signal

from .. import signals
from ..stores.base import from_epoch_milliseconds

logger: logging.Logger = logging.getLogger("flask_serversession.life")

#: The ``by`` of ends that other events report.
ROTATION: Final = "rotation"
OTHERS: Final = "others"

_EVENTS: Final[Mapping[Signal, str]] = {
    signals.session_created: "created",
    signals.session_logged_in: "logged_in",
    signals.session_logged_out: "logged_out",
    signals.session_refused: "refused",
    signals.session_destroyed: "ended",
    signals.session_ended: "ended",
    signals.session_rejected: "rejected",
}
#: What an event has besides the time, the handle and the user's tag.
_MEMBERS: Final = {
    "rotated": ("old_handle",),
    "ended": ("by", "reason"),
    "rejected": ("reason", "rate"),
}


class Event(dict[str, object]):
    """What one line tells. A formatter can have its members; as text it is JSON."""

    def __str__(self) -> str:
        return json.dumps(self)


def tell_of(signal: Signal, values: Mapping[str, Any], *, user: str | None, at: int) -> None:
    """Log the event that a signal reports, if the log has that event.

    :param user: the tag of the user.
    :param at: the time in ms since 1970.
    """
    event = _EVENTS.get(signal)
    if event is None or values.get("by") in (ROTATION, OTHERS):
        return
    if event == "created" and values["old_handle"] is not None:
        event = "rotated"
    tell(event, {"by": OTHERS, **values}, user=user, at=at)


def tell(event: str, values: Mapping[str, Any], *, user: str | None, at: int) -> None:
    """Log an event."""
    time = from_epoch_milliseconds(at).isoformat(timespec="milliseconds")
    more = {member: values.get(member) for member in _MEMBERS.get(event, ())}
    logger.info(Event(event=event, at=time, handle=values.get("handle"), user=user, **more))
