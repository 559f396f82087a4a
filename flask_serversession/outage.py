"""What a session is while its store is out, if SESSION_STORE_ERROR is "null"."""

from __future__ import annotations

from typing import Any
from typing import NoReturn

from .errors import StoreError


class NoData(dict[str, Any]):
    """Empty, as Flask's null session is; every change raises the store's failure.

    Nothing that is written here could be kept, and pretending would lose it.
    """

    def __init__(self, failure: StoreError | None) -> None:
        super().__init__()
        self._failure = failure

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise self._failure or StoreError("The session store failed.")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse
