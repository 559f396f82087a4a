"""How a value of one type is written as JSON, and read again."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from datetime import date
from datetime import datetime
from datetime import time
from datetime import timedelta
from decimal import Decimal
from functools import partial
from types import NoneType
from typing import Any
from typing import Final
from typing import Generic
from typing import NamedTuple
from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from markupsafe import Markup

from ..errors import ConfigError

T = TypeVar("T")

#: The tag of a dict that looks like a tagged value.
ESCAPED = " escaped"
#: The member of a tagged value that holds its signature.
SEAL = " seal"
_TAGS_OF_CONTAINERS = frozenset({" tuple", " set", " frozenset", " dict", ESCAPED, SEAL})
_KINDS_WITHOUT_A_FORM = frozenset({NoneType, bool, str, list, dict, tuple, set, frozenset})
#: A tag that an application may choose.
_TAG = re.compile("[A-Za-z][A-Za-z0-9_-]*")
#: Python refuses to print an int of more than 4300 digits (CVE-2020-10735).
_TOO_LARGE = 10**4300
_HEXADECIMAL = re.compile("-?0x[0-9a-f]+")
_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
#: Two characters that JSON would join into one.
_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
#: An ISO 8601 moment, with the suffixes of RFC 9557 for its zone and for a repeated hour.
_MOMENT = re.compile(r"([^\[]+)(?:\[([^\]=]+)\])?(\[_fold=1\])?")


class Unstorable(Exception):
    """A value cannot be stored. The text says why, after its type and a comma."""


class Form(NamedTuple):
    """How a value of one type is stored: under a tag, as JSON of one type."""

    tag: str
    kind: type
    #: Returns an instance of a subclass as one of the type itself.
    plain: Callable[[Any], Any]
    #: Returns what is in the tag. Raises Unstorable.
    write: Callable[[Any], object]
    #: The type of what is in the tag.
    takes: type
    #: Returns the value. What it raises is an error of what is in the tag.
    read: Callable[[Any], Any]


def is_tag(value: dict[str, Any]) -> bool:
    """Return whether an object of plain JSON is a tagged value."""
    return len(value) == 1 and next(iter(value)).startswith(" ")


def text_of(value: str) -> str:
    """Return a text as a plain ``str``.

    :raises Unstorable: if JSON cannot write it.
    """
    text = str.__str__(value)
    if not text.isascii() and _SURROGATE_PAIR.search(text):
        raise Unstorable("in which JSON would join two surrogates to one character")
    return text


def _write_int(value: int) -> str:
    if abs(value) >= _TOO_LARGE:
        raise Unstorable("with more digits than Python prints")
    return hex(value)


def _read_int(text: str) -> int:
    if not _HEXADECIMAL.fullmatch(text):
        raise ValueError
    number = int(text, 16)
    if abs(number) >= _TOO_LARGE:
        raise ValueError
    return number


def _write_moment(read: Callable[[str], Any], value: datetime | time) -> str:
    zone = value.tzinfo
    key = zone.key if isinstance(zone, ZoneInfo) else None
    text = value.isoformat() + (f"[{key}]" if key else "") + "[_fold=1]" * value.fold
    with suppress(ValueError):
        back = read(text)
        is_same_clock = back.replace(tzinfo=None) == value.replace(tzinfo=None)
        if is_same_clock and back.utcoffset() == value.utcoffset():
            return text
    raise Unstorable("with a time zone that has no stored form")


def _read_moment(parse: Callable[[str], Any], text: str) -> Any:
    parts = _MOMENT.fullmatch(text)
    if parts is None:
        raise ValueError
    moment, zone, fold = parts.groups()
    found = parse(moment).replace(fold=int(fold is not None))
    if zone is not None:
        # The offset is kept where the zone is not known.
        with suppress(LookupError, OSError):
            found = found.replace(tzinfo=ZoneInfo(zone))
    return found


_read_datetime = partial(_read_moment, datetime.fromisoformat)
_read_time = partial(_read_moment, time.fromisoformat)

#: For an int that JSON's readers would not keep.
INT: Final = Form(" int", int, int.__int__, _write_int, str, _read_int)
#: For a float that is not finite.
FLOAT: Final = Form(" float", float, float.__float__, repr, str, _NON_FINITE.__getitem__)

FORMS: Final = (
    INT,
    FLOAT,
    Form(
        " markup",
        Markup,
        lambda value: Markup(str.__str__(value)),  # noqa: S704 - it was one
        text_of,
        str,
        Markup,
    ),
    Form(
        " bytes",
        bytes,
        lambda value: bytes(memoryview(value)),
        lambda value: base64.b64encode(value).decode(),
        str,
        lambda text: base64.b64decode(text, validate=True),
    ),
    Form(" uuid", UUID, lambda value: UUID(int=value.int), str, str, UUID),
    Form(
        " datetime",
        datetime,
        lambda value: datetime.combine(datetime.date(value), datetime.timetz(value)),
        partial(_write_moment, _read_datetime),
        str,
        _read_datetime,
    ),
    Form(
        " date",
        date,
        lambda value: date.fromordinal(date.toordinal(value)),
        date.isoformat,
        str,
        date.fromisoformat,
    ),
    Form(
        " time",
        time,
        lambda value: datetime.combine(date.min, value).timetz(),
        partial(_write_moment, _read_time),
        str,
        _read_time,
    ),
    Form(
        " timedelta",
        timedelta,
        lambda value: timedelta(value.days, value.seconds, value.microseconds),
        lambda value: [value.days, value.seconds, value.microseconds],
        list,
        lambda parts: timedelta(*parts),
    ),
    Form(" decimal", Decimal, Decimal, str, str, Decimal),
)


_TAGS = _TAGS_OF_CONTAINERS.union(form.tag for form in FORMS)
_KINDS = _KINDS_WITHOUT_A_FORM.union(form.kind for form in FORMS)


@dataclass(frozen=True, slots=True)
class SessionType(Generic[T]):
    """A type that an application's sessions can hold, for the config key ``SESSION_TYPES``.

    A value is stored as an object of JSON with a single key, which is a space and the tag. It
    is refused unless ``from_json`` returns an equal one. So is an instance of a subclass,
    which can have a ``SessionType`` of its own.

    :param tag: names the type in stored sessions: letters, digits, hyphens and underscores.
        The package itself never uses a tag with a hyphen.
    :param kind: the class. Its instances are compared with ``==``.
    :param to_json: returns what to store for a value: anything that a session can hold.
    :param from_json: returns the value for what ``to_json`` returned.
    :raises ConfigError: if sessions have this tag or hold this class already.
    """

    tag: str
    kind: type[T]
    to_json: Callable[[T], Any]
    from_json: Callable[[Any], T]

    def __post_init__(self) -> None:
        if not isinstance(self.tag, str) or not _TAG.fullmatch(self.tag):
            raise ConfigError(
                f"The tag of a SessionType is {self.tag!r}; it must be letters, digits,"
                " hyphens and underscores, and begin with a letter."
            )
        if f" {self.tag}" in _TAGS:
            raise ConfigError(
                f"The tag of a SessionType is {self.tag!r}, which is one of this package's."
                f" Choose another one, such as {'app-' + self.tag!r}."
            )
        if not isinstance(self.kind, type) or self.kind in _KINDS:
            raise ConfigError(
                f"The SessionType {self.tag!r} must be for a class that sessions cannot hold"
                " already."
            )
        if not callable(self.to_json) or not callable(self.from_json):
            raise ConfigError(
                f"The SessionType {self.tag!r} needs functions for to_json and from_json."
            )


@dataclass(frozen=True, slots=True)
class UnknownValue:
    """A stored value that this process cannot read. It is stored again unchanged.

    ``SESSION_TYPES`` has no type with its tag, or ``from_json`` failed or returned another type.
    """

    #: The tag of its type.
    tag: str
    #: What is stored under the tag.
    json: str = field(repr=False)
