"""The JSON of a stored session, which Node can read and Python gets back with its types.

A session is stored as express-session's document: a JSON object with the cookie first and
then the data. JSON values are stored as they are. Values that only Python has become an
object with a single key that starts with a space, such as ``{" tuple": [1, 2]}``, which an
Express app carries through untouched. Plain data take two fast passes: ormsgpack refuses
what orjson would change, such as a tuple into a list, and orjson writes the JSON.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any
from typing import NoReturn

import orjson
import ormsgpack

from ..errors import PayloadError
from ..errors import SessionSerializationError
from .forms import SessionType
from .merge import FLASHES
from .seals import Seal
from .tags import INT64
from .tags import MAX_DEPTH
from .tags import Tags
from .tags import too_deep

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
#: A float in MessagePack that is not finite; other bytes may look like one.
_find_non_finite = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]").search
_STRINGS = re.compile(rb'"[^"]*"')
_AS_LISTS = bytes.maketrans(b"{}", b"[]")
_LONGEST_INT64 = len(str(-(2**64)))
_NO_MARKS = bytes(set(range(256)) - set(b'[]{}"'))


class TypedJSON:
    """Plain JSON, with tags for values that JSON does not have.

    These come back equal and of the same type: None, bool, int, float,
    str, list, dict with any keys, tuple, set, frozenset, bytes, Markup, UUID, datetime,
    date, time, timedelta, Decimal. An instance of a subclass comes back as the type that it
    extends, and is refused if the two are not equal. A datetime keeps a ``ZoneInfo``; any
    other time zone becomes its offset. An int has at most 4300 digits.

    :param seal: for sessions that other programs write too: a tag that this application did
        not write is a plain dict.
    :param types: the application's own types, which come back equal too.
    """

    def __init__(self, seal: Seal | None = None, types: Collection[SessionType[Any]] = ()) -> None:
        self._seal = seal
        self._tags = Tags(types)

    def dumps(self, data: Mapping[str, Any]) -> bytes:
        """Return the data as a JSON object in UTF-8; equal bytes for equal data.

        :raises SessionSerializationError: if a value cannot be stored; the message names it.
        """
        if FLASHES in data and not isinstance(data[FLASHES], list):
            raise SessionSerializationError(
                f"session[{FLASHES!r}] is not a list. Flask keeps its flashed messages there;"
                " use another key."
            )
        text = _plain_if_untagged(data)
        if text is None:
            tagged = self._tags.tag_members(data)
            text = _plain(tagged if self._seal is None else self._seal.close_members(tagged))
        if text.count(b"{") + text.count(b"[") > MAX_DEPTH:
            path = self.path_of_deeper(data, text, MAX_DEPTH)
            if path is not None:
                raise too_deep(path)
        return text

    def path_of_deeper(self, data: Mapping[str, Any], text: bytes, limit: int) -> str | None:
        """Return which member of data, dumped as ``text``, is nested deeper; None if none is."""
        if not _is_deeper(text, limit):
            return None
        dumped = ((key, _plain([self._tags.tag(key, value)])) for key, value in data.items())
        return f"session[{next(key for key, plain in dumped if _is_deeper(plain, limit))!r}]"

    def loads(self, payload: bytes) -> dict[str, Any]:
        """Return the data of a JSON object.

        :raises PayloadError: if these bytes are not one, or if its flashed messages are not a
            list. No other format is tried: such a fallback led to CVE-2026-39324.
        """
        document = _document(payload)
        return self._untagged(document) if _find_tag(payload) else document

    def compose(self, cookie: Mapping[str, Any], body: bytes) -> bytes:
        """Return the document of a cookie's stored form and the dumped data."""
        head = b'{"cookie":' + _plain(cookie)
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
        document = _document(payload)
        cookie = document.pop(RESERVED, None)
        if not isinstance(cookie, dict):
            raise PayloadError("A stored session has no cookie object.")
        return cookie, self._untagged(document) if _find_tag(payload) else document

    def _untagged(self, document: dict[str, Any]) -> dict[str, Any]:
        if self._seal is not None:
            document = self._seal.open_members(document)
        return {key: self._tags.untag(value) for key, value in document.items()}


def converted(former: TypedJSON, new: TypedJSON, payload: bytes) -> bytes:
    """Return a document that one serializer reads as another one writes it.

    :raises PayloadError: if the first cannot read it.
    """
    if not _find_tag(payload):
        return payload
    cookie, data = former.decompose(payload)
    return new.compose(cookie, new.dumps(data))


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
        packed = _refuse_lookalikes(value, None, _NO_LOOKALIKES)
        text = _encode(value, None, _EXACT)
    except TypeError:
        return None
    if _find_tag(text) or (b"null" in text and _find_non_finite(packed)):
        return None
    return text


def _plain(value: object) -> bytes:
    try:
        return _encode(value)
    except TypeError:
        # orjson refuses a lone surrogate. Node, too, writes it as an escape.
        return json.dumps(value, separators=(",", ":")).encode()


def _document(payload: bytes) -> dict[str, Any]:
    """Return a JSON object with its tags.

    :raises PayloadError: if these bytes are not one.
    """
    try:
        document = _decode(payload)
    except ValueError:
        document = _decode_leniently(payload)
    if type(document) is not dict:
        raise PayloadError("A stored session is not a JSON object.")
    if payload.count(b"{") + payload.count(b"[") > MAX_DEPTH and _is_deeper(payload, MAX_DEPTH):
        raise _payload_too_deep()
    if FLASHES in document and type(document[FLASHES]) is not list:
        raise PayloadError("The flashed messages of a stored session are not a list.")
    return document


def _decode_leniently(payload: bytes) -> Any:
    try:
        # orjson refuses the escape that JSON.stringify writes for a lone surrogate.
        return json.loads(
            payload, parse_constant=_refuse_constant, parse_int=_number, parse_float=_float
        )
    except ValueError as error:
        raise PayloadError("A stored session is not JSON.") from error
    except RecursionError:
        raise _payload_too_deep() from None


def _number(text: str) -> int | float:
    # Beyond 64 bits it is a float, as for orjson and for Node.
    if len(text) <= _LONGEST_INT64 and int(text) in INT64:
        return int(text)
    return _float(text)


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        _refuse_constant(text)
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _is_deeper(text: bytes, limit: int) -> bool:
    """Return whether valid JSON is nested deeper than this.

    Only JSON with so many brackets has to be looked at.
    """
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two quotes next to each other change nothing for what follows.
    marks = text.translate(_AS_LISTS, _NO_MARKS).replace(b'""', b"")
    if b'"' in marks:
        marks = _STRINGS.sub(b"", marks)
    for _ in range(limit):
        marks = marks.replace(b"[]", b"")
        if not marks:
            return False
    return True


def _payload_too_deep() -> PayloadError:
    return PayloadError(f"A stored session is nested more than {MAX_DEPTH} deep.")
