"""Statements about the browser's cookie."""

from __future__ import annotations

from typing import Final

from .statement import Answer
from .statement import fix
from .statement import met
from .statement import Running
from .statement import span
from .statement import Statement

_PER_REQUEST: Final = "SESSION_COOKIE_OPTIONS decides in each request."
_LONGEST: Final = 400 * 86_400_000
_HOST: Final = 'SESSION_COOKIE_NAME = "__Host-session"'


def _lacking(running: Running) -> list[str]:
    """Return the lines that give the cookie each attribute that protects it."""
    config, cookie = running.config, running.config.cookie
    lines = {
        "SESSION_COOKIE_OPTIONS = None": config.cookie_per_request is None,
        "SESSION_COOKIE_SECURE = True": cookie.secure is True,
        "SESSION_COOKIE_HTTPONLY = True": cookie.httponly,
        'SESSION_COOKIE_SAMESITE = "Lax"': cookie.samesite is True
        or str(cookie.samesite).lower() in ("lax", "strict"),
        'SESSION_COOKIE_PATH = "/"': cookie.path == "/",
        "SESSION_COOKIE_DOMAIN = None": cookie.domain is None,
    }
    return [line for line, is_so in lines.items() if not is_so]


def _attributes(running: Running) -> Answer:
    lines = "; ".join(_lacking(running))
    if running.config.cookie_per_request is not None:
        return fix(_PER_REQUEST, lines)
    if lines:
        return fix("Not all of these attributes are set.", lines)
    return met("They are Secure, HttpOnly, SameSite and Path=/, without a Domain.")


def _flaw(running: Running) -> Answer | None:
    """Return the answer if browsers may drop the cookie; None if they do not."""
    flaw, lines = running.config.cookie_flaw, "; ".join(_lacking(running))
    if running.config.cookie_per_request is not None:
        return fix(_PER_REQUEST, lines)
    return fix(f"No browser keeps the cookie: {flaw}.", lines) if flaw else None


def _name(running: Running) -> Answer:
    name, cookie = running.config.cookie_name, running.config.cookie
    flaw = _flaw(running)
    if flaw is not None:
        is_named = name.lower().startswith("__host-")
        return flaw if is_named else flaw._replace(line=f"{flaw.line}; {_HOST}")
    needs = "__host-" if cookie.domain is None and cookie.path == "/" else "__secure-"
    if name.lower().startswith(needs):
        return met(f"The cookie is {name!r}. A prefix that does not fit is {_refused(running)}.")
    line = _HOST if needs == "__host-" else 'SESSION_COOKIE_NAME = "__Secure-session"'
    if not cookie.secure:
        line += "; SESSION_COOKIE_SECURE = True"
    return fix(f"The cookie is {name!r}.", line)


def _refused(running: Running) -> str:
    is_express = running.config.profile == "express"
    return "only logged in the express profile" if is_express else "refused at start-up"


def _insecure_settings(running: Running) -> Answer:
    if running.config.profile == "strict":
        weaker = ", ".join(running.config.exceptions)
        now = "A weaker setting is refused at start-up, and a Secure cookie never goes over http."
        return met(f"{now} Excepted: {weaker}." if weaker else now)
    if running.config.cookie_per_request is not None:
        return fix(_PER_REQUEST, "SESSION_COOKIE_OPTIONS = None; SESSION_COOKIE_SECURE = True")
    if running.config.cookie.secure is True:
        return met("Insecure settings are in the log, and no cookie goes over http.")
    return fix(
        "The cookie goes over http too, and nothing warns of it.", "SESSION_COOKIE_SECURE = True"
    )


def _third_party(running: Running) -> Answer:
    flaw = _flaw(running)
    if flaw is not None:
        return flaw
    return met(f"SameSite=None or Partitioned without Secure is {_refused(running)}.")


def _opaque(running: Running) -> Answer:
    if not running.is_in_cookies:
        return met("The cookie has an id, its signature, and for a user a hash of the user's id.")
    if running.config.encryption_keys:
        return met("The cookie has the whole session, encrypted.")
    return fix(
        "The cookie has the whole session, readable in the browser.",
        running.encrypts(),
    )


def _neutral(running: Running) -> Answer:
    name = running.config.cookie_name
    if name == "connect.sid":
        return fix(f"{name!r} is the name that express-session gives.", _HOST)
    return met(f"The cookie is {name!r}.")


def _age(running: Running) -> Answer:
    if running.config.cookie_per_request is not None:
        return fix(_PER_REQUEST, "SESSION_COOKIE_OPTIONS = None")
    ages = {
        "SESSION_COOKIE_MAX_AGE = None": running.config.cookie.max_age or 0,
        "PERMANENT_SESSION_LIFETIME = timedelta(days=31)": running.config.permanent_lifetime,
    }
    longest, lines = max(ages.values()), [line for line, age in ages.items() if age > _LONGEST]
    if lines:
        return fix(
            f"A cookie lasts {span(longest)}; browsers cut that to 400 days.", "; ".join(lines)
        )
    if running.config.cookie.max_age is None:
        return met("A cookie lasts until the browser closes, unless the session is permanent.")
    return met(f"A cookie lasts at most {span(longest)}.")


def _cached(running: Running) -> Answer:
    if running.config.cache_control == "no-store":
        return met("Both headers are added, and no-store to the pages of users.")
    return met("Both headers are added. SESSION_CACHE_CONTROL can add no-store for users.")


def _only_when_needed(running: Running) -> Answer:
    policy = running.config.policy
    if policy.needs_every_session and not running.is_in_cookies:
        return fix(
            "Requests that ignore their session load it or send its cookie.",
            'SESSION_ROLLING = None; SESSION_RESAVE = False; SESSION_TOUCH = "accessed";'
            " SESSION_SAVE_UNINITIALIZED = False",
        )
    return met(
        "A request that ignores its session sends no cookie, and nor does an unchanged one."
    )


COOKIE: Final = (
    Statement(
        11,
        "The cookie is Secure, HttpOnly, SameSite=Lax or Strict, with the path / and no Domain.",
        ("ASVS 3.3.1", "ASVS 3.3.2", "ASVS 3.3.4", "NIST"),
        "configuration",
        _attributes,
        page="reference/cookie",
        tests=(
            "tests/flask/test_strict_profile.py::TestTheCookie::test_its_line_is_this",
            "tests/flask/test_cookie_on_the_wire.py::TestSetCookie::"
            "test_each_config_key_sets_its_attribute",
        ),
    ),
    Statement(
        12,
        "The cookie's name begins with __Host-, or with __Secure- if the cookie has a Domain or"
        " another path. A prefix that does not fit is refused at start-up.",
        ("ASVS 3.3.1", "ASVS 3.3.3", "RFC 6265bis"),
        "configuration",
        _name,
        page="reference/config",
        tests=(
            "tests/flask/test_extension.py::TestInitApp::"
            "test_a_cookie_that_browsers_reject_is_refused_in_production",
            "tests/unit/test_cookie_options.py::test_a_cookie_that_browsers_reject_has_a_flaw",
        ),
    ),
    Statement(
        13,
        "Insecure settings are refused or logged in production, and a Secure cookie is never"
        " sent over http.",
        ("NIST",),
        "configuration",
        _insecure_settings,
        page="howto/strict",
        tests=(
            "tests/flask/test_strict_profile.py::TestWhatIsWeaker::"
            "test_it_is_refused_in_every_mode",
            "tests/flask/test_extension.py::TestInsecureSettings::"
            "test_a_weak_secret_is_logged_and_not_shown",
            "tests/flask/test_cookie_on_the_wire.py::TestSetCookie::"
            "test_a_secure_cookie_is_not_sent_over_plain_http",
        ),
    ),
    Statement(
        14,
        "SameSite=None and Partitioned are only allowed with Secure.",
        ("RFC 6265bis", "CHIPS"),
        "configuration",
        _third_party,
        page="reference/config",
        tests=(
            "tests/flask/test_extension.py::TestInitApp::"
            "test_a_cookie_that_browsers_reject_is_refused_in_production",
        ),
    ),
    Statement(
        15,
        "The cookie's value is opaque, and has no personal data in clear text.",
        ("NIST",),
        "configuration",
        _opaque,
        page="explanation/security-model",
        tests=(
            "tests/flask/test_strict_profile.py::TestTheCookie::test_its_line_is_this",
            "tests/flask/test_sessions_of_a_user.py::TestIds::"
            "test_the_id_of_a_logged_in_session_begins_with_the_tag_of_its_user",
            "tests/flask/test_at_rest.py::TestTheCookie::"
            "test_its_value_shows_nothing_and_is_not_sent_again",
        ),
    ),
    Statement(
        16,
        "The cookie's name and value together have at most 4096 bytes.",
        ("ASVS 3.3.5",),
        "package",
        "Longer names and ids are refused. A session in a cookie is refused before it is sent.",
        page="reference/config",
        tests=(
            "tests/flask/test_interface.py::TestGenid::"
            "test_the_longest_name_and_id_are_a_cookie_that_browsers_keep",
            "tests/flask/test_cookie_session.py::TestSize::test_name_and_value_count_together",
        ),
    ),
    Statement(
        17,
        "The cookie's name does not reveal which software made it.",
        ("OWASP",),
        "configuration",
        _neutral,
        page="reference/config",
        tests=(
            "tests/flask/test_cookie_on_the_wire.py::TestSetCookie::"
            "test_the_name_comes_from_the_config_or_the_profile",
        ),
    ),
    Statement(
        18,
        "A cookie lasts at most 400 days, and by default until the browser closes.",
        ("RFC 6265bis", "OWASP"),
        "configuration",
        _age,
        page="reference/config",
        tests=(
            "tests/flask/test_extension.py::TestInsecureSettings::"
            "test_an_age_that_cannot_be_meant_is_logged_with_its_key",
            "tests/flask/test_permanent.py::test_a_session_is_not_permanent_by_default",
        ),
    ),
    Statement(
        19,
        "A cookie is removed with the attributes that it was set with, so that browsers remove"
        " it.",
        ("RFC 6265bis", "CHIPS"),
        "package",
        "The line repeats name, Path, Domain, Secure and Partitioned.",
        page="reference/cookie",
        tests=(
            "tests/flask/test_cookie_on_the_wire.py::TestSetCookie::"
            "test_the_removal_line_has_attributes_set_for_this_session",
            "tests/unit/test_cookie_header.py::test_the_line_that_removes_a_cookie_keeps_its_attributes",
        ),
    ),
    Statement(
        20,
        "A response that depends on the session has Vary: Cookie, and one that sets the cookie"
        " keeps it from shared caches.",
        ("ASVS 14.3.2", "CVE-2023-30861", "CVE-2026-27205"),
        "package",
        _cached,
        page="explanation/security-model",
        tests=(
            "tests/flask/test_cookie_on_the_wire.py::TestVary::"
            "test_any_read_makes_the_response_vary_by_cookie",
            "tests/flask/test_cookie_on_the_wire.py::TestCacheControl::"
            "test_no_shared_cache_may_keep_the_cookie",
            "tests/flask/test_cache_control.py::TestNoStore::test_the_page_of_a_user_is_not_kept",
        ),
    ),
    Statement(
        21,
        "No cookie is sent with a static file, or for a session that did not change.",
        (),
        "configuration",
        _only_when_needed,
        page="explanation/life-of-a-session",
        tests=(
            "tests/flask/test_round_trips.py::test_a_static_file_costs_nothing",
            "tests/flask/test_round_trips.py::test_reading_costs_one_call_and_sends_no_cookie",
            "tests/flask/test_permanent.py::test_a_request_that_ignores_its_session_sends_no_cookie",
        ),
    ),
)
