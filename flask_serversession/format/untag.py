"""Reads the plain JSON that :mod:`.tags` writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any
from typing import NamedTuple

from ..errors import PayloadError
from ..log import QuietLog
from .forms import ESCAPED
from .forms import Form
from .forms import FORMS
from .forms import is_tag
from .forms import SessionType
from .forms import UnknownValue

_UNREAD = (
    "A stored value of the type %r cannot be read: %s. The session has an UnknownValue in its"
    " place, which is stored again unchanged."
)


class Untagger:
    """Returns the values that plain JSON stands for.

    A tag that cannot be read here is an :class:`UnknownValue`: another version of the
    application may have written it. Its session stays readable, and keeps it.

    :param types: the application's own types.
    """

    def __init__(self, types: Iterable[SessionType[Any]]) -> None:
        self._types = {f" {own.tag}": own for own in types}
        self._log = QuietLog()

    def untag(self, value: Any) -> Any:
        """Return what was tagged.

        :raises PayloadError: if a tag of Python's own types holds anything that ``tags``
            does not write.
        """
        try:
            return self._untag(value)
        except (ArithmeticError, LookupError, TypeError, ValueError, RecursionError):
            # Not kept as the cause: its message quotes the value.
            raise PayloadError("A stored session has a tagged value that is malformed.") from None

    def _untag(self, value: Any) -> Any:
        if type(value) is list:
            return [self._untag(item) for item in value]
        if type(value) is not dict:
            return value
        if not is_tag(value):
            return self._untag_escaped(value)
        [(name, inner)] = value.items()
        reader = _READERS.get(name)
        if reader is None:
            return self._untag_own(name, inner)
        if type(inner) is not reader.takes:
            raise TypeError
        return reader.read(inner) if isinstance(reader, Form) else reader.read(self, inner)

    def _untag_escaped(self, plain: dict[str, Any]) -> dict[str, Any]:
        return {key: self._untag(item) for key, item in plain.items()}

    def _untag_dict(self, pairs: list[Any]) -> dict[Any, Any]:
        return {self._untag(key): self._untag(item) for key, item in pairs}

    def _untag_tuple(self, items: list[Any]) -> tuple[Any, ...]:
        return tuple(map(self._untag, items))

    def _untag_set(self, items: list[Any]) -> set[Any]:
        return set(map(self._untag, items))

    def _untag_frozenset(self, items: list[Any]) -> frozenset[Any]:
        return frozenset(map(self._untag, items))

    def _untag_own(self, name: str, inner: Any) -> Any:
        own = self._types.get(name)
        if own is None:
            failure = "SESSION_TYPES has no such type"
        else:
            plain = self._untag(inner)
            try:
                value = own.from_json(plain)
            except Exception as error:
                failure = f"its from_json raised {type(error).__name__}"
            else:
                if type(value) is own.kind:
                    return value
                failure = f"its from_json returned a {type(value).__name__}"
        self._log.warn(_UNREAD, name[1:], failure)
        return UnknownValue(name[1:], json.dumps(inner))


class _Container(NamedTuple):
    """How a tagged container is read."""

    #: The type of what is in the tag.
    takes: type
    read: Callable[[Untagger, Any], Any]


_READERS: dict[str, Form | _Container] = {
    **{form.tag: form for form in FORMS},
    " tuple": _Container(list, Untagger._untag_tuple),
    " set": _Container(list, Untagger._untag_set),
    " frozenset": _Container(list, Untagger._untag_frozenset),
    " dict": _Container(list, Untagger._untag_dict),
    ESCAPED: _Container(dict, Untagger._untag_escaped),
}
