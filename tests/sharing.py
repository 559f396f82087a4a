"""Which tests a worker of pytest-xdist runs one after the other.

A worker starts a server when its first test asks for it. Tests of one server go to one
worker, so each server starts once and no two tests use it at the same time. Other tests
go to whichever worker is free, a file at a time. Nothing but the time depends on this:
a worker that is given another's tests starts a server of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    import pytest

#: What a test's file or parameters say of the server it uses.
_SERVERS = {
    "redis": "Redis",
    "postgresql": "PostgreSQL",
    "psycopg": "PostgreSQL",
    "mysql": "MariaDB",
    "mariadb": "MariaDB",
    "mongodb": "MongoDB",
    "nx-27017": "MongoDB",
    "memcached": "memcached",
}
_SERVER = re.compile("|".join(_SERVERS), re.IGNORECASE)

#: Folders whose tests have a server's name in their parameters, and use none.
_WITHOUT_SERVERS = ("tests/unit/", "tests/property/", "tests/docs/", "tests/conformance/")
#: Folders whose tests spend their time waiting, and start programs of their own.
_APART = ("tests/faults/", "tests/interop/")


class GroupScheduling(LoadScopeScheduling):
    """Gives a worker one group of tests at a time."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def group_of(nodeid: str) -> str:
    """Return the name of the group that a test belongs to."""
    file, _, name = nodeid.partition("::")
    if file.startswith(_WITHOUT_SERVERS):
        return file
    found = _SERVER.search(name.partition("[")[2]) or _SERVER.search(file)
    if found is None:
        return file
    server = _SERVERS[found[0].lower()]
    return f"{file.split('/')[1]} on {server}" if file.startswith(_APART) else server


def put_long_groups_first(items: list[pytest.Item]) -> None:
    """Sort groups by how many of their tests are slow, so that no worker is left with one."""
    slow: dict[str, int] = {}
    for item in items:
        group = group_of(item.nodeid)
        slow[group] = slow.get(group, 0) + (item.get_closest_marker("slow") is not None)
    items.sort(key=lambda item: -slow[group_of(item.nodeid)])
