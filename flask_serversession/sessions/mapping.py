"""``flask.session`` as the mapping that it is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import MutableMapping
from copy import deepcopy
from typing import Any
from typing import TypeVar

from flask.sessions import SessionMixin

from ..errors import SessionError
from ..format.serializer import RESERVED

Same = TypeVar("Same", bound="SessionMapping")

_UNCHANGING = frozenset({str, int, float, bool, type(None)})


class SessionMapping(SessionMixin):
    """A mutable mapping that is read on first use and can be used like a dict.

    Nested changes are noticed: what counts is whether the stored form differs, not
    which method was called. Keys are strings; ``"cookie"`` is reserved.
    """

    #: Whether the request used the session. Flask's context sets it too (since 3.1.3).
    accessed: bool = False
    #: Whether the application was given a mutable value, which it may change in place.
    _handed_out = False

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

    def __ior__(self: Same, other: Mapping[str, Any]) -> Same:
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
    @abstractmethod
    def _state(self) -> str:
        """What helps to find out why it is empty, without its data. No store call."""

    @property
    @abstractmethod
    def _data(self) -> MutableMapping[str, Any]:
        """The data. The first use loads them."""

    @abstractmethod
    def _note_change(self) -> None:
        """Note that a key was assigned or deleted."""

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
