from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from flask_serversession.cookies.attributes import Age
from flask_serversession.cookies.attributes import age_in_milliseconds
from flask_serversession.cookies.attributes import check_domain
from flask_serversession.cookies.attributes import check_name
from flask_serversession.cookies.attributes import check_path
from flask_serversession.cookies.attributes import check_priority
from flask_serversession.cookies.attributes import check_samesite
from flask_serversession.cookies.attributes import check_samesite_option


@pytest.mark.parametrize(
    ("age", "milliseconds"),
    [
        (None, None),
        (0, 0),
        (60, 60_000),
        (1.5, 1500),
        (-1, -1000),
        (timedelta(days=1), 86_400_000),
        (timedelta(microseconds=1999), 1),
    ],
)
def test_an_age_is_seconds_or_a_timedelta(age: Age, milliseconds: int | None) -> None:
    assert age_in_milliseconds(age) == milliseconds


@pytest.mark.parametrize("age", ["60", True, float("nan"), [60], b"60"])
def test_an_age_of_another_type_is_refused(age: Any) -> None:
    with pytest.raises(TypeError, match="seconds"):
        age_in_milliseconds(age)


@pytest.mark.parametrize("age", [float("inf"), float("-inf")])
def test_an_infinite_age_is_refused(age: float) -> None:
    with pytest.raises(ValueError, match="infinite"):
        age_in_milliseconds(age)


GOOD = [
    (check_name, "connect.sid"),
    (check_name, "__Host-session"),
    (check_name, "n" * 512),
    (check_name, "!#$%&'*+-.^_`|~09AZaz"),
    (check_path, "/"),
    (check_path, ""),
    (check_path, "/a b/(c)=d"),
    (check_domain, None),
    (check_domain, "example.com"),
    (check_domain, ".example.com"),
    (check_domain, "localhost"),
    (check_domain, "xn--bcher-kva.example"),
    (check_samesite, None),
    (check_samesite, True),
    (check_samesite, False),
    (check_samesite, "lax"),
    (check_samesite, "STRICT"),
    (check_samesite, "None"),
    (check_priority, None),
    (check_priority, "low"),
    (check_priority, "Medium"),
    (check_priority, "HIGH"),
]
BAD = [
    (check_name, ""),
    (check_name, "n" * 513),
    (check_name, "two words"),
    (check_name, "a=b"),
    (check_name, "a;b"),
    (check_name, "naïve"),
    (check_name, "line\n"),
    (check_name, b"session"),
    (check_path, "/a;Domain=evil.example"),
    (check_path, "/a\r\nSet-Cookie: b=c"),
    (check_path, "/\n"),
    (check_path, "/ä"),
    (check_path, "/<"),
    (check_path, None),
    (check_domain, ""),
    (check_domain, "-example.com"),
    (check_domain, "example..com"),
    (check_domain, "example.com; Secure"),
    (check_domain, "example.com\n"),
    (check_domain, "a" * 64 + ".com"),
    (check_domain, 127),
    (check_samesite, ""),
    (check_samesite, "auto"),
    (check_samesite, "Lax; Secure"),
    (check_samesite, 1),
    (check_priority, ""),
    (check_priority, "urgent"),
    (check_priority, True),
]


@pytest.mark.parametrize(("check", "value"), GOOD)
def test_a_check_accepts_valid_values(check: Callable[[Any], None], value: object) -> None:
    check(value)


@pytest.mark.parametrize(("check", "value"), BAD)
def test_a_check_refuses_values_that_a_header_must_not_hold(
    check: Callable[[Any], None], value: object
) -> None:
    with pytest.raises(ValueError, match=r"cookie's|samesite is|priority is"):
        check(value)


def test_auto_is_valid_only_as_an_option() -> None:
    check_samesite_option("auto")
    check_samesite_option("lax")

    with pytest.raises(ValueError, match="samesite"):
        check_samesite_option("automatic")
    with pytest.raises(ValueError, match="samesite"):
        check_samesite("auto")
