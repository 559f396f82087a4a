"""A session kept in its own cookie, byte for byte as npm's cookie-session 2 keeps it. No I/O.

Nothing here knows Flask's request: the session asks a :class:`RequestInfo`.
"""

from __future__ import annotations

from enum import Enum
from typing import Any
from typing import cast
from typing import NoReturn

from ..cookies.cookie import SessionCookie
from ..errors import PayloadError
from ..errors import SessionError
from ..errors import SessionGone
from ..sessions.base import ExpiresIn
from ..sessions.base import Session
from ..sessions.login import Login
from ..sessions.login import MEMBER
from ..sessions.settings import RequestInfo
from .cookies import receive
from .cookies import Received
from .settings import ClientSettings


class Stage(Enum):
    """How far the request has come."""

    OPEN = "open"
    SETTLED = "settled"
    #: The browser's cookies are left alone.
    FAILED = "failed"


class CookieSession(Session):
    """A session that its browser keeps, signed and by default **not encrypted**.

    Without ``SESSION_ENCRYPTION_KEYS`` anyone who can use the browser can read it, so store no
    secrets in it. The server keeps nothing: a browser with an old copy of its cookies can send
    them again, even after ``destroy()``. Store nothing that must not come back.

    Cookies are parsed when the session is first used, and sent only if it changed.

    In the flask profile the cookie says when the session ends, and the server reads none that
    is older: after the cookie's max age, or ``PERMANENT_SESSION_LIFETIME`` if it has none.

    ``cookie`` and ``permanent`` apply to the cookies of this response. They are not stored
    with the data, and have no effect on a response that sends no cookies.
    """

    _cookie: SessionCookie | None = None
    #: None until the session is first used.
    _received: Received | None = None
    #: The body that was read; None for a new session.
    _original: bytes | None = None
    #: When it ends, in seconds since 1970; None for a cookie that Node wrote.
    _end: object = None
    _settings: ClientSettings
    _stage = Stage.OPEN
    #: The cookie is not encrypted as it would be now.
    _is_outdated = False
    _forced = _touched = _destroyed = False

    def __init__(self, settings: ClientSettings, request: RequestInfo) -> None:
        self._settings = settings
        self._request = request
        self._values: dict[str, Any] = {}

    @property
    def id(self) -> str:
        """Not available: these sessions have no id.

        :raises SessionError: always.
        """
        raise SessionError(
            "This session has no id: SESSION_STORE is 'cookie', so the browser keeps the session"
            " itself."
        )

    @property
    def new(self) -> bool:  # type: ignore[override] # an attribute in Flask
        """Whether the browser sent no session that we signed: cookie-session's ``isNew``."""
        self._load()
        return self._original is None

    @property
    def modified(self) -> bool:
        """Whether the data differ from the browser's; assign True to send them anyway."""
        return self._received is not None and (
            self._forced or self._differs(self._settings.dump(self._values))
        )

    @modified.setter
    def modified(self, value: bool) -> None:
        self._load()
        self._forced = value

    @property
    def cookie(self) -> SessionCookie:
        """The attributes of both cookies in this response; may be changed."""
        if self._cookie is None:
            self._cookie = SessionCookie(self._request.cookie_options())
            if self._cookie.secure is None:
                self._cookie.secure = self._request.is_secure()
        return self._cookie

    def regenerate(self, *, keep_data: bool = False) -> None:
        """Empty the session, or do nothing with ``keep_data``.

        There is no id to renew, so no attacker can have set it before a login. What a login
        writes reaches only the browser that logged in.
        """
        if not keep_data:
            self.clear()

    def destroy(self) -> None:
        """Remove both cookies with the response.

        Writing to the session afterwards starts a new one: ``flash("Bye")`` works.
        """
        if self._received is None:
            self._received = Received()
        self._original = None
        self._values = {}
        self._note_change()
        self._destroyed = True

    def unset(self) -> None:
        """Do what :meth:`destroy` does: cookie-session's ``req.session = null``."""
        self.destroy()

    def reload(self) -> None:
        """Go back to what the browser sent, dropping this request's changes.

        :raises SessionGone: if the browser sent no session, or it was destroyed.
        """
        self._load()
        if self._original is None:
            raise SessionGone("The browser sent no session, so it was not reloaded.")
        self._values, _ = self._settings.load(self._original)
        self._forced = False

    def save(self) -> None:
        """Do nothing: the response carries the session.

        :raises SessionError: if the response has already been made.
        """
        if self._stage is not Stage.OPEN:
            raise SessionError(
                "A session in a cookie cannot be saved after its response has been made: no"
                " header could carry it. Write to the session before the response starts."
            )

    def touch(self) -> None:
        """Send the session with this response even if it did not change, to renew its expiry."""
        self._load()
        self._touched = True

    def lock(self, *, timeout: float = 5.0, ttl: float = 30.0) -> NoReturn:
        """Not available: every request has its own copy of the session.

        :raises SessionError: always.
        """
        raise SessionError(
            "This session cannot be locked: SESSION_STORE is 'cookie', so each request has its"
            " own copy. Any other SESSION_STORE keeps one copy, which can be locked."
        )

    def _load(self) -> None:
        """Read what the browser sent, once."""
        if self._received is not None:
            return
        config, keys = self._settings.config, self._settings.keys()
        header, name = self._request.cookie_header, config.cookie_name
        self._received = receive(header, name, keys, config.max_cookies)
        if not self._received.value:
            return
        try:
            body, is_current = self._settings.body_of(self._received.value)
            values, self._end = self._settings.load(body)
        except PayloadError as error:
            self._settings.log.error("Ignored an unreadable signed session: %s", error)
            return
        if not isinstance(self._end, int) or self._end * 1000 > self._now():
            self._values, self._original = values, body
            self._is_outdated = not is_current

    def _dump_with_end(self) -> bytes:
        """Return the body to send; in the flask profile it says when the session ends."""
        config, end = self._settings.config, None
        if config.profile != "express":
            self.cookie.reset_max_age()
            end = self.cookie.expires_at(config.permanent_lifetime)
            if self._keeps_end:
                end = min(end, cast(int, self._end) * 1000)
        return self._settings.dump(self._values, end=end)

    def _differs(self, body: bytes) -> bool:
        if self._original is None:
            return bool(self._values)
        if body == self._original:
            return False
        # Node writes some numbers differently. Equal data are not sent again for that.
        values, _ = self._settings.load(self._original)
        return body != self._settings.dump(values)

    @property
    def _data(self) -> dict[str, Any]:
        self._load()
        return self._values

    @property
    def _state(self) -> str:
        if self._received is None:
            return "unread"
        origin = "new" if self._original is None else "found"
        return f"{origin}, {len(self._values)} keys"

    @property
    def _is_renewed(self) -> bool:
        """Whether the response sends the session although nobody asked for it."""
        is_due = bool(self._settings.config.policy.rolling) or self._is_outdated
        return is_due and not self._peeks

    @property
    def _keeps_end(self) -> bool:
        """Whether a change is sent without extending the session."""
        is_found = self._original is not None and isinstance(self._end, int)
        return is_found and self._peeks and not self._touched

    @property
    def expires_in(self) -> ExpiresIn:
        self._load()
        lifetime = self.cookie.lifetime(self._settings.config.permanent_lifetime) / 1000
        is_sent = self._original is None or self._touched or self._is_renewed or self.modified
        is_kept = self._keeps_end or (isinstance(self._end, int) and not is_sent)
        left = cast(int, self._end) - self._now() / 1000 if is_kept else lifetime
        return ExpiresIn(max(left, 0.0), "idle")

    @property
    def handle(self) -> str:
        """Not available: these sessions have no id.

        :raises SessionError: always.
        """
        return self.id

    @property
    def ended_reason(self) -> None:
        """None: others cannot end these sessions."""
        return None

    def _begin_login(self, login: Login, *, keep_data: bool) -> None:
        self.regenerate(keep_data=keep_data)
        self[MEMBER] = login.to_member()

    @property
    def _is_of_a_user(self) -> bool:
        is_emptied = self._original is not None and not self._values
        return self._destroyed or is_emptied or Login.of(self._values) is not None

    def _end_login(self, login: Login, *, everywhere: bool) -> None:
        if everywhere:
            raise SessionError(
                "The sessions of a user cannot be ended: SESSION_STORE is 'cookie', so the"
                " browsers keep them."
            )

    def _fail(self) -> None:
        self._stage = Stage.FAILED

    def _note_change(self) -> None:
        if self._stage is not Stage.OPEN:
            self._settings.log.warn(
                "The session was changed after its response had been made. Its cookie has"
                " already been sent, so the change is lost."
            )
