"""Where the sessions under test are kept."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import Any

#: Prefix, table or collection: ours alone on a server that others use too.
OURS = "concurrency_tests"

#: Every store that processes share: the fixture of its URL, and the option that keeps us apart.
SHARED: dict[str, tuple[str, str | None]] = {
    "Redis": ("redis_url", "prefix"),
    "Redis-Cluster": ("redis_cluster_url", "prefix"),
    "PostgreSQL": ("postgresql_url", "table"),
    "MariaDB": ("mysql_url", "table"),
    "SQLite": ("sqlite_url", "table"),
    "MongoDB": ("mongodb_url", "collection"),
    "memcached": ("memcached_url", "prefix"),
    "files": ("files_url", None),
}


@dataclass(frozen=True)
class Place:
    """What an app needs to know to find the sessions."""

    name: str
    #: A URL, for each process makes a client of its own; an object only within one process.
    store: Any
    options: dict[str, str] = field(default_factory=dict)
