"""Signed cookie values, in the format of npm's cookie-signature and cookie-parser.

A value travels as ``s:<value>.<signature>``, where the signature is the HMAC-SHA256 of
the value in standard base64 without its padding. A Flask app and an Express app that
share a secret therefore accept each other's cookies.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence

from itsdangerous import Signer
from itsdangerous.encoding import want_bytes
from itsdangerous.signer import SigningAlgorithm

#: Marks a cookie value as signed.
PREFIX = "s:"


class CookieSigner:
    """Signs with the first secret and verifies with any of them.

    :param secrets: the newest first. itsdangerous wants them the other way round.
    """

    def __init__(self, secrets: Sequence[str | bytes]) -> None:
        self._signer = _CookieSignature([want_bytes(secret) for secret in reversed(secrets)])

    def sign(self, value: str) -> str:
        """Return the value as it goes into a cookie, before percent-encoding."""
        return f"{PREFIX}{value}.{self._signer.get_signature(value).decode()}"

    def unsign(self, signed: str) -> str | None:
        """Return the value, or None if nobody who knows a secret signed it.

        Never raises and never falls back to an unsigned value; an empty value is None too,
        as express-session takes an empty id for none.
        """
        if not signed.startswith(PREFIX):
            return None
        value, _, signature = signed[len(PREFIX) :].rpartition(".")
        try:
            is_ours = self._signer.verify_signature(value, signature)
        except UnicodeError:
            return None
        return value if value and is_ours else None


class _HMACSHA256(SigningAlgorithm):
    """HMAC in one call of the standard library, a third of what an object of its own takes."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha256")


class _CookieSignature(Signer):
    """itsdangerous's signer with the secret as the key and cookie-signature's base64."""

    def __init__(self, secrets: list[bytes]) -> None:
        super().__init__(secrets, sep=".", key_derivation="none", algorithm=_HMACSHA256())

    def get_signature(self, value: str | bytes) -> bytes:
        return self._signature_by(self.secret_key, want_bytes(value))

    def verify_signature(self, value: str | bytes, sig: str | bytes) -> bool:
        # Compared as text, like cookie-signature does: base64 has several spellings of the
        # same bytes and only one of them is a signature.
        value, given = want_bytes(value), want_bytes(sig)
        for secret in reversed(self.secret_keys):
            if hmac.compare_digest(self._signature_by(secret, value), given):
                return True
        return False

    def _signature_by(self, secret: bytes, value: bytes) -> bytes:
        return base64.b64encode(self.algorithm.get_signature(secret, value)).rstrip(b"=")
