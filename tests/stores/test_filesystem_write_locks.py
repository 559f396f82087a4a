"""The locks of a directory's writers: ``flock`` on files that stay open."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from flask_serversession.stores.filesystem import FileSystemStore
from flask_serversession.stores.filesystem.lock import WriteLocks
from flask_serversession.testing.contract import live
from flask_serversession.testing.locks import PATIENCE

# These tests fork on purpose, even if other tests have left threads behind.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]

TIMES = 200
SHORT = 0.05
fork = multiprocessing.get_context("fork")

CALLS = Path(__file__).with_name("file_calls.py")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "sessions"
    folder.mkdir()
    return folder / ".00.lock"


@pytest.fixture
def locks(path: Path) -> WriteLocks:
    """Locks whose file is open and idle."""
    locks = WriteLocks(PATIENCE)
    hold(locks, path)
    return locks


class TestExclusion:
    def test_threads_exclude_each_other(
        self, locks: WriteLocks, path: Path, tmp_path: Path
    ) -> None:
        count = counting(locks, path, tmp_path / "counter")

        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(count) for _ in range(4)]:
                done.result(PATIENCE)

        assert (tmp_path / "counter").read_text() == str(4 * TIMES)

    def test_forked_processes_exclude_each_other(
        self, locks: WriteLocks, path: Path, tmp_path: Path
    ) -> None:
        count = counting(locks, path, tmp_path / "counter")

        children = [fork.Process(target=count, daemon=True) for _ in range(3)]
        for child in children:
            child.start()
        count()
        for child in children:
            child.join(PATIENCE)

        assert [child.exitcode for child in children] == [0] * 3
        assert (tmp_path / "counter").read_text() == str(4 * TIMES)

    def test_a_holder_cannot_acquire_its_lock_again(self, path: Path) -> None:
        locks = WriteLocks(SHORT)

        with locks.of(str(path)):
            assert is_held(locks, path)

        assert not is_held(locks, path)

    def test_a_block_that_raises_frees_its_lock(self, locks: WriteLocks, path: Path) -> None:
        with pytest.raises(KeyboardInterrupt), locks.of(str(path)):
            raise KeyboardInterrupt

        assert not is_held(WriteLocks(0), path)


class TestFork:
    def test_a_child_does_not_hold_its_parents_lock(self, locks: WriteLocks, path: Path) -> None:
        def leave_alone() -> None:
            assert is_held(WriteLocks(0), path)
            locks.close()
            assert is_held(WriteLocks(0), path)

        with locks.of(str(path)):
            in_a_child(leave_alone)
            assert is_held(WriteLocks(0), path)

    def test_a_child_that_leaves_its_parents_block_frees_nothing(
        self, locks: WriteLocks, path: Path
    ) -> None:
        block = ExitStack()

        def leave() -> None:
            block.close()
            assert is_held(WriteLocks(0), path)

        with block:
            block.enter_context(locks.of(str(path)))
            in_a_child(leave)
            assert is_held(WriteLocks(0), path)

    def test_the_lock_of_a_killed_parent_is_free_though_its_child_lives(
        self, locks: WriteLocks, path: Path
    ) -> None:
        ours, theirs = fork.Pipe()
        holder = fork.Process(target=hold_and_fork, args=(locks, path, theirs), daemon=True)
        holder.start()
        theirs.close()
        with ours:
            assert ours.poll(PATIENCE)
            child = ours.recv()
        try:
            assert is_held(WriteLocks(0), path)
            holder.kill()
            holder.join()  # with a timeout, it would wait for the child, too

            assert not is_held(locks, path)
            os.kill(child, 0)  # raises if it is gone
        finally:
            os.kill(child, signal.SIGKILL)

    def test_a_lock_is_freed_while_a_program_that_starts_has_a_copy(self, path: Path) -> None:
        locks = WriteLocks(0)
        before = open_descriptors()
        with locks.of(str(path)):
            [copy] = [os.dup(number) for number in open_descriptors() - before]

        assert not is_held(WriteLocks(0), path)
        os.close(copy)


class TestFile:
    def test_one_that_was_removed_is_created_again(self, locks: WriteLocks, path: Path) -> None:
        path.unlink()

        with locks.of(str(path)):
            assert is_held(WriteLocks(0), path)

    def test_one_in_a_replaced_directory_is_not_used(self, locks: WriteLocks, path: Path) -> None:
        path.parent.rename(path.parent.with_name("elsewhere"))
        path.parent.mkdir()

        with locks.of(str(path)):
            assert is_held(WriteLocks(0), path)

    def test_it_cannot_be_created_without_its_directory(
        self, locks: WriteLocks, path: Path
    ) -> None:
        path.parent.rename(path.parent.with_name("elsewhere"))

        with pytest.raises(FileNotFoundError):
            hold(locks, path)

    def test_many_threads_leave_one_open(self, path: Path) -> None:
        locks = WriteLocks(PATIENCE)
        before = open_descriptors()
        start = threading.Barrier(8)

        def hold_with_the_others() -> None:
            start.wait(PATIENCE)
            for _ in range(20):
                hold(locks, path)

        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(hold_with_the_others) for _ in range(8)]:
                done.result(PATIENCE)

        assert len(open_descriptors() - before) == 1
        locks.close()
        assert open_descriptors() == before

    def test_a_collected_store_leaves_none_open(self, tmp_path: Path) -> None:
        before = open_descriptors()
        store = FileSystemStore(tmp_path / "sessions")
        for number in range(10):
            store.create(str(number), live())
        assert len(open_descriptors()) > len(before)

        del store

        assert open_descriptors() == before

    def test_a_closed_store_can_be_used_again(self, tmp_path: Path) -> None:
        store = FileSystemStore(tmp_path / "sessions")
        store.create("key", live())
        store.close()

        assert store.delete("key") is True

        store.close()


@pytest.mark.parametrize(
    ("verb", "calls"),
    [
        ("load", "open"),
        ("create", "flock open os.utime os.rename flock"),
        ("save", "flock open open os.utime os.rename flock"),
        ("touch", "flock os.utime flock"),
        ("delete", "flock os.remove flock"),
    ],
)
def test_a_verb_opens_no_lock_file_and_makes_no_needless_calls(
    tmp_path: Path, verb: str, calls: str
) -> None:
    command = [sys.executable, str(CALLS), str(tmp_path), verb]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)

    assert done.stdout.split() == calls.split()


def hold(locks: WriteLocks, path: Path) -> None:
    with locks.of(str(path)):
        pass


def is_held(locks: WriteLocks, path: Path) -> bool:
    try:
        hold(locks, path)
    except TimeoutError:
        return True
    return False


def counting(locks: WriteLocks, path: Path, counter: Path) -> Callable[[], None]:
    """Return a function that increments a number in a file under the lock, so many times."""
    counter.write_text("0")

    def count() -> None:
        for _ in range(TIMES):
            with locks.of(str(path)):
                counter.write_text(str(int(counter.read_text()) + 1))

    return count


def hold_and_fork(locks: WriteLocks, path: Path, told: Connection) -> None:
    with locks.of(str(path)):
        if os.fork() == 0:
            told.send(os.getpid())
        time.sleep(2 * PATIENCE)


def in_a_child(work: Callable[[], object]) -> None:
    child = fork.Process(target=work, daemon=True)
    child.start()
    child.join(PATIENCE)
    assert child.exitcode == 0


def open_descriptors() -> set[int]:
    gc.collect()  # other tests may have left files open
    return {number for number in range(256) if _is_open(number)}


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
