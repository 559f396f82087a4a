"""The session as the application sees it: a mapping with verbs."""

from __future__ import annotations

import logging
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

logger: logging.Logger = logging.getLogger("flask_serversession")

_UNCHANGING = frozenset({str, int, float, bool, type(None)})


class Session(SessionMixin):
    """``flask.session``: a mutable mapping that is read from the store on first use.

    Nested changes are noticed: what counts is whether the stored form differs, not
    which method was called. Keys are strings; ``"cookie"`` is reserved for
    :attr:`cookie`.
    """

    #: Whether anything looked at it. Flask's context sets it too (since 3.1.3).
    accessed: bool = False
    #: Whether the application holds a value that it could change by itself.
    _handed_out = False
    #: Whether a key was assigned or deleted.
    _assigned = False
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
        """Return the data as a dict of its own."""
        self.accessed = self._handed_out = True
        return dict(self._data)

    @property
    def sid(self) -> str:
        """The id; the same as :attr:`id`."""
        return self.id

    @property
    def permanent(self) -> bool:
        """Whether the cookie outlives the browser.

        Assigning True gives it ``PERMANENT_SESSION_LIFETIME`` as :attr:`cookie`'s max
        age, False makes it a browser-session cookie.
        """
        return self.cookie.is_persistent

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self.cookie.max_age = self._permanent_lifetime if value else None
        self._made_permanent = bool(value)

    @property
    @abstractmethod
    def id(self) -> str:
        """The id: a secret, known to the browser's cookie and the store."""

    @property
    @abstractmethod
    def cookie(self) -> SessionCookie:
        """The attributes of this session's cookie, stored with it; may be changed."""

    @property
    @abstractmethod
    def new(self) -> bool:  # type: ignore[override] # an attribute in Flask
        """Whether it was not in the store when the request began."""

    @property
    @abstractmethod
    def modified(self) -> bool:
        """Whether its data differ from what the store has; assign True to have it saved."""

    @modified.setter
    @abstractmethod
    def modified(self, value: bool) -> None: ...

    @abstractmethod
    def regenerate(self, *, keep_data: bool = False) -> None:
        """Give it a new id; the old one is worth nothing afterwards.

        Without ``keep_data`` the old record is removed now and the session is empty, as
        in express. With it the data stay, and the old record ends once the new one is
        stored: what a login wants, against session fixation (ASVS 7.2.4).
        """

    @abstractmethod
    def destroy(self) -> None:
        """Remove it from the store now, and its cookie with the response.

        Writing to it afterwards starts a new session: ``flash("Bye")`` works.
        """

    @abstractmethod
    def reload(self) -> None:
        """Read it from the store again, dropping this request's changes.

        :raises SessionGone: if it is not there; the session stays as it is.
        :raises PayloadError: if what is there is not a session.
        """

    @abstractmethod
    def save(self) -> None:
        """Write it now instead of at the end: for streamed responses and long requests.

        :raises SessionGone: if it was ended elsewhere; it is not brought back.
        :raises SessionConflict: if it was changed elsewhere and is not to be merged.
        :raises SessionSerializationError: naming a value that cannot be stored.
        """

    @abstractmethod
    def touch(self) -> None:
        """Start its life again: the store learns of it when the request ends."""

    @abstractmethod
    def unset(self) -> None:
        """Let go of it, as express's ``req.session = null``: ``SESSION_UNSET`` says what follows.

        ``"keep"`` drops this request's changes and leaves store and cookie alone;
        ``"destroy"`` ends the session when the request ends.
        """

    @abstractmethod
    def lock(self, *, timeout: float = 5.0, ttl: float = 30.0) -> AbstractContextManager[None]:
        """Return a ``with`` block that one request at a time is in, of those that use it too.

        What the session holds is read anew when the block begins, and stored when it ends,
        also by an exception. A session that is not stored yet needs no lock and gets none.
        Blocks may be nested. Requests without one are not kept out; theirs are merged.

        :param timeout: seconds to wait for the others.
        :param ttl: seconds for which the lock is sure to be held. Stores that notice the end
            of a process hold it for as long as the block takes.
        :raises SessionLocked: if the others took longer.
        :raises SessionConflict: at the end, if the lock was lost; nothing is stored then.
        """

    @property
    @abstractmethod
    def _state(self) -> str:
        """What helps to find out why it is empty, without its data. No store call."""

    @property
    @abstractmethod
    def _data(self) -> MutableMapping[str, Any]:
        """The data, loaded if they were not."""

    @property
    @abstractmethod
    def _permanent_lifetime(self) -> float:
        """``PERMANENT_SESSION_LIFETIME`` in seconds."""

    @abstractmethod
    def _note_change(self) -> None:
        """Remember that a key was assigned or deleted."""

    @staticmethod
    def _may_travel(cookie: SessionCookie, is_secure: Callable[[], bool]) -> bool:
        """Tell whether this connection may carry the cookie; say so in the log if it may not."""
        if not cookie.secure or is_secure():
            return True
        logger.warning(
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
