"""The reference page of the config keys agrees with the table of options."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from flask_serversession.config.options import DEFAULTS
from flask_serversession.config.options import FLASKS_OPTIONS
from flask_serversession.config.options import Option
from flask_serversession.config.options import OPTIONS
from flask_serversession.config.options import PROFILES
from flask_serversession.config.strict import LEVELS
from flask_serversession.config.strict import rules_of
from flask_serversession.config.strict import TimeLimits

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "config.rst").read_text("utf-8")


def field_of(option: Option, name: str) -> str:
    """Return the text of a field in the section of an option."""
    [text] = re.findall(rf"^:{name}: (.+)$", section_of(option), re.MULTILINE)
    return str(text)


def section_of(option: Option) -> str:
    return PAGE.partition(f".. setting:: {option.key}\n")[2].partition(".. setting::")[0]


def value_of(text: str) -> object:
    literal = re.match(r"``(.+?)``", text)
    assert literal is not None
    return eval(literal[1], {"timedelta": timedelta})


def age_of(text: str) -> timedelta:
    number, unit = text.split()
    return timedelta(**{unit if unit.endswith("s") else f"{unit}s": int(number)})


def test_each_key_has_a_section_and_each_section_is_a_key() -> None:
    headings = re.findall(r"^(SESSION_\w+)\n[-~]+$", PAGE, re.MULTILINE)

    assert sorted(headings) == sorted(DEFAULTS)
    assert re.findall(r"^\.\. setting:: (\w+)$", PAGE, re.MULTILINE) == headings


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.key)
def test_the_documented_default_of_each_option_is_correct(option: Option) -> None:
    flask, *others = re.split("; in the (express|strict) profile ", field_of(option, "Default"))
    documented = dict.fromkeys(PROFILES, flask) | dict(zip(others[::2], others[1::2], strict=True))

    assert {profile: value_of(text) for profile, text in documented.items()} == option.defaults


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.key)
def test_what_the_strict_profile_allows_is_documented(option: Option) -> None:
    rule = rules_of("strict", None).get(option.key)

    if rule is None:
        assert ":Strict profile:" not in section_of(option)
    else:
        text = field_of(option, "Strict profile").replace("``", "").replace('"', "'")
        assert text == rule.allowed


def test_the_time_limits_of_each_assurance_level_are_documented() -> None:
    rows = re.findall(r"^(\d) +(\d+ \w+) +(\d+ \w+)$", PAGE, re.MULTILINE)
    documented = {
        int(level): TimeLimits(age_of(idle), age_of(absolute)) for level, idle, absolute in rows
    }

    assert documented == LEVELS


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.key)
def test_the_documented_type_of_each_option_equals_the_error_message(option: Option) -> None:
    text = field_of(option, "Type").replace("``", "").replace('"', "'")

    assert text == option.parser.allowed


@pytest.mark.parametrize("option", FLASKS_OPTIONS, ids=lambda option: option.key)
def test_each_flask_key_that_the_extension_reads_is_documented(option: Option) -> None:
    section = PAGE.partition("\nKeys of Flask\n")[2]

    assert f"``{option.key}``" in section
