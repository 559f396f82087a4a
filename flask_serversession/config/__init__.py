"""The configuration of one application.

The extension's own keys are read once, in ``init_app``. Flask's keys, its secret among them,
are read again when they change, because Flask reads them in each request.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Literal
from typing import NamedTuple

from ..cookies.options import CookieOptions
from ..encryption import Encryption
from ..encryption import Keys
from ..errors import ConfigError
from ..errors import MissingSecret
from ..format.forms import SessionType
from ..format.merge import Concurrency
from ..format.merge import Resolve
from ..stores.protected.opening import HashIds
from .advice import warn_about_unknown_keys
from .options import FLASKS_OPTIONS
from .options import OPTIONS
from .options import PROFILE
from .parsers import is_secret
from .parsers import READ_AS_A_NUMBER
from .strict import Demands

Profile = Literal["flask", "express", "strict"]
#: What a request gets when its store fails: the error, or an empty session.
StoreErrorPolicy = Literal["raise", "null"]
Secrets = tuple[str | bytes, ...]


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
    #: A change of ``session.cookie``, of its configuration or of the secret reaches the browser.
    cookie_counts: bool = True

    @property
    def needs_every_session(self) -> bool:
        """Whether even a request that ignores its session has something to decide."""
        return (
            self.resave or self.save_uninitialized or bool(self.rolling) or self.touch == "always"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The options of one application. Ages are in milliseconds."""

    profile: Profile
    #: ``SESSION_ASSURANCE_LEVEL``: whose time limits apply.
    assurance_level: Literal[1, 2, 3] | None
    #: The keys that may be weaker than the profile or the level allows.
    exceptions: tuple[str, ...]
    store: Any = field(repr=False)
    store_options: Mapping[str, Any] = field(repr=False)
    #: ``SESSION_STORE_BEFORE``: the former store, whose sessions are moved.
    store_before: Any = field(repr=False)
    store_before_options: Mapping[str, Any] = field(repr=False)
    #: Whether the store's keys are hashes of ids.
    hash_ids: HashIds
    #: What sealed sessions are opened with, the newest first; None to encrypt nothing.
    encryption_keys: Keys | None = field(repr=False)
    #: ``SESSION_SECRET``; None uses Flask's ``SECRET_KEY``.
    secret: Secrets | None = field(repr=False)
    cookie_name: str
    cookie: CookieOptions
    #: The attributes that replace stored ones; None in the express profile, where stored ones
    #: win, and with ``SESSION_COOKIE_OPTIONS``, which may depend on the request.
    renewed_cookie: CookieOptions | None
    #: ``SESSION_COOKIE_OPTIONS``: returns the cookie attributes for a request.
    cookie_per_request: Callable[[Any], Mapping[str, Any]] | None
    #: ``SESSION_GENID``: returns a new id for a request.
    genid: Callable[[Any], str]
    proxy: bool | None
    policy: SavePolicy
    concurrency: Concurrency
    resolve: Resolve
    types: tuple[SessionType[Any], ...]
    idle_timeout: int
    permanent_lifetime: int
    absolute_timeout: int | None
    #: How long the store keeps a session that nobody is logged in to until it is used again.
    first_lifetime: int | None
    timeout_header: bool
    #: The kinds of sessions to take over, by name.
    adopt: tuple[str, ...]
    #: ``SESSION_ADOPT_STEP``: whether sessions of those kinds are taken over, left as they are, or
    #: made from ours again.
    adopt_step: Literal["prepare", "switch", "return"]
    #: A function returns the id of a user; True uses Flask-Login's.
    flask_login: bool | Callable[[Any], Any]
    #: ``SESSION_LIMIT_PER_USER``: returns how many sessions a user may have; None for no limit.
    limit_per_user: Callable[[str], Any] | None
    on_limit: Literal["end_oldest", "end_idlest", "refuse"]
    #: A login notes the browser's address and User-Agent.
    record_client: bool
    #: What ``log_out()`` tells the browser to forget, as Clear-Site-Data names it.
    clear_site_data: tuple[str, ...]
    #: The Cache-Control of a response that used the session of a user.
    cache_control: Literal["no-store"] | None
    touch_interval: int | None
    regenerate_grace: int
    #: How large the stored document may be; infinite for no limit, as is ``max_members``.
    max_bytes: float
    max_members: float
    #: How deep the JSON of the data may be nested: :data:`~.format.tags.MAX_DEPTH` at most.
    max_depth: int
    #: How many requests of this process may wait for one session's lock.
    max_waiters: int
    #: How many cookies of the session's name are verified in a request.
    max_cookies: int
    store_error: StoreErrorPolicy
    #: After how many failures in a row requests do not wait for the store; None for never.
    breaker: int | None
    breaker_pause: int

    @property
    def cookie_flaw(self) -> str | None:
        """Why browsers drop the session cookie; None if they do not, or the request decides."""
        if self.cookie_per_request is not None:
            return None
        return self.cookie.flaw(self.cookie_name)

    @property
    def is_in_cookies(self) -> bool:
        """Whether the browsers keep the sessions, so that there is no store."""
        return bool(self.store == "cookie")

    @property
    def encryption(self) -> Encryption | None:
        """What seals the sessions; None if they are stored as they are.

        :raises ConfigError: if the package for it is not installed.
        """
        return None if self.encryption_keys is None else Encryption(self.encryption_keys)

    @classmethod
    def from_mapping(cls, config: Mapping[str, Any]) -> Config:
        """Return the options in an application's config.

        :raises ConfigError: naming the key, its value and what is allowed.
        """
        profile = PROFILE.read(config, "flask")
        demands = Demands(config, profile)
        values: dict[str, Any] = {"policy.cookie_counts": profile != "express"}
        for option in (*OPTIONS, *FLASKS_OPTIONS):
            if values.get(option.field) is None:
                values[option.field] = option.read(demands.given, profile)
        warn_about_unknown_keys(config, values["adopt"])
        cookie = CookieOptions(**_part(values, "cookie."))
        is_definite = values["cookie_per_request"] is None
        has_flaw_of_name = is_definite and cookie.flaw("") is None
        demands.check(values, cookie.flaw(values["cookie_name"]) if has_flaw_of_name else None)
        _check_grace(values, config)
        _check_protection(values)
        _check_former_store(values)
        is_renewed = profile != "express" and is_definite
        own = {name: value for name, value in values.items() if "." not in name}
        return cls(
            cookie=cookie,
            renewed_cookie=cookie if is_renewed else None,
            policy=SavePolicy(**_part(values, "policy.")),
            **own,
        )


def _part(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the fields with this prefix, without it."""
    names = [name for name in values if name.startswith(prefix)]
    return {name.removeprefix(prefix): values[name] for name in names}


def _check_grace(values: dict[str, Any], config: Mapping[str, Any]) -> None:
    if values["concurrency"] != "overwrite" or not values["regenerate_grace"]:
        return
    if "SESSION_REGENERATE_GRACE" in config:
        raise ConfigError(
            "SESSION_REGENERATE_GRACE needs SESSION_CONCURRENCY to be 'merge' or 'reject': with"
            " 'overwrite' a slow request would write the old session back."
        )
    values["regenerate_grace"] = 0


def _check_protection(values: dict[str, Any]) -> None:
    wanted = {
        "SESSION_HASH_IDS": values["hash_ids"],
        "SESSION_ENCRYPTION_KEYS": values["encryption_keys"],
    }
    for key, value in wanted.items():
        if value and values["profile"] == "express":
            raise ConfigError(
                f"{key} cannot be used with SESSION_PROFILE 'express': an Express application"
                " could not find the sessions, or not read them."
            )
    if values["hash_ids"] and values["store"] == "cookie":
        raise ConfigError(
            "SESSION_HASH_IDS cannot be used with SESSION_STORE 'cookie': these sessions have no"
            " ids."
        )


def _check_former_store(values: dict[str, Any]) -> None:
    if values["store_before_options"] and values["store_before"] is None:
        raise ConfigError(
            "SESSION_STORE_BEFORE_OPTIONS needs SESSION_STORE_BEFORE: set it to the former store,"
            " also if that is the same one with other options. Otherwise remove both."
        )


def secrets_from(config: Mapping[str, Any], explicit: Secrets | None) -> Secrets:
    """Return the secrets: the first one signs, all of them verify.

    :param explicit: ``SESSION_SECRET``, which replaces Flask's keys.
    :raises MissingSecret: if there is none.
    :raises ConfigError: if one cannot be used.
    """
    if explicit is not None:
        return explicit
    current = config.get("SECRET_KEY")
    if not current:
        raise MissingSecret(
            "The session is unavailable: its cookie needs a secret to be signed with. Set"
            " app.secret_key (or SESSION_SECRET) to a long random value, such as the output of"
            " python -c 'import secrets; print(secrets.token_hex(32))'."
        )
    if not is_secret(current):
        raise ConfigError(
            f"SECRET_KEY is of type {type(current).__name__}; it must be str or bytes."
            + (READ_AS_A_NUMBER if isinstance(current, int) else "")
        )
    fallbacks = config.get("SECRET_KEY_FALLBACKS") or ()
    if isinstance(fallbacks, (str, bytes)) or not all(map(is_secret, fallbacks)):
        raise ConfigError("SECRET_KEY_FALLBACKS must be a list of non-empty str or bytes.")
    return (current, *fallbacks)
