"""Statements about new ids."""

from __future__ import annotations

from typing import Final

from .statement import Answer
from .statement import fix
from .statement import met
from .statement import NEEDS_STORE
from .statement import NO_IDS
from .statement import Running
from .statement import span
from .statement import Statement

#: A minute, in milliseconds.
_SHORT: Final = 60_000


def _before_the_login(running: Running) -> Answer:
    grace = running.config.regenerate_grace
    if not grace:
        return met("It ends at once.")
    return met(
        f"For {span(grace)} it reads the data from before the login, and can end the session."
    )


def _renewed(running: Running) -> Answer:
    grace = running.config.regenerate_grace
    if grace > _SHORT:
        return fix(
            f"The old id reads the session for {span(grace)}.", "SESSION_REGENERATE_GRACE = 5"
        )
    return Answer(
        "app",
        "regenerate() gives a new id. The page shows a function that calls it every hour.",
        "session.regenerate(keep_data=True)",
    )


ROTATION: Final = (
    Statement(
        29,
        "Every login, including a repeated one, gives the session a new id and ends the old one.",
        ("ASVS 7.2.4",),
        "application",
        "log_in() does this, and Flask-Login's login_user() calls it.",
        line="session.log_in(user_id)",
        page="explanation/security-model",
        tests=(
            "tests/flask/test_logins.py::test_a_login_takes_a_new_id_and_three_trips",
            "tests/flask/test_with_flask_login.py::test_a_login_takes_a_new_id_and_names_the_user",
        ),
        in_cookies=NEEDS_STORE,
    ),
    Statement(
        30,
        "The id from before the login never leads to the session of the user.",
        ("ASVS 7.2.4",),
        "package",
        _before_the_login,
        page="explanation/security-model",
        tests=(
            "tests/flask/test_regenerate_grace.py::"
            "test_the_old_id_reads_the_data_from_before_the_login",
            "tests/attacks/test_session_fixation.py::"
            "test_an_id_planted_before_a_login_is_not_logged_in",
            "tests/attacks/test_replay.py::TestAnIdFromBeforeALogin::"
            "test_does_not_show_the_login_within_the_grace_or_after_it",
        ),
        in_cookies=NO_IDS,
    ),
    Statement(
        31,
        "A long session gets a new id from time to time. The old one ends after a short while,"
        " and a signal reports its later use.",
        ("OWASP",),
        "application",
        _renewed,
        page="howto/end-sessions-in-time",
        tests=(
            "tests/docs/test_code_blocks.py::test_the_code_of_a_page_runs",
            "tests/attacks/test_replay.py::TestAnIdFromBeforeARotation::"
            "test_is_worth_nothing_after_the_grace",
            "tests/flask/test_rejected_cookies.py::test_an_id_that_the_store_does_not_have_is_unknown",
        ),
        in_cookies=NEEDS_STORE,
    ),
    Statement(
        32,
        "When another user logs in to a session, no data of the former user are left in it.",
        ("ASVS 7.2.4",),
        "package",
        "log_in() drops the data of another user.",
        page="explanation/security-model",
        tests=("tests/flask/test_logins.py::test_the_data_of_another_user_are_dropped",),
    ),
    Statement(
        33,
        "If several requests give a session a new id at once, one new id remains.",
        ("ASVS 15.4.2",),
        "package",
        "The first request to finish wins; the new ids of the others are not stored.",
        page="explanation/concurrency",
        tests=(
            "tests/concurrency/test_login_races.py::test_four_regenerations_at_once_leave_one_session",
        ),
        in_cookies=NO_IDS,
    ),
)
