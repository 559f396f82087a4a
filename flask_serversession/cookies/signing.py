"""Signed cookies, in the two formats that npm's packages use, read from a Cookie header. No I/O.

Both keep the value readable and sign it with an HMAC. A Flask app and an Express app that
share a secret accept each other's cookies.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from binascii import b2a_base64
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from itsdangerous import Signer
from itsdangerous.encoding import want_bytes
from itsdangerous.signer import SigningAlgorithm

from .header import USUAL_ESCAPES
from .ids import SessionId

#: Marks a cookie value as signed.
PREFIX = "s:"
#: Browsers drop longer cookies (RFC 6265 §6.1), so a longer one is not ours.
_LONGEST_VALUE = 4096
#: A browser sends one cookie for each path and domain that match. Many more are an attack.
MOST_VALUES = 8
#: How many ids of one request are looked up in the store.
_MOST_IDS = 4
#: What may surround a name (RFC 6265bis §5.6). Python takes \x85 and \xa0 for blanks, too. A
#: browser does not, and takes a cookie "\xa0__Host-session" from any subdomain.
_BLANKS = " \t"
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class CookieSigner:
    """Signs session ids as npm's cookie-signature and cookie-parser do.

    A signed value is ``s:<value>.<signature>``. The signature is the HMAC-SHA256 of the
    value, in standard base64 without padding.

    :param secrets: the first one signs; all of them verify.
    """

    def __init__(self, secrets: Sequence[str | bytes]) -> None:
        self._signer = _Signer(secrets, _CookieSignature())

    def sign(self, value: str) -> str:
        """Return the signed value, before percent-encoding."""
        return f"{PREFIX}{value}.{self.signature(value)}"

    def signature(self, value: str) -> str:
        """Return the signature alone."""
        return self._signer.get_signature(value).decode()

    def is_signature(self, value: str, signature: str) -> bool:
        """Return whether one of the secrets made this signature. Never raises."""
        return self._signer.index(value, signature) is not None

    def unsign(self, signed: str) -> str | None:
        """Return the value, or None if none of the secrets signed it.

        Never raises, and never returns a value that is not signed. An empty value is None
        too: express-session ignores an empty id.
        """
        found = self._verified(signed)
        return found and found[0]

    def find(self, header: str, name: str, most: int = MOST_VALUES) -> dict[str, int]:
        """Return the values that a Cookie header has for a name and that we signed: 4 at most.

        Each has the index of the secret that signed it; 0 is the newest. Only the first ``most``
        cookies of the name are verified.

        express-session looks at the first cookie of the name only. There a stale cookie of
        another path or domain hides the good one, and every login ends at the login form
        again (its issue 881).
        """
        found: dict[str, int] = {}
        for signed in cookie_values(header, name, most=most):
            verified = self._verified(signed)
            if verified is None:
                continue
            value, index = SessionId(verified[0]), verified[1]
            if value in found or len(found) < _MOST_IDS:
                found[value] = min(index, found.get(value, index))
        return found

    def _verified(self, signed: str) -> tuple[str, int] | None:
        """Return the value and the index of the secret that signed it, or None."""
        if not signed.startswith(PREFIX):
            return None
        value, _, signature = signed[len(PREFIX) :].rpartition(".")
        index = self._signer.index(value, signature)
        return (value, index) if value and index is not None else None


class Keygrip:
    """Signs text as npm's keygrip does, for a cookie such as ``session.sig``.

    A signature is the HMAC-SHA1 of the text in URL-safe base64 without padding. HMAC does
    not need the collision resistance that SHA-1 has lost (RFC 6194 §3.3).

    :param keys: the first one signs; all of them verify.
    """

    def __init__(self, keys: Sequence[str | bytes]) -> None:
        self._signer = _Signer(keys, _KeygripSignature())

    def sign(self, text: str) -> str:
        """Return the signature: 27 characters of ``A-Za-z0-9_-``."""
        return self._signer.get_signature(text).decode()

    def index(self, text: str, signature: str) -> int | None:
        """Return the index of the key that made this signature, or None."""
        return self._signer.index(text, signature)


class _Signer(Signer):
    """Uses each secret itself as the key, and compares signatures as text.

    itsdangerous compares decoded bytes. Base64 can spell the same bytes in several ways,
    and npm's packages accept only one of them.
    """

    def __init__(self, secrets: Sequence[str | bytes], algorithm: SigningAlgorithm) -> None:
        # itsdangerous wants the newest secret last.
        super().__init__(
            [want_bytes(secret) for secret in reversed(secrets)],
            key_derivation="none",
            algorithm=algorithm,
        )

    def get_signature(self, value: str | bytes) -> bytes:
        return self.algorithm.get_signature(self.secret_key, want_bytes(value))

    def verify_signature(self, value: str | bytes, sig: str | bytes) -> bool:
        return self.index(want_bytes(value).decode(), want_bytes(sig).decode()) is not None

    def index(self, value: str, signature: str) -> int | None:
        """Return the index of the secret that made this signature, the newest being 0.

        None if none did, and for text that is not Unicode.
        """
        try:
            signed, given = value.encode(), signature.encode()
        except UnicodeError:
            return None
        for place, secret in enumerate(reversed(self.secret_keys)):
            if self.algorithm.verify_signature(secret, signed, given):
                return place
        return None


class _CookieSignature(SigningAlgorithm):
    def get_signature(self, key: bytes, value: bytes) -> bytes:
        # One call of hmac.digest takes a third of the time of hmac.new.
        return b2a_base64(hmac.digest(key, value, "sha256"), newline=False).rstrip(b"=")


class _KeygripSignature(SigningAlgorithm):
    def get_signature(self, key: bytes, value: bytes) -> bytes:
        # By name, so that a Python without SHA-1 (FIPS) fails here and not at import.
        return urlsafe_b64encode(hmac.digest(key, value, "sha1")).rstrip(b"=")


def cookie_values(
    header: str, name: str, *, decoded: bool = True, most: int = MOST_VALUES
) -> list[str]:
    """Return the first ``most`` values that a Cookie header has for a name, in order.

    :param decoded: undo encodeURIComponent.
    """
    values: list[str] = []
    if name not in header:
        return values
    for part in header.split(";"):
        found, separator, value = part.partition("=")
        if separator and found.strip(_BLANKS) == name and len(value) <= _LONGEST_VALUE:
            raw = value.strip(_BLANKS).strip('"')
            values.append(_decoded(raw) if decoded else raw)
            if len(values) == most:
                break
    return values


def _decoded(value: str) -> str:
    """Undo encodeURIComponent; a value with invalid escapes is returned unchanged."""
    plain = value
    for escape, character in USUAL_ESCAPES:
        plain = plain.replace(escape, character)
    if "%" not in plain:
        return plain
    if _BAD_ESCAPE.search(value):
        return value
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeError:
        return value
