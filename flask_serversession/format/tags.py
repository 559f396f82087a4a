"""Python's own types as plain JSON: an object whose single key starts with a space."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from datetime import date
from datetime import datetime
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from markupsafe import Markup

from ..errors import PayloadError
from ..errors import SessionSerializationError

Tagger = Callable[[Any, str, int], object]

_MAX_DEPTH = 200
_INT64 = range(-(2**63), 2**64)


def tag(key: str, value: Any) -> object:
    """Return the plain JSON for what the session has under a key.

    :raises SessionSerializationError: if a value cannot be stored; the message names it.
    """
    path = f"session[{key!r}]"
    try:
        return _tag(value, path)
    except RecursionError:
        raise SessionSerializationError(
            f"{path} contains itself, or is nested more than {_MAX_DEPTH} deep."
        ) from None


def _tag(value: Any, path: str, depth: int = 0) -> object:
    """Return the plain JSON of a value. ``path`` is its place, for the error message."""
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


def untag(value: Any) -> Any:
    """Return what was tagged.

    :raises PayloadError: if a tag holds anything that :func:`tag` does not write.
    """
    try:
        return _untag(value)
    except (ArithmeticError, AttributeError, TypeError, ValueError, RecursionError):
        # Not kept as the cause: its message quotes the value.
        raise PayloadError("A stored session has a tagged value that is malformed.") from None


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
