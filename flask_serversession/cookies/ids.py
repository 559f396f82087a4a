"""Session ids."""

from __future__ import annotations

import secrets

ID_BYTES = 24


def generate_id() -> str:
    """Return a new id: 192 random bits as 32 characters of ``A-Za-z0-9_-``.

    express-session's ids have the same length and alphabet. ASVS 7.2.3 requires 128 bits
    from a secure generator.
    """
    return secrets.token_urlsafe(ID_BYTES)
