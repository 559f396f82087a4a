"""Statements about what is stored."""

from __future__ import annotations

from math import inf
from typing import Final

from .statement import Answer
from .statement import fix
from .statement import met
from .statement import NEEDS_STORE
from .statement import NO_STORE
from .statement import Running
from .statement import Statement

_CONTRACT: Final = "flask_serversession/testing/contract.py::"


def _encrypted(running: Running) -> Answer:
    keys = running.config.encryption_keys
    if not keys:
        return fix("Sessions are stored as readable JSON.", running.encrypts())
    if None in keys:
        return fix(
            "Sessions that are not encrypted are still read.",
            "SESSION_ENCRYPTION_KEYS without None",
        )
    if running.has_plain_former:
        return fix("The former store has readable JSON.", running.encrypts())
    if running.is_in_cookies:
        return met("Cookies are encrypted with AES-256-GCM. A copied one is still read.")
    if running.config.hash_ids:
        return met("Sessions are encrypted with AES-256-GCM. The key of each needs its id, too.")
    return met("Sessions are encrypted with AES-256-GCM, each with a key of its own.")


def _rotated(running: Running) -> Answer:
    if not running.config.encryption_keys:
        return fix(
            "Sessions are not encrypted, so there is no key to replace.", running.encrypts()
        )
    return met(
        "The first key encrypts, all decrypt. An old one can go when check counts no session that"
        " needs it."
    )


def _size(running: Running) -> Answer:
    config = running.config
    limits = {
        "SESSION_MAX_BYTES = 1_048_576": config.max_bytes,
        "SESSION_MAX_MEMBERS = 1000": config.max_members,
    }
    lines = [line for line, limit in limits.items() if limit == inf]
    if lines:
        return fix("A session may be as large as its store allows.", "; ".join(lines))
    return met(
        f"A session has at most {config.max_bytes} bytes and {config.max_members} members, nested"
        f" {config.max_depth} deep."
    )


def _files(running: Running) -> Answer:
    kinds = [type(store).__name__ for store in running.backends]
    if "CacheLibStore" in kinds:
        return fix("The cache may keep files of its own.", 'SESSION_STORE = "file:///…"')
    if "FileSystemStore" not in kinds:
        return met(f"{running.backend} has no file for each session.")
    if running.config.hash_ids is not True or running.has_plain_former:
        return fix("The id is the file's name.", running.hashes())
    return met("They are private and replaced in one step; links are not followed.")


AT_REST: Final = (
    Statement(
        51,
        "Reading a session never runs code. Pickles are read only if configured, and only their"
        " plain values.",
        ("ASVS 1.5.2",),
        "package",
        "Sessions are JSON. SESSION_ADOPT can read the plain values of old pickles.",
        page="explanation/why-json",
        tests=(
            "tests/unit/test_imports.py::"
            "test_no_file_imports_a_module_that_runs_code_when_it_reads_data",
            "tests/flask/test_pickled_flask_sessions.py::test_a_command_is_never_run",
        ),
    ),
    Statement(
        52,
        "A record that cannot be read or decrypted counts as absent and is reported by a"
        " signal. No other decoder is tried.",
        ("CVE-2026-39324",),
        "package",
        'The visitor has a new, empty session. session_rejected says "unreadable".',
        page="reference/signals",
        tests=(
            "tests/flask/test_bad_input.py::TestRecord::"
            "test_an_unreadable_record_reads_as_a_new_session",
            "tests/flask/test_rejected_cookies.py::test_a_record_that_is_not_a_session_is_unreadable",
            "tests/flask/test_at_rest.py::test_a_record_that_was_changed_counts_as_absent",
            "tests/stores/test_protected.py::test_plain_records_are_read_only_while_none_is_among_the_keys",
        ),
        in_cookies=NEEDS_STORE,
    ),
    Statement(
        53,
        "Stored sessions have authenticated encryption that is bound to their id: a record that"
        " is copied to another id cannot be read.",
        ("ASVS 11.3.1", "ASVS 11.3.2", "ASVS 11.3.3"),
        "configuration",
        _encrypted,
        page="howto/encrypt-at-rest",
        tests=(
            "tests/attacks/test_stolen_database.py::"
            "test_what_comes_of_an_attempt_is_what_the_page_says",
            "tests/stores/test_protected.py::test_rows_cannot_be_swapped",
            "tests/stores/test_protected.py::test_no_changed_payload_is_read_by_the_id",
            "tests/unit/test_encryption.py::test_the_same_text_is_sealed_differently_each_time",
        ),
    ),
    Statement(
        54,
        "Encryption keys can be replaced without a logout, records of an old key can be counted,"
        " and an unknown key opens nothing.",
        ("ASVS 11.2.2",),
        "configuration",
        _rotated,
        page="howto/encrypt-at-rest",
        tests=(
            "tests/flask/test_at_rest.py::"
            "test_a_session_of_an_older_key_is_read_and_encrypted_with_the_newest",
            "tests/flask/test_at_rest.py::test_check_counts_the_records_of_old_keys",
            "tests/flask/test_protected_sessions.py::TestEncryptedSessions::"
            "test_without_its_key_a_session_is_absent",
        ),
    ),
    Statement(
        55,
        "The bytes, members and depth of a session are limited.",
        ("ASVS 15.2.2",),
        "configuration",
        _size,
        page="reference/config",
        tests=(
            "tests/flask/test_size_limits.py::"
            "test_by_default_a_session_may_have_a_mebibyte_and_a_thousand_members",
            "tests/flask/test_size_limits.py::TestInBothPlaces::"
            "test_a_session_that_is_nested_too_deep_raises",
        ),
    ),
    Statement(
        56,
        "Ending all sessions leaves everything else in the same database alone.",
        (),
        "package",
        "Keys have a prefix or a table of their own. FLUSHDB and KEYS are not used.",
        page="reference/stores",
        tests=(
            f"{_CONTRACT}KeysContract::test_another_store_on_the_same_server_sees_and_loses_nothing",
            "tests/stores/test_redis.py::TestKeysUnderAPrefix::"
            "test_a_prefix_that_looks_like_a_pattern_is_taken_literally",
        ),
        in_cookies=NO_STORE,
        by_store=True,
    ),
    Statement(
        57,
        "Session files are private, replaced atomically and named by a hash, and links are not"
        " followed.",
        ("CWE-59", "CWE-732"),
        "configuration",
        _files,
        page="howto/files",
        tests=(
            "tests/flask/test_protected_sessions.py::TestHashedIds::"
            "test_neither_an_id_nor_that_of_a_successor_is_in_the_store",
            "tests/stores/test_filesystem.py::TestLayout::"
            "test_directory_and_files_are_private_under_any_umask",
            "tests/stores/test_filesystem.py::TestSymbolicLinks::"
            "test_a_symbolic_link_is_not_a_record",
            "tests/stores/test_filesystem.py::TestConcurrency::"
            "test_readers_never_see_a_torn_or_missing_record",
        ),
        in_cookies=NO_STORE,
        by_store=True,
    ),
    Statement(
        58,
        "No id and no value becomes part of an SQL statement, or an operator in MongoDB.",
        ("ASVS 1.2.4",),
        "package",
        "Values are bound, names are quoted, and MongoDB filters have only text.",
        page="howto/sql",
        tests=(f"{_CONTRACT}StoreContract::test_any_key_works_with_every_verb",),
        in_cookies=NO_STORE,
        by_store=True,
    ),
    Statement(
        59,
        "Lua scripts are constant, and data reach them only as KEYS and ARGV.",
        ("ASVS 1.2.4",),
        "package",
        "The scripts are files of this package, sent as they are.",
        page="howto/redis",
        tests=(
            "tests/unit/test_lua_scripts.py::"
            "test_a_script_is_sent_as_its_files_are_with_the_data_beside_it",
        ),
    ),
    Statement(
        60,
        "The connection to the store can be encrypted and authenticated, and no message shows its"
        " password.",
        ("ASVS 12.3.1", "ASVS 16.2.5"),
        "package",
        "URLs and clients of each store can have TLS, a user and a password.",
        page="howto/redis",
        tests=(
            "tests/unit/test_stores_registry.py::test_no_message_shows_the_password_of_a_url",
            "tests/stores/test_redis.py::TestTroubleWithTheServer::"
            "test_no_message_quotes_a_key_a_payload_or_a_password",
        ),
        in_cookies=NO_STORE,
        by_store=True,
    ),
)
