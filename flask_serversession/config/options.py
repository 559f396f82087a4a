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
from .parsers import ADOPTED
from .parsers import AGE
from .parsers import AGE_OR_NONE
from .parsers import AGE_OR_ZERO
from .parsers import AGE_OR_ZERO_OR_NONE
from .parsers import ANY_AGE_OR_NONE
from .parsers import ATTRIBUTE_FLAG
from .parsers import choice
from .parsers import DOMAIN
from .parsers import ENCRYPTION_KEYS
from .parsers import FLAG
from .parsers import FLAG_OR_NONE
from .parsers import FOLLOWED_LOGINS
from .parsers import FORMER_STORE
from .parsers import function
from .parsers import HASHING
from .parsers import LIMIT
from .parsers import NAME
from .parsers import Parser
from .parsers import PATH
from .parsers import PRIORITY
from .parsers import READ_AS_A_NUMBER
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
    #: The default as an application would write it, in both profiles or in the flask profile.
    default: Any
    express_default: Any = _SAME
    #: The value may contain a password, so errors show only its type.
    is_private: bool = False
    #: The value that Flask gives this key, which means that the application did not set it.
    flasks_default: str | None = None

    @property
    def defaults(self) -> tuple[Any, Any]:
        """The defaults in the flask profile and in the express profile."""
        express = self.default if self.express_default is _SAME else self.express_default
        return self.default, express

    def read(self, config: Mapping[str, Any], profile: str) -> Any:
        """Return the field's value.

        :raises ConfigError: naming the key, its value and what is allowed.
        """
        value = config.get(self.key, _UNSET)
        if value is _UNSET or (self.flasks_default and value == self.flasks_default):
            value = self.defaults[profile == "express"]
        try:
            return self.parser.parse(value)
        except ConfigError:
            raise  # it names the key, and says more
        except (TypeError, ValueError):
            raise ConfigError(self._refusal(value)) from None

    def _refusal(self, value: Any) -> str:
        shown = f"of type {type(value).__name__}"
        if self.is_private:
            refusal = f"{self.key} must be {self.parser.allowed}; it is {shown}."
            return refusal + self._hint(value)
        if value is None or isinstance(value, (str, int, float, timedelta)):
            with suppress(ValueError):  # an int of more digits than Python prints
                shown = repr(value)
        return f"{self.key} is {shown}; it must be {self.parser.allowed}.{self._hint(value)}"

    def _hint(self, value: Any) -> str:
        """Return how a value of the wrong type may have got there, or nothing."""
        if value is None:
            return " Without the key its default applies."
        if isinstance(value, PurePath):
            return " Give str() of the path."
        if self.key == "SESSION_SECRET" and isinstance(value, int):
            return READ_AS_A_NUMBER
        if isinstance(value, str) and self._allows_what_is_written_in(value):
            return " It is text, as a value from an environment variable is: convert it."
        return ""

    def _allows_what_is_written_in(self, text: str) -> bool:
        try:
            self.parser.parse(literal_eval(text))
        except (SyntaxError, TypeError, ValueError, MemoryError, RecursionError):
            return False
        return True


def _generate_id_for(request: object) -> str:
    return generate_id()


PROFILE: Final = Option("SESSION_PROFILE", "profile", choice("flask", "express"), "flask")

OPTIONS: Final = (
    PROFILE,
    Option("SESSION_STORE", "store", STORE, "memory", is_private=True),
    Option("SESSION_STORE_OPTIONS", "store_options", STORE_OPTIONS, {}, is_private=True),
    Option("SESSION_STORE_BEFORE", "store_before", FORMER_STORE, None, is_private=True),
    Option(
        "SESSION_STORE_BEFORE_OPTIONS", "store_before_options", STORE_OPTIONS, {}, is_private=True
    ),
    Option("SESSION_HASH_IDS", "hash_ids", HASHING, False),
    Option("SESSION_ENCRYPTION_KEYS", "encryption_keys", ENCRYPTION_KEYS, None, is_private=True),
    Option("SESSION_SECRET", "secret", SECRETS, None, is_private=True),
    Option(
        "SESSION_GENID",
        "genid",
        function("the request that returns a str", default=_generate_id_for),
        None,
    ),
    Option(
        "SESSION_COOKIE_NAME",
        "cookie_name",
        NAME,
        "session",
        "connect.sid",
        flasks_default="session",
    ),
    Option("SESSION_COOKIE_PATH", "cookie.path", PATH, None),
    Option("SESSION_COOKIE_DOMAIN", "cookie.domain", DOMAIN, None),
    Option("SESSION_COOKIE_HTTPONLY", "cookie.httponly", FLAG, True),
    Option("SESSION_COOKIE_SECURE", "cookie.secure", SECURE, False),
    Option("SESSION_COOKIE_SAMESITE", "cookie.samesite", SAMESITE, None),
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
    Option("SESSION_IDLE_TIMEOUT", "idle_timeout", AGE, timedelta(days=1)),
    Option("SESSION_ABSOLUTE_TIMEOUT", "absolute_timeout", AGE_OR_NONE, None),
    Option("SESSION_TIMEOUT_HEADER", "timeout_header", FLAG, False),
    Option("SESSION_ADOPT", "adopt", ADOPTED, ()),
    Option("SESSION_FLASK_LOGIN", "flask_login", FOLLOWED_LOGINS, True),
    Option("SESSION_LIMIT_PER_USER", "limit_per_user", LIMIT, None),
    Option(
        "SESSION_ON_LIMIT", "on_limit", choice("end_oldest", "end_idlest", "refuse"), "end_oldest"
    ),
    Option("SESSION_RECORD_CLIENT", "record_client", FLAG, True),
    Option("SESSION_CLEAR_SITE_DATA", "clear_site_data", SITE_DATA, ()),
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
    Option("SESSION_STORE_ERROR", "store_error", choice("raise", "null"), "raise"),
)

#: Keys of Flask. Each one is read if no key above gave its field a value.
FLASKS_OPTIONS: Final = (
    Option("PERMANENT_SESSION_LIFETIME", "permanent_lifetime", AGE, timedelta(days=31)),
    Option("APPLICATION_ROOT", "cookie.path", ROOT, "/"),
    Option("SESSION_REFRESH_EACH_REQUEST", "policy.rolling", REFRESHING, True),
)

#: The defaults of each key of this extension, in the flask and in the express profile.
DEFAULTS: Final[dict[str, tuple[Any, Any]]] = {option.key: option.defaults for option in OPTIONS}
