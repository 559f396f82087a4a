"""Chooses the layout that an application asks for and checks it against the dialect."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable

from ...errors import ConfigError
from . import node_layouts as node
from .engine import Database
from .engine import MYSQL
from .table import Layout
from .table import LONGEST_KEY
from .table import native_layout
from .table import TIME_ZONE_OF_OTHERS

_Make = Callable[[str | None, str | None], Layout]

#: Name, dialect -> function that returns the layout. ``native`` fits every dialect.
_LAYOUTS: dict[str, dict[str, _Make]] = {
    "connect-pg-simple": {"postgresql": node.connect_pg_simple},
    "express-mysql-session": {"mysql": node.express_mysql_session},
    "connect-session-knex": {
        "postgresql": node.knex_on_postgresql,
        "mysql": node.knex_on_mysql,
        "sqlite": node.knex_on_sqlite,
    },
    "connect-session-sequelize": {
        "postgresql": node.sequelize_on_postgresql,
        "mysql": node.sequelize_on_mysql,
        "sqlite": node.sequelize_on_sqlite,
    },
    "express": {
        "postgresql": node.connect_pg_simple,
        "mysql": node.express_mysql_session,
        "sqlite": node.knex_on_sqlite,
    },
}


#: How many characters a key may have where that is less than usual. The database is not asked:
#: SQLite, which enforces none, has them too, so that an application behaves as elsewhere.
_LONGEST_KEYS = {"connect-session-sequelize": 36, "express-mysql-session": 128, "express": 128}


class Wanted:
    """The application's choice of layout and table; the layout depends on the dialect.

    :raises ConfigError: for an unknown layout.
    """

    def __init__(
        self, layout: str, table: str | None, schema: str | None, time_zone: str | None
    ) -> None:
        if layout != "native" and layout not in _LAYOUTS:
            raise ConfigError(
                f"layout is {layout!r}, which the SQL store does not have. It has"
                f" {_listed(_LAYOUTS)}."
            )
        self.longest_key: int = _LONGEST_KEYS.get(layout, LONGEST_KEY)
        self._layout = layout
        self._table = table
        self._schema = schema
        self._time_zone = time_zone

    def on(self, dialect: Callable[[], str]) -> Layout:
        """Return the layout for a dialect; ``native`` does not ask for the dialect.

        :raises ConfigError: if the layout does not fit; the message names those that do.
        """
        make = native_layout if self._layout == "native" else self._find(dialect())
        layout = make(self._table, self._schema)
        if self._time_zone is not None and not layout.local:
            raise ConfigError(
                "time_zone is for the layout 'connect-pg-simple', the only one that stores local"
                " times. Leave it out."
            )
        return layout

    def time_zone(self, database: Database) -> str:
        """Return the time zone of a layout with local times; may ask the server.

        :raises ConfigError: if the server does not show it.
        """
        if self._time_zone is not None:
            return self._time_zone
        ((time_zone,),) = database.send(TIME_ZONE_OF_OTHERS, {}).rows
        if time_zone is None:
            raise ConfigError(
                "connect-pg-simple stores local times, in the TimeZone of Node's connections."
                " A connection that sets its own, by PGTZ, an engine's options or SET, cannot see"
                " it. Set none, or name Node's: time_zone='Etc/UTC', or what SHOW TimeZone"
                " returns in Node."
            )
        return str(time_zone)

    def _find(self, dialect: str) -> _Make:
        dialect = "mysql" if dialect in MYSQL else dialect
        by_dialect = _LAYOUTS[self._layout]
        if dialect not in by_dialect:
            fitting = [name for name, dialects in _LAYOUTS.items() if dialect in dialects]
            raise ConfigError(
                f"The layout {self._layout!r} is for {' and '.join(by_dialect)}, and this engine"
                f" for {dialect}. Layouts for {dialect} are {_listed(fitting)}."
            )
        return by_dialect[dialect]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, ["native", *names]))
