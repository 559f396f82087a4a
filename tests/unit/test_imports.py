"""What the package imports. import-linter checks its layers."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import flask_serversession
from flask_serversession.stores import ENTRY_POINTS

FILES = sorted(Path(flask_serversession.__file__).parent.rglob("*.py"))
#: Modules that run code when they read data.
UNSAFE = {"pickle", "marshal", "shelve", "copyreg", "dill", "cloudpickle"}
#: The one module that may import pickle, for applications that ask for it.
UNPICKLES = "flask_session_pickle"


def imported_by(path: Path) -> set[str]:
    """Return each part of each name that a file imports."""
    imported: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names]
            module = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            imported.update(*(name.split(".") for name in (*names, *module)))
    return imported


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_imports_a_module_that_runs_code_when_it_reads_data(path: Path) -> None:
    allowed = {"pickle"} if path.stem == UNPICKLES else set()

    assert imported_by(path) & (UNSAFE | {UNPICKLES}) == allowed


def test_an_application_that_reads_no_pickles_does_not_import_what_reads_them() -> None:
    code = (
        "import sys, flask, redis, flask_serversession as ours; app = flask.Flask('app');"
        "app.config.update(SESSION_ADOPT=['flask', 'flask-session'], SESSION_STORE='memory');"
        "app.config.update(SESSION_TYPE='redis', SESSION_REDIS=redis.Redis(), TESTING=True);"
        "ours.ServerSession(app);"
        f"print([name for name in sys.modules if {UNPICKLES!r} in name])"
    )

    output = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )

    assert output.stdout.strip() == "[]"


def test_importing_the_package_imports_no_driver_and_no_test_tool() -> None:
    drivers = ["redis", "valkey", "sqlalchemy", "pymongo", "pymemcache", "cachelib"]
    unwanted = [*drivers, "cryptography", "pytest", "hypothesis"]
    code = f"import flask_serversession, sys; print([n for n in {unwanted!r} if n in sys.modules])"

    output = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )

    assert output.stdout.strip() == "[]"


#: The modules that applications and other packages import from, with what they find there.
PUBLIC = {
    "flask_serversession.errors": [
        "ConfigError",
        "LoginTooOld",
        "MissingSecret",
        "PayloadError",
        "ServerSessionError",
        "SessionConflict",
        "SessionError",
        "SessionGone",
        "SessionLimitReached",
        "SessionLocked",
        "SessionSerializationError",
        "SessionSuperseded",
        "SessionTooLarge",
        "StoreError",
        "StoreUnavailable",
    ],
    "flask_serversession.signals": [
        "session_ambiguous",
        "session_anomalous",
        "session_conflict",
        "session_created",
        "session_destroyed",
        "session_ended",
        "session_loaded",
        "session_logged_in",
        "session_logged_out",
        "session_refused",
        "session_regenerated",
        "session_rejected",
        "session_saved",
        "session_store_error",
        "session_touched",
    ],
    "flask_serversession.manager": ["SessionManager"],
    "flask_serversession.testing": [
        "EpochsContract",
        "KeysContract",
        "LeaseContract",
        "LockContract",
        "LockedSaveContract",
        "PingContract",
        "PruneContract",
        "SetupContract",
        "store_machine",
        "StoreContract",
        "UsersContract",
    ],
    "flask_serversession.stores.base": [
        "ENDED",
        "GONE",
        "Lock",
        "Record",
        "Refusal",
        "Store",
        "SupportsClose",
        "SupportsEpochs",
        "SupportsKeys",
        "SupportsLock",
        "SupportsLockedSave",
        "SupportsPing",
        "SupportsPrune",
        "SupportsSetup",
        "SupportsUsers",
        "TAKEN",
        "user_of",
    ],
    "flask_serversession.stores.driver_errors": ["DriverErrors"],
    "flask_serversession.stores.record_lock": ["RecordLock"],
    "flask_serversession.stores.memory": ["MemoryStore"],
    "flask_serversession.stores.redis": ["RedisStore"],
    "flask_serversession.stores.sqlalchemy": ["SQLAlchemyStore"],
    "flask_serversession.stores.postgresql": ["PostgreSQLStore"],
    "flask_serversession.stores.mongodb": ["MongoDBStore"],
    "flask_serversession.stores.memcached": ["MemcachedStore"],
    "flask_serversession.stores.filesystem": ["FileSystemStore"],
    "flask_serversession.stores.cachelib": ["CacheLibStore"],
}
EXPORTED = [
    *PUBLIC["flask_serversession.errors"],
    *PUBLIC["flask_serversession.signals"],
    "manager_of",
    "Record",
    "Refusal",
    "ServerSession",
    "session",
    "Session",
    "session_lock",
    "session_peek",
    "session_read_only",
    "session_timeout",
    "fresh_login_required",
    "SessionCookie",
    "SessionManager",
    "UserSession",
    "SessionType",
    "Store",
    "UnknownValue",
]


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in PUBLIC.items() for name in names]
)
def test_a_public_name_can_be_imported_from_its_module(module: str, name: str) -> None:
    assert hasattr(import_module(module), name)


def test_the_package_exports_the_public_names_and_no_others() -> None:
    assert sorted(flask_serversession.__all__) == sorted(EXPORTED)
    assert all(hasattr(flask_serversession, name) for name in EXPORTED)


def test_other_packages_register_their_stores_under_one_entry_point_group() -> None:
    assert ENTRY_POINTS == "flask_serversession.stores"


def test_importing_every_module_connects_to_nothing() -> None:
    above = Path(flask_serversession.__file__).parents[1]
    names = [".".join(path.relative_to(above).with_suffix("").parts) for path in FILES]
    code = (
        "import sys; from importlib import import_module\n"
        "def refuse(event, arguments):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.sendto'):\n"
        "        raise SystemExit(f'{event} {arguments}')\n"
        "sys.addaudithook(refuse)\n"
        f"for name in {names!r}: import_module(name)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
