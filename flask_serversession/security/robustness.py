"""Statements about failures and floods."""

from __future__ import annotations

from typing import Final

from ..stores.abilities import is_split
from .statement import Answer
from .statement import fix
from .statement import met
from .statement import NEEDS_STORE
from .statement import NO_STORE
from .statement import Running
from .statement import span
from .statement import Statement

_OUTAGE: Final = "tests/flask/test_outage.py::"
_FAULTS: Final = "tests/faults/test_outages.py::"
_FIRST_LIFETIME: Final = "SESSION_FIRST_LIFETIME = timedelta(minutes=10)"
#: An hour, in milliseconds.
_SHORT: Final = 3_600_000


def _closed(running: Running) -> Answer:
    if running.config.store_error == "null":
        return fix("Without its store a session reads as empty.", 'SESSION_STORE_ERROR = "raise"')
    return met("Without its store a view that uses its session fails.")


def _waiting(running: Running) -> Answer:
    if is_split(running.store):
        return fix(
            "If one server of several hangs, each request for its sessions waits.",
            "SESSION_STORE = one server, or Redis with Sentinel",
        )
    if running.config.breaker is not None:
        failures, pause = running.config.breaker, span(running.config.breaker_pause)
        return met(
            f"After {failures} failures in a row requests fail at once; one asks the store again"
            f" after {pause}."
        )
    return fix("In an outage each request waits for the store.", "SESSION_BREAKER = 5")


def _first_life(running: Running) -> Answer:
    config = running.config
    if config.first_lifetime is None:
        return fix(
            "A visitor's session that is never used again lasts as long as any other.",
            _FIRST_LIFETIME,
        )
    lifetime = min(config.first_lifetime, config.idle_timeout)
    now = f"A visitor's session lasts {span(lifetime)} until it is used again."
    return met(now) if lifetime <= _SHORT else fix(now, _FIRST_LIFETIME)


ROBUSTNESS: Final = (
    Statement(
        61,
        "While the store is down no cookie is replaced, and no empty session replaces that of a"
        " user.",
        ("ASVS 16.5.2",),
        "package",
        "If the store failed, the response sets no cookie.",
        page="reference/errors",
        tests=(
            f"{_OUTAGE}test_the_browser_keeps_its_cookie",
            f"{_FAULTS}test_a_session_that_cannot_be_created_sets_no_cookie",
        ),
        in_cookies=NO_STORE,
    ),
    Statement(
        62,
        "Without the store nobody counts as logged in, and a view that uses its session fails.",
        ("ASVS 16.5.3",),
        "configuration",
        _closed,
        page="reference/config",
        tests=(
            f"{_OUTAGE}test_reading_the_session_raises_in_the_view",
            f"{_OUTAGE}TestNull::test_a_session_reads_as_empty",
        ),
        in_cookies=NO_STORE,
    ),
    Statement(
        63,
        "Each call to the store is bounded in time and retried once at most, and in an outage"
        " not every request waits.",
        ("ASVS 16.5.2",),
        "configuration",
        _waiting,
        page="reference/stores",
        tests=(
            f"{_FAULTS}test_every_request_under_traffic_ends_in_time_and_leaves_the_cookie_alone",
            "tests/faults/test_breaker.py::test_of_many_requests_a_few_wait_for_a_server_that_hangs",
        ),
        in_cookies=NO_STORE,
    ),
    Statement(
        64,
        "The session of a visitor who does not return, such as a bot, is short-lived.",
        ("ASVS 15.2.2",),
        "configuration",
        _first_life,
        page="reference/config",
        tests=(
            "tests/flask/test_first_lifetime.py::"
            "test_a_visitor_who_does_not_return_costs_one_call_and_a_short_life",
            "tests/attacks/test_verification.py::"
            "test_a_crawler_that_stores_nothing_costs_no_trip_and_gets_no_cookie",
        ),
        in_cookies=met("The server stores nothing of a visitor."),
    ),
    Statement(
        65,
        "Few requests wait for the lock of a session, and a request that lost the lock writes"
        " nothing.",
        ("ASVS 15.4.4",),
        "package",
        lambda running: met(
            f"In a process {running.config.max_waiters} requests wait for a session, and others"
            " are answered 429."
        ),
        page="howto/lock-a-view",
        tests=(
            "tests/flask/test_session_lock.py::test_the_requests_that_wait_for_one_session_are_few",
            "tests/flask/test_session_lock.py::test_a_lost_lock_raises_and_stores_nothing",
        ),
        in_cookies=NEEDS_STORE,
    ),
    Statement(
        66,
        "Drivers are optional, and importing the package connects to nothing.",
        (),
        "package",
        "A driver is imported when its store is opened, and connects at its first use.",
        page="reference/stores",
        tests=(
            "tests/unit/test_imports.py::"
            "test_importing_the_package_imports_no_driver_and_no_test_tool",
            "tests/unit/test_imports.py::test_importing_every_module_connects_to_nothing",
        ),
    ),
    Statement(
        67,
        "A command reports for each of these statements whether the configuration fulfils it.",
        (),
        "package",
        "flask sessions check --security does.",
        page="reference/cli",
        tests=("tests/flask/test_cli_security.py::test_each_statement_has_a_line_in_its_order",),
    ),
)
