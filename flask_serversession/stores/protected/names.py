"""Keys that do not show the id of their session."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from hashlib import sha256

from ..base import StoredKey
from ..base import USER_LENGTH
from ..base import user_of
from ..record_lock import is_lock
from ..record_lock import LOCK

#: The most characters that a hashed key has: a tag, an epoch, and the hash with its mark.
LONGEST_HASHED_KEY = 2 * (USER_LENGTH + 1) + 46

#: Begins what is hashed.
_DOMAIN = b"flask-serversession id\0"
_MARK = "h1-"
#: The characters of an epoch at most.
_LONGEST_EPOCH = 16
_HASHED = re.compile(
    rf"({LOCK})?(.{{{USER_LENGTH}}}\.([^.]{{0,{_LONGEST_EPOCH}}}\.)?)?{_MARK}[\w-]{{43}}",
    re.ASCII | re.DOTALL,
)


def hashed(name: str) -> StoredKey:
    """Return the key of a session's id, or of its lock.

    What finds the sessions of a user stays readable in front: the user's tag, and the epoch.
    """
    if is_lock(name):
        return StoredKey(LOCK + hashed(name.removeprefix(LOCK)))
    digest = sha256(_DOMAIN + name.encode(errors="surrogatepass")).digest()
    hash_ = urlsafe_b64encode(digest).rstrip(b"=").decode()
    return StoredKey(f"{_front(name)}{_MARK}{hash_}")


def is_hashed(key: str) -> bool:
    """Tell whether a key looks like one that :func:`hashed` returns."""
    return _HASHED.fullmatch(key) is not None


def _front(name: str) -> str:
    user = user_of(name)
    if user is None:
        return ""
    # Whether the store has epochs or not: a session may be moved from one that has.
    epoch, dot, _ = name[USER_LENGTH + 1 :].partition(".")
    return f"{user}.{epoch}." if dot and len(epoch) <= _LONGEST_EPOCH else f"{user}."
