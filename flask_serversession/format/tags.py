"""Writes what a session holds as plain JSON: which values get a tag, and where they stand.

:mod:`.untag` reads it again. :mod:`.forms` has the types of values that contain no others.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any
from typing import NamedTuple

from ..errors import SessionSerializationError
from .forms import ESCAPED
from .forms import FLOAT
from .forms import Form
from .forms import FORMS
from .forms import INT
from .forms import is_tag
from .forms import SessionType
from .forms import text_of
from .forms import UnknownValue
from .forms import Unstorable
from .untag import Untagger

#: How deep the JSON of a session may be nested. Python's own limit depends on its version.
MAX_DEPTH = 100
#: What JSON's readers keep as an int.
INT64 = range(-(2**63), 2**64)


def too_deep(path: str) -> SessionSerializationError:
    """Return the error for a value that is nested too deep."""
    return SessionSerializationError(
        f"{path} contains itself, or is nested more than {MAX_DEPTH} deep."
        " A tuple, a set and a dict with keys that are not strings count for two or three."
    )


class Tags:
    """Turns what a session holds into plain JSON, and back.

    :param types: the application's own types.
    """

    def __init__(self, types: Collection[SessionType[Any]] = ()) -> None:
        self._writers = _WRITERS | {
            own.kind: _Writer(None, partial(_tag_own, own)) for own in types
        }
        self._own = {own.kind for own in types}
        #: Returns what was tagged.
        self.untag: Callable[[Any], Any] = Untagger(types).untag

    def tag_members(self, data: Mapping[str, Any]) -> dict[str, object]:
        """Return the plain JSON for what a session holds.

        :raises SessionSerializationError: naming the value that has no stored form.
        """
        tagged = {_text(key, "session key"): self.tag(key, value) for key, value in data.items()}
        if len(tagged) != len(data):
            raise _refused("session", data, "two of its keys have the same text")
        return tagged

    def tag(self, key: str, value: Any) -> object:
        """Return the plain JSON for what the session has under a key.

        :raises SessionSerializationError: if a value cannot be stored; the message names it.
        """
        path = f"session[{key!r}]"
        try:
            return self._tag(value, path, 1)
        except RecursionError:
            raise too_deep(path) from None

    def _tag(self, value: Any, path: str, depth: int) -> object:
        """Return a value of plain JSON for this one; ``path`` is for the error's text."""
        if depth > MAX_DEPTH:
            raise RecursionError
        if value is None or value is True or value is False:
            return value
        try:
            # Not isinstance(), which believes a proxy.
            kind = type(value)
            for base in kind.__mro__:
                writer = self._writers.get(base)
                if writer is not None:
                    plain = value if kind is base else _as_base(writer.plain, value)
                    if isinstance(writer, Form):
                        return {writer.tag: writer.write(plain)}
                    return writer.write(self, plain, path, depth + 1)
            if callable(getattr(value, "__html__", None)):
                return {" markup": text_of(str(value.__html__()))}
            raise Unstorable("which a session cannot hold")
        except Unstorable as error:
            raise _refused(path, value, str(error)) from error.__cause__

    def _is_text(self, kind: type) -> bool:
        """Return whether a dict's keys of this type are keys of an object of JSON."""
        return issubclass(kind, str) and self._own.isdisjoint(kind.__mro__)


def _as_base(plain_of: Callable[[Any], Any] | None, value: Any) -> Any:
    """Return an instance of a subclass as one of its base, if the two are equal."""
    if plain_of is None:
        raise Unstorable("a subclass of a type in SESSION_TYPES that is not listed there itself")
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
        f"{path} is of type {name}, {why}. Store a str, number, list or dict made from it instead."
    )


def _text(text: str, path: str) -> str:
    try:
        return text_of(text)
    except Unstorable as error:
        raise _refused(path, text, str(error)) from None


def _tag_str(tags: Tags, value: str, path: str, depth: int) -> object:
    return text_of(value)


def _tag_int(tags: Tags, value: int, path: str, depth: int) -> object:
    return value if value in INT64 else {INT.tag: INT.write(value)}


def _tag_float(tags: Tags, value: float, path: str, depth: int) -> object:
    return value if math.isfinite(value) else {FLOAT.tag: FLOAT.write(value)}


def _tag_own(own: SessionType[Any], tags: Tags, value: Any, path: str, depth: int) -> object:
    inner = tags._tag(_result(own.to_json, value), path, depth)
    back = _result(own.from_json, tags.untag(inner))
    with suppress(Exception):
        if type(back) is own.kind and (back == value or (back != back and value != value)):
            return {f" {own.tag}": inner}
    raise Unstorable("which does not equal what from_json returns for it")


def _result(function: Callable[[Any], Any], argument: Any) -> Any:
    try:
        return function(argument)
    except Exception as error:
        raise Unstorable(f"whose SessionType raised {type(error).__name__}") from error


def _tag_unknown(tags: Tags, value: UnknownValue, path: str, depth: int) -> object:
    return {f" {value.tag}": json.loads(value.json)}


def _tag_list(tags: Tags, value: list[Any], path: str, depth: int) -> list[object]:
    return [tags._tag(item, f"{path}[{index}]", depth) for index, item in enumerate(value)]


def _tag_tuple(tags: Tags, value: tuple[Any, ...], path: str, depth: int) -> object:
    return {" tuple": _tag_list(tags, list(value), path, depth)}


def _tag_dict(tags: Tags, value: dict[Any, Any], path: str, depth: int) -> object:
    if not all(type(key) is str or tags._is_text(type(key)) for key in value):
        return {
            " dict": [
                [tags._tag(key, f"{path} key", depth), tags._tag(item, f"{path}[{key!r}]", depth)]
                for key, item in value.items()
            ]
        }
    tagged = {
        _text(key, f"{path} key"): tags._tag(item, f"{path}[{key!r}]", depth)
        for key, item in value.items()
    }
    if len(tagged) != len(value):
        raise Unstorable("two of whose keys have the same text")
    return {ESCAPED: tagged} if is_tag(tagged) else tagged


def _tag_set(tags: Tags, value: set[Any] | frozenset[Any], path: str, depth: int) -> object:
    # Sorted by what is written, so that equal sets are equal bytes.
    items = sorted((tags._tag(item, f"{path}{{…}}", depth) for item in value), key=_sort_key)
    return {" frozenset" if isinstance(value, frozenset) else " set": items}


def _sort_key(tagged: object) -> str:
    return json.dumps(tagged)


class _Writer(NamedTuple):
    """How values of a type are written that may contain others, or stand for themselves."""

    #: Returns an instance of a subclass as one of the type itself. None refuses it.
    plain: Callable[[Any], Any] | None
    write: Callable[[Tags, Any, str, int], object]


_WRITERS: dict[type, Form | _Writer] = {
    **{form.kind: form for form in FORMS},
    str: _Writer(str.__str__, _tag_str),
    int: _Writer(INT.plain, _tag_int),
    float: _Writer(FLOAT.plain, _tag_float),
    dict: _Writer(lambda value: dict(value.items()), _tag_dict),
    list: _Writer(list, _tag_list),
    tuple: _Writer(tuple, _tag_tuple),
    set: _Writer(set, _tag_set),
    frozenset: _Writer(frozenset, _tag_set),
    UnknownValue: _Writer(None, _tag_unknown),
}
