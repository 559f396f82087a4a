"""Who is logged in: an ordinary member of a session's data, which Express keeps. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from typing import NamedTuple
from typing import TypeGuard

from ..cookies.cookie import LAST_MOMENT
from ..stores.base import from_epoch_milliseconds

#: The member's name. Applications read it by ``session.user_id``.
MEMBER = "_login"


def is_moment(value: object) -> TypeGuard[int]:
    """Return whether a member can be a time in ms since 1970."""
    return type(value) is int and 0 <= value <= LAST_MOMENT


class Login(NamedTuple):
    """A user, and how they proved who they are."""

    user_id: str
    #: When they did, in ms since 1970; None for a user who was remembered.
    at: int | None = None
    #: What the application calls the strength of the proof, such as ``"mfa"``.
    level: str | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Login | None:
        """Return the login that a session's data hold; None without one."""
        member = data.get(MEMBER)
        if not isinstance(member, Mapping) or not isinstance(member.get("user"), str):
            return None
        at, level = member.get("at"), member.get("level")
        return cls(
            member["user"],
            at if is_moment(at) else None,
            level if isinstance(level, str) else None,
        )

    def to_member(self) -> dict[str, Any]:
        """Return the member to store."""
        return {"user": self.user_id, "at": self.at, "level": self.level}

    @property
    def authenticated_at(self) -> datetime | None:
        """When the user proved who they are, in UTC."""
        return None if self.at is None else from_epoch_milliseconds(self.at)
