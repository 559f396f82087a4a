"""``Session``: what ``flask.session`` can do besides being a mapping."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Literal
from typing import NamedTuple

from ..cookies.cookie import SessionCookie
from .login import check_user_id
from .login import Client
from .login import Login
from .mapping import SessionMapping
from .settings import CommonSettings
from .settings import RequestInfo


class ExpiresIn(NamedTuple):
    """How long a session lasts, and which limit ends it."""

    #: 0 if the session has expired.
    seconds: float
    #: ``"idle"``: use extends the session. ``"absolute"``: only a new login does.
    limit: Literal["idle", "absolute"]


class Session(SessionMapping):
    """``flask.session``: a mutable mapping that is read from the store on first use.

    Nested changes are noticed, because the session is compared with its stored form.
    Keys are strings; ``"cookie"`` is reserved for :attr:`cookie`. If the store fails, the first
    use raises :exc:`~flask_serversession.errors.StoreError`, unless ``SESSION_STORE_ERROR`` is
    ``"null"``.
    """

    _settings: CommonSettings
    _request: RequestInfo
    #: Whether ``permanent`` was assigned True.
    _made_permanent = False
    #: Whether ``log_out()`` was called.
    _logged_out = False
    #: Whether this request leaves the session's lifetime alone.
    _peeks = False

    @property
    def sid(self) -> str:
        """An alias of :attr:`id`."""
        return self.id

    @property
    def permanent(self) -> bool:
        """Whether the cookie outlives the browser.

        Assigning True sets the cookie's max age to ``PERMANENT_SESSION_LIFETIME``; False
        makes it a browser-session cookie.
        """
        return self.cookie.is_persistent

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self.cookie.max_age = self._permanent_lifetime if value else None
        self._made_permanent = bool(value)

    @property
    def user_id(self) -> str | None:
        """The user that :meth:`log_in` was given; None if nobody is logged in."""
        login = self._login
        return login.user_id if login else None

    @property
    def authenticated_at(self) -> datetime | None:
        """When the user last proved who they are, in UTC.

        None if nobody is logged in, or for a user who was only remembered.
        """
        login = self._login
        return login.authenticated_at if login else None

    @property
    def login_level(self) -> str | None:
        """The ``level`` that :meth:`log_in` was given; None without one."""
        login = self._login
        return login.level if login else None

    def log_in(
        self,
        user_id: str,
        *,
        level: str | None = None,
        remembered: bool = False,
        label: str | None = None,
    ) -> None:
        """Note who is logged in, and give the session a new id (ASVS 7.2.4).

        The data stay if nobody or the same user was logged in; those of another user are
        dropped. Call it again when the user proves who they are once more.

        With ``SESSION_LIMIT_PER_USER`` the session is stored at once, and others of the user
        may end. If another request has ended this session or given it a new id, no other session
        ends, and the login is dropped with the request's other changes.

        :param user_id: a non-empty str, such as the user's primary key as text.
        :param level: the application's name for how the user logged in, such as ``"mfa"``.
        :param remembered: True if only a cookie recognized the user, which leaves
            :attr:`authenticated_at` as it was.
        :param label: the session's name in a list of the user's sessions. By default that of the
            previous login.
        :raises SessionLimitReached: if the user has as many sessions as are allowed, and
            ``SESSION_ON_LIMIT`` is ``"refuse"``. Nothing has changed.
        :raises SessionLocked: if the user's other logins took too long. Nothing has changed.
        :raises StoreError: if another user's session could not be ended. Nothing has changed.
        """
        check_user_id(user_id)
        before, now = self._login, self._now()
        is_theirs = before is None or before.user_id == user_id
        earlier = before if before and is_theirs else Login(user_id)
        login = Login(
            user_id,
            earlier.at if remembered else now,
            level,
            now if earlier.since is None else earlier.since,
            earlier.label if label is None else label,
            self._client,
        )
        self._begin_login(login, keep_data=is_theirs)
        self._logged_out = False

    def log_out(self, *, everywhere: bool = False) -> None:
        """End the session, as :meth:`destroy` does.

        ``SESSION_CLEAR_SITE_DATA`` says what else the browser is told to forget.

        :param everywhere: end all other sessions of the user first.
        :raises SessionError: with ``everywhere``, if the store cannot find them.
        :raises StoreError: if the store failed. This session has not ended then.
        """
        login = self._login
        if login is not None:
            self._end_login(login, everywhere=everywhere)
        self._destroy("log_out")
        self._logged_out = True

    def _destroy(self, by: str) -> None:
        """End the session; ``by`` is the method that the application called."""
        self.destroy()

    @property
    def _login(self) -> Login | None:
        self.accessed = True
        return Login.of(self._data)

    @property
    @abstractmethod
    def handle(self) -> str:
        """The session's public name, for logs and pages. It changes with the id."""

    @property
    @abstractmethod
    def ended_reason(self) -> str | None:
        """Why the session of the browser's cookie was ended: by another device, for example.

        The ``reason`` that :meth:`.SessionManager.end`, ``end_others()`` or ``end_all()`` was
        given, or ``"limit"``. It can be read for a day. None if no reason was given, or if the
        session has not ended.
        """

    @property
    @abstractmethod
    def expires_in(self) -> ExpiresIn:
        """How long the session lasts if it is not used again, and which limit ends it."""

    @property
    @abstractmethod
    def id(self) -> str:
        """The session's id. It is a secret: knowing it is enough to use the session."""

    @property
    @abstractmethod
    def cookie(self) -> SessionCookie:
        """The attributes of the session's cookie, stored with the session; may be changed."""

    @property
    @abstractmethod
    def new(self) -> bool:  # type: ignore[override] # an attribute in Flask
        """Whether the session was not in the store when the request loaded it."""

    @property
    @abstractmethod
    def modified(self) -> bool:
        """Whether the data differ from those loaded or last saved.

        Assign True to save the session in any case.
        """

    @modified.setter
    @abstractmethod
    def modified(self, value: bool) -> None: ...

    @abstractmethod
    def regenerate(self, *, keep_data: bool = False) -> None:
        """Give the session a new id; nothing is written under the old one any more.

        Without ``keep_data`` the old record is deleted now and the session is empty, as in
        Express. With it the data stay, and the old record ends once the new one is stored, or
        ``SESSION_REGENERATE_GRACE`` later. At a login, call :meth:`log_in` or use ``keep_data``,
        against session fixation (ASVS 7.2.4).

        :raises StoreError: without ``keep_data``, if the store failed. Nothing has changed
            then.
        """

    @abstractmethod
    def destroy(self) -> None:
        """Delete the session from the store now, under all of its ids.

        ``SESSION_CLEAR_COOKIE`` says whether the response removes the cookie. A write
        afterwards starts a new session, so ``flash("Bye")`` works. A session that is not
        stored may be destroyed too.

        :raises StoreError: if the store failed. Nothing has changed then.
        :raises SessionConflict: if other requests kept changing the session, 64 times in a row.
        """

    @abstractmethod
    def reload(self) -> None:
        """Read the session from the store again and drop this request's changes.

        :raises SessionGone: if the store has no session under this id any more. This one stays
            as it is.
        :raises StoreError: if the store failed.
        """

    @abstractmethod
    def save(self) -> None:
        """Write the session now, not at the end of the request.

        For streamed responses and long requests. A new session is stored and its cookie sent
        even if it is empty; in the express profile the cookie is not.

        :raises SessionGone: if another request ended the session. It is not stored again.
        :raises SessionConflict: if another request changed it, and ``SESSION_CONCURRENCY`` is
            ``"reject"`` or this request lost the race too often.
        :raises SessionSerializationError: if a value cannot be stored; the message names it.
        :raises SessionTooLarge: if the session is larger than is allowed.
        :raises SessionError: if the session is new and no response can carry its cookie: after
            the response was made, in a WebSocket and in an event of Flask-SocketIO.
        :raises StoreError: if the store failed.
        """

    @abstractmethod
    def touch(self) -> None:
        """Extend the session by its whole lifetime when the request ends."""

    @abstractmethod
    def unset(self) -> None:
        """Discard the session, as ``req.session = null`` does in Express.

        If ``SESSION_UNSET`` is ``"keep"``, this request's changes are dropped, and store and
        cookie stay as they are. If it is ``"destroy"``, the session ends with the request.
        """

    @abstractmethod
    def lock(self, *, timeout: float = 5.0, ttl: float = 30.0) -> AbstractContextManager[None]:
        """Return a context manager that only one request can hold per session.

        Requests that do not use it are not blocked; their changes are merged. The session is
        read again when the block begins and stored when it ends, also after an exception.
        A session that is not stored yet needs no lock and gets none. Blocks can be nested.

        :param timeout: seconds to wait for other requests.
        :param ttl: seconds for which the lock is guaranteed. Stores that notice the end of a
            process hold it until the block ends.
        :raises SessionLocked: if another request kept the lock for longer than ``timeout``.
        :raises SessionConflict: when the block ends, if the lock was lost. Nothing is stored
            then.
        """

    @abstractmethod
    def _begin_login(self, login: Login, *, keep_data: bool) -> None:
        """Note a login under a new id."""

    @abstractmethod
    def _end_login(self, login: Login, *, everywhere: bool) -> None:
        """Tell that a login ends, and end the user's other sessions if asked to."""

    @property
    @abstractmethod
    def _is_of_a_user(self) -> bool:
        """Whether a user is logged in, or may have been until this request ended the session."""

    @abstractmethod
    def _fail(self) -> None:
        """Leave the store and the browser's cookie alone for the rest of the request."""

    @property
    def _client(self) -> Client:
        """What is noted of the browser that logs in."""
        return Client()

    @property
    def _permanent_lifetime(self) -> float:
        """``PERMANENT_SESSION_LIFETIME`` in seconds."""
        return self._settings.config.permanent_lifetime / 1000

    def _now(self) -> int:
        """Return the time in ms since 1970."""
        return self._settings.clock()

    def _may_travel(self, cookie: SessionCookie) -> bool:
        """Return whether the connection may carry the cookie; log a warning if it may not."""
        if not cookie.secure or self._request.is_secure():
            return True
        self._settings.log.warn(
            "A session cookie was withheld: it is Secure and the request came over plain http."
            " Behind a proxy that speaks https, use werkzeug's ProxyFix or SESSION_PROXY=True;"
            " on a machine without https, SESSION_COOKIE_SECURE='auto', and no prefix such as"
            " __Host- in SESSION_COOKIE_NAME."
        )
        return False
