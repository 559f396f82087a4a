"""``Session``: the mapping that ``flask.session`` is, and its methods."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import MutableMapping
from contextlib import AbstractContextManager
from copy import deepcopy
from typing import Any

from flask.sessions import SessionMixin

from ..cookies.cookie import SessionCookie
from ..errors import SessionError
from ..format.serializer import RESERVED
from ..log import QuietLog

_UNCHANGING = frozenset({str, int, float, bool, type(None)})


class Session(SessionMixin):
    """``flask.session``: a mutable mapping that is read from the store on first use.

    Nested changes are noticed: what counts is whether the stored form differs, not
    which method was called. Keys are strings; ``"cookie"`` is reserved for
    :attr:`cookie`.
    """

    #: Whether the request used the session. Flask's context sets it too (since 3.1.3).
    accessed: bool = False
    #: Whether the application was given a mutable value, which it may change in place.
    _handed_out = False
    #: Whether ``permanent`` was assigned True.
    _made_permanent = False

    def __getitem__(self, key: str) -> Any:
        self.accessed = True
        value = self._data[key]
        if type(value) not in _UNCHANGING:
            self._handed_out = True
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        self.accessed = True
        self._check_key(key)
        self._data[key] = value
        self._note_change()

    def __delitem__(self, key: str) -> None:
        self.accessed = True
        del self._data[key]
        self._note_change()

    def __iter__(self) -> Iterator[str]:
        self.accessed = True
        return iter(self._data)

    def __len__(self) -> int:
        self.accessed = True
        return len(self._data)

    def __contains__(self, key: object) -> bool:
        self.accessed = True
        return key in self._data

    def __repr__(self) -> str:
        # Neither the data nor the id: a repr ends up in logs and error pages.
        return f"<{type(self).__name__} {self._state}>"

    def __reversed__(self) -> Iterator[str]:
        self.accessed = True
        return reversed([*self._data])

    def get(self, key: str, default: Any = None) -> Any:
        self.accessed = True
        value = self._data.get(key, default)
        if type(value) not in _UNCHANGING:
            self._handed_out = True
        return value

    def __ior__(self, other: Mapping[str, Any]) -> Session:
        self.update(other)
        return self

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return self.copy() | dict(other) if isinstance(other, Mapping) else NotImplemented

    def __ror__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return dict(other) | self.copy() if isinstance(other, Mapping) else NotImplemented

    def __copy__(self) -> dict[str, Any]:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        self.accessed = True
        return deepcopy(dict(self._data), memo)

    def clear(self) -> None:
        self.accessed = True
        self._data.clear()
        self._note_change()

    def popitem(self) -> tuple[str, Any]:
        self.accessed = True
        item = self._data.popitem()
        self._note_change()
        return item

    def copy(self) -> dict[str, Any]:
        """Return the data as a new dict. Nested values are shared with the session."""
        self.accessed = self._handed_out = True
        return dict(self._data)

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

        Assign True to have the session saved in any case.
        """

    @modified.setter
    @abstractmethod
    def modified(self, value: bool) -> None: ...

    @abstractmethod
    def regenerate(self, *, keep_data: bool = False) -> None:
        """Give the session a new id; nothing is written under the old one any more.

        Without ``keep_data`` the old record is deleted now and the session is empty, as in
        Express. With it the data stay, and the old record ends once the new one is stored,
        or can be read for ``SESSION_REGENERATE_GRACE`` longer. Use that for every login,
        against session fixation (ASVS 7.2.4).

        :raises StoreError: without ``keep_data``, if the store failed. Nothing has changed
            then.
        """

    @abstractmethod
    def destroy(self) -> None:
        """Delete the session from the store now, under whichever of its ids.

        ``SESSION_CLEAR_COOKIE`` says whether the response removes the cookie. A write
        afterwards starts a new session, so ``flash("Bye")`` works. A session that is not
        stored may be destroyed too.

        :raises StoreError: if the store failed. Nothing has changed then.
        :raises SessionConflict: if other requests kept changing the session, 64 times in a row.
        """

    @abstractmethod
    def reload(self) -> None:
        """Read the session from the store again and drop this request's changes.

        :raises SessionGone: if the store has nothing under this id. The session stays as it
            is.
        :raises PayloadError: if the record is not a session.
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
        :raises SessionError: if the session is new and its response has been made.
        """

    @abstractmethod
    def touch(self) -> None:
        """Start the session's lifetime again, in the store when the request ends."""

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

    @property
    @abstractmethod
    def _state(self) -> str:
        """What helps to find out why it is empty, without its data. No store call."""

    @property
    @abstractmethod
    def _data(self) -> MutableMapping[str, Any]:
        """The data. The first use loads them."""

    @property
    @abstractmethod
    def _permanent_lifetime(self) -> float:
        """``PERMANENT_SESSION_LIFETIME`` in seconds."""

    @abstractmethod
    def _note_change(self) -> None:
        """Note that a key was assigned or deleted."""

    @property
    @abstractmethod
    def _log(self) -> QuietLog:
        """The application's log."""

    def _may_travel(self, cookie: SessionCookie, is_secure: Callable[[], bool]) -> bool:
        """Return whether the connection may carry the cookie; log a warning if it may not."""
        if not cookie.secure or is_secure():
            return True
        self._log.warn(
            "A session cookie was withheld: it is Secure and the request came over plain http."
            " Behind a proxy that speaks https, use werkzeug's ProxyFix or SESSION_PROXY=True;"
            " on a machine without https, SESSION_COOKIE_SECURE='auto'."
        )
        return False

    @staticmethod
    def _check_key(key: object) -> None:
        if key == RESERVED:
            raise SessionError(
                'session["cookie"] is reserved: the stored session keeps its cookie\'s'
                " attributes there. Use session.cookie for those, or another key."
            )
        if not isinstance(key, str):
            raise SessionError(
                f"Session keys are strings, and this one is a {type(key).__name__}."
                " A dict stored under a key may have keys of any kind."
            )
