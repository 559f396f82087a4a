"""The comparison with other session systems: our answers, on every store."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# Last, so that the installed package is tested and not the checkout beside the benchmarks.
sys.path.append(str(Path(__file__).parents[2]))

from benchmarks.battery.battery import ask
from benchmarks.battery.battery import serving
from benchmarks.battery.columns import COLUMNS
from benchmarks.battery.stores import LOCAL
from benchmarks.battery.systems import DEFAULTS
from benchmarks.battery.systems import EXPRESS_PROFILE
from benchmarks.battery.systems import FLASKS_OWN
from benchmarks.battery.systems import System

#: How often each question is put.
TIMES = 3

RIGHT = {
    "client-chosen id adopted": False,
    "both parallel writes kept": True,
    "write survives slower reader": True,
    "logout undone by slow writer": False,
    "logout undone by slow reader": False,
    "nested change saved": True,
    "Set-Cookie on plain read": False,
}

_URLS = {
    "Redis": "redis_url",
    "PostgreSQL": "postgresql_url",
    "MariaDB": "mysql_url",
    "MongoDB": "mongodb_url",
    "memcached": "memcached_url",
}

Answers = Callable[[System], dict[str, int]]


@pytest.fixture
def answers(request: pytest.FixtureRequest, tmp_path: Path) -> Answers:
    """Ask a system; return how often it said yes to each question."""

    def answers(system: System) -> dict[str, int]:
        if system.store in LOCAL:
            url = LOCAL[system.store].format(folder=tmp_path)
        else:
            url = request.getfixturevalue(_URLS[system.store])
        with serving(system, url) as open_browser:
            titles = [column.title for column in COLUMNS]
            return dict(zip(titles, ask(open_browser, TIMES), strict=True))

    return answers


def always(expected: dict[str, bool]) -> dict[str, int]:
    return {title: TIMES * said for title, said in expected.items()}


@pytest.mark.parametrize(
    "system", DEFAULTS, ids=[f"{system.app}-{system.store}" for system in DEFAULTS]
)
def test_every_question_is_answered_rightly_on_every_store(
    answers: Answers, system: System
) -> None:
    assert answers(system) == always(RIGHT)


def test_the_express_profile_loses_parallel_writes_and_nothing_else(answers: Answers) -> None:
    assert answers(EXPRESS_PROFILE) == always(RIGHT | {"both parallel writes kept": False})


def test_the_questions_find_what_sessions_in_a_cookie_cannot_do(answers: Answers) -> None:
    assert answers(FLASKS_OWN) == always(
        RIGHT
        | {
            "both parallel writes kept": False,
            "logout undone by slow writer": True,
            "logout undone by slow reader": True,
            "nested change saved": False,
        }
    )


def test_what_the_table_calls_right_is_right() -> None:
    assert {column.title: column.right for column in COLUMNS} == RIGHT
