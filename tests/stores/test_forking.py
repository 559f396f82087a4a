"""What is called in a forked child."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

from flask_serversession.stores.forking import leave_in_child
from flask_serversession.stores.forking import no_fork

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

PATIENCE = 30.0


class Owner:
    left = False

    def leave(self) -> None:
        self.left = True

    def fail(self) -> None:
        raise OSError("the parent's connection is broken")


def in_a_child(check: Callable[[], bool]) -> bool:
    child = os.fork()
    if child == 0:
        os._exit(0 if check() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_child_leaves_what_its_parent_owns() -> None:
    owner = Owner()
    leave_in_child(owner, Owner.leave)

    assert in_a_child(lambda: owner.left)
    assert owner.left is False


def test_a_failure_to_leave_one_thing_leaves_the_others() -> None:
    owners = [Owner(), Owner(), Owner()]
    for owner, leave in zip(owners, [Owner.leave, Owner.fail, Owner.leave], strict=True):
        leave_in_child(owner, leave)

    assert in_a_child(lambda: [owner.left for owner in owners] == [True, False, True])


def test_an_owner_that_nobody_uses_is_collected() -> None:
    calls: list[Owner] = []
    leave_in_child(Owner(), calls.append)

    assert in_a_child(lambda: calls == [])


def test_threads_of_a_child_can_own_things_too() -> None:
    def own_in_a_thread() -> bool:
        thread = threading.Thread(target=leave_in_child, args=(Owner(), Owner.leave), daemon=True)
        thread.start()
        thread.join(PATIENCE)
        return not thread.is_alive()

    assert in_a_child(own_in_a_thread)


def test_a_fork_waits_while_another_thread_changes_what_a_child_would_inherit() -> None:
    changing, changed = threading.Event(), threading.Event()

    def change() -> None:
        with no_fork():
            changing.set()
            changed.wait(0.2)
            changed.set()

    thread = threading.Thread(target=change)
    thread.start()
    assert changing.wait(PATIENCE)

    assert in_a_child(changed.is_set)
    thread.join(PATIENCE)
