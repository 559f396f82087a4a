"""The session cookie on the wire: Set-Cookie lines out, Cookie headers in. No I/O.

Attribute order and percent-encoding are those of express-session 1.19, to the byte; a
cookie that is the session itself is written as npm's cookie-session 2 writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.utils import formatdate
from typing import cast
from urllib.parse import quote
from urllib.parse import unquote_to_bytes

from .cookie import Expiry
from .cookie import SessionCookie
from .cookie_attributes import PRIORITY
from .cookie_attributes import SAME_SITE

#: What encodeURIComponent leaves alone beside letters, digits and ``-_.~``.
_UNRESERVED = "-_.!~*'()"
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
#: All that a signed id usually has: of its prefix, and of base64.
_USUAL_ESCAPES = (("%3A", ":"), ("%2B", "+"), ("%2F", "/"), ("%3D", "="))
_USUAL = re.compile(r"[A-Za-z0-9\-_.!~*'():+/=]*")
#: What browsers keep of one cookie (RFC 6265 §6.1); a longer one is not from us.
_LONGEST_VALUE = 4096


def set_cookie_line(name: str, value: str, cookie: SessionCookie) -> str:
    """Return the Set-Cookie value express-session would send for a signed value."""
    return f"{name}={_encoded(value)}" + _attributes(cookie, cookie.expires_in_milliseconds)


def clear_cookie_line(name: str, cookie: SessionCookie) -> str:
    """Return the Set-Cookie value that removes it.

    It carries the attributes the cookie was set with: a browser refuses to remove a
    ``__Host-`` or a partitioned cookie otherwise (RFC 6265bis §5.7, CHIPS).
    """
    return f"{name}=" + _attributes(cookie, 0)


def client_cookie_line(name: str, value: str, cookie: SessionCookie, expires: Expiry) -> str:
    """Return the Set-Cookie value cookie-session would send; ``expires`` 0 removes it."""
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


def cookie_values(header: str, name: str) -> Iterator[str]:
    """Yield every value that a Cookie header has for a name, decoded, in its order.

    express-session looks at the first only, and so loops at the login form when a stale
    cookie of another path or domain shadows the good one (its issue 881).
    """
    return map(_decoded, raw_cookie_values(header, name))


def raw_cookie_values(header: str, name: str) -> Iterator[str]:
    """Yield the same values as they were sent."""
    for part in header.split(";"):
        found, separator, value = part.partition("=")
        if separator and found.strip() == name and len(value) <= _LONGEST_VALUE:
            yield value.strip().strip('"')


def _encoded(value: str) -> str:
    """Do as encodeURIComponent does, at once for what needs no more than the usual."""
    if not _USUAL.fullmatch(value):
        return quote(value, safe=_UNRESERVED)
    for escape, character in _USUAL_ESCAPES:
        value = value.replace(character, escape)
    return value


def _decoded(value: str) -> str:
    """Undo encodeURIComponent; what is not its work stays as it is."""
    plain = value
    for escape, character in _USUAL_ESCAPES:
        plain = plain.replace(escape, character)
    if "%" not in plain:
        return plain
    if _BAD_ESCAPE.search(value):
        return value
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeError:
        return value


def path_matches(request_path: str, cookie_path: str) -> bool:
    """Tell whether a browser sends a cookie of this path here (RFC 6265 §5.1.4)."""
    if request_path == cookie_path:
        return True
    if not request_path.startswith(cookie_path):
        return False
    return cookie_path.endswith("/") or request_path[len(cookie_path)] == "/"
