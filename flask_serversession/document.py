"""The stored document: express-session's JSON object, the cookie first and then the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from .errors import PayloadError
from .serializers import Serializer
from .session import RESERVED

EMPTY = b"{}"


def compose(cookie: Mapping[str, Any], body: bytes) -> bytes:
    """Return the document of a cookie's stored form and the serialised data."""
    head = b'{"cookie":' + orjson.dumps(cookie)
    return head + b"}" if body == EMPTY else head + b"," + body[1:]


def decompose(payload: bytes, serializer: Serializer) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the cookie's stored form and the data of a document.

    :raises PayloadError: if the document has no cookie object. express-session answers
        500 to such a row for ever; here it counts as no session.
    """
    data = serializer.loads(payload)
    cookie = data.pop(RESERVED, None)
    if not isinstance(cookie, dict):
        raise PayloadError("A stored session has no cookie object.")
    return cookie, data
