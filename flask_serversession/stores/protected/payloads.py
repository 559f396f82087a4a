"""What is stored of a session whose data are encrypted.

Where ids are hashed, the data can be read only with the id, which only the browser has. What lists
of sessions need is encrypted beside them in a *head*, which the key alone opens.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from ...encryption import Encryption
from ...encryption import Opened
from ...errors import PayloadError
from ...errors import StoreError

#: The members of a session's document that the head has: the cookie and the login.
_HEAD = ("cookie", "_login")
_BETWEEN = b"~"
_PLAIN = b"{"


class Payloads:
    """Encrypts all of a document with the configured keys."""

    def __init__(self, encryption: Encryption) -> None:
        self._encryption = encryption

    def closed(self, key: str, name: str | None, document: bytes) -> bytes:
        """Return the payload to store.

        :param name: the id; None if it is not known.
        """
        return self._encryption.encrypt(document, purpose="session", name=key)

    def opened(self, key: str, name: str | None, payload: bytes) -> Opened:
        """Return the document of a payload.

        :raises PayloadError: if it was not encrypted for this key.
        """
        return self._encryption.decrypt(payload, purpose="session", name=key)


class SplitPayloads(Payloads):
    """Encrypts the document with the id, too, and its head without."""

    def closed(self, key: str, name: str | None, document: bytes) -> bytes:
        encrypt = self._encryption.encrypt
        if name is None:
            if _has_data(document):
                raise StoreError(
                    "The data of this session are encrypted with its id, which only its browser"
                    " has. Without the id the session can be ended, but not changed."
                )
            return encrypt(document, purpose="end", name=key)
        head = encrypt(head_of(document), purpose="head", name=key)
        body = encrypt(document, purpose="session", name=_below(key, head), secret=name)
        if body is document:
            return document  # the configuration says that it stays plain
        return head + _BETWEEN + body

    def opened(self, key: str, name: str | None, payload: bytes) -> Opened:
        decrypt = self._encryption.decrypt
        if payload.startswith(_PLAIN):
            document, is_current = decrypt(payload, purpose="session", name=key)
            return Opened(head_of(document) if name is None else document, is_current)
        head, between, body = payload.partition(_BETWEEN)
        if not between:
            ended = decrypt(head, purpose="end", name=key)
            if _has_data(ended.plain):
                raise PayloadError("A stored session has data that are not encrypted with its id.")
            return ended
        if name is None:
            return decrypt(head, purpose="head", name=key)
        return decrypt(body, purpose="session", name=_below(key, head), secret=name)


def _below(key: str, head: bytes) -> str:
    """Return the name of a document's encryption that binds it to its head.

    With another head a session could be hidden from the lists of its user.
    """
    return f"{key}~{head.decode('latin-1')}"


def head_of(document: bytes) -> bytes:
    """Return the document with the members that lists of sessions need."""
    members = _members(document)
    head = {name: members[name] for name in _HEAD if name in members}
    return json.dumps(head, separators=(",", ":")).encode()


def _has_data(document: bytes) -> bool:
    return _members(document).keys() != {"cookie"}


def _members(document: bytes) -> dict[str, Any]:
    try:
        members = orjson.loads(document)
    except ValueError:
        members = _decoded_leniently(document)
    if not isinstance(members, dict):
        raise PayloadError("What is to be encrypted is not the document of a session.")
    return members


def _decoded_leniently(document: bytes) -> Any:
    try:
        return json.loads(document)  # orjson refuses the escape of half a surrogate pair
    except (RecursionError, ValueError):
        return None
