"""The attributes that a new session's cookie starts with. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from dataclasses import field
from typing import Literal

from .attributes import check_domain
from .attributes import check_path
from .attributes import check_priority
from .attributes import check_samesite_option

_PREFIX = re.compile("__(?:secure|host-http|host|http)-")


@dataclass(frozen=True, slots=True)
class CookieOptions:
    """The attributes of a new session's cookie: express-session's ``cookie`` option.

    ``secure`` and ``samesite`` may be ``"auto"``, which :meth:`resolved` replaces.
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
    #: The attributes that protect the cookie, to be compared at once.
    protective: tuple[object, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        protective = (self.secure, self.httponly, self.samesite, self.partitioned, self.domain)
        object.__setattr__(self, "protective", protective)
        check_path(self.path)
        check_domain(self.domain)
        check_samesite_option(self.samesite)
        check_priority(self.priority)

    def flaw(self, name: str) -> str | None:
        """Return why browsers reject a cookie of this name and these attributes, or None.

        The rules are those of RFC 6265bis §5.7, and of CHIPS for Partitioned.
        """
        if not self.path.startswith("/"):
            return (
                f"its path, {self.path!r}, does not begin with '/' (SESSION_COOKIE_PATH or"
                " APPLICATION_ROOT)"
            )
        # Browsers compare prefixes without regard to case.
        prefix, named = _PREFIX.match(name.lower()), f"SESSION_COOKIE_NAME {name!r}"
        if prefix and "host" in prefix[0] and (self.domain or self.path != "/"):
            return f"{named} allows no SESSION_COOKIE_DOMAIN, and no SESSION_COOKIE_PATH but '/'"
        if prefix and "http-" in prefix[0] and not self.httponly:
            return f"{named} needs SESSION_COOKIE_HTTPONLY = True"
        if self.secure:
            return None
        demanding = {
            "SameSite=None": str(self.samesite or "").lower() in ("none", "auto"),
            "Partitioned": self.partitioned,
            named: prefix,
        }
        for what, demands in demanding.items():
            if demands:
                return f"{what} needs SESSION_COOKIE_SECURE = True"
        return None

    @property
    def is_definite(self) -> bool:
        """Whether no attribute is ``"auto"``."""
        return self.secure != "auto" and self.samesite != "auto"

    def resolved(self, *, is_secure: bool) -> CookieOptions:
        """Return these options with each ``"auto"`` replaced for one request."""
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
