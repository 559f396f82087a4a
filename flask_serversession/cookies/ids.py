"""Session ids."""

from __future__ import annotations

import secrets

ID_BYTES = 24


class SessionId(str):
    """An id, which is a secret: no traceback's local variables show it. Otherwise a ``str``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<session id>"


def hidden(sid: str) -> str:
    """Return an id as a :class:`SessionId`, and any other subclass of ``str`` as it is."""
    return SessionId(sid) if type(sid) is str else sid


def generate_id() -> str:
    """Return a new id: 192 random bits as 32 characters of ``A-Za-z0-9_-``.

    express-session's ids have the same length and alphabet. ASVS 7.2.3 requires 128 bits
    from a secure generator.
    """
    return SessionId(secrets.token_urlsafe(ID_BYTES))
