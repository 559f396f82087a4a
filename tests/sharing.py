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
    from xdist.workermanage import WorkerController

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

#: About how many seconds a slow test takes, by the start of its id. The first entry counts.
_SECONDS = {
    "tests/interop/": 18,
    "tests/migration/": 3,
    "tests/attacks/test_fuzz": 1.5,
    "tests/attacks/": 0.06,
    "tests/faults/test_killed_writers.py": 18,
    "tests/conformance/test_traces.py": 60,
    "tests/conformance/": 15,
    "": 0.4,
}
_SECONDS_IF_NOT_SLOW = 0.1


class GroupScheduling(LoadScopeScheduling):
    """Gives a worker one group of tests at a time."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

    def _reschedule(self, node: WorkerController) -> None:
        # A worker needs to know its next test. One that has more gets no group yet, so that
        # the group goes to the worker that is free first.
        if self._pending_of(self.assigned_work[node]) <= 1:
            super()._reschedule(node)


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
    """Sort groups by the time that their tests take, so that no worker is left with a long one."""
    seconds: dict[str, float] = {}
    for item in items:
        group = group_of(item.nodeid)
        seconds[group] = seconds.get(group, 0) + _seconds_of(item)
    items.sort(key=lambda item: -seconds[group_of(item.nodeid)])


def _seconds_of(item: pytest.Item) -> float:
    if item.get_closest_marker("slow") is None:
        return _SECONDS_IF_NOT_SLOW
    return next(_SECONDS[start] for start in _SECONDS if item.nodeid.startswith(start))
