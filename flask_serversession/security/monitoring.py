"""Statements about recent logins, and about what can be seen of attacks."""

from __future__ import annotations

import logging
from typing import Final

from ..sessions.life import logger as life
from .statement import Answer
from .statement import fix
from .statement import met
from .statement import NEEDS_STORE
from .statement import Running
from .statement import Statement


def _anomalies(running: Running) -> Answer:
    if not running.config.record_client:
        return fix("A login notes no address and no browser.", "SESSION_RECORD_CLIENT = True")
    return met("session_anomalous is sent, and the application decides. The session goes on.")


def _logged(running: Running) -> Answer:
    if life.isEnabledFor(logging.INFO):
        return met("The logger flask_serversession.life has a JSON line for each event.")
    return Answer(
        "app",
        "The logger flask_serversession.life is off. At INFO it has a JSON line for each event.",
        'logging.getLogger("flask_serversession.life").setLevel(logging.INFO)',
    )


MONITORING: Final = (
    Statement(
        46,
        "A session knows when and how its user logged in, and a view can ask for a recent login.",
        ("ASVS 7.5.1", "ASVS 7.5.3"),
        "package",
        "authenticated_at and login_level tell it, and @fresh_login_required asks for a login.",
        page="howto/ask-for-the-password-again",
        tests=(
            "tests/flask/test_time_limits.py::TestFreshLogin::"
            "test_it_is_enough_for_as_long_as_it_says",
            "tests/flask/test_logins.py::test_a_login_is_remembered",
        ),
    ),
    Statement(
        47,
        "A signal reports a session that is used from another address or browser than at its"
        " login. By default this ends no session.",
        ("ASVS 8.2.4", "OWASP", "NIST"),
        "configuration",
        _anomalies,
        page="reference/signals",
        tests=(
            "tests/flask/test_signals.py::TestLogins::test_another_browser_with_the_same_id",
            "tests/flask/test_with_flask_login.py::test_strong_protection_ends_the_login",
        ),
        in_cookies=NEEDS_STORE,
    ),
    Statement(
        48,
        "The recorded address is that of the connection or of a trusted proxy, never an"
        " unverified header.",
        ("OWASP",),
        "package",
        "It is request.remote_addr, which only ProxyFix changes.",
        page="howto/behind-a-proxy",
        tests=(
            "tests/flask/test_sessions_of_a_user.py::TestList::"
            "test_an_address_that_the_browser_claims_is_not_noted",
        ),
    ),
    Statement(
        49,
        "Each event in the life of a session is logged, with a hash in place of its id.",
        ("OWASP", "ASVS 16.2.5", "ASVS 16.3.1"),
        "application",
        _logged,
        page="howto/log-of-sessions",
        tests=(
            "tests/flask/test_life_log.py::test_a_visit",
            "tests/flask/test_life_log.py::test_an_end_says_by_what",
            "tests/flask/test_life_log.py::test_a_line_has_no_id_no_user_and_no_address",
        ),
        in_cookies=NEEDS_STORE,
    ),
    Statement(
        50,
        "A WebSocket ends with its session, which began over https.",
        ("ASVS 4.4.3", "ASVS 4.4.4"),
        "application",
        "Each event reads the session. The page shows how to close the sockets of one that ended.",
        line="session_destroyed.connect_via(app)(disconnect_sockets)",
        page="howto/flask-socketio",
        tests=(
            "tests/flask/test_with_flask_socketio.py::"
            "test_an_event_of_an_ended_session_sees_an_empty_one",
            "tests/flask/test_with_flask_socketio.py::"
            "test_a_logout_in_an_event_ends_the_session_and_the_socket",
        ),
    ),
)
