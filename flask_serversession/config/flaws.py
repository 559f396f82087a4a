"""Settings that work, and that a deployment should not have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from typing import TYPE_CHECKING

from ..errors import ConfigError

if TYPE_CHECKING:
    from . import Config
    from . import Secrets

#: In bytes.
_SHORTEST_SECRET, _SHORTEST_STRICT_SECRET = 16, 32
#: Parts of secrets that were written to be replaced, without case and punctuation.
_PLACEHOLDERS: Final = (
    "changeme",
    "changethis",
    "replaceme",
    "keyboardcat",
    "yoursecret",
    "secretkey",
    "supersecret",
    "notasecret",
    "placeholder",
    "onlyfor",
)
#: The keys that Flask's documentation shows.
_PUBLISHED: Final = (
    b"192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
    b'_5#y2L"F4Q8z\n\xec]/',
)
#: The encryption key that this package's documentation shows.
_PUBLISHED_KEY: Final = bytes.fromhex(
    "3a7f1c0d94b2e6587f0a1b2c3d4e5f60718293a4b5c6d7e8f9012345678abcde"
)
#: A random key has at least this many different bytes, except one in 10^36.
_FEWEST_BYTES: Final = 8
#: Sixteen random hexadecimal digits have at least this many different ones, except one secret in
#: a million.
_FEWEST_CHARACTERS: Final = 5
_A_RANDOM_ONE = (
    "anyone who guesses it can sign cookies. Use the output of"
    " python -c 'import secrets; print(secrets.token_hex(32))'."
)

_SECOND, _MINUTE, _DAY = 1000, 60_000, 86_400_000
#: Browsers cut longer ages (RFC 6265bis §5.5).
_LONGEST_AGE = 400 * _DAY
#: From this age on, a number that is whole minutes in milliseconds, but not whole days in seconds,
#: is likely to be milliseconds.
_SUSPICIOUS_AGE = 10 * _DAY


def flaws_of(config: Config) -> Iterator[str]:
    """Yield what is wrong with the options, a sentence each, naming the key."""
    yield from _flaws_of_ages(config)
    interval = config.touch_interval or 0
    if interval * 2 > config.idle_timeout:
        yield (
            "SESSION_TOUCH_INTERVAL is longer than half of SESSION_IDLE_TIMEOUT: a session ends"
            " although it was used shortly before."
        )
    if config.absolute_timeout is not None and config.idle_timeout > config.absolute_timeout:
        yield (
            "SESSION_IDLE_TIMEOUT is longer than SESSION_ABSOLUTE_TIMEOUT, so it ends no session."
        )
    for place, secret in enumerate(config.encryption_keys or (), start=1):
        if secret and is_guessable(secret):
            yield (
                f"Key {place} of SESSION_ENCRYPTION_KEYS is not random. Use the output of"
                " python -c 'import secrets; print(secrets.token_hex(32))'."
            )


def is_guessable(key: bytes) -> bool:
    """Return whether an encryption key was not made at random, as far as its bytes show."""
    return len(set(key)) < _FEWEST_BYTES or key == _PUBLISHED_KEY


def _flaws_of_ages(config: Config) -> Iterator[str]:
    cookies = {
        "SESSION_COOKIE_MAX_AGE": config.cookie.max_age or 0,
        "PERMANENT_SESSION_LIFETIME": config.permanent_lifetime,
    }
    ages = cookies | {
        "SESSION_IDLE_TIMEOUT": config.idle_timeout,
        "SESSION_ABSOLUTE_TIMEOUT": config.absolute_timeout or 0,
        "SESSION_FIRST_LIFETIME": config.first_lifetime or 0,
    }
    for key, age in ages.items():
        if _looks_like_milliseconds(age):
            yield f"{key} is {_days(age)}: it is in seconds, but looks like milliseconds."
        elif 0 < age < _MINUTE:
            yield f"{key} is {age / _SECOND:g} seconds, which looks like a number of minutes."
        elif key in cookies and age > _LONGEST_AGE:
            yield f"{key} is {_days(age)}: browsers keep a cookie for at most 400 days."


def flaws_of_secrets(config: Config, secrets: Secrets, *, key: str) -> Iterator[str]:
    """Yield why secrets are easy to guess, without showing them.

    :param key: where they are set.
    :raises ConfigError: for the first flaw in the strict profile, unless ``key`` is an exception.
    """
    is_strict = config.profile == "strict" and key not in config.exceptions
    shortest = _SHORTEST_STRICT_SECRET if is_strict else _SHORTEST_SECRET
    for flaw in _flaws_of_secrets(config, secrets, key, shortest):
        if is_strict:
            exceptions = [*config.exceptions, key]
            raise ConfigError(f"{flaw} SESSION_EXCEPTIONS = {exceptions} permits it.")
        yield flaw


def _flaws_of_secrets(config: Config, secrets: Secrets, key: str, shortest: int) -> Iterator[str]:
    encrypts = [each.hex() for each in config.encryption_keys or () if each]
    for place, secret in enumerate(secrets):
        name = "SECRET_KEY_FALLBACKS" if place and key == "SECRET_KEY" else key
        content = secret.encode() if isinstance(secret, str) else secret
        letters = "".join(filter(str.isalnum, content.decode(errors="ignore").lower()))
        if len(content) < shortest:
            yield (
                f"{name} has a secret of {len(content)} bytes, fewer than {shortest}:"
                f" {_A_RANDOM_ONE}"
            )
        elif content.startswith(b"[") and content.endswith(b"]"):
            yield f"{name} is text that looks like a list; give a list to use several secrets."
        elif content.hex() in encrypts or letters in encrypts:
            yield (
                f"{name} has a secret that is one of SESSION_ENCRYPTION_KEYS: if one leaks, both"
                " have. Use another random value."
            )
        elif len(set(content)) < _FEWEST_CHARACTERS:
            yield f"{name} has a secret that repeats a few characters: {_A_RANDOM_ONE}"
        elif content in _PUBLISHED or any(word in letters for word in _PLACEHOLDERS):
            yield f"{name} has a secret that looks like a placeholder: {_A_RANDOM_ONE}"


def _looks_like_milliseconds(age: int) -> bool:
    seconds = age // _SECOND
    is_whole_days = age % _DAY == 0 and age <= _LONGEST_AGE
    return age >= _SUSPICIOUS_AGE and seconds % 60_000 == 0 and not is_whole_days


def _days(age: int) -> str:
    return f"{age / _DAY:.0f} days"
