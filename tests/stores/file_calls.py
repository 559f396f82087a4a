"""Prints the system calls of a file store's verb; run by test_filesystem_write_locks.py.

It is a program of its own because an audit hook cannot be removed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta

from flask_serversession.stores.base import Record
from flask_serversession.stores.base import utc_now
from flask_serversession.stores.filesystem import FileSystemStore

RECORD = Record(b'{"n":1}', utc_now() + timedelta(hours=1))
#: The prefixes of audit events about files.
OF_FILES = ("open", "os.", "fcntl.")


def main(directory: str, verb: str) -> None:
    store = FileSystemStore(directory)
    store.create("key", RECORD)
    if verb == "create":
        store.delete("key")
    calls: list[str] = []
    sys.addaudithook(lambda event, _: calls.append(event))
    verbs(store)[verb]()
    print(*(call.removeprefix("fcntl.") for call in tuple(calls) if call.startswith(OF_FILES)))


def verbs(store: FileSystemStore) -> dict[str, Callable[[], object]]:
    return {
        "load": lambda: store.load("key"),
        "create": lambda: store.create("key", RECORD),
        "save": lambda: store.save("key", RECORD, replacing=RECORD),
        "touch": lambda: store.touch("key", utc_now() + timedelta(hours=2)),
        "delete": lambda: store.delete("key"),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
