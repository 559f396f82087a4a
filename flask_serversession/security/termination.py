"""Statements about the end of a session, and about all sessions of a user."""

from __future__ import annotations

from typing import Final

from ..stores.abilities import can_tag
from ..stores.abilities import why_not_found
from ..stores.base import SupportsKeys
from .statement import Answer
from .statement import fix
from .statement import met
from .statement import NEEDS_STORE
from .statement import Running
from .statement import Statement

_OF_A_USER: Final = "tests/flask/test_sessions_of_a_user.py::"
_PAGE: Final = "howto/log-out-everywhere"
_ANOTHER: Final = 'SESSION_STORE = "redis://…", or SQL, MongoDB or files'


def _end_all(running: Running) -> Answer:
    if not can_tag(running.store):
        return fix(f"{running.backend} does not know whose a session is.", _ANOTHER)
    where = "of this process" if running.is_in_memory else "on all servers"
    return Answer(
        "app",
        f"end_all() ends them at once, {where}, and those that begin meanwhile.",
        "manager_of(app).end_all(user_id)",
    )


def _end_others(running: Running) -> Answer:
    return _listed(
        running,
        "end_others() keeps the session of the request.",
        "manager_of(app).end_others(user_id)",
    )


def _own_devices(running: Running) -> Answer:
    return _listed(
        running,
        "sessions_of() and end() do this, and @fresh_login_required asks for the recent login.",
        "manager_of(app).sessions_of(session.user_id)",
    )


def _listed(running: Running, now: str, line: str) -> Answer:
    if why_not_found(running.store) is not None:
        return fix(f"{running.backend} cannot list the sessions of a user.", _ANOTHER)
    return Answer("app", now, line)


def _administrators(running: Running) -> Answer:
    if running.is_in_memory:
        return fix("The sessions are in a process's memory, which no command reaches.", _ANOTHER)
    if not can_tag(running.store):
        return fix(f"{running.backend} does not know whose a session is.", _ANOTHER)
    if not isinstance(running.store, SupportsKeys):
        return fix(f"{running.backend} cannot end the sessions of everybody.", _ANOTHER)
    return met("flask sessions end --user ends those of a user, and clear those of everybody.")


def _shown(running: Running) -> Answer:
    if why_not_found(running.store) is not None:
        return fix(f"{running.backend} cannot list the sessions of a user.", _ANOTHER)
    if not running.config.record_client:
        return fix("The list has no address and no browser.", "SESSION_RECORD_CLIENT = True")
    return met("The list has all of these, and a handle that does not reveal the id.")


def _limit(running: Running) -> Answer:
    if why_not_found(running.store) is not None:
        return fix(f"{running.backend} cannot list the sessions of a user.", _ANOTHER)
    if running.config.limit_per_user is None:
        return met("No limit is set: a user may have any number of sessions.")
    return met(f"Logins of a user take turns. SESSION_ON_LIMIT is {running.config.on_limit!r}.")


def _forgets(running: Running) -> Answer:
    kinds = running.config.clear_site_data
    if not kinds:
        return met("SESSION_CLEAR_SITE_DATA says what the browser forgets. It names nothing now.")
    return met(f"A logout tells the browser to forget: {', '.join(kinds)}.")


def _for_visitors(running: Running) -> Answer:
    if running.config.policy.save_uninitialized:
        return fix("Each visitor gets a session.", "SESSION_SAVE_UNINITIALIZED = False")
    return met("A visitor who only reads gets neither a session nor a cookie.")


TERMINATION: Final = (
    Statement(
        34,
        "A logout deletes the session on the server, and its cookie is useless afterwards.",
        ("ASVS 7.4.1", "NIST"),
        "package",
        "log_out() and destroy() delete it, also under ids that it had before.",
        page="explanation/security-model",
        tests=(
            "tests/attacks/test_replay.py::"
            "test_a_copied_cookie_is_worth_nothing_after_the_session_ended",
            "tests/flask/test_logout_under_any_id.py::TestOneAfterAnother::test_a_logout_under_either_id_ends_both",
        ),
        in_cookies=NEEDS_STORE,
    ),
    Statement(
        35,
        "A request in progress cannot bring back a session that has ended.",
        ("ASVS 7.4.1", "ASVS 15.4.2"),
        "package",
        "A store replaces and extends only what is there; each passes the same test.",
        page="explanation/concurrency",
        tests=(
            "tests/concurrency/test_undone_logouts.py::test_a_slow_writer_does_not_undo_a_logout",
            "tests/concurrency/test_undone_logouts.py::test_a_slow_reader_does_not_undo_a_logout",
            "flask_serversession/testing/contract.py::StoreContract::"
            "test_a_delete_is_never_undone_by_saves_and_touches",
        ),
        in_cookies=NEEDS_STORE,
        by_store=True,
    ),
    Statement(
        36,
        "No cache between the application and its store serves a session that has ended.",
        ("ASVS 7.4.1",),
        "package",
        "There is none: each request that uses its session asks the store.",
        page="explanation/life-of-a-session",
        tests=(
            "tests/flask/test_round_trips.py::test_reading_costs_one_call_and_sends_no_cookie",
        ),
        in_cookies=NEEDS_STORE,
    ),
    Statement(
        37,
        "All sessions of a user end when the account is disabled, including those that begin at"
        " that moment.",
        ("ASVS 7.4.2",),
        "application",
        _end_all,
        page=_PAGE,
        tests=(
            f"{_OF_A_USER}TestEnd::test_all_sessions_of_a_user_end",
            "tests/concurrency/test_sessions_of_users.py::"
            "test_no_session_that_was_ended_with_the_others_of_its_user_comes_back",
        ),
        in_cookies=NEEDS_STORE,
    ),
    Statement(
        38,
        "All other sessions of a user can end when a password or another factor changes.",
        ("ASVS 7.4.3",),
        "application",
        _end_others,
        page=_PAGE,
        tests=(f"{_OF_A_USER}TestEnd::test_all_others_end_and_this_one_stays",),
        in_cookies=NEEDS_STORE,
    ),
    Statement(
        39,
        "An administrator can end the sessions of a user, and those of everybody.",
        ("ASVS 7.4.5",),
        "configuration",
        _administrators,
        page="reference/cli",
        tests=(
            "tests/flask/test_cli_users.py::TestEnd::"
            "test_all_sessions_of_a_user_end_once_confirmed",
            "tests/flask/test_cli.py::TestClear::test_clear_ends_all_sessions_once_confirmed",
        ),
        in_cookies=NEEDS_STORE,
    ),
    Statement(
        40,
        "Users can see their sessions, and end them after a recent login.",
        ("ASVS 7.5.2",),
        "application",
        _own_devices,
        page=_PAGE,
        tests=(
            f"{_OF_A_USER}TestEnd::test_a_session_is_ended_by_its_handle",
            "tests/flask/test_example_app.py::"
            "test_a_user_sees_the_own_devices_and_which_is_this_one",
        ),
        in_cookies=NEEDS_STORE,
    ),
    Statement(
        41,
        "The list of a user's sessions shows when each began and was last used, its address and"
        " browser, and which one is current. It shows no id.",
        ("ASVS 7.5.2",),
        "configuration",
        _shown,
        page=_PAGE,
        tests=(
            f"{_OF_A_USER}TestList::test_it_tells_the_browser_and_its_address",
            f"{_OF_A_USER}TestList::test_it_marks_the_session_of_the_request",
            f"{_OF_A_USER}TestList::test_it_shows_no_secret",
        ),
        in_cookies=NEEDS_STORE,
    ),
    Statement(
        42,
        "The number of sessions of a user can be limited, also for simultaneous logins. What"
        " happens at the limit is configured.",
        ("ASVS 7.1.2",),
        "package",
        _limit,
        page="howto/limit-devices",
        tests=(
            "tests/concurrency/test_sessions_of_users.py::"
            "test_logins_at_once_leave_as_many_sessions_as_are_allowed",
            "tests/flask/test_session_limit.py::test_a_login_is_refused_if_that_is_configured",
        ),
        in_cookies=NEEDS_STORE,
    ),
    Statement(
        43,
        "A logout can tell the browser to forget cookies and stored data.",
        ("ASVS 14.3.1",),
        "package",
        _forgets,
        page="reference/config",
        tests=("tests/flask/test_logins.py::test_a_logout_tells_the_browser_what_to_forget",),
    ),
    Statement(
        44,
        "A logout is not a GET request, and a form's CSRF token belongs to the session.",
        ("NIST", "ASVS 3.5.1"),
        "application",
        "The pages log out by POST. Flask-WTF keeps its token in the session.",
        line='@app.post("/logout"), and CSRFProtect(app)',
        page="howto/flask-wtf",
        tests=(
            "tests/flask/test_with_flask_wtf.py::"
            "test_a_login_of_another_user_and_a_logout_end_the_token",
        ),
    ),
    Statement(
        45,
        "No session begins without an action of the user.",
        ("ASVS 7.6.2", "CVE-2015-5143", "CVE-2015-5963"),
        "configuration",
        _for_visitors,
        page="explanation/life-of-a-session",
        tests=(
            "tests/flask/test_interface.py::TestProfile::"
            "test_the_flask_profile_stores_no_session_for_a_visitor_who_only_reads",
        ),
    ),
)
