"""The Set-Cookie lines of the session cookie. No I/O.

Attribute order and percent-encoding are byte for byte those of express-session 1.19. The
cookies that hold a session themselves are those of npm's cookie-session 2.
"""

from __future__ import annotations

import re
from email.utils import formatdate
from typing import cast
from urllib.parse import quote

from .attributes import PRIORITY
from .attributes import SAME_SITE
from .cookie import Expiry
from .cookie import SessionCookie

#: What encodeURIComponent does not encode, besides letters and digits.
_UNRESERVED = "-_.!~*'()"
#: The only escapes of most signed ids: the prefix has one, base64 the others.
USUAL_ESCAPES = (("%3A", ":"), ("%2B", "+"), ("%2F", "/"), ("%3D", "="))
_USUAL = re.compile(r"[A-Za-z0-9\-_.!~*'():+/=]*")


def set_cookie_line(name: str, value: str, cookie: SessionCookie) -> str:
    """Return the Set-Cookie line that express-session sends for a signed value."""
    return f"{name}={_encoded(value)}" + _attributes(cookie, cookie.expires_in_milliseconds)


def clear_cookie_line(name: str, cookie: SessionCookie) -> str:
    """Return the Set-Cookie line that removes the cookie.

    It repeats the attributes that the cookie was set with. Without them a browser does not
    remove a ``__Host-`` or a partitioned cookie (RFC 6265bis §5.7, CHIPS).
    """
    return f"{name}=" + _attributes(cookie, 0)


def client_cookie_line(name: str, value: str, cookie: SessionCookie, expires: Expiry) -> str:
    """Return the Set-Cookie line that cookie-session sends; ``expires`` 0 removes the cookie."""
    line = f"{name}={value}"
    if cookie.path:
        line += f"; path={cookie.path}"
    if type(expires) is int:
        line += f"; expires={_date(expires)}"
    if cookie.domain:
        line += f"; domain={cookie.domain}"
    if cookie.priority:
        line += f"; priority={cookie.priority.lower()}"
    if cookie.samesite:
        line += f"; samesite={_samesite_word(cookie.samesite).lower()}"
    if cookie.secure:
        line += "; secure"
    if cookie.httponly:
        line += "; httponly"
    if cookie.partitioned:
        line += "; partitioned"
    return line


def _attributes(cookie: SessionCookie, expires: Expiry) -> str:
    line = ""
    if cookie.domain:
        line += f"; Domain={cookie.domain}"
    if cookie.path:
        line += f"; Path={cookie.path}"
    if type(expires) is int:
        line += f"; Expires={_date(expires)}"
    if cookie.httponly:
        line += "; HttpOnly"
    if cookie.secure:
        line += "; Secure"
    if cookie.partitioned:
        line += "; Partitioned"
    if cookie.priority:
        line += f"; Priority={PRIORITY[cookie.priority.lower()]}"
    if cookie.samesite:
        line += f"; SameSite={_samesite_word(cookie.samesite)}"
    return line


def _date(milliseconds: int) -> str:
    return formatdate(milliseconds // 1000, usegmt=True)


def _samesite_word(value: str | bool) -> str:
    return "Strict" if value is True else SAME_SITE[cast(str, value).lower()]


def _encoded(value: str) -> str:
    """Encode as encodeURIComponent does, with a fast path for signed ids."""
    if not _USUAL.fullmatch(value):
        return quote(value, safe=_UNRESERVED)
    for escape, character in USUAL_ESCAPES:
        value = value.replace(character, escape)
    return value


def path_matches(request_path: str, cookie_path: str) -> bool:
    """Return whether a browser sends a cookie of this path with the request (RFC 6265 §5.1.4)."""
    if request_path == cookie_path:
        return True
    if not request_path.startswith(cookie_path):
        return False
    return cookie_path.endswith("/") or request_path[len(cookie_path)] == "/"
