"""The ids that a request's cookies carry, and which of them is used. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field

from .settings import RequestInfo
from .settings import Settings

_SEVERAL = (
    "A browser sent several signed cookies named %r; the first stored session is used."
    " This application sets the cookie with Path=%s and %s. Look for one that an earlier"
    " SESSION_COOKIE_PATH or SESSION_COOKIE_DOMAIN left over, or that another application"
    " with the same secret sets on this host or a parent domain. A new"
    " SESSION_COOKIE_NAME leaves it behind."
)


@dataclass(slots=True)
class SentIds:
    """The verified ids in the cookies of one request: four at most, usually one."""

    #: Each id, and the index of the secret that signed it: 0 is the newest.
    secrets: dict[str, int] = field(default_factory=dict, repr=False)
    #: The session's id. It is the first one until the store tells which one is stored.
    used: str | None = field(default=None, repr=False)
    #: Each id that was looked up, and why it gives no session if it is not the one that is used.
    reasons: dict[str, str] = field(default_factory=dict, repr=False)
    #: A cookie names, or may name, a session of another kind.
    may_be_former: bool = False
    #: The id whose record could not be read.
    unreadable: str | None = field(default=None, repr=False)
    #: Why others ended the session of one of the ids.
    ended_reason: str | None = None

    def take_others(self) -> list[str]:
        """Return the ids that are not used, and forget them."""
        others = [sid for sid in self.secrets if sid != self.used]
        for sid in others:
            del self.secrets[sid]
        return others

    def warn_of_several(self, request: RequestInfo, settings: Settings) -> None:
        """Log that several ids verify, and which cookies to look at."""
        cookie = request.cookie_options()
        domain = f"Domain={cookie.domain}" if cookie.domain else "no Domain"
        settings.log.warn(_SEVERAL, settings.config.cookie_name, cookie.path, domain)

    def why_new(self, request: RequestInfo, settings: Settings) -> str:
        """Return why none of the cookies gave the request a session."""
        if self.unreadable is not None:
            return "the stored record is unreadable"
        if self.used is not None:
            return "the cookie's session is not in the store"
        if settings.config.cookie_name in request.cookie_header:
            return "the cookie is not signed with a known secret"
        return "the browser sent no cookie"
