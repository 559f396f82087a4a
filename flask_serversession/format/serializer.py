"""The JSON of a stored session, which Node can read and Python gets back with its types.

A session is stored as express-session's document: a JSON object with the cookie first and
then the data. JSON values are stored as they are. Values that only Python has become an
object with a single key that starts with a space, such as ``{" tuple": [1, 2]}``, which an
Express app carries through untouched. Plain data take two fast passes: ormsgpack refuses
what orjson would change, such as a tuple into a list, and orjson writes the JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from typing import NoReturn

import orjson
import ormsgpack

from ..errors import PayloadError
from .tags import tag
from .tags import untag

#: The member of a stored document that holds the cookie, as in express-session.
RESERVED = "cookie"
#: Data without members.
EMPTY = b"{}"

#: How a document begins whose cookie is its first member and not empty.
_COOKIE_FIRST = b'{"cookie":{"'

#: orjson writes these natively unless told not to, and would lose their type.
_EXACT = (
    orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)
#: orjson cannot refuse these; ormsgpack can, and is as fast.
_NO_LOOKALIKES = (
    ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_UUID
)
_encode = orjson.dumps
_decode = orjson.loads
_refuse_lookalikes = ormsgpack.packb
#: Every tagged value starts like this in compact JSON. No string contains it: there the
#: quote is escaped. A compiled pattern takes half as long as ``in``.
_find_tag = re.compile(rb'\{" ').search


class TypedJSON:
    """Plain JSON, with tags for values that JSON does not have.

    These come back equal and of the same type: None, bool, int of any size, finite float,
    str, list, dict with any keys, tuple, set, frozenset, bytes, Markup, UUID, datetime,
    date, timedelta, Decimal. Other subclasses of str, int, float, list and dict come back
    as the type they extend. NaN and the infinities become null, as with ``JSON.stringify``.
    """

    def dumps(self, data: Mapping[str, Any]) -> bytes:
        """Return the data as a JSON object in UTF-8; equal bytes for equal data.

        :raises SessionSerializationError: if a value cannot be stored; the message names it.
        """
        text = _plain_if_untagged(data)
        if text is not None:
            return text
        return _plain({str.__str__(key): tag(key, value) for key, value in data.items()})

    def loads(self, payload: bytes) -> dict[str, Any]:
        """Return the data of a JSON object.

        :raises PayloadError: if these bytes are not one. No other format is tried: such a
            fallback led to CVE-2026-39324.
        """
        try:
            document = _decode(payload)
        except ValueError:
            document = _decode_leniently(payload)
        if type(document) is not dict:
            raise PayloadError("A stored session is not a JSON object.")
        if not _find_tag(payload):
            return document
        return {key: untag(value) for key, value in document.items()}

    def compose(self, cookie: Mapping[str, Any], body: bytes) -> bytes:
        """Return the document of a cookie's stored form and the dumped data."""
        head = b'{"cookie":' + orjson.dumps(cookie)
        return head + b"}" if body == EMPTY else head + b"," + body[1:]

    def add_to_cookie(self, payload: bytes, members: Mapping[str, Any]) -> bytes:
        """Return a document with more members in its cookie."""
        if payload.startswith(_COOKIE_FIRST):
            head = _COOKIE_FIRST[:-2] + orjson.dumps(members)[:-1]
            return head + b"," + payload[len(_COOKIE_FIRST) - 1 :]
        cookie, data = self.decompose(payload)
        return self.compose({**cookie, **members}, self.dumps(data))

    def decompose(self, payload: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the cookie's stored form and the data of a document.

        :raises PayloadError: if the document has no cookie object. express-session answers
            every request for such a record with a 500; here the session counts as absent.
        """
        data = self.loads(payload)
        cookie = data.pop(RESERVED, None)
        if not isinstance(cookie, dict):
            raise PayloadError("A stored session has no cookie object.")
        return cookie, data


def ends_with(document: bytes, body: bytes) -> bool:
    """Return whether the last members of a document are those of this body.

    A document with as many data members as the body holds the same data. This takes neither
    decoding the document nor looking at its cookie.
    """
    if body == EMPTY:
        return True
    return document[-len(body) : -len(body) + 1] == b"," and document.endswith(body[1:])


def _plain_if_untagged(value: object) -> bytes | None:
    """Return the JSON of a plain value; None if something in it needs a tag."""
    try:
        # First: orjson does not limit the depth of tuples, and a circular one crashes it.
        _refuse_lookalikes(value, None, _NO_LOOKALIKES)
        text = _encode(value, None, _EXACT)
    except TypeError:
        return None
    return None if _find_tag(text) else text


def _plain(value: object) -> bytes:
    try:
        return _encode(value)
    except TypeError:
        # orjson refuses a lone surrogate. Node, too, writes it as an escape.
        return json.dumps(value, separators=(",", ":")).encode()


def _decode_leniently(payload: bytes) -> Any:
    try:
        # orjson refuses the escape that JSON.stringify writes for a lone surrogate.
        return json.loads(payload, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise PayloadError("A stored session is not JSON.") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
