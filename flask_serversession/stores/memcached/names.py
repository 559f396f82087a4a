"""What a session is called in memcached, which takes 250 printable bytes."""

from __future__ import annotations

import re
import string
from hashlib import md5
from hashlib import sha256
from urllib.parse import quote

from ...errors import ConfigError

_LONGEST_NAME = 250
_VERBATIM = string.punctuation.replace("%", "")
#: Not valid percent-encoding, so that no short key can be spelled like a long one.
_DIGEST_MARK = "%sha256:"
_DIGEST_LENGTH = len(_DIGEST_MARK) + 64
_PREFIX = re.compile(r"[!-~]*")

_PREFIXES = {"native": "sess:", "connect-memcached": "", "express": ""}


class Names:
    """Gives each key a name of its own.

    :param layout: whose names they are; connect-memcached has the MD5 digest of prefix
        and key for a name that is too long.
    :param prefix: begins every name; None is what the layout usually has.
    :param taken: how many bytes the client itself puts in front.
    :raises ConfigError: for an unknown layout, or a prefix that memcached cannot hold.
    """

    def __init__(self, layout: str, prefix: str | None, taken: int) -> None:
        if layout not in _PREFIXES:
            raise ConfigError(
                f"The memcached store has no layout {layout!r}: use 'native',"
                " 'connect-memcached' or 'express', which is connect-memcached's."
            )
        self._is_native = layout == "native"
        self._prefix = _PREFIXES[layout] if prefix is None else prefix
        self._room = _LONGEST_NAME - taken - len(self._prefix)
        if not _PREFIX.fullmatch(self._prefix) or self._room < _DIGEST_LENGTH:
            raise ConfigError(
                "A memcached prefix is printable ASCII without spaces, and with the client's"
                f" key_prefix at most {_LONGEST_NAME - _DIGEST_LENGTH} characters."
            )

    def __call__(self, key: str) -> str:
        name = quote(key, safe=_VERBATIM)
        if len(name) <= self._room and self._prefix + name:
            return self._prefix + name
        if self._is_native:
            return self._prefix + _DIGEST_MARK + sha256(name.encode()).hexdigest()
        return md5((self._prefix + key).encode(), usedforsecurity=False).hexdigest()
