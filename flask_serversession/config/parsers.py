"""The kinds of values that options take."""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..cookies.attributes import age_in_milliseconds
from ..cookies.attributes import check_domain
from ..cookies.attributes import check_name
from ..cookies.attributes import check_path
from ..cookies.attributes import check_priority
from ..cookies.attributes import check_samesite_option
from ..cookies.attributes import LONGEST_NAME
from ..encryption import keys_from
from ..format.forms import SessionType
from ..format.tags import MAX_DEPTH

Parse = Callable[[Any], Any]

READ_AS_A_NUMBER = (
    " app.config.from_prefixed_env() reads an environment variable that looks like a number as"
    " one; put quotes inside it."
)

READ_AS_TEXT = (
    " It is text, as a value from an environment variable is: convert it, or write JSON for"
    " app.config.from_prefixed_env()."
)

#: The kinds of sessions that can be taken over.
_KINDS = ("flask", "flask-session", "flask-session-pickle")
#: What Clear-Site-Data can name.
_SITE_DATA = ("cache", "cookies", "storage", "executionContexts", "*")
_UP_TO = "up to a thousand years"


@dataclass(frozen=True, slots=True)
class Parser:
    """Turns the value of a key into the value of a field of ``Config``."""

    #: Completes the sentence "It must be". The reference page has the same text.
    allowed: str
    #: Returns the field's value. Raises TypeError or ValueError if the value is not allowed.
    parse: Parse


def is_secret(value: object) -> bool:
    """Return whether this can sign cookies."""
    return isinstance(value, (str, bytes)) and bool(value)


def choice(*choices: str) -> Parser:
    """Return a parser of one of several words."""
    *others, last = map(repr, choices)
    return Parser(f"{', '.join(others)} or {last}", _checked(choices.__contains__))


def function(description: str, default: Any = None) -> Parser:
    """Return a parser of a function; None becomes the default."""
    parse = _checked(callable)
    return Parser(
        f"a function of {description}, or None",
        lambda value: default if value is None else parse(value),
    )


def _checked(is_allowed: Callable[[Any], bool]) -> Parse:
    def parse(value: Any) -> Any:
        if is_allowed(value):
            return value
        raise ValueError

    return parse


def _or_none(parse: Parse) -> Parse:
    return lambda value: None if value is None else parse(value)


def _attribute(check: Callable[[Any], None]) -> Parse:
    """Return a parser of a cookie's attribute; a false value omits the attribute."""

    def parse(value: Any) -> Any:
        if not value:
            return None
        check(value)
        return value

    return parse


def _age(minimum: int | None = None) -> Parse:
    """Return a parser of seconds or a timedelta into milliseconds."""

    def parse(value: Any) -> int:
        milliseconds = age_in_milliseconds(value)
        if milliseconds is None or (minimum is not None and milliseconds < minimum):
            raise ValueError
        return milliseconds

    return parse


def _limit(value: Any) -> Callable[[str], Any]:
    if callable(value):
        return value  # type: ignore[no-any-return]
    count = _count(value)
    return lambda user_id: count


def _count(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise ValueError
    return value


def _depth(value: Any) -> int:
    if _count(value) > MAX_DEPTH:
        raise ValueError
    return value  # type: ignore[no-any-return]


def _name(value: Any) -> Any:
    check_name(value)
    return value


def _site_data(value: Any) -> tuple[str, ...]:
    kinds = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if not all(kind in _SITE_DATA for kind in kinds):
        raise ValueError
    return kinds


def _secrets(value: Any) -> tuple[str | bytes, ...]:
    secrets = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if secrets and all(map(is_secret, secrets)):
        return secrets
    raise ValueError


def _types(value: Any) -> tuple[SessionType[Any], ...]:
    if not isinstance(value, (list, tuple)):
        raise TypeError
    if not all(isinstance(own, SessionType) for own in value):
        raise TypeError
    tags, classes = {own.tag for own in value}, {own.kind for own in value}
    if not len(tags) == len(classes) == len(value):
        raise ValueError
    return tuple(value)


def _level(value: Any) -> Any:
    if type(value) is not int or value not in (1, 2, 3):
        raise ValueError
    return value


def _keys(value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(key, str) for key in value):
        raise ValueError
    return tuple(value)


def _adopted(value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(kind in _KINDS for kind in value):
        raise ValueError
    return tuple(value)


_flag = _checked(lambda value: isinstance(value, bool))
_path = _attribute(check_path)

FLAG = Parser("True or False", _flag)
ADOPTED = Parser(f"a list of {', '.join(map(repr, _KINDS[:-1]))} and {_KINDS[-1]!r}", _adopted)
FLAG_OR_NONE = Parser("True, False or None", _or_none(_flag))
FOLLOWED_LOGINS = Parser(
    "True, False, or a function of the user that returns their id",
    lambda value: value if callable(value) else _flag(value),
)
#: True, or None to omit the attribute.
ATTRIBUTE_FLAG = Parser("True or False", lambda value: _flag(value) or None)
SECURE = Parser(
    "True, False or 'auto'",
    lambda value: value if value == "auto" else _flag(value) or None,
)

AGE = Parser(f"a positive number of seconds or timedelta, {_UP_TO}", _age(1))
AGE_OR_NONE = Parser(f"{AGE.allowed}, or None", _or_none(_age(1)))
AGE_OR_ZERO = Parser(f"a number of seconds or a timedelta, from zero {_UP_TO}", _age(0))
AGE_OR_ZERO_OR_NONE = Parser(f"{AGE_OR_ZERO.allowed}, or None", _or_none(_age(0)))
#: A negative age is allowed: it makes sessions that have already expired.
ANY_AGE_OR_NONE = Parser(
    f"a number of seconds or a timedelta, {_UP_TO}, or None", _or_none(_age())
)

LEVELS = Parser("1, 2, 3 or None", _or_none(_level))
KEYS = Parser("a list of the names of keys", _keys)
CACHE_CONTROL = Parser("'no-store' or None", _or_none(_checked(("no-store",).__contains__)))
SITE_DATA = Parser(
    f"a list of {', '.join(map(repr, _SITE_DATA[:-1]))} and {_SITE_DATA[-1]!r}", _site_data
)

COUNT = Parser("an int above 0", _count)
COUNT_OR_NONE = Parser("an int above 0, or None", _or_none(_count))
#: None becomes infinity.
COUNT_OR_NO_LIMIT = Parser(
    COUNT_OR_NONE.allowed, lambda value: math.inf if value is None else _count(value)
)
DEPTH = Parser(f"an int from 1 to {MAX_DEPTH}", _depth)
LIMIT = Parser(
    "an int above 0, a function of the user's id that returns one or None, or None",
    _or_none(_limit),
)

NAME = Parser(f"a str of up to {LONGEST_NAME} letters, digits and !#$%&'*+-.^_`|~", _name)
PATH = Parser("a str of printable ASCII without ; and <, or None", _path)
ROOT = Parser("a str of printable ASCII without ; and <", lambda value: _path(value) or "/")
DOMAIN = Parser("a host name such as 'example.com', or None", _attribute(check_domain))
SAMESITE = Parser(
    "'Lax', 'Strict' or 'None' in any case, True (strict), 'auto', or None",
    _attribute(check_samesite_option),
)
PRIORITY = Parser("'low', 'medium' or 'high' in any case, or None", _attribute(check_priority))

STORE = Parser(
    "a URL, a name, a store, or a client that the application made", lambda value: value
)
FORMER_STORE = Parser(
    "a URL, a name, a store, a client that the application made, or None", lambda value: value
)
STORE_OPTIONS = Parser(
    "a dict of the store's keyword arguments",
    _checked(lambda value: isinstance(value, Mapping)),
)
SECRETS = Parser("a non-empty str or bytes, or a list of them, or None", _or_none(_secrets))
HASHING = Parser(
    "True, False, 'prepare' or 'switch'",
    lambda value: value if value in ("prepare", "switch") else _flag(value),
)
ENCRYPTION_KEYS = Parser(
    "a list of 32 random bytes or 64 hexadecimal digits, or None", _or_none(keys_from)
)
TYPES = Parser("a list of SessionType, each with a tag and a class of its own", _types)
#: Flask's SESSION_REFRESH_EACH_REQUEST: a false value turns rolling off.
REFRESHING = Parser("True or False", lambda value: None if value else False)
