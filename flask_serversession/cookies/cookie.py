"""The session cookie: its attributes and their stored form. No I/O.

The stored JSON is byte for byte that of express-session 1.19. Times and ages are kept in
whole milliseconds, as in JavaScript. The application sees seconds and datetimes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Mapping
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any
from typing import Literal

from .attributes import Age
from .attributes import age_in_milliseconds
from .attributes import check_domain
from .attributes import check_path
from .attributes import check_priority
from .attributes import check_samesite
from .options import CookieOptions
from .renewal import deviations

#: Returns the current time in milliseconds since 1970.
Clock = Callable[[], int]
Expiry = int | Literal[False] | None

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)
#: The range of datetime. Earlier and later expiries are clamped to it.
_FIRST_MOMENT = -62_135_596_800_000
LAST_MOMENT = 253_402_300_799_999


def system_clock() -> int:
    """Return the current time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class SessionCookie:
    """The cookie of one session; ``session.cookie``.

    Changes are stored with the session. In the flask profile the configured Secure,
    HttpOnly, SameSite, Partitioned and Domain replace those that a session was stored with,
    unless the application chose another value for this session. Everything else is kept as stored.
    """

    __slots__ = (
        "_clock",
        "_domain",
        "_expires",
        "_original_max_age",
        "_path",
        "_priority",
        "_samesite",
        "httponly",
        "is_renewed",
        "partitioned",
        "secure",
    )

    secure: bool | None
    httponly: bool
    partitioned: bool | None
    _original_max_age: Expiry
    #: The configuration gave it other attributes than it was stored with.
    is_renewed: bool

    def __init__(self, options: CookieOptions, clock: Clock = system_clock) -> None:
        self._clock = clock
        self.is_renewed = False
        self._path = options.path
        self._domain = options.domain
        self._samesite = options.samesite
        self._priority = options.priority
        self._expires: Expiry = None
        self.secure = None if options.secure is None else bool(options.secure)
        self.httponly = options.httponly
        self.partitioned = options.partitioned
        self._live_for(options.max_age)

    @classmethod
    def from_document(
        cls, document: Mapping[str, Any], clock: Clock, options: CookieOptions | None = None
    ) -> SessionCookie:
        """Return the cookie that was stored as this JSON object.

        Invalid members are ignored, so that one bad row does not lock its user out.
        express-session answers 500.

        :param options: their protective attributes replace those that were not chosen.
        """
        cookie = cls.__new__(cls)
        cookie._clock = clock
        get = document.get
        path, domain, samesite = get("path", "/"), get("domain"), get("sameSite")
        priority, secure, partitioned = get("priority"), get("secure"), get("partitioned")
        age, expires = get("originalMaxAge"), get("expires")
        cookie._path = path if path == "/" else _if_valid(check_path, path) or "/"
        cookie._domain = None if domain is None else _if_valid(check_domain, domain)
        cookie._samesite = None if samesite is None else _if_valid(check_samesite, samesite)
        cookie._priority = None if priority is None else _if_valid(check_priority, priority)
        cookie.secure = None if secure is None else bool(secure)
        cookie.httponly = get("httpOnly", True) is not False
        cookie.partitioned = None if partitioned is None else bool(partitioned)
        cookie._original_max_age = None if age is None else _stored_age(age)
        cookie._expires = None if expires is None else _stored_expires(expires)
        cookie.is_renewed = False
        if options is not None and cookie._deviates_from(options):
            cookie._renew(options, get("chosen"))
        return cookie

    def to_document(self, options: CookieOptions | None = None) -> dict[str, Any]:
        """Return the JSON object that express-session stores, members in the same order.

        :param options: a further member, ``chosen``, names the attributes that differ.
        """
        document: dict[str, Any] = {"originalMaxAge": self._original_max_age}
        if self.partitioned is not None:
            document["partitioned"] = self.partitioned
        if self._priority is not None:
            document["priority"] = self._priority
        document["expires"] = _iso(self._expires)
        if self.secure is not None:
            document["secure"] = self.secure
        document["httpOnly"] = self.httponly
        if self._domain is not None:
            document["domain"] = self._domain
        document["path"] = self._path
        if self._samesite is not None:
            document["sameSite"] = self._samesite
        if options is not None and self._deviates_from(options):
            chosen = list(deviations(self, options))
            if chosen:
                document["chosen"] = chosen
        return document

    @property
    def settings(self) -> tuple[object, ...]:
        """Every attribute the application can change; not the expiry, which moves."""
        return (
            self._original_max_age,
            self.partitioned,
            self._priority,
            self.secure,
            self.httponly,
            self._domain,
            self._path,
            self._samesite,
        )

    @property
    def path(self) -> str:
        """The path that the browser sends the cookie for."""
        return self._path

    @path.setter
    def path(self, value: str) -> None:
        check_path(value)
        self._path = value

    @property
    def domain(self) -> str | None:
        """The domain that the browser sends the cookie to; None is only the host that set it."""
        return self._domain

    @domain.setter
    def domain(self, value: str | None) -> None:
        check_domain(value)
        self._domain = value

    @property
    def samesite(self) -> str | bool | None:
        """``"lax"``, ``"strict"`` or ``"none"`` in any case; True is strict."""
        return self._samesite

    @samesite.setter
    def samesite(self, value: str | bool | None) -> None:
        check_samesite(value)
        self._samesite = value

    @property
    def priority(self) -> str | None:
        """``"low"``, ``"medium"`` or ``"high"`` in any case."""
        return self._priority

    @priority.setter
    def priority(self, value: str | None) -> None:
        check_priority(value)
        self._priority = value

    @property
    def max_age(self) -> float | None:
        """Seconds until the cookie expires; None for a browser-session cookie.

        Assign seconds, a timedelta or None. Later requests extend the session by the same
        age.
        """
        if self._expires is None or self._expires is False:
            return None
        return (self._expires - self._clock()) / 1000

    @max_age.setter
    def max_age(self, value: Age) -> None:
        self._live_for(age_in_milliseconds(value))

    @property
    def original_max_age(self) -> float | None:
        """The max age that was last assigned, in seconds; each touch starts it again."""
        age = self._original_max_age
        return None if age is None or age is False else age / 1000

    @property
    def expires(self) -> datetime | Literal[False] | None:
        """When the cookie expires, in UTC; None or False for a browser-session cookie.

        Assign an aware datetime. The time from now until then becomes the max age, so a
        touch moves the expiry on, as in Express.
        """
        if self._expires is None or self._expires is False:
            return self._expires
        return _EPOCH + timedelta(milliseconds=self._expires)

    @expires.setter
    def expires(self, value: datetime | Literal[False] | None) -> None:
        if value is None or value is False:
            self._expires = self._original_max_age = value
            return
        if value.tzinfo is None:
            raise ValueError(
                "cookie.expires needs an aware datetime, such as one with timezone.utc"
            )
        self._expires = (value - _EPOCH) // _MILLISECOND
        self._original_max_age = self._expires - self._clock()

    @property
    def expires_in_milliseconds(self) -> Expiry:
        """:attr:`expires` as milliseconds since 1970."""
        return self._expires

    @property
    def is_persistent(self) -> bool:
        """Whether the cookie outlives the browser."""
        return self._original_max_age is not None and self._original_max_age is not False

    @property
    def has_expiry(self) -> bool:
        """Whether ``cookie.expires != null`` in Express, which is also true of False."""
        return self._expires is not None

    def expires_at(self, idle_timeout: int) -> int:
        """Return when the stored session ends, in ms since 1970.

        ``idle_timeout`` (ms) is the lifetime of a session whose cookie has no expiry.
        """
        if type(self._expires) is int:
            return self._expires
        return self._clock() + idle_timeout

    def lifetime(self, idle_timeout: int) -> int:
        """Return how long the session lasts after a touch, in milliseconds."""
        age = self._original_max_age
        return idle_timeout if age is None or age is False else age

    def follow(self, expires: int, *, forward_only: bool = False) -> None:
        """Set the expiry to the record's, in ms, unless the cookie has none.

        A touch moves the record's expiry and does not rewrite the stored document.
        """
        if type(self._expires) is int:
            self._expires = max(expires, self._expires) if forward_only else expires

    def end_by(self, moment: int) -> None:
        """Let the cookie expire at this moment, in ms since 1970, if not before."""
        if type(self._expires) is int:
            self._expires = min(self._expires, moment)

    def reset_max_age(self) -> None:
        """Start the max age again: ``resetMaxAge`` in Express."""
        if type(self._original_max_age) is int:
            self._live_for(self._original_max_age)
        else:
            self._expires = self._original_max_age

    def _deviates_from(self, options: CookieOptions) -> bool:
        ours = (self.secure, self.httponly, self._samesite, self.partitioned, self._domain)
        return ours != options.protective

    def _renew(self, options: CookieOptions, chosen: object) -> None:
        for member, attribute in deviations(self, options).items():
            if not isinstance(chosen, list) or member not in chosen:
                setattr(self, attribute, getattr(options, attribute))
                self.is_renewed = True

    def _live_for(self, milliseconds: int | None) -> None:
        self._original_max_age = milliseconds
        self._expires = None
        if milliseconds is None:
            return
        # A stored age may reach beyond datetime's range: JavaScript's dates do.
        self._expires = max(_FIRST_MOMENT, min(self._clock() + milliseconds, LAST_MOMENT))


def _if_valid(check: Callable[[Any], None], value: Any) -> Any:
    try:
        check(value)
    except ValueError:
        return None
    return value


def _stored_age(value: object) -> Expiry:
    if value is None or value is False:
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15:
        return int(value)
    return None


def _stored_expires(value: object) -> Expiry:
    if not isinstance(value, str):
        return False if value is False else None
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    # Its offset may lead out of datetime's range.
    return max(_FIRST_MOMENT, min((moment - _EPOCH) // _MILLISECOND, LAST_MOMENT))


def _iso(expires: Expiry) -> str | Literal[False] | None:
    if expires is None or expires is False:
        return expires
    moment = _EPOCH + timedelta(milliseconds=expires)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
