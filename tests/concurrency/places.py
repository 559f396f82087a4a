"""Where the sessions under test are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from typing import Any

#: The prefix, table or collection that only these tests use, on servers that others use, too.
OURS = "concurrency_tests"

#: Every store that processes can share: the fixture that returns its URL, and the option that
#: keeps these tests' sessions apart from others.
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

#: Those of them that can find the sessions of a user.
FINDING_USERS = [name for name in SHARED if name != "memcached"]


@dataclass(frozen=True)
class Place:
    """The store that an app is configured with."""

    name: str
    #: A URL, so that each process creates its own client; a store object only within one process.
    store: Any
    options: dict[str, str] = field(default_factory=dict)


def place_of(name: str, url_of: Callable[[str], Any], apart: str) -> Place:
    """Return the place of a store that processes can share.

    :param url_of: returns the value of a fixture.
    :param apart: the prefix, table or collection that only the caller's tests use.
    """
    url, option = SHARED[name]
    return Place(name, url_of(url), {option: apart} if option else {})
