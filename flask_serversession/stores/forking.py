"""What stores do in a forked child, so that it leaves its parent's connections and locks alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextlib import ExitStack
from typing import Any
from typing import TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

#: Held during a fork.
_fork = threading.RLock()


class _Process:
    """The process that the connections and locks of all stores belong to."""

    id: int = os.getpid()


#: Each request compares its id with ``os.getpid()``: a server written in C, such as uWSGI, forks
#: without Python's knowledge.
process: _Process = _Process()

_leavers: WeakKeyDictionary[Any, Callable[[Any], object]] = WeakKeyDictionary()
#: Kept until the process ends: once collected, some drivers close their server's session, and
#: it is the parent's.
_the_parents: list[object] = []


def no_fork() -> AbstractContextManager[object]:
    """Return a context manager in which the process does not fork: a fork waits for its end."""
    return _fork


def leave_in_child(owner: T, leave: Callable[[T], object]) -> None:
    """Call ``leave(owner)`` in every forked child, as long as the owner exists.

    :param leave: returns what it took from the owner and must not be collected.
    """
    with _fork:
        _leavers[owner] = leave


def notice_a_fork() -> None:
    """Leave the parent's connections and locks alone, in a child that Python did not fork."""
    global _fork
    _fork = threading.RLock()  # a thread of the parent may have held the other one
    _leave_all()


def _leave_all() -> None:
    process.id = os.getpid()
    with ExitStack() as stack:  # which calls all of them, even if some raise
        for owner, leave in list(_leavers.items()):
            stack.callback(_leave, owner, leave)


def _begin_child() -> None:
    try:
        _leave_all()
    finally:
        _fork.release()


def _leave(owner: Any, leave: Callable[[Any], object]) -> None:
    left = leave(owner)
    if left is not None:
        _the_parents.append(left)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=lambda: _fork.acquire(),
        after_in_parent=lambda: _fork.release(),
        after_in_child=_begin_child,
    )
