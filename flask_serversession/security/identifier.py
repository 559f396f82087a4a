"""Statements about the id of a session."""

from __future__ import annotations

from typing import Final

from ..config.options import generate_id_for
from .statement import Answer
from .statement import fix
from .statement import met
from .statement import NEEDS_STORE
from .statement import NO_IDS
from .statement import Running
from .statement import Statement

_REJECTED: Final = "tests/flask/test_rejected_cookies.py::"


def _generator(running: Running) -> Answer:
    if running.config.genid is generate_id_for:
        return met("An id is 24 bytes of Python's secrets module: 192 bits.")
    return fix(
        "SESSION_GENID, a function of the application, makes the ids.", "SESSION_GENID = None"
    )


def _hashes(running: Running) -> bool:
    return running.config.hash_ids is True and not running.has_plain_former


def _hashed(running: Running) -> Answer:
    if _hashes(running):
        return met("The store has a hash of each id. Everything else shows handles.")
    if running.config.hash_ids == "switch":
        return fix(
            "New ids are hashed. Raw ones stay in the store until their sessions are used.",
            running.hashes(),
        )
    return fix(
        "The store has the ids as they are. Everything else shows handles.", running.hashes()
    )


def _refuses_hashes(running: Running) -> Answer:
    if _hashes(running):
        return met("An id that looks like a stored key is refused before the store is asked.")
    return fix(
        "A key in the store is an id. Together with the secret it makes a valid cookie.",
        running.hashes(),
    )


def _by_hash(running: Running) -> Answer:
    if _hashes(running):
        return met("Signatures are compared in constant time, and sessions are found by hash.")
    return fix(
        "Signatures are compared in constant time. Sessions are found by their id.",
        running.hashes(),
    )


IDENTIFIER: Final = (
    Statement(
        1,
        "An id has at least 128 bits from a cryptographic random generator, and is not a UUID.",
        ("ASVS 7.2.3", "ASVS 11.5.1", "NIST"),
        "configuration",
        _generator,
        page="explanation/security-model",
        tests=("tests/unit/test_ids.py::test_each_of_the_192_bits_of_an_id_varies",),
        in_cookies=NO_IDS,
    ),
    Statement(
        2,
        "A million ids are all different, and only an explicit setting replaces their generator.",
        ("ASVS 7.2.3",),
        "package",
        "Only SESSION_GENID replaces it, and the log warns of ids that are too short.",
        page="reference/config",
        tests=(
            "tests/unit/test_ids.py::test_many_ids_are_all_different",
            "tests/flask/test_interface.py::TestGenid::"
            "test_an_id_that_others_could_guess_is_logged_once",
        ),
        in_cookies=NO_IDS,
    ),
    Statement(
        3,
        "An id that the store does not know is never adopted.",
        ("OWASP",),
        "package",
        "The browser gets a new id once there is something to store, and none before.",
        page="explanation/security-model",
        tests=(
            "tests/flask/test_verbs.py::TestIdentity::"
            "test_an_id_that_the_store_does_not_know_is_not_adopted",
            "tests/attacks/test_session_fixation.py::"
            "test_a_signed_id_that_the_store_does_not_know_is_not_adopted",
        ),
        in_cookies=NO_IDS,
    ),
    Statement(
        4,
        "A malformed or oversized cookie causes no call to the store and no error.",
        ("OWASP",),
        "package",
        "Such a cookie is ignored, as an unsigned one is.",
        page="explanation/security-model",
        tests=(
            "tests/flask/test_bad_input.py::TestCookie::test_an_invalid_cookie_is_ignored",
            "tests/flask/test_bad_input.py::TestCookie::"
            "test_no_random_header_causes_an_error_or_a_store_call",
            "tests/attacks/test_verification.py::"
            "test_an_oversized_header_costs_no_more_than_eight_cookies",
        ),
    ),
    Statement(
        5,
        "If a browser sends several session cookies, at most one is used, always the same one,"
        " and a signal reports it.",
        ("OWASP",),
        "package",
        "The first one that the store knows counts. session_ambiguous is sent.",
        page="reference/cookie",
        tests=(
            "tests/flask/test_several_cookies.py::"
            "test_a_session_that_ended_does_not_hide_one_that_is_stored",
            "tests/flask/test_several_cookies.py::"
            "test_a_signal_says_which_sessions_were_named_and_which_one_is_used",
            "tests/attacks/test_cookie_tossing.py::"
            "test_a_tossed_cookie_that_is_signed_does_not_go_unnoticed",
        ),
        in_cookies=NEEDS_STORE,
    ),
    Statement(
        6,
        "An id is accepted only from the cookie, never from the URL, a form or another header.",
        ("ASVS 14.2.1", "ASVS 3.3.4"),
        "package",
        "Only the Cookie header is read.",
        tests=(
            "tests/attacks/test_ids_from_elsewhere.py::test_an_id_in_the_query_is_not_used",
            "tests/attacks/test_ids_from_elsewhere.py::test_an_id_in_a_form_is_not_used",
            "tests/attacks/test_ids_from_elsewhere.py::test_an_id_in_a_header_is_not_used",
        ),
    ),
    Statement(
        7,
        "No id appears in the store, a log, an error page, a repr or a metric.",
        ("ASVS 16.2.5",),
        "configuration",
        _hashed,
        page="howto/encrypt-at-rest",
        tests=(
            "tests/flask/test_protected_sessions.py::TestHashedIds::"
            "test_neither_an_id_nor_that_of_a_successor_is_in_the_store",
            "tests/unit/test_errors.py::test_a_session_shows_neither_its_id_nor_its_data",
        ),
        in_cookies=NO_IDS,
    ),
    Statement(
        8,
        "A key that was read from the store cannot be used as a cookie.",
        ("CVE-2019-16782",),
        "configuration",
        _refuses_hashes,
        page="howto/encrypt-at-rest",
        tests=(
            "tests/flask/test_at_rest.py::test_a_stolen_key_of_the_store_is_no_id",
            "tests/flask/test_protected_sessions.py::TestHashedIds::test_a_stored_key_is_no_id",
            "tests/stores/test_protected.py::test_an_id_that_looks_like_a_stored_key_is_absent",
        ),
        in_cookies=NO_IDS,
    ),
    Statement(
        9,
        "A session is found by the hash of its id, and secrets are compared in constant time.",
        ("CVE-2019-16782",),
        "configuration",
        _by_hash,
        page="howto/encrypt-at-rest",
        tests=(
            "tests/stores/test_protected.py::test_a_raw_id_is_not_looked_up_where_ids_are_hashed",
            "tests/attacks/test_verification.py::"
            "test_no_signature_is_compared_in_another_way_than_in_constant_time",
        ),
        in_cookies=NO_IDS,
    ),
    Statement(
        10,
        "The rate of unknown and unsigned ids can be observed, with the address they come from.",
        ("OWASP", "ASVS 16.3.3"),
        "package",
        "session_rejected has the reason and the rate. It is sent in the request, which has the"
        " address.",
        page="howto/measure",
        tests=(
            f"{_REJECTED}test_an_id_that_the_store_does_not_have_is_unknown",
            f"{_REJECTED}test_what_no_secret_signed_is_unsigned",
            f"{_REJECTED}test_a_receiver_sees_the_request_with_its_address",
            f"{_REJECTED}TestRate::test_it_counts_the_last_minute",
        ),
        in_cookies=NEEDS_STORE,
    ),
)
