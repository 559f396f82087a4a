"""Checks of a cookie's attributes. No I/O."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

Age = int | float | timedelta | None

#: RFC 6265 §4.1.1 and RFC 7230 §3.2.6, as npm's cookie package reads them.
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_DOMAIN_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"\.?{_DOMAIN_LABEL}(?:\.{_DOMAIN_LABEL})*", re.IGNORECASE)
_PATH = re.compile(r"[ -:=-~]*")
SAME_SITE: Final = {"lax": "Lax", "strict": "Strict", "none": "None"}
#: Browsers drop a cookie of more than 4096 bytes (RFC 6265bis §5.6). A signed id takes up to
#: 3300 of them.
LONGEST_NAME: Final = 512
PRIORITY: Final = {"low": "Low", "medium": "Medium", "high": "High"}

_MILLISECOND = timedelta(milliseconds=1)
_LONGEST_AGE = timedelta(days=365_000) // _MILLISECOND


def age_in_milliseconds(value: Age) -> int | None:
    """Return an age, given in seconds or as a timedelta, in milliseconds; None stays None.

    :raises TypeError: if it is neither.
    :raises ValueError: if it is infinite or longer than a thousand years.
    """
    if value is None:
        return None
    milliseconds = _in_milliseconds(value)
    if abs(milliseconds) > _LONGEST_AGE:
        raise ValueError("an age is at most a thousand years")
    return milliseconds


def _in_milliseconds(value: int | float | timedelta) -> int:
    if isinstance(value, timedelta):
        return value // _MILLISECOND
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise TypeError("an age is a number of seconds, a timedelta or None")
    try:
        return int(value * 1000)
    except OverflowError:
        raise ValueError("an age cannot be infinite; None is 'until the browser closes'") from None


def check_name(value: str) -> None:
    """Raise ValueError unless this is a valid cookie name."""
    if not isinstance(value, str) or not _NAME.fullmatch(value) or len(value) > LONGEST_NAME:
        raise ValueError(
            f"a cookie's name is up to {LONGEST_NAME} letters, digits and !#$%&'*+-.^_`|~"
        )


def check_path(value: str) -> None:
    """Raise ValueError unless this is a valid cookie path."""
    if not isinstance(value, str) or not _PATH.fullmatch(value):
        raise ValueError("a cookie's path is printable ASCII without ; and <")


def check_domain(value: str | None) -> None:
    """Raise ValueError unless this is a valid cookie domain."""
    if value is not None and not (isinstance(value, str) and _DOMAIN.fullmatch(value)):
        raise ValueError("a cookie's domain is a host name, such as 'example.com'")


def check_samesite_option(value: str | bool | None) -> None:
    """Raise ValueError unless this is a SameSite value or ``"auto"``."""
    if value == "auto":
        return
    try:
        check_samesite(value)
    except ValueError as error:
        raise ValueError(f"{error}; in the configuration also 'auto'") from None


def check_samesite(value: str | bool | None) -> None:
    """Raise ValueError unless this is a SameSite value."""
    if value is None or isinstance(value, bool):
        return
    if not isinstance(value, str) or value.lower() not in SAME_SITE:
        raise ValueError("samesite is 'lax', 'strict', 'none', True (strict) or None")


def check_priority(value: str | None) -> None:
    """Raise ValueError unless this is a Priority value."""
    if value is not None and not (isinstance(value, str) and value.lower() in PRIORITY):
        raise ValueError("priority is 'low', 'medium', 'high' or None")
