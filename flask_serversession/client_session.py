"""A session that travels in its own cookie: npm's cookie-session 2, to the byte. No I/O.

Nothing here knows HTTP: what must be known of the request is asked of a :class:`Visit`.
"""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass
from typing import Any
from typing import NoReturn
from typing import Protocol

from .client_cookies import check_length
from .client_cookies import receive
from .client_cookies import Received
from .client_cookies import signature_name
from .cookies.cookie import SessionCookie
from .cookies.header import client_cookie_line
from .cookies.options import CookieOptions
from .cookies.signing import Keygrip
from .errors import PayloadError
from .errors import SessionError
from .errors import SessionGone
from .serializers import TypedJSON
from .session import Session

logger = logging.getLogger(__package__)


class Visit(Protocol):
    """What a session may ask about the request it belongs to."""

    def cookie_header(self) -> str:
        """Return the Cookie header, empty without one."""

    def keys(self) -> Keygrip:
        """Return what signs and verifies."""

    def is_secure(self) -> bool:
        """Tell whether the browser's connection is encrypted."""

    def cookie_options(self) -> CookieOptions:
        """Return how the cookie looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRules:
    """The same for every session of an application."""

    cookie_name: str
    serializer: TypedJSON
    #: ``PERMANENT_SESSION_LIFETIME`` in milliseconds.
    permanent_lifetime: int
    #: Send the cookie whenever the session was used.
    rolling: bool
    #: An emptied session's cookies are removed; cookie-session sends ``{}``.
    destroy_empty: bool
    #: A signature sent by itself has the default attributes, as in cookie-session, even
    #: where the cookie it belongs to has a domain, a path or an expiry.
    plain_signature: bool


class CookieSession(Session):
    """A session kept by its browser, signed and **not encrypted**.

    Whoever holds the browser can read it. The server remembers nothing: a browser that
    kept a copy of its cookies can send them again after ``destroy()``, so keep no secret
    in it and nothing that must not come back. Lazy: as long as nobody uses the session, no
    cookie is parsed and none is sent; one that did not change is not sent again.

    ``cookie`` and ``permanent`` are about the cookie of this response, and not
    remembered with the data: a response that sends none has no use for them.
    """

    _cookie: SessionCookie | None = None
    _received = Received()
    #: The value the data were read from; None for a new session.
    _original: str | None = None
    _loaded = _committed = _broken = False
    _forced = _touched = _ended = False

    def __init__(self, rules: ClientRules, visit: Visit) -> None:
        self._rules = rules
        self._visit = visit
        self._values: dict[str, Any] = {}

    @property
    def id(self) -> str:
        """Refused: with nothing stored there is nothing for an id to find.

        :raises SessionError: always.
        """
        raise SessionError(
            "This session has no id: SESSION_STORE is 'cookie', so the browser keeps the session"
            " itself and not the id of one."
        )

    @property
    def new(self) -> bool:  # type: ignore[override] # an attribute in Flask
        """Whether the browser sent none that we signed: cookie-session's ``isNew``."""
        self.load()
        return self._original is None

    @property
    def modified(self) -> bool:
        """Whether its data differ from what the browser has; assign True to have it sent."""
        return self._loaded and (self._forced or self._differs(self._encode()))

    @modified.setter
    def modified(self, value: bool) -> None:
        self.load()
        self._forced = value

    @property
    def cookie(self) -> SessionCookie:
        """The attributes of both cookies of this response; may be changed."""
        if self._cookie is None:
            self._cookie = SessionCookie(self._visit.cookie_options())
            if self._cookie.secure is None:
                self._cookie.secure = self._visit.is_secure()
        return self._cookie

    def load(self) -> None:
        """Read, once, what the browser sent."""
        if self._loaded:
            return
        self._received = receive(
            self._visit.cookie_header(), self._rules.cookie_name, self._visit.keys()
        )
        self._loaded = True
        if not self._received.value:
            return
        try:
            self._values = self._decode(self._received.value)
        except PayloadError as error:
            logger.error("A signed session is unreadable and counts as absent: %s", error)
            return
        self._original = self._received.value

    def regenerate(self, *, keep_data: bool = False) -> None:
        """Empty it, or with ``keep_data`` do nothing.

        There is no id to renew, and none that an attacker could have planted: what a
        login writes reaches only the browser it answers.
        """
        if not keep_data:
            self.clear()

    def destroy(self) -> None:
        """Have the response remove both cookies.

        Writing to it afterwards starts a new session: ``flash("Bye")`` works.
        """
        self._loaded = True
        self._original = None
        self._values = {}
        self._note_change()
        self._ended = True

    def unset(self) -> None:
        """Let go of it, as cookie-session's ``req.session = null``: :meth:`destroy` it."""
        self.destroy()

    def reload(self) -> None:
        """Take what the browser sent again, dropping this request's changes.

        :raises SessionGone: if it sent none, or the session was destroyed.
        """
        self.load()
        if self._original is None:
            raise SessionGone("The browser sent no session, so it was not reloaded.")
        self._values = self._decode(self._original)
        self._forced = False

    def save(self) -> None:
        """Do nothing, before the response: the response carries the session.

        :raises SessionError: once the response has been made.
        """
        if self._committed:
            raise SessionError(
                "A session in its cookie cannot be saved once the response has been made: no"
                " header could carry it. Write to the session before the response starts."
            )

    def touch(self) -> None:
        """Send it again with this response, changed or not, so that its life starts anew."""
        self.load()
        self._touched = True

    def lock(self, *, timeout: float = 5.0, ttl: float = 30.0) -> NoReturn:
        """Refused: the browser sends a copy with every request, and nothing joins them.

        :raises SessionError: always.
        """
        raise SessionError(
            "This session cannot be locked: SESSION_STORE is 'cookie', so each request has a"
            " copy of its own. Any other SESSION_STORE keeps one, and locks it."
        )

    def commit(self) -> list[str]:
        """Settle it; return the Set-Cookie lines of the response, none where nothing changed.

        A session nobody used costs nothing. One that cannot be sent is left alone.

        :raises SessionTooLarge: if browsers would drop the cookie.
        :raises SessionSerializationError: naming a value that cannot be sent.
        """
        self._committed = True
        if not self._loaded or self._broken:
            return []
        try:
            value = self._value_to_send()
        except Exception:
            self._broken = True
            raise
        lines = self._signature_alone()
        return lines if value is None else lines + self._pair(value)

    def _value_to_send(self) -> str | None:
        """Return the cookie's new value, empty to remove it; None to send nothing.

        The rules are cookie-session's; ``is_due`` and ``destroy_empty`` are what we add.
        """
        if self._original is None and not self._values:
            return "" if self._ended else None
        text = self._encode()
        is_due = self._forced or self._touched or self._rules.rolling
        if not is_due and not self._differs(text):
            return None
        if self._rules.destroy_empty and not self._values:
            return ""
        check_length(self._rules.cookie_name, text)
        return text

    def _pair(self, value: str) -> list[str]:
        if not self._may_travel(self.cookie, self._visit.is_secure):
            return []
        self.cookie.reset_max_age()
        name = self._rules.cookie_name
        signature = self._visit.keys().sign(f"{name}={value}")
        expires = self.cookie.expires_in_milliseconds if value else 0
        return [
            client_cookie_line(name, value, self.cookie, expires),
            client_cookie_line(signature_name(name), signature, self.cookie, expires),
        ]

    def _signature_alone(self) -> list[str]:
        signature = self._received.signature
        if signature is None:
            return []
        cookie = self.cookie
        if self._rules.plain_signature:
            cookie = SessionCookie(CookieOptions(secure=self._visit.is_secure()))
        if not self._may_travel(cookie, self._visit.is_secure):
            return []
        expires = cookie.expires_in_milliseconds if signature else 0
        name = signature_name(self._rules.cookie_name)
        return [client_cookie_line(name, signature, cookie, expires)]

    def _differs(self, text: str) -> bool:
        if self._original is None:
            return bool(self._values)
        if text == self._original:
            return False
        # Node spells some numbers in another way; the same data are not sent again for that.
        return text != self._encoded(self._decode(self._original))

    def _encode(self) -> str:
        return self._encoded(self._values)

    def _encoded(self, values: dict[str, Any]) -> str:
        return base64.b64encode(self._rules.serializer.dumps(values)).decode()

    def _decode(self, text: str) -> dict[str, Any]:
        try:
            payload = base64.b64decode(text, validate=True)
        except ValueError as error:
            raise PayloadError("A session's cookie is not base64.") from error
        return self._rules.serializer.loads(payload)

    @property
    def _data(self) -> dict[str, Any]:
        self.load()
        return self._values

    @property
    def _permanent_lifetime(self) -> float:
        return self._rules.permanent_lifetime / 1000

    def _note_change(self) -> None:
        if self._committed:
            logger.warning(
                "The session was changed after its response had been made. Its cookie has"
                " left, so the change is lost."
            )
