"""Who is logged in: an ordinary member of a session's data, which Express keeps. No I/O."""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any
from typing import NamedTuple
from typing import TypeGuard

from ..cookies.cookie import LAST_MOMENT
from ..errors import SessionError
from ..stores.base import from_epoch_milliseconds
from ..stores.base import USER_LENGTH
from ..stores.base import user_of

#: The member's name. Applications read it by ``session.user_id``.
MEMBER = "_login"

_HASH = rf"[\w-]{{{USER_LENGTH}}}"
_TAG = re.compile(_HASH, re.ASCII)
#: The tag of a user, a dot and a hash of the id.
_HANDLE = re.compile(rf"{_HASH}\.{_HASH}", re.ASCII)
#: How much of a User-Agent header is kept.
_LONGEST_AGENT = 255


def is_moment(value: object) -> TypeGuard[int]:
    """Return whether a member can be a time in ms since 1970."""
    return type(value) is int and 0 <= value <= LAST_MOMENT


def check_user_id(user_id: object) -> None:
    """Refuse what cannot be the id of a user.

    :raises SessionError: saying what can.
    """
    if not isinstance(user_id, str) or not user_id:
        raise SessionError("A user's id is a non-empty str. Pass str() of a number.")


def tag_of_user(user_id: str, key: bytes | None = None) -> str:
    """Return what the ids of a user's sessions begin with: a hash of the user's id.

    :param key: without it, somebody who sees the tag can find out whose it is by trying ids.
    :raises SessionError: if it cannot be the id of a user.
    """
    check_user_id(user_id)
    if key is None:
        return _short_hash(user_id)
    text = user_id.encode(errors="surrogatepass")
    return _short(hmac.digest(key, text, "sha256"))


def handle_of(key: str) -> str:
    """Return the public name of a session: the tag of its user, if any, and a hash of its key.

    Logs, signals and pages can show it. Neither the key nor the id can be found from it.
    """
    user, mark = user_of(key), _short_hash(f"handle {key}")
    # An id that Express made may only have a dot in that place.
    return f"{user}.{mark}" if user and _TAG.fullmatch(user) else mark


def is_handle(word: object) -> bool:
    """Return whether this can be the public name of a session of a user."""
    return isinstance(word, str) and _HANDLE.fullmatch(word) is not None


class Client(NamedTuple):
    """What a request says about the browser that sent it."""

    address: str | None = None
    user_agent: str | None = None

    @classmethod
    def of(cls, address: str | None, user_agent: str) -> Client:
        """Return the client, with the beginning of a long User-Agent."""
        return cls(address, user_agent[:_LONGEST_AGENT] or None)

    def changes_from(self, other: Client) -> tuple[str, ...]:
        """Return which of the two differ; what is not known of one of them does not."""
        pairs = zip(self._fields, self, other, strict=True)
        return tuple(name for name, ours, theirs in pairs if ours and theirs and ours != theirs)


class Login(NamedTuple):
    """A user, how they proved who they are, and from where."""

    user_id: str
    #: When they did, in ms since 1970; None for a user who was remembered.
    at: int | None = None
    #: What the application calls the strength of the proof, such as ``"mfa"``.
    level: str | None = None
    #: When the user first logged in to this session, in ms since 1970.
    since: int | None = None
    #: What the application calls this session, such as ``"phone"``.
    label: str | None = None
    #: The browser of the last login.
    client: Client = Client()

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Login | None:
        """Return the login that a session's data hold; None without one."""
        member = data.get(MEMBER)
        if not isinstance(member, Mapping):
            return None
        user_id = member.get("user")
        if not isinstance(user_id, str) or not user_id:
            return None
        at, since = member.get("at"), member.get("since")
        return cls(
            user_id,
            at if is_moment(at) else None,
            _text(member, "level"),
            since if is_moment(since) else None,
            _text(member, "label"),
            Client(_text(member, "address"), _text(member, "agent")),
        )

    def to_member(self) -> dict[str, Any]:
        """Return the member to store."""
        member = {"user": self.user_id, "at": self.at, "level": self.level}
        more = {
            "since": self.since,
            "label": self.label,
            "address": self.client.address,
            "agent": self.client.user_agent,
        }
        return member | {key: value for key, value in more.items() if value is not None}

    @property
    def authenticated_at(self) -> datetime | None:
        """When the user proved who they are, in UTC."""
        return None if self.at is None else from_epoch_milliseconds(self.at)


def _text(member: Mapping[str, Any], key: str) -> str | None:
    value = member.get(key)
    return value if isinstance(value, str) else None


def _short_hash(text: str) -> str:
    return _short(sha256(text.encode(errors="surrogatepass")).digest())


def _short(digest: bytes) -> str:
    return urlsafe_b64encode(digest)[:USER_LENGTH].decode()
