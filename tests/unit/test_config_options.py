"""The table of options matches the fields of ``Config``."""

from __future__ import annotations

import math
from dataclasses import fields
from datetime import date
from datetime import timedelta
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

import pytest

from flask_serversession.config import Config
from flask_serversession.config import SavePolicy
from flask_serversession.config.options import FLASKS_OPTIONS
from flask_serversession.config.options import Option
from flask_serversession.config.options import OPTIONS
from flask_serversession.cookies.options import CookieOptions
from flask_serversession.errors import ConfigError

#: Derived from the profile and other keys.
WITHOUT_A_KEY = {"policy.cookie_counts", "cookie.protective", "renewed_cookie"}


def names_of(kind: Any, prefix: str = "") -> set[str]:
    names = getattr(kind, "_fields", None) or [field.name for field in fields(kind)]
    return {prefix + name for name in names}


def test_each_field_of_config_has_an_option_and_each_option_a_field() -> None:
    of_config = names_of(Config) - {"cookie", "policy"}
    nested = names_of(CookieOptions, "cookie.") | names_of(SavePolicy, "policy.")

    assert {option.field for option in (*OPTIONS, *FLASKS_OPTIONS)} == (
        of_config | nested
    ) - WITHOUT_A_KEY


def test_no_two_options_have_the_same_key_or_field() -> None:
    keys = [option.key for option in (*OPTIONS, *FLASKS_OPTIONS)]

    assert len({*keys}) == len(keys)
    assert len({option.field for option in OPTIONS}) == len(OPTIONS)


@pytest.mark.parametrize("option", [*OPTIONS, *FLASKS_OPTIONS], ids=lambda option: option.key)
def test_a_default_is_read_like_the_same_value_set_by_the_application(option: Option) -> None:
    for profile, default in option.defaults.items():
        assert option.read({}, profile) == option.read({option.key: default}, profile)


@pytest.mark.parametrize(
    ("key", "value", "hint"),
    [
        ("SESSION_IDLE_TIMEOUT", "3600", "It is text"),
        ("SESSION_RESAVE", "True", "write JSON for app.config.from_prefixed_env()."),
        ("SESSION_ADOPT", ["Flask"], "SESSION_ADOPT is ['Flask']; it must be"),
        ("SESSION_STORE_OPTIONS", "{'prefix': 'app:'}", "It is text"),
        ("SESSION_RESAVE", None, "Without the key its default applies."),
        ("SESSION_COOKIE_PATH", PurePosixPath("/shop"), "Give str() of the path."),
        ("SESSION_SECRET", 12345, "from_prefixed_env"),
        ("SESSION_COOKIE_SAMESITE", "lacks", "'auto'"),
    ],
)
def test_an_error_says_how_a_value_of_the_wrong_type_may_have_got_there(
    key: str, value: object, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_mapping({key: value})

    assert hint in str(caught.value)


@pytest.mark.parametrize("value", ["soon", "[", "None of these"])
def test_text_that_is_no_allowed_value_gets_no_hint(value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_mapping({"SESSION_IDLE_TIMEOUT": value})

    assert str(caught.value).endswith("up to a thousand years.")


@pytest.mark.parametrize(
    ("config", "shown"),
    [
        ({"SESSION_SECRET": [b"planted", 5]}, "of type list"),
        ({"SESSION_STORE_OPTIONS": "password=planted"}, "of type str"),
    ],
)
def test_an_error_about_a_secret_shows_its_type_only(config: dict[str, Any], shown: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_mapping(config)

    assert shown in str(caught.value)
    assert "planted" not in str(caught.value)


AGES = (
    "PERMANENT_SESSION_LIFETIME",
    "SESSION_BREAKER_PAUSE",
    "SESSION_COOKIE_MAX_AGE",
    "SESSION_FIRST_LIFETIME",
    "SESSION_IDLE_TIMEOUT",
    "SESSION_REGENERATE_GRACE",
    "SESSION_TOUCH_INTERVAL",
)


@pytest.mark.parametrize("key", AGES)
@pytest.mark.parametrize(
    "value",
    [
        *(10**12, -(10**12), 1e308, math.nan, math.inf, -math.inf, "3600", b"60", True, [60]),
        pytest.param(10**5000, id="more digits than Python prints"),
        *(timedelta.max, timedelta.min, date.max, Decimal(60), 1j),
    ],
)
def test_an_age_that_is_not_allowed_is_refused_with_its_key_and_what_is_allowed(
    key: str, value: object
) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_mapping({key: value})

    assert str(caught.value).startswith(f"{key} is ")
    assert "it must be a" in str(caught.value)
    assert "up to a thousand years" in str(caught.value)


def test_an_error_names_the_key_the_value_and_what_is_allowed() -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_mapping({"SESSION_CONCURRENCY": "merged"})

    assert str(caught.value) == (
        "SESSION_CONCURRENCY is 'merged'; it must be 'merge', 'overwrite' or 'reject'."
    )
