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

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "config.rst").read_text("utf-8")


def field_of(option: Option, name: str) -> str:
    """Return the text of a field in the section of an option."""
    section = PAGE.partition(f".. setting:: {option.key}\n")[2].partition(".. setting::")[0]
    [text] = re.findall(rf"^:{name}: (.+)$", section, re.MULTILINE)
    return str(text)


def value_of(text: str) -> object:
    literal = re.match(r"``(.+?)``", text)
    assert literal is not None
    return eval(literal[1], {"timedelta": timedelta})


def test_each_key_has_a_section_and_each_section_is_a_key() -> None:
    headings = re.findall(r"^(SESSION_\w+)\n[-~]+$", PAGE, re.MULTILINE)

    assert sorted(headings) == sorted(DEFAULTS)
    assert re.findall(r"^\.\. setting:: (\w+)$", PAGE, re.MULTILINE) == headings


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.key)
def test_the_documented_default_of_each_option_is_correct(option: Option) -> None:
    flask, _, express = field_of(option, "Default").partition("; in the express profile ")

    assert (value_of(flask), value_of(express or flask)) == option.defaults


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.key)
def test_the_documented_type_of_each_option_equals_the_error_message(option: Option) -> None:
    text = field_of(option, "Type").replace("``", "").replace('"', "'")

    assert text == option.parser.allowed


@pytest.mark.parametrize("option", FLASKS_OPTIONS, ids=lambda option: option.key)
def test_each_flask_key_that_the_extension_reads_is_documented(option: Option) -> None:
    section = PAGE.partition("\nKeys of Flask\n")[2]

    assert f"``{option.key}``" in section
