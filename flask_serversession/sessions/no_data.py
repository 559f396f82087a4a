"""The data of a session that is not available."""

from __future__ import annotations

from typing import Any
from typing import NoReturn

from ..errors import ServerSessionError


class NoData(dict[str, Any]):
    """Empty data; every change raises an error.

    Used where a store failed and SESSION_STORE_ERROR is "null", and where there is no session.

    :param failure: why the session is not available.
    """

    def __init__(self, failure: ServerSessionError) -> None:
        super().__init__()
        self._failure = failure

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise self._failure

    __setitem__: Any = _refuse
    __delitem__: Any = _refuse
    __ior__: Any = _refuse
    clear: Any = _refuse
    pop: Any = _refuse
    popitem: Any = _refuse
    setdefault: Any = _refuse
    update: Any = _refuse
