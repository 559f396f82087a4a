"""Forks a process whose threads take and free file locks; run by test_filesystem_lock.py.

In a program of its own, because coverage has a lock, too, and no child that is forked while
another thread holds it would ever run.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from flask_serversession.stores.filesystem import FileSystemStore

HOUR = 3600.0
PATIENCE = 30.0


def main(check: str, directory: str, layout: str) -> None:
    CHECKS[check](FileSystemStore(directory, layout=layout))


def threads_of_a_child_can_lock(store: FileSystemStore) -> None:
    def lock_in_two_threads() -> None:
        with locking(store, "child's one"):
            lock_once(store, "child's other")

    with locking(store, "one", "two"):
        for _ in range(20):
            child = multiprocessing.get_context("fork").Process(target=lock_in_two_threads)
            child.start()
            child.join(PATIENCE)
            assert child.exitcode == 0, "a child hangs, or failed"


def a_child_has_no_copy(store: FileSystemStore) -> None:
    before = open_descriptors()
    with locking(store, "one", "two", "three"):
        for _ in range(300):
            child = os.fork()
            if child == 0:
                os._exit(len(open_descriptors() - before))
            copies = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            assert copies == 0, "a child has what its parent locks"


CHECKS = {
    "threads of a child can lock": threads_of_a_child_can_lock,
    "a child has no copy": a_child_has_no_copy,
}


def lock_once(store: FileSystemStore, key: str) -> None:
    lock = store.lock(key, ttl=HOUR)
    assert lock.acquire(PATIENCE) is True
    store.delete(key)  # which takes a lock of its own
    lock.release()


@contextmanager
def locking(store: FileSystemStore, *keys: str) -> Iterator[None]:
    """Lock and free each key repeatedly, in a thread of its own, during the block."""
    over = threading.Event()

    def lock_on(key: str) -> None:
        while not over.is_set():
            lock_once(store, key)

    with ThreadPoolExecutor(len(keys)) as pool:
        loops = [pool.submit(lock_on, key) for key in keys]
        try:
            yield
        finally:
            over.set()
    for loop in loops:
        loop.result()


def open_descriptors() -> set[int]:
    return {number for number in range(256) if _is_open(number)}


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main(*sys.argv[1:])
