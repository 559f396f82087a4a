"""How much one session may hold. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config import Config
from ..errors import SessionTooLarge
from ..format.serializer import TypedJSON

#: How much of a member's name an error shows.
_LONGEST_KEY = 60
_LESS = "Keep large values elsewhere, and store their ids in the session."


def check_size(
    config: Config, serializer: TypedJSON, data: Mapping[str, Any], body: bytes, size: int
) -> None:
    """Refuse to store data that are beyond a limit of the configuration.

    :param body: the data as they are dumped.
    :param size: the length of what is to be stored.
    :raises SessionTooLarge: naming the largest or deepest member, and never its value.
    """
    if size > config.max_bytes:
        raise SessionTooLarge(
            f"The session has {size} bytes, and SESSION_MAX_BYTES is {config.max_bytes}."
            f"{largest_member(serializer, data)} {_LESS}"
        )
    if len(data) > config.max_members:
        raise SessionTooLarge(
            f"The session has {len(data)} members, and SESSION_MAX_MEMBERS is"
            f" {config.max_members}.{largest_member(serializer, data)} {_LESS}"
        )
    deepest = serializer.path_of_deeper(data, body, config.max_depth)
    if deepest is not None:
        raise SessionTooLarge(
            f"{deepest} is nested more than {config.max_depth} deep, which is SESSION_MAX_DEPTH."
        )


def largest_member(serializer: TypedJSON, data: Mapping[str, Any]) -> str:
    """Return a sentence on the largest member, with a space before it; nothing without data."""
    if not data:
        return ""
    sizes = {key: len(serializer.dumps({key: value})) for key, value in data.items()}
    key = max(sizes, key=sizes.__getitem__)
    return f" The largest member, session[{_shortened(key)!r}], has {sizes[key]} bytes."


def _shortened(key: str) -> str:
    return key if len(key) <= _LONGEST_KEY else f"{key[:_LONGEST_KEY]}…"
