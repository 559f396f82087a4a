"""The stored document: express-session's JSON object, the cookie first and then the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from .errors import PayloadError
from .members import Members
from .serializers import Serializer
from .session import RESERVED

EMPTY = b"{}"

#: The member of a stored cookie that says that the session has another id by now.
_RETIRED = "retiredUntil"


def compose(cookie: Mapping[str, Any], body: bytes) -> bytes:
    """Return the document of a cookie's stored form and the serialised data."""
    head = b'{"cookie":' + orjson.dumps(cookie)
    return head + b"}" if body == EMPTY else head + b"," + body[1:]


def decompose(payload: bytes, serializer: Serializer) -> tuple[dict[str, Any], Members]:
    """Return the cookie's stored form and the data of a document.

    :raises PayloadError: if the document has no cookie object. express-session answers
        500 to such a row for ever; here it counts as no session.
    """
    data = Members.of(payload, serializer)
    cookie = data.pop(RESERVED, None)
    if not isinstance(cookie, dict):
        raise PayloadError("A stored session has no cookie object.")
    return cookie, data


def ends_with(document: bytes, body: bytes) -> bool:
    """Tell whether a document's last members are those of this body.

    If they are as many as it has beside the cookie, they are all it has. No document needs
    to be composed for that, nor its cookie looked at.
    """
    if body == EMPTY:
        return True
    return document[-len(body) : -len(body) + 1] == b"," and document.endswith(body[1:])


def retired_form(payload: bytes, until: int, serializer: Serializer) -> bytes:
    """Return a document as its id's last one: to be read, and not written, until then.

    :param until: milliseconds since 1970.
    """
    cookie, data = decompose(payload, serializer)
    return compose({_RETIRED: until, **cookie}, data.dump())


def retired_until(cookie: Mapping[str, Any]) -> int | None:
    """Return when a document that is its id's last one ends, in ms; None for any other."""
    until = cookie.get(_RETIRED)
    return until if type(until) is int else None
