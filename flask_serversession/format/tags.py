"""Python's own types as plain JSON: an object whose single key starts with a space.

Here are the containers, and what may stand where. :mod:`.forms` has the types of values that
contain no others.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any
from typing import NamedTuple

from ..errors import PayloadError
from ..errors import SessionSerializationError
from .forms import FLOAT
from .forms import Form
from .forms import FORMS
from .forms import INT
from .forms import text_of
from .forms import Unstorable

#: How deep the JSON of a session may be nested. Python's own limit depends on its version.
MAX_DEPTH = 100
#: The tag of a dict that looks like a tagged value.
ESCAPED = " escaped"
#: What JSON's readers keep as an int.
INT64 = range(-(2**63), 2**64)


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
    try:
        # Not isinstance(), which believes a proxy.
        kind = type(value)
        for base in kind.__mro__:
            writer = _WRITERS.get(base)
            if writer is not None:
                plain = value if kind is base else _as_base(writer.plain, value)
                return writer.write(plain, path, depth + 1)
        if callable(getattr(value, "__html__", None)):
            return {" markup": text_of(str(value.__html__()))}
        raise Unstorable("which a session cannot hold")
    except Unstorable as error:
        raise _refused(path, value, str(error)) from None


def _as_base(plain_of: Callable[[Any], Any], value: Any) -> Any:
    """Return an instance of a subclass as one of its base, if the two are equal."""
    with suppress(Exception):
        plain = plain_of(value)
        if _are_equal(plain, value) or (plain != plain and value != value):
            return plain
    raise Unstorable("which does not equal what would be stored for it")


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
    try:
        return text_of(text)
    except Unstorable as error:
        raise _refused(path, text, str(error)) from None


def _tag_str(value: str, path: str, depth: int) -> object:
    return text_of(value)


def _tag_int(value: int, path: str, depth: int) -> object:
    return value if value in INT64 else {INT.tag: INT.write(value)}


def _tag_float(value: float, path: str, depth: int) -> object:
    return value if math.isfinite(value) else {FLOAT.tag: FLOAT.write(value)}


def _tag_form(form: Form, value: Any, path: str, depth: int) -> object:
    return {form.tag: form.write(value)}


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
        raise Unstorable("two of whose keys have the same text")
    return {ESCAPED: tagged} if is_tag(tagged) else tagged


def _tag_set(value: set[Any] | frozenset[Any], path: str, depth: int) -> object:
    # Sorted by what is written, so that equal sets are equal bytes.
    items = sorted((_tag(item, f"{path}{{…}}", depth) for item in value), key=_sort_key)
    return {" frozenset" if isinstance(value, frozenset) else " set": items}


def _sort_key(tagged: object) -> str:
    return json.dumps(tagged)


class _Writer(NamedTuple):
    """How values of a type are written."""

    #: Returns an instance of a subclass as one of the type itself.
    plain: Callable[[Any], Any]
    write: Callable[[Any, str, int], object]


_WRITERS: dict[type, _Writer] = {
    **{form.kind: _Writer(form.plain, partial(_tag_form, form)) for form in FORMS},
    str: _Writer(str.__str__, _tag_str),
    int: _Writer(INT.plain, _tag_int),
    float: _Writer(FLOAT.plain, _tag_float),
    dict: _Writer(lambda value: dict(value.items()), _tag_dict),
    list: _Writer(list, _tag_list),
    tuple: _Writer(tuple, _tag_tuple),
    set: _Writer(set, _tag_set),
    frozenset: _Writer(frozenset, _tag_set),
}


def is_tag(value: dict[str, Any]) -> bool:
    """Return whether an object of plain JSON is a tagged value."""
    return len(value) == 1 and next(iter(value)) in _READERS


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
    reader = _READERS[name]
    if type(inner) is not reader.takes:
        raise TypeError
    return reader.read(inner)


def _untag_escaped(plain: dict[str, Any]) -> dict[str, Any]:
    return {key: _untag(item) for key, item in plain.items()}


def _untag_dict(pairs: list[Any]) -> dict[Any, Any]:
    return {_untag(key): _untag(item) for key, item in pairs}


class _Reader(NamedTuple):
    """How a tagged value is read."""

    #: The type of what is in the tag.
    takes: type
    read: Callable[[Any], Any]


_READERS: dict[str, _Reader] = {
    **{form.tag: _Reader(form.takes, form.read) for form in FORMS},
    " tuple": _Reader(list, lambda items: tuple(map(_untag, items))),
    " set": _Reader(list, lambda items: set(map(_untag, items))),
    " frozenset": _Reader(list, lambda items: frozenset(map(_untag, items))),
    " dict": _Reader(list, _untag_dict),
    ESCAPED: _Reader(dict, _untag_escaped),
}
