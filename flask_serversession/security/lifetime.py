"""Statements about how long a session lasts."""

from __future__ import annotations

from typing import Final

from ..config.strict import TIMES
from .statement import Answer
from .statement import fix
from .statement import met
from .statement import NEEDS_STORE
from .statement import Running
from .statement import span
from .statement import Statement

#: Stores whose server decides what has expired, apart from the absolute timeout.
_OWN_CLOCK: Final = frozenset({"RedisStore", "MemcachedStore"})
_PAGE: Final = "howto/end-sessions-in-time"
_TESTS: Final = "tests/flask/test_time_limits.py::TestAbsoluteTimeout::"


def _idle(running: Running) -> Answer:
    config = running.config
    if config.cookie_per_request is not None:
        return met("The store ends a session with its cookie's max age, or the idle timeout.")
    limit = span(config.cookie.max_age or config.idle_timeout)
    permanent = span(config.permanent_lifetime)
    longer = "" if permanent == limit else f", or {permanent} if it is permanent"
    return met(f"The store ends a session that was not used for {limit}{longer}.")


def _absolute(running: Running) -> Answer:
    limit = running.config.absolute_timeout
    if limit is None:
        return fix("A session lasts as long as it is used.", _ABSOLUTE)
    return met(f"A session ends {span(limit)} after the login, however busy it is.")


def _fitting(running: Running) -> Answer:
    config = running.config
    idle, interval = config.idle_timeout, config.touch_interval or 0
    if config.absolute_timeout is not None and idle > config.absolute_timeout:
        return fix(
            "The idle timeout is longer than the absolute one, and ends no session.",
            f"SESSION_IDLE_TIMEOUT = {config.absolute_timeout // 1000}",
        )
    if interval * 2 > idle:
        return fix(
            "A session in use is extended too rarely for its idle timeout.",
            f"SESSION_TOUCH_INTERVAL = {idle // 2000}",
        )
    if config.assurance_level is not None:
        excepted = [key for key in TIMES if key in config.exceptions]
        if excepted:
            return fix(
                f"{', '.join(excepted)} may be longer than level {config.assurance_level} allows.",
                f"SESSION_EXCEPTIONS without {', '.join(excepted)}",
            )
        return met(f"The limits are those of NIST's level {config.assurance_level}, or shorter.")
    return met("The limits fit together. SESSION_ASSURANCE_LEVEL has those of NIST.")


def _one_clock(running: Running) -> Answer:
    kinds = {type(store).__name__ for store in running.backends}
    if kinds == {"MemoryStore"}:
        return met("The process ends sessions by its clock, and no other process has them.")
    if kinds <= _OWN_CLOCK and running.config.absolute_timeout is None:
        return met("The store's server ends sessions by its own clock.")
    return Answer(
        "app",
        "Each web server's clock decides, so one that is late serves sessions that much longer.",
        "timedatectl set-ntp true, on each web server",
    )


_ABSOLUTE: Final = "SESSION_ABSOLUTE_TIMEOUT = timedelta(hours=12)"

LIFETIME: Final = (
    Statement(
        22,
        "The server ends an idle session, whatever the browser does with its cookie.",
        ("ASVS 7.3.1", "NIST"),
        "configuration",
        _idle,
        page=_PAGE,
        tests=(
            "tests/flask/test_interface.py::TestIdleTimeout::"
            "test_an_expired_session_reads_as_empty",
            "tests/flask/test_interface.py::TestIdleTimeout::"
            "test_it_is_the_ttl_of_a_session_without_a_max_age",
        ),
        in_cookies=NEEDS_STORE,
    ),
    Statement(
        23,
        "The server ends a session a fixed time after its login, however much it is used.",
        ("ASVS 7.3.2", "NIST"),
        "configuration",
        _absolute,
        page=_PAGE,
        tests=(
            f"{_TESTS}test_it_ends_a_session_however_busy",
            f"{_TESTS}test_the_store_is_told_too",
        ),
        in_cookies=NEEDS_STORE,
    ),
    Statement(
        24,
        "A new login restarts both limits, and a new id alone does not.",
        ("NIST",),
        "package",
        "The absolute timeout counts from the login.",
        page=_PAGE,
        tests=(
            f"{_TESTS}test_a_login_starts_it_again",
            f"{_TESTS}test_a_new_id_does_not_start_it_again",
        ),
        in_cookies=NEEDS_STORE,
    ),
    Statement(
        25,
        "There are presets of NIST's limits, and limits that do not fit together are reported"
        " at start-up.",
        ("ASVS 7.1.1", "NIST"),
        "configuration",
        _fitting,
        page="howto/strict",
        tests=(
            "tests/unit/test_strict_profile.py::TestAssuranceLevels::test_each_gives_defaults",
            "tests/flask/test_extension.py::TestInsecureSettings::"
            "test_an_idle_timeout_that_ends_no_session_is_logged",
        ),
        in_cookies=NEEDS_STORE,
    ),
    Statement(
        26,
        "An expired session is never served, even if it has not been removed yet.",
        ("ASVS 7.3.1",),
        "package",
        "Each store passes the same test.",
        page="reference/store-contract",
        tests=(
            "flask_serversession/testing/contract.py::StoreContract::"
            "test_an_expired_record_is_not_served",
        ),
        in_cookies=NEEDS_STORE,
        by_store=True,
    ),
    Statement(
        27,
        "One clock decides what has expired, so a server whose clock is five minutes off"
        " revives no session.",
        ("ASVS 7.3.1",),
        "configuration",
        _one_clock,
        page="howto/deploy",
        tests=(
            f"{_TESTS}test_a_clock_that_is_a_minute_off_moves_it_by_a_minute",
            "flask_serversession/testing/contract.py::StoreContract::"
            "test_touch_does_not_revive_an_expired_session",
        ),
    ),
    Statement(
        28,
        "Requests to a route can be excluded from what counts as the user's activity.",
        ("NIST",),
        "package",
        "@session_peek lets a view use the session without extending it.",
        page=_PAGE,
        tests=(
            "tests/flask/test_time_limits.py::TestPeeking::"
            "test_it_extends_neither_session_nor_cookie",
        ),
    ),
)
