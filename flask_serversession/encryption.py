"""Encrypts what is stored, with AES-256-GCM. No I/O.

A sealed text is ASCII: a version, the id of the key that sealed it, and a random salt, a nonce and
the ciphertext in base64url, with dots between.

HKDF derives a key for each text from the configured key, a purpose, the record's name, a secret
that is not stored, if there is one, and the salt. A sealed text that is moved to another record
therefore does not open, and random nonces do not limit the number of texts.
"""

from __future__ import annotations

import hmac
import os
import re
from base64 import urlsafe_b64decode
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any
from typing import NamedTuple

from .errors import ConfigError
from .errors import PayloadError

#: The length of a key, in bytes.
KEY_LENGTH = 32

_VERSION = b"v1"
_SALT_LENGTH = 12
_NONCE_LENGTH = 12
_TAG_LENGTH = 16
_ID_LENGTH = 8
_HEADER = re.compile(rb"(v1\.([\w-]{%d}))\." % _ID_LENGTH, re.ASCII)
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
        drawn = os.urandom(_SALT_LENGTH + _NONCE_LENGTH)
        salt, nonce, _ = _divided(drawn)
        cipher = self._cipher(self._newest, purpose, name, secret, salt)
        sealed = cipher.encrypt(nonce, plain, header)
        return header + b"." + _encoded(drawn + sealed)

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
        if key_id not in self._masters:
            raise PayloadError(
                "A stored session is encrypted with a key that SESSION_ENCRYPTION_KEYS does not"
                " list."
            )
        try:
            salt, nonce, sealed = _decoded(text[found.end() :])
            cipher = self._cipher(key_id, purpose, name, secret, salt)
            plain = cipher.decrypt(nonce, sealed, header)
        except (ValueError, self._invalid):
            # Without the cause, whose traceback would show the text.
            raise PayloadError(
                "A stored session was changed by others, or belongs to another record."
            ) from None
        return Opened(plain, key_id == self._newest)

    def _cipher(self, key_id: bytes, purpose: str, name: str, secret: str, salt: bytes) -> Any:
        # No variable of the callers has a key, which the traceback of an error would show.
        key = _derived(self._masters[key_id], purpose, name, secret, salt.hex())
        return self._make_cipher(key)


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


def _decoded(body: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the salt, the nonce and the ciphertext; refuses another spelling of the same bytes.

    :raises ValueError: if it is too short, or not what :func:`_encoded` returns.
    """
    sealed = urlsafe_b64decode(body + b"=" * (-len(body) % 4))
    if len(sealed) < _SALT_LENGTH + _NONCE_LENGTH + _TAG_LENGTH or _encoded(sealed) != body:
        raise ValueError
    return _divided(sealed)


def _divided(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    nonce, ciphertext = _SALT_LENGTH, _SALT_LENGTH + _NONCE_LENGTH
    return sealed[:nonce], sealed[nonce:ciphertext], sealed[ciphertext:]


def _encoded(content: bytes) -> bytes:
    return urlsafe_b64encode(content).rstrip(b"=")
