"""A session's data as JSON that Node can read and Python gets back with its types.

What JSON has is written as plain JSON. What only Python has becomes an object with a
single key that starts with a space, such as ``{" tuple": [1, 2]}``, which an Express app
carries through untouched. Data without such values pays for none of this: one pass of
the encoder, and one of its sibling that refuses a tuple where the encoder would write a
list.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable
from collections.abc import Mapping
from datetime import date
from datetime import datetime
from datetime import timedelta
from decimal import Decimal
from typing import Any
from typing import NoReturn
from typing import Protocol
from uuid import UUID

import orjson
import ormsgpack
from markupsafe import Markup

from .errors import PayloadError
from .errors import SessionSerializationError

Tagger = Callable[[Any, str, int], object]

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
_MAX_DEPTH = 200
_INT64 = range(-(2**63), 2**64)


class Serializer(Protocol):
    """Turns the data of a session into bytes and back."""

    def dumps(self, data: Mapping[str, Any]) -> bytes:
        """Return a JSON object in UTF-8; equal data gives equal bytes.

        :raises SessionSerializationError: naming the value that has no stored form.
        """

    def loads(self, payload: bytes) -> dict[str, Any]:
        """Return the data that was dumped.

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
        try:
            # First: orjson counts no depth of tuples, and one in a circle ends the process.
            _refuse_lookalikes(data, None, _NO_LOOKALIKES)
            body = _encode(data, None, _EXACT)
        except TypeError:
            return _dumps_tagged(data)
        if _find_tag(body):
            return _dumps_tagged(data)
        return body

    def loads(self, payload: bytes) -> dict[str, Any]:
        try:
            document = _decode(payload)
        except ValueError:
            document = _decode_leniently(payload)
        if type(document) is not dict:
            raise PayloadError("A stored session is not a JSON object.")
        if not _find_tag(payload):
            return document
        try:
            return {key: _untag(value) for key, value in document.items()}
        except (ArithmeticError, AttributeError, TypeError, ValueError, RecursionError):
            # Not kept as the cause: its message quotes the value.
            raise PayloadError("A stored session has a tagged value that is malformed.") from None


def _decode_leniently(payload: bytes) -> Any:
    try:
        # JSON.stringify writes a lone surrogate as an escape, which orjson refuses.
        return json.loads(payload, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise PayloadError("A stored session is not JSON.") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _dumps_tagged(data: Mapping[str, Any]) -> bytes:
    tagged = {str.__str__(key): _tag_member(key, value) for key, value in data.items()}
    try:
        return orjson.dumps(tagged)
    except TypeError:
        # Only a lone surrogate is left to trouble orjson; Node writes it as an escape too.
        return json.dumps(tagged, separators=(",", ":")).encode()


def _tag_member(key: str, value: Any) -> object:
    path = f"session[{key!r}]"
    try:
        return _tag(value, path)
    except RecursionError:
        raise SessionSerializationError(
            f"{path} contains itself, or is nested more than {_MAX_DEPTH} deep."
        ) from None


def _tag(value: Any, path: str, depth: int = 0) -> object:
    """Return a value of plain JSON for this one; ``path`` is for the error's text."""
    if depth > _MAX_DEPTH:
        raise RecursionError
    if value is None or value is True or value is False:
        return value
    for kind, tag in _TAGGERS:
        if isinstance(value, kind):
            return tag(value, path, depth + 1)
    if callable(getattr(value, "__html__", None)):
        return {" markup": str(value.__html__())}
    raise SessionSerializationError(
        f"{path} is a {type(value).__name__}, which a session cannot hold."
        " Store a str, number, list or dict made from it instead."
    )


def _tag_str(value: str, path: str, depth: int) -> object:
    return {" markup": str(value)} if isinstance(value, Markup) else str.__str__(value)


def _tag_int(value: int, path: str, depth: int) -> object:
    number = int(value)
    return number if number in _INT64 else {" int": hex(number)}


def _tag_float(value: float, path: str, depth: int) -> object:
    return float(value) if math.isfinite(value) else None


def _tag_list(value: list[Any], path: str, depth: int) -> list[object]:
    return [_tag(item, f"{path}[{index}]", depth) for index, item in enumerate(value)]


def _tag_tuple(value: tuple[Any, ...], path: str, depth: int) -> object:
    return {" tuple": _tag_list(list(value), path, depth)}


def _tag_dict(value: dict[Any, Any], path: str, depth: int) -> object:
    if not all(isinstance(key, str) for key in value):
        return {
            " dict": [
                [_tag(key, f"{path} key", depth), _tag(item, f"{path}[{key!r}]", depth)]
                for key, item in value.items()
            ]
        }
    tagged = {
        str.__str__(key): _tag(item, f"{path}[{key!r}]", depth) for key, item in value.items()
    }
    looks_tagged = len(tagged) == 1 and next(iter(tagged)) in _UNTAGGERS
    return {" escaped": tagged} if looks_tagged else tagged


def _tag_set(value: set[Any] | frozenset[Any], path: str, depth: int) -> object:
    # Sorted by what is written, so that equal sets are equal bytes.
    items = sorted((_tag(item, f"{path}{{…}}", depth) for item in value), key=_sort_key)
    return {" frozenset" if isinstance(value, frozenset) else " set": items}


def _sort_key(tagged: object) -> str:
    return json.dumps(tagged)


def _tag_timedelta(value: timedelta, path: str, depth: int) -> object:
    return {" timedelta": [value.days, value.seconds, value.microseconds]}


_TAGGERS: list[tuple[type | tuple[type, ...], Tagger]] = [
    (str, _tag_str),
    (int, _tag_int),
    (float, _tag_float),
    (dict, _tag_dict),
    (list, _tag_list),
    (tuple, _tag_tuple),
    ((set, frozenset), _tag_set),
    (bytes, lambda value, path, depth: {" bytes": base64.b64encode(value).decode()}),
    (UUID, lambda value, path, depth: {" uuid": str(value)}),
    (datetime, lambda value, path, depth: {" datetime": value.isoformat()}),
    (date, lambda value, path, depth: {" date": value.isoformat()}),
    (timedelta, _tag_timedelta),
    (Decimal, lambda value, path, depth: {" decimal": str(value)}),
]


def _untag(value: Any) -> Any:
    if type(value) is list:
        return [_untag(item) for item in value]
    if type(value) is not dict:
        return value
    if len(value) == 1:
        [(key, inner)] = value.items()
        untag = _UNTAGGERS.get(key)
        if untag is not None:
            return untag(inner)
    return {key: _untag(item) for key, item in value.items()}


def _untag_dict(pairs: Any) -> dict[Any, Any]:
    return {_untag(key): _untag(item) for key, item in pairs}


def _untag_escaped(plain: Any) -> dict[str, Any]:
    return {key: _untag(item) for key, item in plain.items()}


_UNTAGGERS: dict[str, Callable[[Any], Any]] = {
    " tuple": lambda items: tuple(map(_untag, items)),
    " set": lambda items: set(map(_untag, items)),
    " frozenset": lambda items: frozenset(map(_untag, items)),
    " dict": _untag_dict,
    " escaped": _untag_escaped,
    " int": lambda text: int(text, 16),
    " bytes": lambda text: base64.b64decode(text, validate=True),
    " markup": Markup,
    " uuid": UUID,
    " datetime": datetime.fromisoformat,
    " date": date.fromisoformat,
    " timedelta": lambda parts: timedelta(*parts),
    " decimal": Decimal,
}
