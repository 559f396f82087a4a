"""A session's data as JSON that Node can read and Python gets back with its types.

What JSON has is written as plain JSON. What only Python has becomes an object with a
single key that starts with a space, such as ``{" tuple": [1, 2]}``, which an Express app
carries through untouched. Data without such values pay for none of this: one pass of
the encoder, and one of its sibling that refuses a tuple where the encoder would write a
list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from typing import NoReturn
from typing import Protocol

import orjson
import ormsgpack

from .errors import PayloadError
from .tags import tag
from .tags import untag

#: orjson writes these natively unless told not to, and would lose their type.
_EXACT = (
    orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)
#: What orjson cannot be told to refuse; ormsgpack can, and is as fast.
_NO_LOOKALIKES = (
    ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_UUID
)
_encode = orjson.dumps
_decode = orjson.loads
_refuse_lookalikes = ormsgpack.packb
#: Every tagged value starts like this in compact JSON, and nothing inside a string does:
#: there the quote would be escaped. Searching with a pattern takes half of what ``in`` does.
_find_tag = re.compile(rb'\{" ').search


class Serializer(Protocol):
    """Turns the data of a session into bytes and back."""

    def dumps(self, data: Mapping[str, Any]) -> bytes:
        """Return the data as a JSON object in UTF-8; equal for equal data.

        :raises SessionSerializationError: naming the value that has no stored form.
        """

    def loads(self, payload: bytes) -> dict[str, Any]:
        """Return the data of a JSON object.

        :raises PayloadError: if these bytes are no such thing; no other decoder is tried
            (CVE-2026-39324 is what a fallback leads to).
        """


class TypedJSON:
    """The default serializer: plain JSON, with tags for what is not plain.

    Comes back equal and of its type: None, bool, int of any size, finite float, str, list,
    dict with any keys, tuple, set, frozenset, bytes, Markup, UUID, datetime, date,
    timedelta, Decimal. Other subclasses of str, int, float, list and dict come back as
    what they extend. NaN and the infinities become null, as ``JSON.stringify`` has it.
    """

    def dumps(self, data: Mapping[str, Any]) -> bytes:
        text = _as_it_is(data)
        if text is not None:
            return text
        return _plain({str.__str__(key): tag(key, value) for key, value in data.items()})

    def loads(self, payload: bytes) -> dict[str, Any]:
        try:
            document = _decode(payload)
        except ValueError:
            document = _decode_leniently(payload)
        if type(document) is not dict:
            raise PayloadError("A stored session is not a JSON object.")
        if not _find_tag(payload):
            return document
        return {key: untag(value) for key, value in document.items()}


def _as_it_is(value: object) -> bytes | None:
    """Return the JSON of a plain value; None for one with something to be tagged in it."""
    try:
        # First: orjson counts no depth of tuples, and one in a circle ends the process.
        _refuse_lookalikes(value, None, _NO_LOOKALIKES)
        text = _encode(value, None, _EXACT)
    except TypeError:
        return None
    return None if _find_tag(text) else text


def _plain(value: object) -> bytes:
    try:
        return _encode(value)
    except TypeError:
        # Only a lone surrogate is left to trouble orjson; Node writes it as an escape too.
        return json.dumps(value, separators=(",", ":")).encode()


def _decode_leniently(payload: bytes) -> Any:
    try:
        # JSON.stringify writes a lone surrogate as an escape, which orjson refuses.
        return json.loads(payload, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise PayloadError("A stored session is not JSON.") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
