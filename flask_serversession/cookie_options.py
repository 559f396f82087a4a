"""How an application's cookies look before a session has changed anything. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .cookie_attributes import check_domain
from .cookie_attributes import check_path
from .cookie_attributes import check_priority
from .cookie_attributes import check_samesite_option


@dataclass(frozen=True, slots=True)
class CookieOptions:
    """How a new session's cookie looks: express-session's ``cookie`` option.

    ``secure`` and ``samesite`` may be ``"auto"``; :meth:`resolved` makes them definite.
    ``max_age`` is in milliseconds.
    """

    path: str = "/"
    domain: str | None = None
    secure: bool | Literal["auto"] | None = None
    httponly: bool = True
    samesite: str | bool | None = None
    partitioned: bool | None = None
    priority: str | None = None
    max_age: int | None = None

    def __post_init__(self) -> None:
        check_path(self.path)
        check_domain(self.domain)
        check_samesite_option(self.samesite)
        check_priority(self.priority)

    def flaw(self, name: str) -> str | None:
        """Return why no browser keeps a cookie of this name and these attributes, if so.

        The rules are RFC 6265bis §5.7 and, for Partitioned, CHIPS.
        """
        if not self.path.startswith("/"):
            return "its path, SESSION_COOKIE_PATH, has to begin with '/'"
        if name.startswith("__Host-") and (self.domain or self.path != "/"):
            return "a name that begins with __Host- allows no domain, and no path but '/'"
        if self.secure:
            return None
        demanding = {
            "SameSite=None": str(self.samesite or "").lower() in ("none", "auto"),
            "Partitioned": self.partitioned,
            "its name's prefix": name.startswith(("__Secure-", "__Host-")),
        }
        for what, demands in demanding.items():
            if demands:
                return f"{what} needs SESSION_COOKIE_SECURE = True or 'auto'"
        return None

    @property
    def is_definite(self) -> bool:
        """Whether they are the same for every request."""
        return self.secure != "auto" and self.samesite != "auto"

    def resolved(self, *, is_secure: bool) -> CookieOptions:
        """Return these options with each ``"auto"`` decided for one request."""
        if self.is_definite:
            return self
        return CookieOptions(
            path=self.path,
            domain=self.domain,
            secure=is_secure if self.secure == "auto" else self.secure,
            httponly=self.httponly,
            samesite=("none" if is_secure else "lax")
            if self.samesite == "auto"
            else self.samesite,
            partitioned=self.partitioned,
            priority=self.priority,
            max_age=self.max_age,
        )
