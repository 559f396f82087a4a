"""Python's own types as plain JSON: an object whose single key starts with a space."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from datetime import datetime
from datetime import time
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from markupsafe import Markup

from ..errors import PayloadError
from ..errors import SessionSerializationError

#: How deep the JSON of a session may be nested. Python's own limit depends on its version.
MAX_DEPTH = 100
#: Python refuses to print an int of more than 4300 digits (CVE-2020-10735).
_TOO_LARGE = 10**4300
#: The tag of a dict that looks like a tagged value.
ESCAPED = " escaped"
#: What JSON's readers keep as an int.
INT64 = range(-(2**63), 2**64)
_HEXADECIMAL = re.compile("-?0x[0-9a-f]+")
_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
#: Two characters that JSON would join into one.
_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
#: An ISO 8601 moment, with the suffixes of RFC 9557 for its zone and for a repeated hour.
_MOMENT = re.compile(r"([^\[]+)(?:\[([^\]=]+)\])?(\[_fold=1\])?")


def tag_members(data: Mapping[str, Any]) -> dict[str, object]:
    """Return the plain JSON for what a session holds.

    :raises SessionSerializationError: naming the value that has no stored form.
    """
    tagged = {_text(key, "session key"): tag(key, value) for key, value in data.items()}
    if len(tagged) != len(data):
        raise _refused("session", data, "two of its keys have the same text")
    return tagged


def tag(key: str, value: Any) -> object:
    """Return the plain JSON for what the session has under a key.

    :raises SessionSerializationError: if a value cannot be stored; the message names it.
    """
    path = f"session[{key!r}]"
    try:
        return _tag(value, path, 1)
    except RecursionError:
        raise too_deep(path) from None


def too_deep(path: str) -> SessionSerializationError:
    """Return the error for a value that is nested too deep."""
    return SessionSerializationError(
        f"{path} contains itself, or is nested more than {MAX_DEPTH} deep."
        " A tuple, a set and a dict with keys that are not strings count for two or three."
    )


def _tag(value: Any, path: str, depth: int) -> object:
    """Return a value of plain JSON for this one; ``path`` is for the error's text."""
    if depth > MAX_DEPTH:
        raise RecursionError
    if value is None or value is True or value is False:
        return value
    # Not isinstance(), which believes a proxy.
    kind = type(value)
    for base in kind.__mro__:
        form = _FORMS.get(base)
        if form is not None:
            plain = value if kind is base else _as_base(form.plain, value, path)
            return form.tag(plain, path, depth + 1)
    if callable(getattr(value, "__html__", None)):
        return {" markup": _text(str(value.__html__()), path)}
    raise _refused(path, value, "which a session cannot hold")


def _as_base(plain_of: Callable[[Any], Any], value: Any, path: str) -> Any:
    """Return an instance of a subclass as one of its base, if the two are equal."""
    with suppress(Exception):
        plain = plain_of(value)
        if _are_equal(plain, value) or (plain != plain and value != value):
            return plain
    raise _refused(path, value, "which does not equal what would be stored for it")


def _are_equal(plain: Any, value: Any) -> bool:
    if isinstance(plain, datetime):
        # Aware ones in a repeated hour are never equal to those of another zone (PEP 495).
        plain, value = plain.replace(tzinfo=None), value.replace(tzinfo=None)
    return bool(plain == value)


def _refused(path: str, value: Any, why: str) -> SessionSerializationError:
    kind = type(value)
    name = kind.__qualname__
    if kind.__module__ != "builtins":
        name = f"{kind.__module__}.{name}"
    return SessionSerializationError(
        f"{path} is a {name}, {why}. Store a str, number, list or dict made from it instead."
    )


def _text(text: str, path: str) -> str:
    text = str.__str__(text)
    if not text.isascii() and _SURROGATE_PAIR.search(text):
        raise _refused(path, text, "in which JSON would join two surrogates to one character")
    return text


def _tag_markup(value: Markup, path: str, depth: int) -> object:
    return {" markup": _text(value, path)}


def _tag_str(value: str, path: str, depth: int) -> object:
    return _text(value, path)


def _tag_int(value: int, path: str, depth: int) -> object:
    if value in INT64:
        return value
    if abs(value) >= _TOO_LARGE:
        raise _refused(path, value, "with more digits than Python prints")
    return {" int": hex(value)}


def _tag_float(value: float, path: str, depth: int) -> object:
    return value if math.isfinite(value) else {" float": repr(value)}


def _tag_list(value: list[Any], path: str, depth: int) -> list[object]:
    return [_tag(item, f"{path}[{index}]", depth) for index, item in enumerate(value)]


def _tag_tuple(value: tuple[Any, ...], path: str, depth: int) -> object:
    return {" tuple": _tag_list(list(value), path, depth)}


def _tag_dict(value: dict[Any, Any], path: str, depth: int) -> object:
    if not all(issubclass(type(key), str) for key in value):
        return {
            " dict": [
                [_tag(key, f"{path} key", depth), _tag(item, f"{path}[{key!r}]", depth)]
                for key, item in value.items()
            ]
        }
    tagged = {
        _text(key, f"{path} key"): _tag(item, f"{path}[{key!r}]", depth)
        for key, item in value.items()
    }
    if len(tagged) != len(value):
        raise _refused(path, value, "two of whose keys have the same text")
    return {ESCAPED: tagged} if is_tag(tagged) else tagged


def _tag_set(value: set[Any] | frozenset[Any], path: str, depth: int) -> object:
    # Sorted by what is written, so that equal sets are equal bytes.
    items = sorted((_tag(item, f"{path}{{…}}", depth) for item in value), key=_sort_key)
    return {" frozenset" if isinstance(value, frozenset) else " set": items}


def _sort_key(tagged: object) -> str:
    return json.dumps(tagged)


def _tag_datetime(value: datetime, path: str, depth: int) -> object:
    return _tag_moment(" datetime", value, path)


def _tag_time(value: time, path: str, depth: int) -> object:
    return _tag_moment(" time", value, path)


def _tag_moment(name: str, value: datetime | time, path: str) -> object:
    zone = value.tzinfo
    key = zone.key if isinstance(zone, ZoneInfo) else None
    text = value.isoformat() + (f"[{key}]" if key else "") + "[_fold=1]" * value.fold
    with suppress(ValueError):
        back = _UNTAGGERS[name].untag(text)
        is_same_clock = back.replace(tzinfo=None) == value.replace(tzinfo=None)
        if is_same_clock and back.utcoffset() == value.utcoffset():
            return {name: text}
    raise _refused(path, value, "with a time zone that has no stored form")


def _tag_timedelta(value: timedelta, path: str, depth: int) -> object:
    return {" timedelta": [value.days, value.seconds, value.microseconds]}


class _Form(NamedTuple):
    """How values of a type are stored."""

    #: Returns an instance of a subclass as one of the type itself.
    plain: Callable[[Any], Any]
    tag: Callable[[Any, str, int], object]


_FORMS: dict[type, _Form] = {
    str: _Form(str.__str__, _tag_str),
    Markup: _Form(lambda value: Markup(str.__str__(value)), _tag_markup),  # noqa: S704 - it was one
    int: _Form(int.__int__, _tag_int),
    float: _Form(float.__float__, _tag_float),
    dict: _Form(lambda value: dict(value.items()), _tag_dict),
    list: _Form(list, _tag_list),
    tuple: _Form(tuple, _tag_tuple),
    set: _Form(set, _tag_set),
    frozenset: _Form(frozenset, _tag_set),
    bytes: _Form(
        lambda value: bytes(memoryview(value)),
        lambda value, path, depth: {" bytes": base64.b64encode(value).decode()},
    ),
    UUID: _Form(
        lambda value: UUID(int=value.int), lambda value, path, depth: {" uuid": str(value)}
    ),
    datetime: _Form(
        lambda value: datetime.combine(datetime.date(value), datetime.timetz(value)),
        _tag_datetime,
    ),
    date: _Form(
        lambda value: date.fromordinal(date.toordinal(value)),
        lambda value, path, depth: {" date": value.isoformat()},
    ),
    time: _Form(lambda value: datetime.combine(date.min, value).timetz(), _tag_time),
    timedelta: _Form(
        lambda value: timedelta(value.days, value.seconds, value.microseconds), _tag_timedelta
    ),
    Decimal: _Form(Decimal, lambda value, path, depth: {" decimal": str(value)}),
}


def is_tag(value: dict[str, Any]) -> bool:
    """Return whether an object of plain JSON is a tagged value."""
    return len(value) == 1 and next(iter(value)) in _UNTAGGERS


def untag(value: Any) -> Any:
    """Return what was tagged.

    :raises PayloadError: if a tag holds anything that :func:`tag` does not write.
    """
    try:
        return _untag(value)
    except (ArithmeticError, LookupError, TypeError, ValueError, RecursionError):
        # Not kept as the cause: its message quotes the value.
        raise PayloadError("A stored session has a tagged value that is malformed.") from None


def _untag(value: Any) -> Any:
    if type(value) is list:
        return [_untag(item) for item in value]
    if type(value) is not dict:
        return value
    if not is_tag(value):
        return _untag_escaped(value)
    [(name, inner)] = value.items()
    untagger = _UNTAGGERS[name]
    if type(inner) is not untagger.takes:
        raise TypeError
    return untagger.untag(inner)


def _untag_escaped(plain: dict[str, Any]) -> dict[str, Any]:
    return {key: _untag(item) for key, item in plain.items()}


def _untag_dict(pairs: list[Any]) -> dict[Any, Any]:
    return {_untag(key): _untag(item) for key, item in pairs}


def _untag_int(text: str) -> int:
    if not _HEXADECIMAL.fullmatch(text):
        raise ValueError
    number = int(text, 16)
    if abs(number) >= _TOO_LARGE:
        raise ValueError
    return number


def _untag_moment(parse: Callable[[str], Any], text: str) -> Any:
    parts = _MOMENT.fullmatch(text)
    if parts is None:
        raise ValueError
    moment, zone, fold = parts.groups()
    found = parse(moment).replace(fold=int(fold is not None))
    if zone is not None:
        # The offset is kept where the zone is not known.
        with suppress(LookupError, OSError):
            found = found.replace(tzinfo=ZoneInfo(zone))
    return found


class _Untagger(NamedTuple):
    """How a tagged value is read."""

    #: The type of what is in the tag.
    takes: type
    untag: Callable[[Any], Any]


_UNTAGGERS: dict[str, _Untagger] = {
    " tuple": _Untagger(list, lambda items: tuple(map(_untag, items))),
    " set": _Untagger(list, lambda items: set(map(_untag, items))),
    " frozenset": _Untagger(list, lambda items: frozenset(map(_untag, items))),
    " dict": _Untagger(list, _untag_dict),
    ESCAPED: _Untagger(dict, _untag_escaped),
    " int": _Untagger(str, _untag_int),
    " float": _Untagger(str, _NON_FINITE.__getitem__),
    " bytes": _Untagger(str, lambda text: base64.b64decode(text, validate=True)),
    " markup": _Untagger(str, Markup),
    " uuid": _Untagger(str, UUID),
    " datetime": _Untagger(str, partial(_untag_moment, datetime.fromisoformat)),
    " date": _Untagger(str, date.fromisoformat),
    " time": _Untagger(str, partial(_untag_moment, time.fromisoformat)),
    " timedelta": _Untagger(list, lambda parts: timedelta(*parts)),
    " decimal": _Untagger(str, Decimal),
}
