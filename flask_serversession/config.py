"""Every option: its key, its default in each profile, what it may be.

Read once, in ``init_app``, into one frozen object. The secret alone is looked up when it
is first needed, so that ``app.secret_key`` may be set after the extension.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from datetime import timedelta
from difflib import get_close_matches
from typing import Any
from typing import Final
from typing import Literal

from .concurrency import Concurrency
from .concurrency import keep_mine
from .concurrency import Resolve
from .cookie import CookieOptions
from .cookie_attributes import age_in_milliseconds
from .cookie_attributes import check_domain
from .cookie_attributes import check_name
from .cookie_attributes import check_path
from .cookie_attributes import check_priority
from .cookie_attributes import check_samesite_option
from .errors import ConfigError
from .policy import SavePolicy
from .sid import generate_id

Profile = Literal["flask", "express"]
Secrets = tuple[str | bytes, ...]

#: Each key that means something to this extension, with its default per profile where
#: that is a plain value.
DEFAULTS: Final[dict[str, tuple[Any, Any]]] = {
    "SESSION_PROFILE": ("flask", "flask"),
    "SESSION_STORE": ("memory", "memory"),
    "SESSION_STORE_OPTIONS": ({}, {}),
    "SESSION_SECRET": (None, None),
    "SESSION_COOKIE_NAME": ("session", "connect.sid"),
    "SESSION_COOKIE_PATH": (None, None),
    "SESSION_COOKIE_DOMAIN": (None, None),
    "SESSION_COOKIE_HTTPONLY": (True, True),
    "SESSION_COOKIE_SECURE": (False, False),
    "SESSION_COOKIE_SAMESITE": (None, None),
    "SESSION_COOKIE_PARTITIONED": (False, False),
    "SESSION_COOKIE_MAX_AGE": (None, None),
    "SESSION_COOKIE_PRIORITY": (None, None),
    "SESSION_COOKIE_OPTIONS": (None, None),
    "SESSION_GENID": (None, None),
    "SESSION_PROXY": (None, None),
    "SESSION_RESAVE": (False, True),
    "SESSION_SAVE_UNINITIALIZED": (False, True),
    "SESSION_ROLLING": (None, False),
    "SESSION_UNSET": ("keep", "keep"),
    "SESSION_IDLE_TIMEOUT": (timedelta(days=1), timedelta(days=1)),
    "SESSION_TOUCH": ("accessed", "always"),
    "SESSION_TOUCH_INTERVAL": (None, 0),
    "SESSION_CONCURRENCY": ("merge", "overwrite"),
    "SESSION_MERGE": (None, None),
    "SESSION_DESTROY_EMPTY": (True, False),
    "SESSION_CLEAR_COOKIE": (True, False),
}

#: Keys that are Flask's own and start alike.
_FLASKS_OWN = {"SESSION_REFRESH_EACH_REQUEST"}

_FLASKS_COOKIE_NAME = "session"

#: What a key of Flask-Session is called here.
_FLASK_SESSION_KEYS: Final[dict[str, str]] = {
    "SESSION_TYPE": "SESSION_STORE, with a URL such as 'redis://localhost:6379/0'",
    "SESSION_PERMANENT": "SESSION_COOKIE_MAX_AGE = PERMANENT_SESSION_LIFETIME",
    "SESSION_USE_SIGNER": "nothing: ids are always signed",
    "SESSION_KEY_PREFIX": "SESSION_STORE_OPTIONS = {'prefix': …}",
    "SESSION_ID_LENGTH": "SESSION_GENID",
    "SESSION_SERIALIZATION_FORMAT": "nothing: sessions are JSON that keeps Python's types",
    "SESSION_CLEANUP_N_REQUESTS": "the command 'flask sessions prune', run by a timer",
    "SESSION_REDIS": "SESSION_STORE = the client",
    "SESSION_MEMCACHED": "SESSION_STORE = the client",
    "SESSION_CACHELIB": "SESSION_STORE = the cache",
    "SESSION_FILE_DIR": "SESSION_STORE = 'file:///that/directory'",
    "SESSION_FILE_THRESHOLD": "nothing: no live session is dropped",
    "SESSION_FILE_MODE": "nothing: files are private",
    "SESSION_MONGODB": "SESSION_STORE = the client",
    "SESSION_MONGODB_DB": "SESSION_STORE_OPTIONS = {'database': …}",
    "SESSION_MONGODB_COLLECT": "SESSION_STORE_OPTIONS = {'collection': …}",
    "SESSION_SQLALCHEMY": "SESSION_STORE = the engine or the SQLAlchemy object",
    "SESSION_SQLALCHEMY_TABLE": "SESSION_STORE_OPTIONS = {'table': …}",
    "SESSION_SQLALCHEMY_SCHEMA": "SESSION_STORE_OPTIONS = {'schema': …}",
    "SESSION_SQLALCHEMY_SEQUENCE": "nothing: the table has no sequence",
    "SESSION_SQLALCHEMY_BIND_KEY": "SESSION_STORE = db.engines['that bind']",
    "SESSION_DYNAMODB": "SESSION_STORE = a store of your own",
    "SESSION_DYNAMODB_TABLE": "SESSION_STORE = a store of your own",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What ``init_app`` read. Ages in milliseconds."""

    profile: Profile
    store: Any = field(repr=False)
    store_options: Mapping[str, Any] = field(repr=False)
    #: ``SESSION_SECRET`` as given; None looks to Flask's SECRET_KEY.
    secret: Secrets | None = field(repr=False)
    cookie_name: str
    cookie: CookieOptions
    #: ``SESSION_COOKIE_OPTIONS``: given the request, returns attributes for its cookie.
    cookie_per_request: Callable[[Any], Mapping[str, Any]] | None
    #: ``SESSION_GENID``: given the request, returns a fresh id.
    genid: Callable[[Any], str]
    proxy: bool | None
    policy: SavePolicy
    concurrency: Concurrency
    resolve: Resolve
    idle_timeout: int
    permanent_lifetime: int
    touch_interval: int | None

    @classmethod
    def from_mapping(cls, config: Mapping[str, Any]) -> Config:
        """Return what an application's config asks for.

        :raises ConfigError: naming the key, its value's kind and what is allowed.
        """
        return _Reader(config).read()


def secrets_from(config: Mapping[str, Any], explicit: Secrets | None) -> Secrets:
    """Return the secrets, the one to sign with first.

    :raises ConfigError: if there is none.
    """
    if explicit is not None:
        return explicit
    current = config.get("SECRET_KEY")
    if not current:
        raise ConfigError(
            "The session cookie needs a secret to be signed with. Set app.secret_key (or"
            " SESSION_SECRET) to a long random value, such as the output of"
            " python -c 'import secrets; print(secrets.token_hex(32))'."
        )
    return (current, *(config.get("SECRET_KEY_FALLBACKS") or ()))


class _Reader:
    """Reads one application's config, key by key."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._profile = 0

    def read(self) -> Config:
        profile: Profile = self.choice("SESSION_PROFILE", "flask", "express")
        self._profile = ("flask", "express").index(profile)
        self._warn_about_unknown_keys()
        return Config(
            profile=profile,
            store=self.value("SESSION_STORE"),
            store_options=self.mapping("SESSION_STORE_OPTIONS"),
            secret=self._secret(),
            cookie_name=self._cookie_name(),
            cookie=self._cookie(),
            cookie_per_request=self.function("SESSION_COOKIE_OPTIONS"),
            genid=self.function("SESSION_GENID") or _generate_id_for,
            proxy=self.flag("SESSION_PROXY", also_none=True),
            policy=self._policy(),
            concurrency=self.choice("SESSION_CONCURRENCY", "merge", "overwrite", "reject"),
            resolve=self.function("SESSION_MERGE") or keep_mine,
            idle_timeout=self.age("SESSION_IDLE_TIMEOUT", at_least=1),
            permanent_lifetime=self.age("PERMANENT_SESSION_LIFETIME", at_least=1),
            touch_interval=self.optional_age("SESSION_TOUCH_INTERVAL", at_least=0),
        )

    def value(self, key: str) -> Any:
        """Return what the app set, or the profile's default; None for a key of Flask's own."""
        return self._config.get(key, DEFAULTS.get(key, (None, None))[self._profile])

    def flag(self, key: str, *, also_none: bool = False) -> Any:
        value = self.value(key)
        if isinstance(value, bool) or (value is None and also_none):
            return value
        raise self.refusal(key, value, "True or False" + (" or None" if also_none else ""))

    def checked(self, key: str, check: Callable[[Any], None]) -> Any:
        value = self.value(key)
        if not value:
            return None
        try:
            check(value)
        except ValueError as error:
            raise self.refusal(key, value, f"what a cookie can have: {error}") from None
        return value

    def choice(self, key: str, *choices: str) -> Any:
        value = self.value(key)
        if value in choices:
            return value
        raise self.refusal(key, value, " or ".join(map(repr, choices)))

    def function(self, key: str) -> Any:
        value = self.value(key)
        if value is None or callable(value):
            return value
        raise self.refusal(key, value, "a function, or None")

    def mapping(self, key: str) -> Mapping[str, Any]:
        value = self.value(key)
        if isinstance(value, Mapping):
            return value
        raise self.refusal(key, value, "a dict of the store's keyword arguments")

    def age(self, key: str, *, at_least: int) -> int:
        milliseconds = self.optional_age(key, at_least=at_least)
        if milliseconds is None:
            raise self.refusal(key, None, "a number of seconds or a timedelta")
        return milliseconds

    def optional_age(self, key: str, *, at_least: int | None = None) -> int | None:
        value = self.value(key)
        try:
            milliseconds = age_in_milliseconds(value)
        except (TypeError, ValueError):
            raise self.refusal(key, value, "a number of seconds or a timedelta") from None
        if milliseconds is not None and at_least is not None and milliseconds < at_least:
            raise self.refusal(key, value, "a positive number of seconds or timedelta")
        return milliseconds

    def refusal(self, key: str, value: object, allowed: str) -> ConfigError:
        shown = repr(value) if isinstance(value, (str, int, float, timedelta)) else None
        return ConfigError(
            f"{key} is {shown or 'of type ' + type(value).__name__}; it must be {allowed}."
        )

    def _secret(self) -> Secrets | None:
        value = self.value("SESSION_SECRET")
        if value is None:
            return None
        secrets = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        if not secrets or not all(isinstance(one, (str, bytes)) and one for one in secrets):
            raise ConfigError(
                "SESSION_SECRET must be a non-empty str or bytes, or a list of them: the first"
                " signs, all of them verify."
            )
        return secrets

    def _cookie_name(self) -> str:
        name: str = self.value("SESSION_COOKIE_NAME")
        if name == _FLASKS_COOKIE_NAME:
            # Flask fills this key in, so its default cannot be told from "not set".
            name = DEFAULTS["SESSION_COOKIE_NAME"][self._profile]
        try:
            check_name(name)
        except ValueError as error:
            raise self.refusal(
                "SESSION_COOKIE_NAME", name, f"what a cookie can have: {error}"
            ) from None
        return name

    def _cookie(self) -> CookieOptions:
        return CookieOptions(
            path=self.checked("SESSION_COOKIE_PATH", check_path)
            or self.checked("APPLICATION_ROOT", check_path)
            or "/",
            domain=self.checked("SESSION_COOKIE_DOMAIN", check_domain) or None,
            secure=self._secure(),
            httponly=self.flag("SESSION_COOKIE_HTTPONLY"),
            samesite=self.checked("SESSION_COOKIE_SAMESITE", check_samesite_option) or None,
            partitioned=self.flag("SESSION_COOKIE_PARTITIONED") or None,
            priority=self.checked("SESSION_COOKIE_PRIORITY", check_priority),
            max_age=self.optional_age("SESSION_COOKIE_MAX_AGE"),
        )

    def _secure(self) -> bool | Literal["auto"] | None:
        value = self.value("SESSION_COOKIE_SECURE")
        if value == "auto":
            return "auto"
        return self.flag("SESSION_COOKIE_SECURE") or None

    def _policy(self) -> SavePolicy:
        rolling = self.flag("SESSION_ROLLING", also_none=True)
        if rolling is None and not self._config.get("SESSION_REFRESH_EACH_REQUEST", True):
            rolling = False
        return SavePolicy(
            resave=self.flag("SESSION_RESAVE"),
            save_uninitialized=self.flag("SESSION_SAVE_UNINITIALIZED"),
            rolling=rolling,
            unset=self.choice("SESSION_UNSET", "keep", "destroy"),
            touch=self.choice("SESSION_TOUCH", "accessed", "always"),
            destroy_empty=self.flag("SESSION_DESTROY_EMPTY"),
            clear_cookie=self.flag("SESSION_CLEAR_COOKIE"),
            cookie_counts=self._profile == 0,
        )

    def _warn_about_unknown_keys(self) -> None:
        for key in self._config:
            if not key.startswith("SESSION_") or key in DEFAULTS or key in _FLASKS_OWN:
                continue
            if key in _FLASK_SESSION_KEYS:
                advice = f"is Flask-Session's; here it is {_FLASK_SESSION_KEYS[key]}."
            else:
                near = get_close_matches(key, DEFAULTS, n=1)
                advice = "means nothing here" + (f"; did you mean {near[0]}?" if near else ".")
            text = f"The config key {key} {advice}"
            warnings.warn(text, UserWarning, stacklevel=_levels_to_the_application())


def _levels_to_the_application() -> int:
    """Return the stack level, as the caller counts, of the first frame outside this package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals["__name__"].startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    return level


_PACKAGE = f"{__package__}."


def _generate_id_for(request: object) -> str:
    return generate_id()
