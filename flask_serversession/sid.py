"""Session ids."""

from __future__ import annotations

import secrets

ID_BYTES = 24


def generate_id() -> str:
    """Return a fresh id: 192 random bits as 32 characters of ``A-Za-z0-9_-``.

    The same length and alphabet as uid-safe gives express-session; ASVS 7.2.3 asks for
    at least 128 bits from a secure generator.
    """
    return secrets.token_urlsafe(ID_BYTES)
