"""``flask.session`` where there can be none."""

from __future__ import annotations

from typing import Any

from flask.sessions import SessionMixin

from .sessions.no_data import NoData

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

    user_id: Any = None
    authenticated_at: Any = None
    login_level: Any = None
    ended_reason: Any = None
    log_in: Any = NoData._refuse
    log_out: Any = NoData._refuse
    regenerate: Any = NoData._refuse
    destroy: Any = NoData._refuse
    reload: Any = NoData._refuse
    save: Any = NoData._refuse
    touch: Any = NoData._refuse
    unset: Any = NoData._refuse
    lock: Any = NoData._refuse
    handle: Any = property(NoData._refuse)
    expires_in: Any = property(NoData._refuse)
    id: Any = property(NoData._refuse, NoData._refuse)
    sid: Any = property(NoData._refuse, NoData._refuse)
    cookie: Any = property(NoData._refuse, NoData._refuse)
    permanent: Any = property(lambda self: False, NoData._refuse)
