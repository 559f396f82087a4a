"""Seals: which tagged values this application wrote, in sessions that others write too.

A tag makes ``Markup`` of a text, which a template does not escape. Where an Express
application stores what its visitors send, as in ``req.session.profile = req.body``, a
visitor could write a tag. A sealed value has a second member, the signature of the tag and
of what is in it. A tag without its seal is a plain object.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from typing import NamedTuple

from .forms import ESCAPED
from .forms import is_tag
from .forms import SEAL

#: Starts what is signed. The same secret signs ids, which are random.
_PURPOSE = " tag "


class Seal(NamedTuple):
    """Seals the tags in plain JSON, and believes only those that it sealed.

    Both directions are between the JSON of :mod:`.tags` and what is stored.
    """

    #: Returns the signature of a text.
    sign: Callable[[str], str]
    #: Tells whether a signature is that of a text.
    verify: Callable[[str, str], bool]

    def close_members(self, tagged: dict[str, Any]) -> dict[str, Any]:
        """Return a session's members with their tags sealed, and without escapes."""
        return {key: self._close(value) for key, value in tagged.items()}

    def open_members(self, stored: dict[str, Any]) -> dict[str, Any]:
        """Return a session's members with sealed tags as tags, and all others escaped."""
        return {key: self._open(value) for key, value in stored.items()}

    def _close(self, value: Any) -> Any:
        if type(value) is list:
            return [self._close(item) for item in value]
        if type(value) is not dict:
            return value
        if not is_tag(value):
            return {key: self._close(item) for key, item in value.items()}
        [(name, inner)] = value.items()
        if name == ESCAPED:  # what is in it only looks like a tag
            return {key: self._close(item) for key, item in inner.items()}
        closed = self._close(inner)
        return {name: closed, SEAL: self.sign(_signed_text(name, closed))}

    def _open(self, value: Any) -> Any:
        if type(value) is list:
            return [self._open(item) for item in value]
        if type(value) is not dict:
            return value
        opened = {key: self._open(item) for key, item in value.items()}
        seal = value.get(SEAL)
        if type(seal) is str and len(value) == 2:
            [name] = value.keys() - {SEAL}
            if is_tag({name: None}) and self.verify(_signed_text(name, value[name]), seal):
                return {name: opened[name]}
        return {ESCAPED: opened} if is_tag(opened) else opened


def _signed_text(name: str, inner: Any) -> str:
    spelled = json.dumps([name, _as_node_spells_it(inner)], sort_keys=True, separators=(",", ":"))
    return _PURPOSE + spelled


def _as_node_spells_it(value: Any) -> Any:
    """Return a value in the form that it has after Node read and wrote it."""
    if type(value) is list:
        return [_as_node_spells_it(item) for item in value]
    if type(value) is dict:
        return {key: _as_node_spells_it(item) for key, item in value.items()}
    return int(value) if type(value) is float and value.is_integer() else value
