"""What the strict profile and the assurance levels allow.

A row of :data:`RULES` says what a key may be in the strict profile. Its default there is in
the table of options.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from math import inf
from typing import Any
from typing import Final
from typing import NamedTuple
from typing import TYPE_CHECKING

from ..errors import ConfigError
from .advice import warn
from .flaws import is_guessable
from .options import EXCEPTIONS
from .options import FLASKS_OPTIONS
from .options import generate_id_for
from .options import LEVEL
from .options import Option
from .options import OPTIONS
from .parsers import AGE

if TYPE_CHECKING:
    from . import Config

_BY_KEY: Final[dict[str, Option]] = {option.key: option for option in (*OPTIONS, *FLASKS_OPTIONS)}
_STRICT: Final = "SESSION_PROFILE 'strict'"


class Rule(NamedTuple):
    """What a value must be to be strict enough."""

    #: Completes the sentence "It allows".
    allowed: str
    #: Returns whether it is; called with the field of ``Config``.
    allows: Callable[[Any], bool]
    #: The key that demands it.
    by: str = _STRICT


class TimeLimits(NamedTuple):
    """The longest that a session may be unused, and the longest that it may last."""

    idle: timedelta
    absolute: timedelta


def _only(value: object) -> Rule:
    return Rule(f"only {value!r}", lambda given: bool(given == value))


def _limited() -> Rule:
    """Return the rule for a number that ``Config`` has as infinite if there is no limit."""
    return Rule("any value but None", lambda limit: limit is not None and limit != inf)


def _up_to(limit: timedelta, by: str = _STRICT, *, or_none: bool = False) -> Rule:
    """Return the rule for an age, which ``Config`` has in milliseconds."""
    longest = AGE.parse(limit)
    return Rule(
        f"up to {longest // 1000} seconds" + (", or None" if or_none else ""),
        lambda age: or_none if age is None else age <= longest,
        by,
    )


def _up_to_default(key: str) -> Rule:
    return _up_to(_strict_default(key))


def _strict_default(key: str) -> Any:
    return _BY_KEY[key].defaults["strict"]


RULES: Final[dict[str, Rule]] = {
    "SESSION_STORE": Rule(
        "no 'cookie', whose sessions have no hashed ids and no absolute timeout",
        lambda store: store != "cookie",
    ),
    "SESSION_HASH_IDS": _only(True),
    "SESSION_ENCRYPTION_KEYS": Rule(
        "random keys and no None",
        lambda keys: keys is None or not any(key is None or is_guessable(key) for key in keys),
    ),
    "SESSION_GENID": Rule("only None", lambda genid: genid is generate_id_for),
    "SESSION_COOKIE_NAME": Rule(
        "only names that begin with '__Host-'", lambda name: name.startswith("__Host-")
    ),
    "SESSION_COOKIE_PATH": _only("/"),
    "SESSION_COOKIE_DOMAIN": _only(None),
    "SESSION_COOKIE_HTTPONLY": _only(True),
    "SESSION_COOKIE_SECURE": _only(True),
    "SESSION_COOKIE_SAMESITE": Rule(
        "only 'Lax' and 'Strict'", lambda value: str(value).lower() in ("lax", "strict", "true")
    ),
    "SESSION_COOKIE_OPTIONS": _only(None),
    "SESSION_SAVE_UNINITIALIZED": _only(False),
    "SESSION_DESTROY_EMPTY": _only(True),
    "SESSION_CLEAR_COOKIE": _only(True),
    "SESSION_ADOPT": Rule(
        "no 'flask-session-pickle'", lambda kinds: "flask-session-pickle" not in kinds
    ),
    "SESSION_ADOPT_STEP": _only("switch"),
    "SESSION_FLASK_LOGIN": Rule("True and functions", lambda value: value is not False),
    "SESSION_RECORD_CLIENT": _only(True),
    "SESSION_CACHE_CONTROL": _only("no-store"),
    "SESSION_CONCURRENCY": Rule("'merge' and 'reject'", lambda value: value != "overwrite"),
    "SESSION_REGENERATE_GRACE": _up_to_default("SESSION_REGENERATE_GRACE"),
    "SESSION_FIRST_LIFETIME": _limited(),
    "SESSION_MAX_BYTES": _limited(),
    "SESSION_MAX_MEMBERS": _limited(),
    "SESSION_STORE_ERROR": _only("raise"),
    "SESSION_BREAKER": _limited(),
}

#: NIST SP 800-63B-4 §2.1.3, §2.2.3 and §2.3.3. Level 1 limits idle sessions only by the
#: absolute timeout.
LEVELS: Final[dict[int, TimeLimits]] = {
    1: TimeLimits(timedelta(days=30), timedelta(days=30)),
    2: TimeLimits(timedelta(hours=1), timedelta(hours=24)),
    3: TimeLimits(timedelta(minutes=15), timedelta(hours=12)),
}
_OF_STRICT: Final = TimeLimits(
    _strict_default("SESSION_IDLE_TIMEOUT"), _strict_default("SESSION_ABSOLUTE_TIMEOUT")
)
_MAX_AGE: Final = "SESSION_COOKIE_MAX_AGE"
_NAME: Final = "SESSION_COOKIE_NAME"
#: A session whose cookie has a max age lasts that long without use.
_IDLE: Final = ("SESSION_IDLE_TIMEOUT", "PERMANENT_SESSION_LIFETIME", _MAX_AGE)
TIMES: Final = (*_IDLE, "SESSION_ABSOLUTE_TIMEOUT")
#: What the strict profile has for sessions in cookies in place of its defaults.
_IN_COOKIES: Final = {"SESSION_HASH_IDS": False, "SESSION_ABSOLUTE_TIMEOUT": None}
#: The keys of secrets, which are checked when they are used.
_SECRETS: Final = ("SECRET_KEY", "SESSION_SECRET")
_LIMITED: Final = (*RULES, *TIMES, *_SECRETS)


class Demands:
    """What a config demands of its own values.

    :raises ConfigError: if ``SESSION_ASSURANCE_LEVEL`` or ``SESSION_EXCEPTIONS`` has a value
        that is not allowed.
    """

    def __init__(self, config: Mapping[str, Any], profile: str) -> None:
        self._profile = profile
        self._excepted: tuple[str, ...] = EXCEPTIONS.read(config, profile)
        _refuse_other_keys(self._excepted)
        self._level: int | None = LEVEL.read(config, profile)
        flasks = [key for key, option in _BY_KEY.items() if not option.is_set(config)]
        unset = {key for key in flasks if key not in self._excepted}
        given = {key: value for key, value in config.items() if key not in unset}
        is_in_cookies = profile == "strict" and config.get("SESSION_STORE") == "cookie"
        defaults = self._shorter_defaults() | (_IN_COOKIES if is_in_cookies else {})
        #: The config without the values that Flask gave its keys, and with the defaults that
        #: differ here. Only an exception shows that the application chose Flask's value.
        self.given: dict[str, Any] = defaults | given

    def check(self, values: Mapping[str, Any], cookie_flaw: str | None) -> None:
        """Refuse values that are weaker than demanded; warn about needless exceptions.

        :param values: the fields of ``Config``.
        :param cookie_flaw: why browsers drop the cookie, which another name may mend.
        :raises ConfigError: naming each key, its value and what is allowed.
        """
        weaker = dict(self._weaker(values))
        if cookie_flaw is not None and self._profile == "strict":
            weaker.setdefault(_NAME, f"No browser keeps the session cookie: {cookie_flaw}.")
        refused = [key for key in weaker if key not in self._excepted]
        if refused:
            them = "it" if len(refused) == 1 else "them"
            remedy = f"SESSION_EXCEPTIONS = {[*self._excepted, *refused]} permits {them}."
            raise ConfigError(" ".join([*map(weaker.__getitem__, refused), remedy]))
        is_definite = values["cookie_per_request"] is None
        checked_later = _SECRETS if is_definite else (*_SECRETS, _MAX_AGE)
        for key in self._excepted:
            if key not in weaker and key not in checked_later:
                warn(
                    f"SESSION_EXCEPTIONS names {key}, whose value needs no exception. Remove it:"
                    " it would permit a weaker value later."
                )

    def _weaker(self, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield each key whose value is weaker than allowed, and a sentence that says so."""
        for key, rule in rules_of(self._profile, self._level).items():
            option = _BY_KEY[key]
            if not rule.allows(values[option.field]):
                shown = option.shown(self.given.get(key))
                yield key, f"{key} is {shown}; {rule.by} allows {rule.allowed}."

    def _shorter_defaults(self) -> dict[str, Any]:
        shorter = {}
        for key, (limit, _) in _limits(self._profile, self._level).items():
            default = _BY_KEY[key].defaults[self._profile]
            if key != _MAX_AGE:
                shorter[key] = limit if default is None else min(default, limit)
        return shorter


def rules_of(profile: str, level: int | None) -> dict[str, Rule]:
    """Return the rule of each key that the profile or the assurance level limits."""
    rules = dict(RULES) if profile == "strict" else {}
    for key, (limit, by) in _limits(profile, level).items():
        rules[key] = _up_to(limit, by, or_none=key == _MAX_AGE)
    return rules


def refuse_a_longer_age(config: Config, age: int | None) -> None:
    """Refuse a max age that ``SESSION_COOKIE_OPTIONS`` returned, if it is beyond the limit.

    :param age: in milliseconds.
    :raises ConfigError: naming the age and what is allowed.
    """
    limit = _limits(config.profile, config.assurance_level).get(_MAX_AGE)
    if age is None or limit is None or _MAX_AGE in config.exceptions:
        return
    rule = _up_to(*limit, or_none=True)
    if rule.allows(age):
        return
    exceptions = [*config.exceptions, _MAX_AGE]
    raise ConfigError(
        f"SESSION_COOKIE_OPTIONS returned a max_age of {age / 1000:.10g} seconds; {rule.by} allows"
        f" {rule.allowed}. SESSION_EXCEPTIONS = {exceptions} permits it."
    )


def _limits(profile: str, level: int | None) -> dict[str, tuple[timedelta, str]]:
    """Return the limit of each key that has a time, and which key sets it."""
    limits = {_STRICT: _OF_STRICT} if profile == "strict" else {}
    if level is not None:
        limits[f"SESSION_ASSURANCE_LEVEL {level}"] = LEVELS[level]
    if not limits:
        return {}
    idle = min((times.idle, key) for key, times in limits.items())
    absolute = min((times.absolute, key) for key, times in limits.items())
    return dict.fromkeys(_IDLE, idle) | {"SESSION_ABSOLUTE_TIMEOUT": absolute}


def _refuse_other_keys(excepted: tuple[str, ...]) -> None:
    for key in excepted:
        if key not in _LIMITED:
            near = [] if key in _BY_KEY else get_close_matches(key, _LIMITED, n=1)
            hint = f"; did you mean {near[0]}?" if near else "."
            raise ConfigError(
                f"SESSION_EXCEPTIONS names {key!r}, which no profile and no level limits{hint}"
            )
