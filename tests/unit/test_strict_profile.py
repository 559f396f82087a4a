"""What the strict profile and the assurance levels allow, row by row."""

from __future__ import annotations

import warnings
from datetime import timedelta
from typing import Any

import pytest

from flask_serversession.config import Config
from flask_serversession.config.flaws import flaws_of
from flask_serversession.config.flaws import flaws_of_secrets
from flask_serversession.config.options import FLASKS_OPTIONS
from flask_serversession.config.options import OPTIONS
from flask_serversession.config.strict import RULES
from flask_serversession.errors import ConfigError

from .test_config import FLASKS_DEFAULTS

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MS = timedelta(milliseconds=1)
LONG_SECRET = "f1d29c04" * 8

#: key -> a value that is too weak, one that is at least as strict as the default.
ROWS: dict[str, tuple[Any, Any]] = {
    "SESSION_STORE": ("cookie", "memory"),
    "SESSION_HASH_IDS": ("switch", True),
    "SESSION_ENCRYPTION_KEYS": (["0123456789abcdef" * 4, None], ["0123456789abcdef" * 4]),
    "SESSION_GENID": (lambda request: "an id", None),
    "SESSION_COOKIE_NAME": ("__Secure-session", "__Host-Http-sid"),
    "SESSION_COOKIE_PATH": ("/shop", "/"),
    "SESSION_COOKIE_DOMAIN": ("example.com", None),
    "SESSION_COOKIE_HTTPONLY": (False, True),
    "SESSION_COOKIE_SECURE": ("auto", True),
    "SESSION_COOKIE_SAMESITE": ("None", "strict"),
    "SESSION_COOKIE_OPTIONS": (lambda request: {}, None),
    "SESSION_COOKIE_MAX_AGE": (HOUR + MS, HOUR),
    "SESSION_SAVE_UNINITIALIZED": (True, False),
    "SESSION_DESTROY_EMPTY": (False, True),
    "SESSION_CLEAR_COOKIE": (False, True),
    "SESSION_IDLE_TIMEOUT": (3601, 5 * MINUTE),
    "SESSION_ABSOLUTE_TIMEOUT": (None, HOUR),
    "PERMANENT_SESSION_LIFETIME": (HOUR + MS, HOUR),
    "SESSION_ADOPT": (["flask", "flask-session-pickle"], ["flask"]),
    "SESSION_ADOPT_STEP": ("prepare", "switch"),
    "SESSION_FLASK_LOGIN": (False, str),
    "SESSION_RECORD_CLIENT": (False, True),
    "SESSION_CACHE_CONTROL": (None, "no-store"),
    "SESSION_CONCURRENCY": ("overwrite", "reject"),
    "SESSION_REGENERATE_GRACE": (6, 0),
    "SESSION_FIRST_LIFETIME": (None, HOUR / 2),
    "SESSION_MAX_BYTES": (None, 10_000),
    "SESSION_MAX_MEMBERS": (None, 10),
    "SESSION_STORE_ERROR": ("null", "raise"),
    "SESSION_BREAKER": (None, 1),
}


#: key -> the keys that need an exception with it.
TOGETHER: dict[str, list[str]] = {
    "SESSION_STORE": ["SESSION_HASH_IDS", "SESSION_ABSOLUTE_TIMEOUT"],
    "SESSION_COOKIE_PATH": ["SESSION_COOKIE_NAME"],
    "SESSION_COOKIE_DOMAIN": ["SESSION_COOKIE_NAME"],
}


def read(profile: str = "strict", **given: Any) -> Config:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return Config.from_mapping(FLASKS_DEFAULTS | {"SESSION_PROFILE": profile} | given)


def refusal(**given: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        read(**given)
    return str(caught.value)


def test_each_rule_has_a_row_here() -> None:
    assert RULES.keys() <= ROWS.keys()


@pytest.mark.parametrize("option", [*OPTIONS[1:], *FLASKS_OPTIONS], ids=lambda option: option.key)
def test_each_default_of_the_strict_profile_is_strict_enough(option: Any) -> None:
    default = option.defaults["strict"]

    assert read(**{option.key: default}) == read()


@pytest.mark.parametrize(("key", "weaker"), [(key, row[0]) for key, row in ROWS.items()])
def test_a_weaker_value_is_refused_with_its_key_and_the_exceptions_that_permit_it(
    key: str, weaker: Any
) -> None:
    message = refusal(**{key: weaker})

    assert message.startswith(f"{key} is ")
    assert "; SESSION_PROFILE 'strict' allows " in message
    names = [key, *TOGETHER.get(key, [])]
    them = "it" if len(names) == 1 else "them"
    assert message.endswith(f"SESSION_EXCEPTIONS = {names} permits {them}.")


@pytest.mark.parametrize(("key", "stricter"), [(key, row[1]) for key, row in ROWS.items()])
def test_a_stricter_value_is_allowed(key: str, stricter: Any) -> None:
    option = next(option for option in (*OPTIONS, *FLASKS_OPTIONS) if option.key == key)
    config = read(**{key: stricter})
    name, _, attribute = option.field.partition(".")
    value = getattr(config, name)

    assert (getattr(value, attribute) if attribute else value) == option.parser.parse(stricter)


@pytest.mark.parametrize(("key", "weaker"), [(key, row[0]) for key, row in ROWS.items()])
def test_an_exception_permits_a_weaker_value(key: str, weaker: Any) -> None:
    config = read(SESSION_EXCEPTIONS=[key, *TOGETHER.get(key, [])], **{key: weaker})

    assert key in config.exceptions


def test_an_encryption_key_that_is_not_random_is_refused_and_not_shown() -> None:
    message = refusal(SESSION_ENCRYPTION_KEYS=["0123456789abcdef" * 4, "0f" * 32])

    assert message == (
        "SESSION_ENCRYPTION_KEYS is of type list; SESSION_PROFILE 'strict' allows random keys and"
        " no None. SESSION_EXCEPTIONS = ['SESSION_ENCRYPTION_KEYS'] permits it."
    )


def test_all_weaker_values_are_named_at_once() -> None:
    assert refusal(SESSION_IDLE_TIMEOUT=7200, SESSION_STORE_ERROR="null") == (
        "SESSION_STORE_ERROR is 'null'; SESSION_PROFILE 'strict' allows only 'raise'."
        " SESSION_IDLE_TIMEOUT is 7200; SESSION_PROFILE 'strict' allows up to 3600 seconds."
        " SESSION_EXCEPTIONS = ['SESSION_STORE_ERROR', 'SESSION_IDLE_TIMEOUT'] permits them."
    )


def test_the_exceptions_that_an_error_names_include_those_that_are_set() -> None:
    given = {"SESSION_EXCEPTIONS": ["SESSION_STORE_ERROR"], "SESSION_STORE_ERROR": "null"}

    assert refusal(**given, SESSION_IDLE_TIMEOUT=7200).endswith(
        "SESSION_EXCEPTIONS = ['SESSION_STORE_ERROR', 'SESSION_IDLE_TIMEOUT'] permits it."
    )


class TestAKeyThatFlaskSets:
    def test_its_value_of_flasks_counts_as_unset(self) -> None:
        config = read()

        assert config.cookie_name == "__Host-session"
        assert (config.cookie.secure, config.cookie.samesite) == (True, "Lax")
        assert config.permanent_lifetime == HOUR // MS

    def test_an_exception_makes_it_count_as_set(self) -> None:
        names = ["SESSION_COOKIE_NAME", "SESSION_COOKIE_SECURE", "SESSION_COOKIE_SAMESITE"]
        config = read(SESSION_EXCEPTIONS=[*names, "PERMANENT_SESSION_LIFETIME"])

        assert config.cookie_name == "session"
        assert (config.cookie.secure, config.cookie.samesite) == (None, None)
        assert config.permanent_lifetime == 31 * DAY // MS

    def test_the_applications_root_moves_no_cookie_unless_the_path_is_an_exception(self) -> None:
        assert read(APPLICATION_ROOT="/shop").cookie.path == "/"

        names = ["SESSION_COOKIE_PATH", "SESSION_COOKIE_NAME"]
        config = read(APPLICATION_ROOT="/shop", SESSION_EXCEPTIONS=names)
        assert config.cookie.path == "/shop"

    def test_a_value_of_another_type_is_not_flasks(self) -> None:
        assert "SESSION_COOKIE_SECURE is 0; it must be" in refusal(SESSION_COOKIE_SECURE=0)


class TestExceptions:
    def test_one_that_is_not_needed_causes_a_warning(self) -> None:
        with pytest.warns(UserWarning, match="SESSION_IDLE_TIMEOUT, whose value needs no"):
            Config.from_mapping(
                {"SESSION_PROFILE": "strict", "SESSION_EXCEPTIONS": ["SESSION_IDLE_TIMEOUT"]}
            )

    def test_outside_the_strict_profile_no_exception_is_needed(self) -> None:
        with pytest.warns(UserWarning, match="SESSION_COOKIE_SECURE, whose value needs no"):
            Config.from_mapping({"SESSION_EXCEPTIONS": ["SESSION_COOKIE_SECURE"]})

    @pytest.mark.parametrize(
        ("key", "hint"),
        [
            ("SESSION_COOKIE_SECUR", "; did you mean SESSION_COOKIE_SECURE?"),
            ("SESSION_UNSET", "."),
            ("DEBUG", "."),
        ],
    )
    @pytest.mark.parametrize("profile", ["flask", "express", "strict"])
    def test_a_key_without_limits_is_refused(self, profile: str, key: str, hint: str) -> None:
        message = refusal(profile=profile, SESSION_EXCEPTIONS=[key])

        assert (
            message
            == f"SESSION_EXCEPTIONS names {key!r}, which no profile and no level limits{hint}"
        )

    @pytest.mark.parametrize("value", ["SESSION_STORE", None, [1], {"SESSION_STORE"}])
    def test_they_are_a_list_of_names(self, value: object) -> None:
        assert "it must be a list of the names of keys" in refusal(SESSION_EXCEPTIONS=value)


class TestSecrets:
    @pytest.mark.parametrize("secret", ["f1d29c0" * 4, "change me " * 5, b"0" * 31, "0" * 32])
    @pytest.mark.parametrize("key", ["SECRET_KEY", "SESSION_SECRET"])
    def test_a_weak_one_is_refused_and_not_shown(self, key: str, secret: str | bytes) -> None:
        with pytest.raises(ConfigError) as caught:
            [*flaws_of_secrets(read(), (LONG_SECRET, secret), key=key)]

        assert str(caught.value).startswith(key)
        assert str(caught.value).endswith(f" SESSION_EXCEPTIONS = [{key!r}] permits it.")
        assert str(secret) not in str(caught.value)

    def test_one_of_32_bytes_is_enough(self) -> None:
        assert [*flaws_of_secrets(read(), ("f1d29c04" * 4,), key="SECRET_KEY")] == []

    @pytest.mark.parametrize(
        ("secret", "flaws"), [("f1d29c04" * 2, 0), ("f1d29c04" + "f1d29c0", 1)]
    )
    def test_an_exception_leaves_a_warning(self, secret: str, flaws: int) -> None:
        config = read(SESSION_EXCEPTIONS=["SECRET_KEY"])

        assert len([*flaws_of_secrets(config, (secret,), key="SECRET_KEY")]) == flaws


class TestAssuranceLevels:
    @pytest.mark.parametrize(
        ("profile", "level", "idle", "absolute"),
        [
            ("flask", 1, DAY, 30 * DAY),
            ("flask", 2, HOUR, DAY),
            ("flask", 3, 15 * MINUTE, DAY / 2),
            ("express", 3, 15 * MINUTE, DAY / 2),
            ("strict", 1, HOUR, DAY / 2),
            ("strict", 2, HOUR, DAY / 2),
            ("strict", 3, 15 * MINUTE, DAY / 2),
        ],
    )
    def test_each_gives_defaults(
        self, profile: str, level: int, idle: timedelta, absolute: timedelta
    ) -> None:
        config = read(profile=profile, SESSION_ASSURANCE_LEVEL=level)

        assert (config.idle_timeout * MS, config.absolute_timeout) == (idle, absolute // MS)

    @pytest.mark.parametrize(
        ("level", "lifetime"), [(None, 31 * DAY), (1, 30 * DAY), (2, HOUR), (3, 15 * MINUTE)]
    )
    def test_a_permanent_session_is_no_exception(self, level: object, lifetime: timedelta) -> None:
        config = read(profile="flask", SESSION_ASSURANCE_LEVEL=level)

        assert config.permanent_lifetime * MS == lifetime

    @pytest.mark.parametrize("profile", ["flask", "express"])
    @pytest.mark.parametrize(
        ("key", "value", "allowed"),
        [
            ("SESSION_IDLE_TIMEOUT", HOUR + MS, 3600),
            ("SESSION_COOKIE_MAX_AGE", DAY, 3600),
            ("PERMANENT_SESSION_LIFETIME", DAY, 3600),
            ("SESSION_ABSOLUTE_TIMEOUT", DAY + MS, 86400),
            ("SESSION_ABSOLUTE_TIMEOUT", None, 86400),
        ],
    )
    def test_a_longer_time_is_refused_unless_it_is_an_exception(
        self, profile: str, key: str, value: Any, allowed: int
    ) -> None:
        message = refusal(profile=profile, SESSION_ASSURANCE_LEVEL=2, **{key: value})

        assert f"; SESSION_ASSURANCE_LEVEL 2 allows up to {allowed} seconds" in message
        read(
            profile=profile,
            SESSION_ASSURANCE_LEVEL=2,
            SESSION_EXCEPTIONS=[key],
            **{key: value},
        )

    def test_a_long_limit_is_written_in_digits(self) -> None:
        message = refusal(
            profile="flask", SESSION_ASSURANCE_LEVEL=1, SESSION_ABSOLUTE_TIMEOUT=31 * DAY
        )

        assert "SESSION_ASSURANCE_LEVEL 1 allows up to 2592000 seconds." in message

    def test_the_shorter_limit_counts_in_the_strict_profile(self) -> None:
        given = {"SESSION_IDLE_TIMEOUT": 1000, "SESSION_ABSOLUTE_TIMEOUT": DAY}
        message = refusal(SESSION_ASSURANCE_LEVEL=3, **given)

        assert "SESSION_ASSURANCE_LEVEL 3 allows up to 900 seconds" in message
        assert "allows up to 43200 seconds" in message

    def test_a_shorter_time_is_allowed(self) -> None:
        config = read(profile="flask", SESSION_ASSURANCE_LEVEL=3, SESSION_IDLE_TIMEOUT=60)

        assert config.idle_timeout == 60_000

    @pytest.mark.parametrize("level", [0, 4, "2", True, 2.0])
    def test_there_are_three(self, level: object) -> None:
        assert "it must be 1, 2, 3 or None" in refusal(SESSION_ASSURANCE_LEVEL=level)

    @pytest.mark.parametrize("profile", ["flask", "express", "strict"])
    @pytest.mark.parametrize("level", [None, 1, 2, 3])
    def test_no_default_is_a_flaw(self, profile: str, level: object) -> None:
        assert [*flaws_of(read(profile=profile, SESSION_ASSURANCE_LEVEL=level))] == []
