"""Every configuration option in one table.

``Config`` is read by this table, and tests check ``Config`` and the reference page against
it. To add an option, add a row to :data:`OPTIONS`, a field to ``Config`` (or to its
``SavePolicy`` or ``CookieOptions``), and a section to ``docs/reference/config.rst``.
"""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePath
from typing import Any
from typing import Final

from ..cookies.ids import generate_id
from ..errors import ConfigError
from ..format.merge import keep_mine
from ..format.tags import MAX_DEPTH
from .parsers import ADOPTED
from .parsers import AGE
from .parsers import AGE_OR_NONE
from .parsers import AGE_OR_ZERO
from .parsers import AGE_OR_ZERO_OR_NONE
from .parsers import ANY_AGE_OR_NONE
from .parsers import ATTRIBUTE_FLAG
from .parsers import CACHE_CONTROL
from .parsers import choice
from .parsers import COUNT
from .parsers import COUNT_OR_NO_LIMIT
from .parsers import COUNT_OR_NONE
from .parsers import DEPTH
from .parsers import DOMAIN
from .parsers import ENCRYPTION_KEYS
from .parsers import FLAG
from .parsers import FLAG_OR_NONE
from .parsers import FOLLOWED_LOGINS
from .parsers import FORMER_STORE
from .parsers import function
from .parsers import HASHING
from .parsers import KEYS
from .parsers import LEVELS
from .parsers import LIMIT
from .parsers import NAME
from .parsers import Parser
from .parsers import PATH
from .parsers import PRIORITY
from .parsers import READ_AS_A_NUMBER
from .parsers import READ_AS_TEXT
from .parsers import REFRESHING
from .parsers import ROOT
from .parsers import SAMESITE
from .parsers import SECRETS
from .parsers import SECURE
from .parsers import SITE_DATA
from .parsers import STORE
from .parsers import STORE_OPTIONS
from .parsers import TYPES

_SAME: Final = object()
_UNSET: Final = object()


@dataclass(frozen=True, slots=True)
class Option:
    """One row of the table."""

    key: str
    #: The field of ``Config``. A dot leads into its ``policy`` or ``cookie``.
    field: str
    parser: Parser
    #: The default as an application would write it, in the profiles that have no other.
    default: Any
    express_default: Any = _SAME
    strict_default: Any = _SAME
    #: The value may contain a password, so errors show only its type.
    is_private: bool = False
    #: The value that Flask gives this key, which means that the application did not set it.
    flasks_default: Any = _UNSET

    @property
    def defaults(self) -> dict[str, Any]:
        """The default in each profile."""
        own = {"express": self.express_default, "strict": self.strict_default}
        same = dict.fromkeys(PROFILES, self.default)
        return same | {profile: value for profile, value in own.items() if value is not _SAME}

    def is_set(self, config: Mapping[str, Any]) -> bool:
        """Return whether the application set the key, as far as its value shows."""
        value, flasks = config.get(self.key, _UNSET), self.flasks_default
        return value is not _UNSET and not (type(value) is type(flasks) and value == flasks)

    def read(self, config: Mapping[str, Any], profile: str) -> Any:
        """Return the field's value.

        :raises ConfigError: naming the key, its value and what is allowed.
        """
        value = config.get(self.key, _UNSET)
        if value is _UNSET:
            value = self.defaults[profile]
        try:
            return self.parser.parse(value)
        except ConfigError:
            raise  # it names the key, and says more
        except (TypeError, ValueError):
            raise ConfigError(self._refusal(value)) from None

    def _refusal(self, value: Any) -> str:
        shown = self.shown(value)
        if self.is_private:
            refusal = f"{self.key} must be {self.parser.allowed}; it is {shown}."
            return refusal + self._hint(value)
        return f"{self.key} is {shown}; it must be {self.parser.allowed}.{self._hint(value)}"

    def shown(self, value: Any) -> str:
        """Return a value as an error may show it."""
        shown = f"of type {type(value).__name__}"
        if self.is_private:
            return shown
        parts = value if isinstance(value, (list, tuple)) else (value,)
        if all(part is None or isinstance(part, (str, int, float, timedelta)) for part in parts):
            with suppress(ValueError):  # an int of more digits than Python prints
                shown = repr(value)
        return shown

    def _hint(self, value: Any) -> str:
        """Return how a value of the wrong type may have got there, or nothing."""
        if value is None:
            return " Without the key its default applies."
        if isinstance(value, PurePath):
            return " Give str() of the path."
        if self.key == "SESSION_SECRET" and isinstance(value, int):
            return READ_AS_A_NUMBER
        if isinstance(value, str) and self._allows_what_is_written_in(value):
            return READ_AS_TEXT
        return ""

    def _allows_what_is_written_in(self, text: str) -> bool:
        try:
            self.parser.parse(literal_eval(text))
        except (SyntaxError, TypeError, ValueError, MemoryError, RecursionError):
            return False
        return True


def generate_id_for(request: object) -> str:
    return generate_id()


PROFILES: Final = ("flask", "express", "strict")
PROFILE: Final = Option("SESSION_PROFILE", "profile", choice(*PROFILES), "flask")
LEVEL: Final = Option("SESSION_ASSURANCE_LEVEL", "assurance_level", LEVELS, None)
EXCEPTIONS: Final = Option("SESSION_EXCEPTIONS", "exceptions", KEYS, ())

OPTIONS: Final = (
    PROFILE,
    LEVEL,
    EXCEPTIONS,
    Option("SESSION_STORE", "store", STORE, "memory", is_private=True),
    Option("SESSION_STORE_OPTIONS", "store_options", STORE_OPTIONS, {}, is_private=True),
    Option("SESSION_STORE_BEFORE", "store_before", FORMER_STORE, None, is_private=True),
    Option(
        "SESSION_STORE_BEFORE_OPTIONS", "store_before_options", STORE_OPTIONS, {}, is_private=True
    ),
    Option("SESSION_HASH_IDS", "hash_ids", HASHING, False, strict_default=True),
    Option("SESSION_ENCRYPTION_KEYS", "encryption_keys", ENCRYPTION_KEYS, None, is_private=True),
    Option("SESSION_SECRET", "secret", SECRETS, None, is_private=True),
    Option(
        "SESSION_GENID",
        "genid",
        function("the request that returns a str", default=generate_id_for),
        None,
    ),
    Option(
        "SESSION_COOKIE_NAME",
        "cookie_name",
        NAME,
        "session",
        "connect.sid",
        "__Host-session",
        flasks_default="session",
    ),
    Option(
        "SESSION_COOKIE_PATH", "cookie.path", PATH, None, strict_default="/", flasks_default=None
    ),
    Option("SESSION_COOKIE_DOMAIN", "cookie.domain", DOMAIN, None),
    Option("SESSION_COOKIE_HTTPONLY", "cookie.httponly", FLAG, True),
    Option(
        "SESSION_COOKIE_SECURE",
        "cookie.secure",
        SECURE,
        False,
        strict_default=True,
        flasks_default=False,
    ),
    Option(
        "SESSION_COOKIE_SAMESITE",
        "cookie.samesite",
        SAMESITE,
        None,
        strict_default="Lax",
        flasks_default=None,
    ),
    Option("SESSION_COOKIE_PARTITIONED", "cookie.partitioned", ATTRIBUTE_FLAG, False),
    Option("SESSION_COOKIE_MAX_AGE", "cookie.max_age", ANY_AGE_OR_NONE, None),
    Option("SESSION_COOKIE_PRIORITY", "cookie.priority", PRIORITY, None),
    Option(
        "SESSION_COOKIE_OPTIONS",
        "cookie_per_request",
        function("the request that returns a dict"),
        None,
    ),
    Option("SESSION_PROXY", "proxy", FLAG_OR_NONE, None),
    Option("SESSION_RESAVE", "policy.resave", FLAG, False, True),
    Option("SESSION_SAVE_UNINITIALIZED", "policy.save_uninitialized", FLAG, False, True),
    Option("SESSION_ROLLING", "policy.rolling", FLAG_OR_NONE, None, False),
    Option("SESSION_UNSET", "policy.unset", choice("keep", "destroy"), "keep"),
    Option("SESSION_DESTROY_EMPTY", "policy.destroy_empty", FLAG, True, False),
    Option("SESSION_CLEAR_COOKIE", "policy.clear_cookie", FLAG, True, False),
    Option(
        "SESSION_IDLE_TIMEOUT",
        "idle_timeout",
        AGE,
        timedelta(days=1),
        strict_default=timedelta(hours=1),
    ),
    Option(
        "SESSION_ABSOLUTE_TIMEOUT",
        "absolute_timeout",
        AGE_OR_NONE,
        None,
        strict_default=timedelta(hours=12),
    ),
    Option(
        "SESSION_FIRST_LIFETIME",
        "first_lifetime",
        AGE_OR_NONE,
        None,
        strict_default=timedelta(minutes=10),
    ),
    Option("SESSION_TIMEOUT_HEADER", "timeout_header", FLAG, False),
    Option("SESSION_ADOPT", "adopt", ADOPTED, ()),
    Option("SESSION_ADOPT_STEP", "adopt_step", choice("prepare", "switch", "return"), "switch"),
    Option("SESSION_FLASK_LOGIN", "flask_login", FOLLOWED_LOGINS, True),
    Option("SESSION_LIMIT_PER_USER", "limit_per_user", LIMIT, None),
    Option(
        "SESSION_ON_LIMIT", "on_limit", choice("end_oldest", "end_idlest", "refuse"), "end_oldest"
    ),
    Option("SESSION_RECORD_CLIENT", "record_client", FLAG, True),
    Option("SESSION_CLEAR_SITE_DATA", "clear_site_data", SITE_DATA, ()),
    Option(
        "SESSION_CACHE_CONTROL", "cache_control", CACHE_CONTROL, None, strict_default="no-store"
    ),
    Option("SESSION_TOUCH", "policy.touch", choice("accessed", "always"), "accessed", "always"),
    Option("SESSION_TOUCH_INTERVAL", "touch_interval", AGE_OR_ZERO_OR_NONE, None, 0),
    Option(
        "SESSION_CONCURRENCY",
        "concurrency",
        choice("merge", "overwrite", "reject"),
        "merge",
        "overwrite",
    ),
    Option(
        "SESSION_MERGE",
        "resolve",
        function("key, base, theirs and mine that returns the value to keep", default=keep_mine),
        None,
    ),
    Option("SESSION_TYPES", "types", TYPES, ()),
    Option("SESSION_REGENERATE_GRACE", "regenerate_grace", AGE_OR_ZERO, timedelta(seconds=5), 0),
    Option("SESSION_MAX_BYTES", "max_bytes", COUNT_OR_NO_LIMIT, 1_048_576, None),
    Option("SESSION_MAX_MEMBERS", "max_members", COUNT_OR_NO_LIMIT, 1000, None),
    Option("SESSION_MAX_DEPTH", "max_depth", DEPTH, MAX_DEPTH),
    # With the holder of the lock as many as a browser sends at once over HTTP/1.1.
    Option("SESSION_MAX_WAITERS", "max_waiters", COUNT, 5),
    Option("SESSION_MAX_COOKIES", "max_cookies", COUNT, 8),
    Option("SESSION_STORE_ERROR", "store_error", choice("raise", "null"), "raise"),
    Option("SESSION_BREAKER", "breaker", COUNT_OR_NONE, 5),
    Option("SESSION_BREAKER_PAUSE", "breaker_pause", AGE, 1),
)

#: Keys of Flask. Each one is read if no key above gave its field a value.
FLASKS_OPTIONS: Final = (
    Option(
        "PERMANENT_SESSION_LIFETIME",
        "permanent_lifetime",
        AGE,
        timedelta(days=31),
        strict_default=timedelta(hours=1),
        flasks_default=timedelta(days=31),
    ),
    Option("APPLICATION_ROOT", "cookie.path", ROOT, "/"),
    Option("SESSION_REFRESH_EACH_REQUEST", "policy.rolling", REFRESHING, True),
)

#: The default of each key of this extension in each profile.
DEFAULTS: Final[dict[str, dict[str, Any]]] = {option.key: option.defaults for option in OPTIONS}
