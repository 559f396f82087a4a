"""The end of a request: which Set-Cookie lines send a session to its browser. No I/O."""

from __future__ import annotations

from ..cookies.cookie import SessionCookie
from ..cookies.header import client_cookie_line
from ..cookies.options import CookieOptions
from ..errors import SessionTooLarge
from ..sessions.size import check_size
from ..sessions.size import largest_member
from .cookies import LONGEST_COOKIE
from .cookies import signature_name
from .cookies import too_long
from .session import CookieSession
from .session import Stage


def settle(session: CookieSession) -> list[str]:
    """End the request: return the response's Set-Cookie lines, none if nothing changed.

    A session that was not used costs nothing. After an error every later call returns [].

    :raises SessionTooLarge: if browsers would drop the cookie.
    :raises SessionSerializationError: naming a value that cannot be sent.
    """
    if session._stage is Stage.FAILED:
        return []
    session._stage = Stage.SETTLED
    if session._received is None:
        return []
    try:
        value = _value_to_send(session)
        lines = _renewed_signature(session, session._received.signature)
        return lines if value is None else lines + _pair(session, value)
    except Exception:
        session._stage = Stage.FAILED
        raise


def _value_to_send(session: CookieSession) -> str | None:
    """Return the cookie's new value, empty to remove it, or None to send nothing.

    The rules are cookie-session's, apart from renewal, ``destroy_empty`` and encryption.
    """
    if session._original is None and not session._values:
        return "" if session._destroyed else None
    settings, config = session._settings, session._settings.config
    body = settings.dump(session._values)
    is_asked_for = session._forced or session._touched or session._differs(body)
    if not is_asked_for and not session._is_renewed:
        return None
    if config.policy.destroy_empty and not session._values:
        return ""
    body = session._dump_with_end()
    value = settings.value_of(body)
    try:
        _check_size(session, body, value)
    except SessionTooLarge:
        if is_asked_for:
            raise
        return None  # the browser's cookie stays as it is
    return value


def _check_size(session: CookieSession, body: bytes, value: str) -> None:
    """Refuse a value that browsers would drop, or data that are beyond a limit.

    :raises SessionTooLarge: naming the largest member.
    """
    config, serializer = session._settings.config, session._settings.serializer
    length = len(config.cookie_name) + len(value)
    if length > LONGEST_COOKIE:
        raise too_long(length, largest_member(serializer, session._values))
    check_size(config, serializer, session._values, body, len(body))


def _pair(session: CookieSession, value: str) -> list[str]:
    cookie, settings = session.cookie, session._settings
    if not session._may_travel(cookie):
        return []
    cookie.reset_max_age()
    name = settings.config.cookie_name
    signature = settings.keys().sign(f"{name}={value}")
    expires = cookie.expires_in_milliseconds if value else 0
    return [
        client_cookie_line(name, value, cookie, expires),
        client_cookie_line(signature_name(name), signature, cookie, expires),
    ]


def _renewed_signature(session: CookieSession, signature: str | None) -> list[str]:
    if signature is None:
        return []
    cookie, config = session.cookie, session._settings.config
    if config.profile == "express":
        # cookie-session sends a signature by itself with the default attributes.
        cookie = SessionCookie(CookieOptions(secure=session._request.is_secure()))
    if not session._may_travel(cookie):
        return []
    expires = cookie.expires_in_milliseconds if signature else 0
    return [client_cookie_line(signature_name(config.cookie_name), signature, cookie, expires)]
