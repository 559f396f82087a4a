"""``flask.session`` where there can be none."""

from __future__ import annotations

from typing import Any

from flask.sessions import SessionMixin

from .sessions.draft import NoData

#: The error of a write outside the cookie's path.
OUTSIDE = (
    "There is no session here: the request's path is outside SESSION_COOKIE_PATH, so"
    " no browser would send the cookie back. If a proxy strips that prefix from the path, pass"
    " it on as SCRIPT_NAME, or as X-Forwarded-Prefix with ProxyFix(x_prefix=1)."
)


class NoSession(NoData, SessionMixin):
    """``flask.session`` where there can be none: reads as empty, and raises when written to."""

    accessed = False

    def __repr__(self) -> str:
        return f"<NoSession: {self._failure}>"

    regenerate: Any = NoData._refuse
    destroy: Any = NoData._refuse
    reload: Any = NoData._refuse
    save: Any = NoData._refuse
    touch: Any = NoData._refuse
    unset: Any = NoData._refuse
    lock: Any = NoData._refuse
    id: Any = property(NoData._refuse, NoData._refuse)
    sid: Any = property(NoData._refuse, NoData._refuse)
    cookie: Any = property(NoData._refuse, NoData._refuse)
    permanent: Any = property(lambda self: False, NoData._refuse)
