"""Which attributes of a stored cookie a configuration replaces. No I/O."""

from __future__ import annotations

from typing import Final

from .options import CookieOptions

#: The attributes that protect a cookie: member of the stored object -> attribute.
_PROTECTIVE: Final = {
    "secure": "secure",
    "httpOnly": "httponly",
    "sameSite": "samesite",
    "partitioned": "partitioned",
    "domain": "domain",
}


def deviations(cookie: object, options: CookieOptions) -> dict[str, str]:
    """Return the protective attributes of a cookie that are not those of the options.

    Different spellings of one value are equal. An option of ``"auto"`` equals any value: it
    depends on the request, and a request over plain http must not weaken the cookie.
    """
    return {
        member: attribute
        for member, attribute in _PROTECTIVE.items()
        if (wanted := getattr(options, attribute)) != "auto"
        and _spelled_alike(wanted) != _spelled_alike(getattr(cookie, attribute))
    }


def _spelled_alike(value: object) -> object:
    # "Strict" is also spelled True, and an absent attribute None or False.
    if value is True:
        return "strict"
    return value.lower() if isinstance(value, str) else bool(value)
