"""The signature of a cookie that stands in a second cookie: npm's keygrip 1.1. No I/O."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from itsdangerous.encoding import base64_encode


class Keygrip:
    """Signs with the first key and verifies with all, so that keys can be replaced.

    The algorithm is HMAC-SHA1, as keygrip has it. HMAC does not rest on the property that
    SHA-1 lost, its resistance to collisions (RFC 6194 §3.3).
    """

    def __init__(self, keys: Sequence[str | bytes]) -> None:
        self._keys = [key.encode() if isinstance(key, str) else key for key in keys]

    def sign(self, text: str) -> str:
        """Return the signature: 27 characters of ``A-Za-z0-9_-``."""
        return _signature(self._keys[0], text).decode()

    def index(self, text: str, signature: str) -> int | None:
        """Return the place of the key that made this signature; None if none did."""
        given = signature.encode()
        for place, key in enumerate(self._keys):
            if hmac.compare_digest(_signature(key, text), given):
                return place
        return None


def _signature(key: bytes, text: str) -> bytes:
    # By name: a build of Python without SHA-1 (FIPS) fails here, not at import.
    return base64_encode(hmac.digest(key, text.encode(), "sha1"))
