"""What ``benchmarks/battery`` finds out about this project, on every store."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# Last on the path, so that the installed package is tested and not the checkout.
sys.path.append(str(Path(__file__).parents[2]))

from benchmarks.battery.battery import ask
from benchmarks.battery.battery import serving
from benchmarks.battery.columns import COLUMNS
from benchmarks.battery.stores import LOCAL
from benchmarks.battery.systems import DEFAULTS
from benchmarks.battery.systems import EXPRESS_PROFILE
from benchmarks.battery.systems import FLASKS_OWN
from benchmarks.battery.systems import System

#: How often each question is asked.
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
    """Return a function that asks a system every question and counts the yes answers."""

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
def test_every_store_gives_the_right_answer_to_every_question(
    answers: Answers, system: System
) -> None:
    assert answers(system) == always(RIGHT)


def test_the_express_profile_loses_parallel_writes_and_nothing_else(answers: Answers) -> None:
    assert answers(EXPRESS_PROFILE) == always(RIGHT | {"both parallel writes kept": False})


def test_flasks_own_sessions_answer_four_questions_wrong(answers: Answers) -> None:
    assert answers(FLASKS_OWN) == always(
        RIGHT
        | {
            "both parallel writes kept": False,
            "logout undone by slow writer": True,
            "logout undone by slow reader": True,
            "nested change saved": False,
        }
    )


def test_the_printed_table_expects_the_same_answers() -> None:
    assert {column.title: column.right for column in COLUMNS} == RIGHT
