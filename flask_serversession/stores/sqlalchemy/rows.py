"""The rows of a store: runs statements on its table, which it creates on first use."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import nullcontext
from datetime import datetime
from datetime import timezone
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from ...errors import PayloadError
from ..base import epoch_milliseconds
from ..base import from_epoch_milliseconds
from ..base import is_expired
from ..base import Record
from ..base import same_json
from .answers import errors_of
from .answers import is_missing_table
from .answers import place
from .answers import too_large
from .engine import Database
from .engine import MYSQL
from .fast_path import Outcome
from .layouts import Wanted
from .setup import check_table
from .setup import make_missing
from .statements import Statements
from .table import Layout

#: What a column's type may raise for a value that is not of that type. SQLite allows any.
_ODD_VALUE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
#: How SQLite's driver begins its complaint about text that is not UTF-8.
_NO_TEXT = "Could not decode to UTF-8"
logger: logging.Logger = logging.getLogger("flask_serversession")

#: Bytes of a value that may be more than a MySQL server takes.
_LONG = 1 << 20
_LIMIT = sa.text("SELECT @@max_allowed_packet")

_NEVER = datetime.max.replace(tzinfo=timezone.utc)


class Rows:
    """Runs statements on one table.

    :param wanted: the table's layout and name.
    :param find_engine: called on first use, unless :meth:`use` was called.
    :param create: create the table on first use.
    """

    def __init__(
        self, wanted: Wanted, find_engine: Callable[[], sa.Engine], *, create: bool
    ) -> None:
        self._wanted = wanted
        self._find_engine = find_engine
        #: Where the engine is found.
        self.context: Callable[[], AbstractContextManager[object]] = nullcontext
        self._creates = self._setup_due = create

    def use(self, database: Database) -> None:
        """Set the database; raise at once if it cannot have the layout."""
        self.database = database
        self._wanted.on(self._dialect)

    @cached_property
    def database(self) -> Database:
        with errors_of("SQLAlchemy"), self.context():
            return Database.of_application(self._find_engine())

    @cached_property
    def layout(self) -> Layout:
        return self._wanted.on(self._dialect)

    @cached_property
    def sql(self) -> Statements:
        return Statements(self.layout.table, self._dialect())

    def setup(self) -> None:
        """Create the table and its indexes if they are missing."""
        with self.database.errors:
            self.database.healed(self._make_missing)
        self._setup_due = False

    def check(self) -> list[str]:
        """Return what makes the table slow; raise ConfigError if it is not the layout's."""
        if self._setup_due:
            self.setup()
        with self.database.errors, self.database.connect() as connection:
            return check_table(connection, self.layout)

    def _make_missing(self) -> None:
        with self.database.connect() as connection:
            make_missing(connection, self.layout)

    def run(self, statement: sa.Executable, **parameters: object) -> Outcome:
        """Execute one statement."""
        with self.database.errors:
            return self.send(statement, **parameters)

    def send(self, statement: sa.Executable, **parameters: object) -> Outcome:
        """Execute one statement; raise SQLAlchemy's exceptions."""
        if self._setup_due:
            self.setup()
        parameters.update(self.constants)
        with _DECODING:
            return self._send(statement, parameters)

    def _send(self, statement: sa.Executable, parameters: dict[str, Any]) -> Outcome:
        """Run a statement; make the table and run it again if the table was dropped."""
        try:
            return self.database.send(statement, parameters)
        except exc.DBAPIError as error:
            if not self._creates or not is_missing_table(error):
                self._refuse_what_is_too_large(parameters)
                raise
        logger.warning("The sessions' table was dropped while in use; the store creates it again.")
        self.setup()
        return self.database.send(statement, parameters)

    def _refuse_what_is_too_large(self, parameters: Mapping[str, object]) -> None:
        """Raise StoreError if MySQL may have hung up on a long value, as in an outage."""
        sizes = (len(value) for value in parameters.values() if isinstance(value, bytes))
        longest = max(sizes, default=0)
        if longest < _LONG or self._dialect() not in MYSQL:
            return
        ((limit,),) = self.database.send(_LIMIT, {}).rows
        if longest >= limit:
            raise too_large(place(self.database.engine), longest, limit)

    def replace(self, key: str, record: Record, replacing: Record | None) -> Outcome:
        """Replace a live record; with ``replacing``, only if its payload is still there."""
        statement, parameters = self.replacement(record, replacing)
        return self.run(statement, key=key, now=now(), **parameters)

    @contextmanager
    def locked(self, key: str) -> Iterator[LockedRow]:
        """Lock the row of a key until the block ends."""
        with self.database.transaction() as connection:
            yield LockedRow(self, connection, key)

    def values(self, record: Record) -> dict[str, object]:
        """Return a record as the statements' parameters."""
        return {
            "new_payload": record.payload,
            "new_expires_at": self.rounded(record.expires_at or _NEVER),
        }

    def are_same(self, one: Record, other: Record) -> bool:
        """Tell whether a row with one of these records has the values of the other."""
        one_ends, other_ends = (self.values(record)["new_expires_at"] for record in (one, other))
        return one_ends == other_ends and same_json(one.payload, other.payload)

    def rounded(self, moment: datetime) -> int:
        """Return a moment as the expiry column stores it, in milliseconds."""
        return self.layout.rounded(epoch_milliseconds(moment))

    def replacement(
        self, record: Record, replacing: Record | None
    ) -> tuple[sa.Executable, dict[str, object]]:
        """Return the statement of :meth:`replace` and its parameters."""
        sql, ends = self.sql, is_expired(record.expires_at)
        parameters = {} if ends else self.values(record)
        if replacing is None:
            return sql.delete if ends else sql.save, parameters
        parameters["old_payload"] = replacing.payload
        return sql.delete_replacing if ends else sql.save_replacing, parameters

    def _dialect(self) -> str:
        return self.database.engine.dialect.name

    @cached_property
    def constants(self) -> dict[str, object]:
        """Parameters that are the same for every statement."""
        if not self.layout.local:
            return {}
        return {"time_zone": self._wanted.time_zone(self.database)}


class LockedRow:
    """The row of a key, or its absence, locked by a transaction."""

    def __init__(self, rows: Rows, connection: sa.Connection, key: str) -> None:
        self._rows = rows
        self._connection = connection
        # One moment for both statements, so that the row cannot expire in between.
        self._place = {"key": key, "now": now(), **rows.constants}
        with rows.database.errors, _DECODING:
            found = connection.execute(rows.sql.load_locked, self._place).all()
        #: The live record, if any.
        self.record: Record | None = first_record(found)

    def replace(self, record: Record) -> None:
        """Replace the record."""
        statement, parameters = self._rows.replacement(record, None)
        with self._rows.database.errors:
            self._connection.execute(statement, {**self._place, **parameters})


class _Decoding:
    """A reusable ``with`` block in which an odd value of a row is a PayloadError."""

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        is_no_text = isinstance(error, exc.OperationalError) and _NO_TEXT in str(error.orig)
        if is_no_text or isinstance(error, _ODD_VALUE):
            raise _odd_row() from None  # its message quotes the value


_DECODING = _Decoding()


def _odd_row() -> PayloadError:
    return PayloadError("The row of a session has a value of another type than its column.")


def first_record(rows: Sequence[Sequence[Any]]) -> Record | None:
    """Return the record in the rows of a load, if any."""
    for payload, expires_at in rows:
        if type(payload) is not bytes or type(expires_at) is not int:
            raise _odd_row()
        with _DECODING:
            return Record(payload, from_epoch_milliseconds(expires_at))
    return None


def now() -> int:
    """Return the current time in milliseconds."""
    return time.time_ns() // 1_000_000
