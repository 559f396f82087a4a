from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from pathlib import Path

import pytest

from flask_serversession.errors import StoreError
from flask_serversession.errors import StoreUnavailable
from flask_serversession.stores.base import SupportsLock
from flask_serversession.stores.filesystem import FileSystemStore
from flask_serversession.testing import LockContract
from flask_serversession.testing.locks import PATIENCE

# These tests fork on purpose, even if other tests have left threads behind.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]

LONG = "k" * 300
HOUR = 3600.0
fork = multiprocessing.get_context("fork")
Holder = tuple[ForkProcess, int]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "sessions"


@pytest.fixture(params=["native", "session-file-store"])
def store(request: pytest.FixtureRequest, folder: Path) -> FileSystemStore:
    return FileSystemStore(folder, layout=request.param)


class TestFileLock(LockContract):
    def test_the_store_has_the_ability_to_lock(self, store: FileSystemStore) -> None:
        assert isinstance(store, SupportsLock)


class TestFile:
    def test_it_exists_while_the_lock_is_held(self, store: FileSystemStore, folder: Path) -> None:
        lock = store.lock("key", ttl=HOUR)
        assert list(folder.iterdir()) == []

        lock.acquire(0)
        assert len(list(folder.iterdir())) == 1

        lock.release()
        assert list(folder.iterdir()) == []

    @pytest.mark.parametrize(
        "key", ["key", LONG, "", "..", "/etc/passwd", "00", ".00.lock", "\ud800"]
    )
    def test_it_is_not_a_record_in_any_layout(
        self, store: FileSystemStore, folder: Path, key: str
    ) -> None:
        lock = store.lock(key, ttl=HOUR)
        assert lock.acquire(0) is True

        assert (list(store.keys()), store.count(), store.clear(), store.prune()) == ([], 0, 0, 0)
        assert list(folder.glob("*.json")) == []
        assert lock.renew() is True
        assert list(folder.parent.iterdir()) == [folder]
        lock.release()

    def test_two_sessions_have_different_ones(self, store: FileSystemStore) -> None:
        keys = [LONG, LONG + "k", "Key", "key", "key ", *(f"key{number}" for number in range(200))]
        locks = [store.lock(key, ttl=HOUR) for key in keys]

        assert {lock.acquire(0) for lock in locks} == {True}

        for lock in locks:
            lock.release()

    def test_the_lock_is_lost_without_it(self, store: FileSystemStore, folder: Path) -> None:
        first, second = store.lock("key", ttl=HOUR), store.lock("key", ttl=HOUR)
        first.acquire(0)
        for path in folder.iterdir():
            path.unlink()

        assert first.renew() is False
        assert second.acquire(0) is True
        first.release()
        assert second.renew() is True
        assert store.lock("key", ttl=HOUR).acquire(0) is False
        second.release()

    def test_nothing_is_written_through_a_link_in_its_place(
        self, store: FileSystemStore, folder: Path, tmp_path: Path
    ) -> None:
        lock = store.lock("key", ttl=HOUR)
        lock.acquire(0)
        [path] = folder.iterdir()
        lock.release()
        path.symlink_to(tmp_path / "target")

        with pytest.raises(StoreError):
            lock.acquire(0)

        assert not (tmp_path / "target").exists()
        assert store.prune() == 0

    def test_a_directory_that_vanished_is_an_outage(
        self, store: FileSystemStore, folder: Path
    ) -> None:
        held, lock = store.lock("key", ttl=HOUR), store.lock("other", ttl=HOUR)
        held.acquire(0)
        folder.rename(folder.with_name("elsewhere"))

        with pytest.raises(StoreUnavailable) as caught:
            lock.acquire(0)
        assert "other" not in str(caught.value)
        assert held.renew() is False
        held.release()


class TestKilledHolder:
    def test_its_lock_is_free_at_once(self, store: FileSystemStore) -> None:
        for _ in range(10):
            with another_holder(store) as (holder, _):
                kill(holder)
                lock = store.lock("key", ttl=HOUR)
                assert lock.acquire(0) is True
                lock.release()

    def test_a_waiter_gets_its_lock(self, store: FileSystemStore) -> None:
        with another_holder(store) as (holder, _):
            lock = store.lock("key", ttl=HOUR)
            assert lock.acquire(0.1) is False
            killer = threading.Timer(0.1, kill, [holder])
            killer.start()

            assert lock.acquire(PATIENCE) is True

            lock.release()
            killer.join(PATIENCE)

    def test_its_child_does_not_keep_the_lock(self, store: FileSystemStore) -> None:
        with another_holder(store, with_child=True) as (holder, child):
            kill(holder)

            lock = store.lock("key", ttl=HOUR)
            assert lock.acquire(0) is True
            os.kill(child, 0)  # raises if it is gone
            lock.release()

    def test_a_prune_removes_its_lock_file(self, store: FileSystemStore, folder: Path) -> None:
        with another_holder(store) as (holder, _):
            [left] = folder.iterdir()
            store.prune()
            assert left.exists()
            kill(holder)

        assert store.prune() == 0

        assert not left.exists()


class TestFork:
    def test_a_child_does_not_hold_its_parents_lock(self, store: FileSystemStore) -> None:
        lock = store.lock("key", ttl=HOUR)
        lock.acquire(0)

        def use_the_copy() -> None:
            assert lock.renew() is False
            lock.release()
            assert lock.acquire(0) is False

        in_a_child(use_the_copy)

        assert lock.renew() is True
        lock.release()

    @pytest.mark.parametrize("layout", ["native", "session-file-store"])
    @pytest.mark.parametrize("check", ["threads of a child can lock", "a child has no copy"])
    def test_it_works_when_a_process_with_threads_forks_at_any_moment(
        self, check: str, layout: str, tmp_path: Path
    ) -> None:
        program = Path(__file__).with_name("forks_beside_threads.py")
        command = [sys.executable, str(program), check, str(tmp_path), layout]
        done = subprocess.run(command, capture_output=True, text=True, timeout=2 * PATIENCE)

        assert done.returncode == 0, done.stderr


def test_increments_by_four_processes_are_all_counted(
    store: FileSystemStore, tmp_path: Path
) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")

    def count() -> None:
        for _ in range(200):
            lock = store.lock("key", ttl=HOUR)
            deadline = time.monotonic() + PATIENCE
            while not lock.acquire(0):  # far more often than a waiter would poll
                assert time.monotonic() < deadline
            counter.write_text(str(int(counter.read_text()) + 1))
            assert lock.renew() is True
            lock.release()

    processes = [fork.Process(target=count, daemon=True) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE)

    assert [process.exitcode for process in processes] == [0] * 4
    assert counter.read_text() == "800"


@contextmanager
def another_holder(store: FileSystemStore, *, with_child: bool = False) -> Iterator[Holder]:
    """Let another process hold the lock of ``key``; give it and its child's id, or 0."""
    ours, theirs = fork.Pipe()
    holder = fork.Process(target=_hold, args=(store, theirs, with_child), daemon=True)
    holder.start()
    theirs.close()
    with ours:
        assert ours.poll(PATIENCE)
        child: int = ours.recv()
    try:
        yield holder, child
    finally:
        kill(holder)
        if child:
            os.kill(child, signal.SIGKILL)


def _hold(store: FileSystemStore, told: Connection, with_child: bool) -> None:
    lock = store.lock("key", ttl=HOUR)
    assert lock.acquire(0) is True
    if not with_child:
        told.send(0)
    elif os.fork() == 0:
        told.send(os.getpid())
    time.sleep(2 * PATIENCE)


def kill(process: ForkProcess) -> None:
    process.kill()
    process.join()  # with a timeout, it would wait for a child, too


def in_a_child(work: Callable[[], object]) -> None:
    child = fork.Process(target=work, daemon=True)
    child.start()
    child.join(PATIENCE)
    assert child.exitcode == 0
