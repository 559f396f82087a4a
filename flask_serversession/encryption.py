"""Encrypts what is stored, with AES-256-GCM. No I/O.

A sealed text is ASCII: a version, the id of the key that sealed it, and the nonce with the
ciphertext in base64url, with dots between. Each record has a key of its own, which HKDF derives
from the configured key, a purpose, the record's name and, where there is one, a secret that is not
stored. A sealed text that is moved to another record therefore does not open.
"""

from __future__ import annotations

import hmac
import os
import re
from base64 import urlsafe_b64decode
from base64 import urlsafe_b64encode
from hashlib import sha256
from string import ascii_letters
from string import digits
from typing import NamedTuple

from .errors import ConfigError
from .errors import PayloadError

#: The length of a key, in bytes.
KEY_LENGTH = 32

_VERSION = b"v1"
_NONCE_LENGTH = 12
_TAG_LENGTH = 16
_ID_LENGTH = 8
_HEADER = re.compile(rb"(v1\.([\w-]{%d}))\." % _ID_LENGTH, re.ASCII)
_BASE64 = (ascii_letters + digits + "-_").encode()
#: Begins what each key is derived from.
_DOMAIN = b"flask-serversession v1"
_A_KEY = (
    f"A key is {KEY_LENGTH} random bytes, as bytes or as {2 * KEY_LENGTH} hexadecimal digits: the"
    " output of python -c 'import secrets; print(secrets.token_hex(32))'."
)

#: The keys of an application, the newest first. None stands for plain text.
Keys = tuple[bytes | None, ...]


class Opened(NamedTuple):
    """What a sealed text holds."""

    plain: bytes
    #: Whether it is sealed as it would be now.
    is_current: bool


class Encryption:
    """Seals with the first key, and opens what any of the keys sealed.

    None in place of a key stands for plain text: it is written if None is the first, and accepted
    in any case. Plain text must not look like a sealed text, and JSON does not.

    :param keys: what :func:`keys_from` returns.
    :raises ConfigError: if the package ``cryptography`` is not installed.
    """

    def __init__(self, keys: Keys) -> None:
        try:
            from cryptography.exceptions import InvalidTag
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError as error:
            raise ConfigError(
                "SESSION_ENCRYPTION_KEYS needs the package cryptography: pip install"
                " Flask-ServerSession[encryption]"
            ) from error
        self._make_cipher = AESGCM
        self._invalid = InvalidTag
        self._writes_plain = keys[0] is None
        self._reads_plain = None in keys
        masters = [None if key is None else _extracted(key) for key in keys]
        self._masters = {_id_of(master): master for master in masters if master is not None}
        self._newest = next(iter(self._masters))
        #: One for each of the keys, in their order, to tag the users of sessions with. None is
        #: always among them: a session that was plain keeps its tag until it has a new id.
        self.tag_keys: Keys = tuple(
            None if master is None else _derived(master, "users")
            for master in (*masters, *([] if self._reads_plain else [None]))
        )

    def encrypt(self, plain: bytes, *, purpose: str, name: str, secret: str = "") -> bytes:
        """Return the sealed text, or the plain one if None is the first key.

        :param purpose: a sealed text opens only for the same purpose.
        :param name: which record it is. It opens only under the same name.
        :param secret: what has to be known besides the key to open it.
        """
        if self._writes_plain:
            return plain
        header = _VERSION + b"." + self._newest
        cipher = self._make_cipher(_derived(self._masters[self._newest], purpose, name, secret))
        nonce = os.urandom(_NONCE_LENGTH)
        sealed = cipher.encrypt(nonce, plain, _bound(header, name))
        return header + b"." + _encoded(nonce + sealed)

    def decrypt(self, text: bytes, *, purpose: str, name: str, secret: str = "") -> Opened:
        """Return what a text holds that was sealed for the same purpose, name and secret.

        :raises PayloadError: if it was sealed for another, or by a key that is not listed, or was
            changed.
        """
        found = _HEADER.match(text)
        if found is None:
            if self._reads_plain and not text.startswith(_VERSION):
                return Opened(text, self._writes_plain)
            raise PayloadError(
                "A stored session is not encrypted as SESSION_ENCRYPTION_KEYS says."
            )
        header, key_id = found.groups()
        master = self._masters.get(key_id)
        if master is None:
            raise PayloadError(
                "A stored session is encrypted with a key that SESSION_ENCRYPTION_KEYS does not"
                " list."
            )
        try:
            sealed = _decoded(text[found.end() :])
            cipher = self._make_cipher(_derived(master, purpose, name, secret))
            nonce, rest = sealed[:_NONCE_LENGTH], sealed[_NONCE_LENGTH:]
            plain = cipher.decrypt(nonce, rest, _bound(header, name))
        except (ValueError, self._invalid):
            # Without the cause, whose traceback would show the text.
            raise PayloadError(
                "A stored session was changed by others, or belongs to another record."
            ) from None
        return Opened(plain, key_id == self._newest)


def keys_from(value: object) -> Keys:
    """Return the keys of a configured list.

    :raises ConfigError: saying which one cannot be used, and why; never showing it.
    """
    if not isinstance(value, (list, tuple)):
        raise ConfigError(
            f"SESSION_ENCRYPTION_KEYS is of type {type(value).__name__}; it must be a list, with"
            f" the newest key first. {_A_KEY}"
        )
    keys = tuple(
        None if key is None else _key(key, place) for place, key in enumerate(value, start=1)
    )
    if not any(keys):
        raise ConfigError(
            "SESSION_ENCRYPTION_KEYS has no key. Add one, or leave the setting out to encrypt"
            f" nothing. {_A_KEY}"
        )
    if len(set(keys)) < len(keys):
        raise ConfigError(
            "SESSION_ENCRYPTION_KEYS has the same key, or None, twice. Remove one of the two."
        )
    return keys


def _key(value: object, place: int) -> bytes:
    if not isinstance(value, (str, bytes)):
        raise _unusable(place, f"is of type {type(value).__name__}")
    if isinstance(value, bytes):
        if len(value) != KEY_LENGTH:
            raise _unusable(place, f"has {len(value)} bytes")
        return value
    if len(value) != 2 * KEY_LENGTH:
        raise _unusable(place, f"has {len(value)} characters, and a password is no key")
    if not re.fullmatch("[0-9a-fA-F]+", value):
        raise _unusable(place, "has characters that are not hexadecimal digits")
    return bytes.fromhex(value)


def _unusable(place: int, why: str) -> ConfigError:
    return ConfigError(f"Key {place} of SESSION_ENCRYPTION_KEYS {why}. {_A_KEY}")


def _extracted(key: bytes) -> bytes:
    """Return the first half of HKDF, which is the same for all records."""
    return hmac.digest(bytes(sha256().digest_size), key, "sha256")


def _derived(master: bytes, *parts: str) -> bytes:
    """Return the second half of HKDF: a key for what the parts name."""
    info = _DOMAIN
    for part in parts:
        content = part.encode(errors="surrogatepass")
        info += len(content).to_bytes(4, "big") + content
    return hmac.digest(master, info + b"\x01", "sha256")


def _id_of(master: bytes) -> bytes:
    return urlsafe_b64encode(_derived(master, "id"))[:_ID_LENGTH]


def _bound(header: bytes, name: str) -> bytes:
    return header + b"." + name.encode(errors="surrogatepass")


def _decoded(body: bytes) -> bytes:
    """Return what is in base64; refuses another spelling of the same bytes.

    :raises ValueError: if it is too short, or not what :func:`urlsafe_b64encode` writes.
    """
    if body.translate(None, _BASE64):
        raise ValueError
    sealed = urlsafe_b64decode(body + b"=" * (-len(body) % 4))
    last = sealed[len(sealed) - len(sealed) % 3 :]
    if len(sealed) < _NONCE_LENGTH + _TAG_LENGTH or not body.endswith(_encoded(last)):
        raise ValueError
    return sealed


def _encoded(content: bytes) -> bytes:
    return urlsafe_b64encode(content).rstrip(b"=")
