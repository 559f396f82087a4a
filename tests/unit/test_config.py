from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from datetime import timedelta
from typing import Any

import pytest

from flask_serversession.config import Config
from flask_serversession.config import secrets_from
from flask_serversession.config.options import DEFAULTS
from flask_serversession.cookies.options import CookieOptions
from flask_serversession.errors import ConfigError
from flask_serversession.errors import MissingSecret
from flask_serversession.format.merge import keep_mine
from flask_serversession.sessions.policy import SavePolicy

SECOND = 1000
DAY = 24 * 60 * 60 * SECOND

#: The defaults that Flask 3 puts into every config.
FLASKS_DEFAULTS = {
    "SECRET_KEY": None,
    "SECRET_KEY_FALLBACKS": None,
    "PERMANENT_SESSION_LIFETIME": timedelta(days=31),
    "APPLICATION_ROOT": "/",
    "SESSION_COOKIE_NAME": "session",
    "SESSION_COOKIE_DOMAIN": None,
    "SESSION_COOKIE_PATH": None,
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SECURE": False,
    "SESSION_COOKIE_PARTITIONED": False,
    "SESSION_COOKIE_SAMESITE": None,
    "SESSION_REFRESH_EACH_REQUEST": True,
}


def read(**given: Any) -> Config:
    return Config.from_mapping(FLASKS_DEFAULTS | given)


def test_without_any_key_the_profile_is_flask() -> None:
    config = read()

    assert config.profile == "flask"
    assert config.store == "memory"
    assert config.store_options == {}
    assert config.secret is None
    assert config.cookie_name == "session"
    assert config.cookie == CookieOptions()
    assert config.cookie_per_request is None
    assert config.proxy is None
    assert config.policy == SavePolicy(
        resave=False,
        save_uninitialized=False,
        rolling=None,
        unset="keep",
        touch="accessed",
        destroy_empty=True,
        clear_cookie=True,
        cookie_counts=True,
    )
    assert config.concurrency == "merge"
    assert config.resolve is keep_mine
    assert config.idle_timeout == DAY
    assert config.permanent_lifetime == 31 * DAY
    assert config.touch_interval is None
    assert config.genid(None) != config.genid(None)


def test_the_express_profile_has_express_sessions_defaults() -> None:
    config = read(SESSION_PROFILE="express")

    assert config.profile == "express"
    assert config.cookie_name == "connect.sid"
    assert config.cookie == CookieOptions()
    assert config.policy == SavePolicy(
        resave=True,
        save_uninitialized=True,
        rolling=False,
        unset="keep",
        touch="always",
        destroy_empty=False,
        clear_cookie=False,
        cookie_counts=False,
    )
    assert config.concurrency == "overwrite"
    assert config.touch_interval == 0


def test_a_key_that_the_application_sets_overrides_its_profile() -> None:
    config = read(
        SESSION_PROFILE="express",
        SESSION_COOKIE_NAME="sid",
        SESSION_RESAVE=False,
        SESSION_CONCURRENCY="reject",
        SESSION_TOUCH_INTERVAL=None,
    )

    assert config.cookie_name == "sid"
    assert config.policy.resave is False
    assert config.concurrency == "reject"
    assert config.touch_interval is None


def test_a_config_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        read().proxy = True  # type: ignore[misc]


def answer(*question: Any) -> Any: ...


@pytest.mark.parametrize(
    ("key", "value", "attribute", "read_as"),
    [
        ("SESSION_STORE_OPTIONS", {"prefix": "app:"}, "store_options", {"prefix": "app:"}),
        ("SESSION_SECRET", "one", "secret", ("one",)),
        ("SESSION_SECRET", b"one", "secret", (b"one",)),
        ("SESSION_SECRET", ["new", b"old"], "secret", ("new", b"old")),
        ("SESSION_SECRET", ("new", "old"), "secret", ("new", "old")),
        ("SESSION_COOKIE_OPTIONS", answer, "cookie_per_request", answer),
        ("SESSION_GENID", answer, "genid", answer),
        ("SESSION_MERGE", answer, "resolve", answer),
        ("SESSION_PROXY", True, "proxy", True),
        ("SESSION_PROXY", False, "proxy", False),
        ("SESSION_IDLE_TIMEOUT", 60, "idle_timeout", 60 * SECOND),
        ("SESSION_IDLE_TIMEOUT", timedelta(hours=1), "idle_timeout", 3600 * SECOND),
        ("PERMANENT_SESSION_LIFETIME", 60, "permanent_lifetime", 60 * SECOND),
        ("SESSION_TOUCH_INTERVAL", 0, "touch_interval", 0),
        ("SESSION_TOUCH_INTERVAL", 1.5, "touch_interval", 1500),
    ],
)
def test_a_key_is_read_as_documented(
    key: str, value: object, attribute: str, read_as: object
) -> None:
    assert getattr(read(**{key: value}), attribute) == read_as


@pytest.mark.parametrize(
    ("key", "value", "attribute", "read_as"),
    [
        ("SESSION_COOKIE_PATH", "/app", "path", "/app"),
        ("APPLICATION_ROOT", "/root", "path", "/root"),
        ("SESSION_COOKIE_DOMAIN", "example.com", "domain", "example.com"),
        ("SESSION_COOKIE_DOMAIN", False, "domain", None),
        ("SESSION_COOKIE_SECURE", True, "secure", True),
        ("SESSION_COOKIE_SECURE", "auto", "secure", "auto"),
        ("SESSION_COOKIE_HTTPONLY", False, "httponly", False),
        ("SESSION_COOKIE_SAMESITE", "Strict", "samesite", "Strict"),
        ("SESSION_COOKIE_SAMESITE", "auto", "samesite", "auto"),
        ("SESSION_COOKIE_PARTITIONED", True, "partitioned", True),
        ("SESSION_COOKIE_PRIORITY", "high", "priority", "high"),
        ("SESSION_COOKIE_MAX_AGE", 60, "max_age", 60 * SECOND),
        ("SESSION_COOKIE_MAX_AGE", timedelta(days=1), "max_age", DAY),
    ],
)
def test_a_key_of_the_cookie_is_read_as_documented(
    key: str, value: object, attribute: str, read_as: object
) -> None:
    assert getattr(read(**{key: value}).cookie, attribute) == read_as


@pytest.mark.parametrize(
    ("key", "value", "attribute"),
    [
        ("SESSION_RESAVE", True, "resave"),
        ("SESSION_SAVE_UNINITIALIZED", True, "save_uninitialized"),
        ("SESSION_ROLLING", True, "rolling"),
        ("SESSION_UNSET", "destroy", "unset"),
        ("SESSION_TOUCH", "always", "touch"),
        ("SESSION_DESTROY_EMPTY", False, "destroy_empty"),
        ("SESSION_CLEAR_COOKIE", False, "clear_cookie"),
    ],
)
def test_a_key_of_the_policy_is_read_as_documented(
    key: str, value: object, attribute: str
) -> None:
    assert getattr(read(**{key: value}).policy, attribute) == value


def test_the_cookies_path_overrides_the_applications_root() -> None:
    assert read(APPLICATION_ROOT="/root", SESSION_COOKIE_PATH="/app").cookie.path == "/app"


def test_session_refresh_each_request_turns_rolling_off_unless_it_is_set() -> None:
    assert read(SESSION_REFRESH_EACH_REQUEST=False).policy.rolling is False
    assert read(SESSION_REFRESH_EACH_REQUEST=False, SESSION_ROLLING=True).policy.rolling is True
    assert read(SESSION_REFRESH_EACH_REQUEST=True).policy.rolling is None


class Odd:
    pass


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("SESSION_PROFILE", "django", "'django'"),
        ("SESSION_STORE_OPTIONS", ["prefix"], "list"),
        ("SESSION_COOKIE_NAME", "two words", "'two words'"),
        ("SESSION_COOKIE_NAME", None, " None"),
        ("SESSION_COOKIE_PATH", "/;", "'/;'"),
        ("SESSION_COOKIE_DOMAIN", "a b", "'a b'"),
        ("SESSION_COOKIE_HTTPONLY", "yes", "'yes'"),
        ("SESSION_COOKIE_SECURE", None, " None"),
        ("SESSION_COOKIE_SECURE", "always", "'always'"),
        ("SESSION_COOKIE_SAMESITE", "sideways", "'sideways'"),
        ("SESSION_COOKIE_PARTITIONED", 1, "1"),
        ("SESSION_COOKIE_PRIORITY", "urgent", "'urgent'"),
        ("SESSION_COOKIE_MAX_AGE", "3600", "'3600'"),
        ("SESSION_COOKIE_MAX_AGE", float("inf"), "inf"),
        ("SESSION_COOKIE_MAX_AGE", timedelta.max, "timedelta"),
        ("SESSION_COOKIE_OPTIONS", {"path": "/"}, "dict"),
        ("SESSION_GENID", "uuid4", "'uuid4'"),
        ("SESSION_PROXY", 1, "1"),
        ("SESSION_RESAVE", None, " None"),
        ("SESSION_SAVE_UNINITIALIZED", "no", "'no'"),
        ("SESSION_ROLLING", 1, "1"),
        ("SESSION_UNSET", "Keep", "'Keep'"),
        ("SESSION_IDLE_TIMEOUT", 0, "0"),
        ("SESSION_IDLE_TIMEOUT", None, " None"),
        ("SESSION_IDLE_TIMEOUT", float("nan"), "nan"),
        ("SESSION_IDLE_TIMEOUT", 1e300, "1e+300"),
        ("SESSION_TOUCH", True, "True"),
        ("SESSION_TOUCH_INTERVAL", -1, "-1"),
        ("SESSION_TOUCH_INTERVAL", [], "[]"),
        ("SESSION_ADOPT", ["flask_session"], "['flask_session']"),
        ("SESSION_CONCURRENCY", None, " None"),
        ("SESSION_MERGE", Odd(), "Odd"),
        ("SESSION_DESTROY_EMPTY", 0, "0"),
        ("SESSION_CLEAR_COOKIE", {}, "dict"),
        ("APPLICATION_ROOT", "/ä", "'/ä'"),
        ("PERMANENT_SESSION_LIFETIME", None, " None"),
        ("PERMANENT_SESSION_LIFETIME", -1, "-1"),
        ("PERMANENT_SESSION_LIFETIME", timedelta.max, "timedelta"),
    ],
)
def test_a_value_that_is_not_allowed_raises_with_key_value_and_what_is_allowed(
    key: str, value: object, shown: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read(**{key: value})

    message = str(caught.value)
    assert key in message
    assert shown in message
    assert "must be" in message


@pytest.mark.parametrize("secret", ["", b"", [], (), [""], ["good", None], 42, {"good"}])
def test_an_invalid_secret_is_refused_and_not_shown(secret: object) -> None:
    with pytest.raises(ConfigError, match="SESSION_SECRET must be a non-empty") as caught:
        read(SESSION_SECRET=secret)

    assert "good" not in str(caught.value)
    assert "42" not in str(caught.value)


def test_flasks_secret_key_signs_and_its_fallbacks_verify() -> None:
    assert secrets_from({"SECRET_KEY": "new"}, None) == ("new",)
    assert secrets_from({"SECRET_KEY": "new", "SECRET_KEY_FALLBACKS": ["old"]}, None) == (
        "new",
        "old",
    )


def test_session_secret_replaces_flasks_keys() -> None:
    config = {"SECRET_KEY": "flask's", "SECRET_KEY_FALLBACKS": ["older"]}

    assert secrets_from(config, ("own",)) == ("own",)


@pytest.mark.parametrize("config", [{}, {"SECRET_KEY": None}, {"SECRET_KEY": ""}])
def test_without_a_secret_the_error_says_what_to_set(config: dict[str, Any]) -> None:
    with pytest.raises(MissingSecret, match=r"app\.secret_key .* SESSION_SECRET"):
        secrets_from(config, None)


def test_a_secret_key_of_another_type_is_refused() -> None:
    with pytest.raises(ConfigError, match="SECRET_KEY is of type int"):
        secrets_from({"SECRET_KEY": 1234567}, None)


def test_the_repr_shows_neither_secrets_nor_the_store() -> None:
    shown = repr(
        read(
            SESSION_SECRET="planted",
            SESSION_STORE="redis://:planted@localhost",
            SESSION_STORE_OPTIONS={"password": "planted"},
        )
    )

    assert "planted" not in shown


def warning_about(key: str) -> str:
    with pytest.warns(UserWarning, match=key) as caught:
        read(**{key: "anything"})

    [one] = caught
    assert one.filename == __file__  # where the configuration is read
    return str(one.message)


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("SESSION_STOER", "SESSION_STORE"),
        ("SESSION_COOKIE_SAME_SITE", "SESSION_COOKIE_SAMESITE"),
        ("SESSION_SAVE_UNINITIALISED", "SESSION_SAVE_UNINITIALIZED"),
        ("SESSION_MAX_AGE", "SESSION_COOKIE_MAX_AGE"),
        ("session_profile", "SESSION_PROFILE"),
    ],
)
def test_a_misspelt_key_warns_and_suggests_the_nearest_one(key: str, near: str) -> None:
    assert warning_about(key).endswith(f"did you mean {near}?")


@pytest.mark.parametrize("key", ["SESSION_PROTECTION", "SESSION_TTL", "SESSION_", "STORE"])
def test_a_key_of_another_extension_does_not_warn(key: str) -> None:
    read(**{key: "anything"})


@pytest.mark.parametrize(
    ("key", "equivalent"),
    [
        ("SESSION_TYPE", "SESSION_STORE, with a URL"),
        ("SESSION_REDIS", "SESSION_STORE = the client"),
        ("SESSION_PERMANENT", "SESSION_COOKIE_MAX_AGE"),
        ("SESSION_KEY_PREFIX", "SESSION_STORE_OPTIONS"),
        ("SESSION_USE_SIGNER", "nothing"),
        ("SESSION_SQLALCHEMY_TABLE", "{'table': …}"),
    ],
)
def test_a_key_of_flask_session_warns_and_names_its_equivalent(key: str, equivalent: str) -> None:
    message = warning_about(key)

    assert "is Flask-Session's" in message
    assert equivalent in message


def test_no_known_key_warns() -> None:
    given: dict[str, Callable[..., Any] | Any] = {
        key: default["flask"] for key, default in DEFAULTS.items() if default["flask"] is not None
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(**given, DEBUG=True, SOMETHING_ELSE=1)
