"""``flask.session`` where there can be none."""

from __future__ import annotations

import logging
from typing import Any

from flask.sessions import SessionMixin

from .errors import ServerSessionError

logger: logging.Logger = logging.getLogger("flask_serversession")

#: The error of a write outside the cookie's path.
OUTSIDE = (
    "There is no session here: the request's path is outside SESSION_COOKIE_PATH, so"
    " no browser would send the cookie back. If a proxy strips that prefix from the path, pass"
    " it on as SCRIPT_NAME, or as X-Forwarded-Prefix with ProxyFix(x_prefix=1)."
)


class NoSession(SessionMixin, dict[str, Any]):
    """``flask.session`` where there can be none: reads as empty, and raises when written to."""

    accessed = False

    def __init__(self, error: ServerSessionError) -> None:
        super().__init__()
        self._error = error

    def __repr__(self) -> str:
        return f"<NoSession: {self._error}>"

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise self._error

    __setitem__: Any = _refuse
    __delitem__: Any = _refuse
    __ior__: Any = _refuse
    clear: Any = _refuse
    pop: Any = _refuse
    popitem: Any = _refuse
    update: Any = _refuse
    setdefault: Any = _refuse
    regenerate: Any = _refuse
    destroy: Any = _refuse
    reload: Any = _refuse
    save: Any = _refuse
    touch: Any = _refuse
    unset: Any = _refuse
    lock: Any = _refuse
    id: Any = property(_refuse, _refuse)
    sid: Any = property(_refuse, _refuse)
    cookie: Any = property(_refuse, _refuse)
    permanent: Any = property(lambda self: False, _refuse)
