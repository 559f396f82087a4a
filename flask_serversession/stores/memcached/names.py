"""Names of items in memcached: at most 250 bytes of printable ASCII."""

from __future__ import annotations

import re
import string
from hashlib import md5
from hashlib import sha256
from urllib.parse import quote

from ...errors import ConfigError

_LONGEST_NAME = 250
_VERBATIM = string.punctuation.replace("%", "")
#: No valid percent-encoding, so no short key can have the name of a long one.
_DIGEST_MARK = "%sha256:"
#: No valid percent-encoding either, so no key has the name of an epoch.
_EPOCH_MARK = "%epoch:"
_DIGEST_LENGTH = len(_DIGEST_MARK) + 64
_PREFIX = re.compile(r"[!-~]*")

_PREFIXES = {"native": "sess:", "connect-memcached": "", "express": ""}


class Names:
    """Turns keys into names, a different one for each key.

    :param layout: ``connect-memcached`` replaces a name that is too long by the MD5 digest of
        prefix and key.
    :param prefix: starts every name; None is the layout's usual one.
    :param taken: how many bytes the client's own prefix has.
    :raises ConfigError: for an unknown layout or a prefix that memcached cannot store.
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
        if self._is_native or self._fits(name):
            return self._prefix + self._shortened(name)
        return md5((self._prefix + key).encode(), usedforsecurity=False).hexdigest()

    def epoch(self, user: str) -> str:
        """Return the name of the item with the epoch of a user.

        :raises ConfigError: in the layout that is shared with Express.
        """
        if not self._is_native:
            raise ConfigError(
                "The layout of connect-memcached has no epochs of users: Express would still"
                " load the sessions of a user who was ended. Use the layout 'native'."
            )
        return self._prefix + self._shortened(_EPOCH_MARK + quote(user, safe=_VERBATIM))

    def _shortened(self, name: str) -> str:
        if self._fits(name):
            return name
        return _DIGEST_MARK + sha256(name.encode()).hexdigest()

    def _fits(self, name: str) -> bool:
        return len(name) <= self._room and bool(self._prefix + name)
