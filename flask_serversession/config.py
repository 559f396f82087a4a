"""Every option: its key, its default in each profile, what it may be.

Read once, in ``init_app``, into one frozen object. The secret alone is looked up when it
is first needed, so that ``app.secret_key`` may be set after the extension.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from datetime import timedelta
from typing import Any
from typing import Literal
from typing import NamedTuple

from .config_keys import DEFAULTS
from .config_keys import warn_about_unknown_keys
from .cookies.attributes import age_in_milliseconds
from .cookies.attributes import check_domain
from .cookies.attributes import check_name
from .cookies.attributes import check_path
from .cookies.attributes import check_priority
from .cookies.attributes import check_samesite_option
from .cookies.ids import generate_id
from .cookies.options import CookieOptions
from .errors import ConfigError
from .format.merge import Concurrency
from .format.merge import keep_mine
from .format.merge import Resolve

Profile = Literal["flask", "express"]
#: What a request sees of a failing store: the error, or an empty session.
StoreErrorPolicy = Literal["raise", "null"]
Secrets = tuple[str | bytes, ...]

_FLASKS_COOKIE_NAME = "session"


class SavePolicy(NamedTuple):
    """The options that :func:`~.sessions.policy.decide` looks at, named as in express-session."""

    resave: bool = False
    save_uninitialized: bool = False
    #: None: a cookie with an expiry is sent again whenever the store's expiry moves.
    rolling: bool | None = None
    unset: Literal["keep", "destroy"] = "keep"
    touch: Literal["accessed", "always"] = "accessed"
    destroy_empty: bool = True
    clear_cookie: bool = True
    #: A change of ``session.cookie`` counts as a change of the session.
    cookie_counts: bool = True

    @property
    def needs_every_session(self) -> bool:
        """Whether even a request that ignores its session has something to decide."""
        return (
            self.resave or self.save_uninitialized or bool(self.rolling) or self.touch == "always"
        )


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
    regenerate_grace: int
    store_error: StoreErrorPolicy

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
    if not _is_secret(current):
        raise ConfigError(
            f"SECRET_KEY is of type {type(current).__name__}; it must be str or bytes."
        )
    fallbacks = config.get("SECRET_KEY_FALLBACKS") or ()
    if isinstance(fallbacks, (str, bytes)) or not all(map(_is_secret, fallbacks)):
        raise ConfigError("SECRET_KEY_FALLBACKS must be a list of non-empty str or bytes.")
    return (current, *fallbacks)


def _is_secret(value: object) -> bool:
    return isinstance(value, (str, bytes)) and bool(value)


class _Reader:
    """Reads one application's config, key by key."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._profile = 0

    def read(self) -> Config:
        profile: Profile = self.choice("SESSION_PROFILE", "flask", "express")
        self._profile = ("flask", "express").index(profile)
        warn_about_unknown_keys(self._config)
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
            regenerate_grace=self._grace(),
            store_error=self.choice("SESSION_STORE_ERROR", "raise", "null"),
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

    def _grace(self) -> int:
        grace = self.age("SESSION_REGENERATE_GRACE", at_least=0)
        if grace and self.value("SESSION_CONCURRENCY") == "overwrite":
            raise ConfigError(
                "SESSION_REGENERATE_GRACE needs SESSION_CONCURRENCY to be 'merge' or 'reject':"
                " with 'overwrite' a slow request would write the old session back to life."
            )
        return grace

    def _secret(self) -> Secrets | None:
        value = self.value("SESSION_SECRET")
        if value is None:
            return None
        secrets = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        if not secrets or not all(map(_is_secret, secrets)):
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


def _generate_id_for(request: object) -> str:
    return generate_id()
