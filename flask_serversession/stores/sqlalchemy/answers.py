"""What a database's error says, by its SQLSTATE, its number or SQLite's words."""

from __future__ import annotations

from functools import partial

import sqlalchemy as sa
from sqlalchemy import exc

from ...errors import StoreError
from ...errors import StoreUnavailable
from ..driver_errors import DriverErrors
from ..driver_errors import exhausted
from ..driver_errors import read_only

_READ_ONLY = ("25006", 1290, 1792, 1836, "attempt to write a readonly database")
_DEADLOCK = ("40P01", 1213)
_MISSING_TABLE = ("42P01", 1146)
_TOO_MANY_CONNECTIONS = ("53300", 1040, 1203, 1226)
#: PostgreSQL's and PgBouncer's, whose drivers have no SQLSTATE for a refused connection.
_TOO_MANY_IN_WORDS = (
    *("too many clients", "too many connections", "connection slots"),
    "no more connections allowed",
)


def errors_of(where: str) -> DriverErrors:
    """Return the block that turns SQLAlchemy's exceptions into this package's."""
    return DriverErrors(
        where,
        unavailable=(exc.OperationalError, exc.InterfaceError, exc.TimeoutError),
        failed=(exc.SQLAlchemyError,),
        explain=partial(_explained, where),
    )


def is_read_only(error: BaseException) -> bool:
    """Tell whether this node takes no writes, as a replica does after a failover."""
    return _code(error) in _READ_ONLY


def is_deadlock(error: BaseException) -> bool:
    """Tell whether the server rolled the statement back because others waited for it.

    MySQL does so to inserts of a key that another connection inserts or deletes.
    """
    return _code(error) in _DEADLOCK


def is_missing_table(error: BaseException) -> bool:
    code = _code(error)
    return code in _MISSING_TABLE or str(code).startswith("no such table")


def place(engine: sa.Engine) -> str:
    """Return which database this is, without user and password."""
    url = engine.url
    if engine.dialect.name == "sqlite":
        return f"SQLite file {url.database}"
    host, port = url.host or "the driver's default host", f":{url.port}" if url.port else ""
    return f"{engine.dialect.name} at {host}{port}"


def too_large(where: str, size: int, limit: int) -> StoreError:
    return StoreError(
        f"A session of {size} bytes is larger than the session store ({where}) takes: its"
        f" max_allowed_packet is {limit}. Keep less in the session, or allow more."
    )


def _explained(where: str, error: BaseException) -> StoreError | None:
    if isinstance(error, exc.TimeoutError):
        return exhausted(where, "pool_size or max_overflow")
    if is_read_only(error):
        return read_only(where)
    if is_missing_table(error):
        return StoreError(
            f"The table of the session store ({where}) is missing. Run the application's"
            " migrations, or flask sessions setup."
        )
    code = _code(error)
    if code in _TOO_MANY_CONNECTIONS or any(words in str(code) for words in _TOO_MANY_IN_WORDS):
        return StoreUnavailable(
            f"The session store ({where}) has no free connection: the server's own limit is"
            " reached. Raise it, or give each worker process a smaller pool."
        )
    return _of_sqlite(str(code), where)


def _of_sqlite(words: str, where: str) -> StoreError | None:
    if words == "unable to open database file":
        return StoreUnavailable(
            f"The session store ({where}) cannot be opened. Check that its folder exists and"
            " that this process may write to the file and the folder."
        )
    if words == "database is locked":
        return StoreUnavailable(
            f"The session store ({where}) is locked by another writer, because SQLite allows"
            " one. If this request wrote to the same file, commit or roll back before its"
            " session is stored, or give sessions a file of their own:"
            " SESSION_STORE = 'sqlite:///sessions.db'."
        )
    return None


def _code(error: BaseException) -> object:
    driver = error.orig if isinstance(error, exc.DBAPIError) else None
    if driver is None:
        return None
    first: object = driver.args[0] if driver.args else None
    if isinstance(first, int):  # PyMySQL has an SQLSTATE as well, which says less
        return first
    return getattr(driver, "sqlstate", None) or getattr(driver, "pgcode", None) or first
