from __future__ import annotations

import fcntl
import itertools
import multiprocessing
import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis.stateful import run_state_machine_as_test

from flask_serversession.errors import ConfigError
from flask_serversession.errors import PayloadError
from flask_serversession.errors import StoreError
from flask_serversession.errors import StoreUnavailable
from flask_serversession.stores.base import ENDED
from flask_serversession.stores.base import EPOCH
from flask_serversession.stores.base import epoch_milliseconds
from flask_serversession.stores.base import from_epoch_milliseconds
from flask_serversession.stores.base import Record
from flask_serversession.stores.base import Refusal
from flask_serversession.stores.base import Store
from flask_serversession.stores.base import utc_now
from flask_serversession.stores.filesystem import FileSystemStore
from flask_serversession.stores.filesystem.lock import lock_path
from flask_serversession.testing import KeysContract
from flask_serversession.testing import PingContract
from flask_serversession.testing import PruneContract
from flask_serversession.testing import SetupContract
from flask_serversession.testing import store_machine
from flask_serversession.testing import StoreContract
from flask_serversession.testing import UsersContract
from flask_serversession.testing.contract import assert_ends_at
from flask_serversession.testing.contract import expired
from flask_serversession.testing.contract import in_
from flask_serversession.testing.contract import live
from flask_serversession.testing.contract import OTHER_PAYLOAD
from flask_serversession.testing.contract import PAYLOAD

# These tests fork on purpose, even if other tests have left threads behind.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

ID = "jTSkKxZ6D5oZ5v3H4m9sQm1z0L2c8YbX"
ODD_KEYS = ["", ".", "..", "/", "/etc/passwd", "a/b", "\0", "\n", "~", "%2E", "é", "\ud800"]
ODD_KEYS += [".00.lock", "%sha256-", "x.session"]
fork = multiprocessing.get_context("fork")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "sessions"


@pytest.fixture
def store(folder: Path) -> FileSystemStore:
    return FileSystemStore(folder)


@pytest.fixture
def other_store(tmp_path: Path) -> FileSystemStore:
    return FileSystemStore(tmp_path / "neighbour")


class TestFileSystemStore(
    StoreContract, KeysContract, UsersContract, PruneContract, SetupContract, PingContract
):
    pass


class TestFileSystemStoreWithFsync(StoreContract):
    @pytest.fixture
    def store(self, folder: Path) -> FileSystemStore:
        return FileSystemStore(folder, fsync=True)


@pytest.mark.parametrize("layout", ["native", "session-file-store"])
def test_random_programs_behave_as_on_a_dict(tmp_path: Path, layout: str) -> None:
    numbers = itertools.count()
    machine = store_machine(lambda: FileSystemStore(tmp_path / str(next(numbers)), layout=layout))

    run_state_machine_as_test(machine, settings=machine.TestCase.settings)


class TestLayout:
    def test_a_record_is_a_file_with_only_the_payload(
        self, store: FileSystemStore, folder: Path
    ) -> None:
        record = live()
        assert record.expires_at is not None
        store.create(ID, record)

        path = folder / f"{ID}.session"
        assert path.read_bytes() == PAYLOAD
        assert EPOCH + timedelta(microseconds=path.stat().st_mtime_ns // 1000) == record.expires_at

    def test_directory_and_files_are_private_under_any_umask(
        self, store: FileSystemStore, folder: Path
    ) -> None:
        before = os.umask(0)
        try:
            store.create("key", live())
            store.save("key", live(OTHER_PAYLOAD))
        finally:
            os.umask(before)

        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}

    def test_a_touch_changes_the_time_and_neither_inode_nor_content(
        self, store: FileSystemStore, folder: Path
    ) -> None:
        store.create("key", live(seconds=60))
        path = folder / "key.session"
        before = path.stat()

        store.touch("key", in_(7200))

        assert path.stat().st_ino == before.st_ino
        assert path.stat().st_mtime_ns > before.st_mtime_ns
        assert path.read_bytes() == PAYLOAD

    def test_an_expiry_is_kept_to_the_microsecond(self, store: FileSystemStore) -> None:
        record = live()
        store.create("key", record)

        assert store.load("key") == record

    def test_a_record_without_an_expiry_lives_on(self, store: FileSystemStore) -> None:
        store.create("key", Record(PAYLOAD, None))

        loaded = store.load("key")
        assert loaded is not None
        assert loaded.expires_at is not None
        assert loaded.expires_at > utc_now() + timedelta(days=365 * 100)

    @pytest.mark.parametrize("key", ODD_KEYS)
    def test_any_key_is_one_file_in_the_directory_and_is_listed_unchanged(
        self, store: FileSystemStore, folder: Path, key: str
    ) -> None:
        store.create(key, live())

        assert list(store.keys()) == [key]
        assert len(list(folder.glob("*.session"))) == 1
        assert list(folder.parent.iterdir()) == [folder]

    def test_a_key_too_long_for_a_name_works_but_is_not_listed(
        self, store: FileSystemStore
    ) -> None:
        longest, longer, other = "k" * 247, "k" * 248, "k" * 249
        for key in (longest, longer, other):
            assert store.create(key, live(key.encode())) is True

        assert list(store.keys()) == [longest]
        assert store.count() == 3
        assert store.delete(longer) is True
        loaded = store.load(other)
        assert loaded is not None
        assert loaded.payload == other.encode()
        assert store.clear() == 2

    def test_other_files_of_the_directory_are_left_alone(
        self, store: FileSystemStore, folder: Path
    ) -> None:
        store.setup()
        (folder / "README").write_text("not ours")
        (folder / ".env").write_text("nor this")
        (folder / "folder.session").mkdir()
        for path in folder.iterdir():
            os.utime(path, (0, 0))

        assert store.prune() == 0
        assert store.clear() == 0
        assert store.count() == 0
        assert {path.name for path in folder.iterdir()} >= {"README", ".env", "folder.session"}


#: express-session's JSON for a cookie of a minute, and for one without an expiry.
MINUTE_COOKIE = (
    b'{"cookie":{"originalMaxAge":60000,"expires":"2026-11-21T00:07:03.371Z","httpOnly":true,'
    b'"path":"/"}'
)
MINUTE_PAYLOAD = MINUTE_COOKIE + b',"user":{"name":"Juan"},"views":3}'
BROWSER_PAYLOAD = (
    b'{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"},'
    b'"user":{"name":"Juan"},"views":3}'
)


class TestSessionFileStore(
    StoreContract, KeysContract, UsersContract, PruneContract, SetupContract, PingContract
):
    @pytest.fixture
    def store(self, folder: Path) -> FileSystemStore:
        return FileSystemStore(folder, layout="session-file-store")

    @pytest.fixture
    def other_store(self, tmp_path: Path) -> FileSystemStore:
        return FileSystemStore(tmp_path / "neighbour", layout="session-file-store")

    @pytest.fixture
    def path(self, folder: Path) -> Path:
        folder.mkdir()
        return folder / f"{ID}.json"

    @pytest.mark.parametrize(
        ("payload", "life"), [(MINUTE_PAYLOAD, 60_000), (BROWSER_PAYLOAD, 3_600_000)]
    )
    def test_a_file_is_the_one_session_file_store_writes(
        self, store: FileSystemStore, path: Path, payload: bytes, life: int
    ) -> None:
        record = live(payload, seconds=60)
        assert record.expires_at is not None
        last_access = epoch_milliseconds(record.expires_at) - life

        store.create(ID, record)

        assert path.read_bytes() == payload[:-1] + b',"__lastAccess":%d}' % last_access
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    @pytest.mark.parametrize(
        ("payload", "life"), [(MINUTE_PAYLOAD, 60_000), (BROWSER_PAYLOAD, 3_600_000)]
    )
    def test_a_file_of_node_is_loaded_without_its_last_access(
        self, store: FileSystemStore, path: Path, payload: bytes, life: int
    ) -> None:
        now = epoch_milliseconds(utc_now())
        path.write_bytes(payload[:-1] + b',"__lastAccess":%d}' % now)

        assert store.load(ID) == Record(payload, from_epoch_milliseconds(now + life))
        assert list(store.keys()) == [ID]

    def test_a_last_access_in_the_middle_is_taken_out(
        self, store: FileSystemStore, path: Path
    ) -> None:
        last_access = b',"__lastAccess":%d' % epoch_milliseconds(utc_now())
        path.write_bytes(MINUTE_COOKIE + last_access + b',"user":{"name":"Juan"},"views":3}')

        loaded = store.load(ID)
        assert loaded is not None
        assert loaded.payload == MINUTE_PAYLOAD
        assert store.save(ID, live(OTHER_PAYLOAD), replacing=loaded) is None
        assert path.read_bytes().count(b"__lastAccess") == 1
        assert payload_of(store, ID) == OTHER_PAYLOAD

    @pytest.mark.parametrize(
        "text",
        [
            '{"a":1,"__lastAccess":%d,"b":"\\ud800"}',
            '{"a":1,"b":"\\ud800","__lastAccess": %d }',
            '{"__lastAccess":1,"a":1,"b":"\\ud800","__lastAccess":%d}',
        ],
    )
    def test_a_last_access_is_taken_out_in_any_spelling(
        self, store: FileSystemStore, path: Path, text: str
    ) -> None:
        path.write_text(text % epoch_milliseconds(utc_now()))

        assert payload_of(store, ID) == b'{"a":1,"b":"\\ud800"}'

    def test_a_last_access_in_the_payload_is_replaced(
        self, store: FileSystemStore, path: Path
    ) -> None:
        store.create(ID, live(b'{"a":{"__lastAccess":1},"__lastAccess":2}'))

        assert payload_of(store, ID) == b'{"a":{"__lastAccess":1}}'

    @pytest.mark.parametrize("age", ["60000", "60000.5", "null", "0", "false", '"60000"', "1e999"])
    def test_an_expiry_is_kept_with_any_max_age(
        self, store: FileSystemStore, path: Path, age: str
    ) -> None:
        store.create(ID, live(b'{"cookie":{"originalMaxAge":%s}}' % age.encode()))

        assert_ends_at(store.load(ID), in_(3600))

    @pytest.mark.parametrize("value", ["null", '"1795220883403"', "true", "[]", "{}", "1e999"])
    def test_a_session_without_a_number_as_last_access_never_expires(
        self, store: FileSystemStore, path: Path, value: str
    ) -> None:
        path.write_bytes(MINUTE_PAYLOAD[:-1] + b',"__lastAccess":%s}' % value.encode())

        assert store.load(ID) == Record(MINUTE_PAYLOAD, None)
        assert store.prune() == 0
        assert store.create(ID, live()) is False
        assert store.touch(ID, in_(60)) is True
        assert_ends_at(store.load(ID), in_(60))

    def test_a_record_without_an_expiry_has_no_last_access(
        self, store: FileSystemStore, path: Path
    ) -> None:
        store.create(ID, Record(MINUTE_PAYLOAD, None))

        assert path.read_bytes() == MINUTE_PAYLOAD
        assert store.load(ID) == Record(MINUTE_PAYLOAD, None)

    @pytest.mark.parametrize("last_access", [1795220883, -(10**15), 0])
    def test_a_last_access_long_ago_is_expired_in_any_unit(
        self, store: FileSystemStore, path: Path, last_access: int
    ) -> None:
        path.write_bytes(MINUTE_PAYLOAD[:-1] + b',"__lastAccess":%d}' % last_access)

        assert store.load(ID) is None
        assert store.prune() == 1
        assert not path.exists()

    def test_a_last_access_beyond_pythons_years_is_the_last_moment_of_them(
        self, store: FileSystemStore, path: Path
    ) -> None:
        path.write_bytes(b'{"__lastAccess":%d}' % 10**15)

        loaded = store.load(ID)
        assert loaded is not None
        assert loaded.expires_at is not None
        assert loaded.expires_at.year == 9999

    def test_the_ttl_is_the_lifetime_of_a_cookie_without_a_max_age(self, folder: Path) -> None:
        store = FileSystemStore(folder, layout="session-file-store", ttl=86_400)
        record = live(BROWSER_PAYLOAD, seconds=60)
        assert record.expires_at is not None
        store.create(ID, record)

        last_access = epoch_milliseconds(record.expires_at) - 86_400_000
        assert b'"__lastAccess":%d}' % last_access in (folder / f"{ID}.json").read_bytes()
        assert_ends_at(store.load(ID), record.expires_at)

    def test_a_touch_changes_the_two_moments_and_nothing_else(
        self, store: FileSystemStore, path: Path
    ) -> None:
        store.create(ID, live(MINUTE_PAYLOAD, seconds=10))
        moment = from_epoch_milliseconds(epoch_milliseconds(in_(60)))
        before = path.stat()

        store.touch(ID, moment)

        expires = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()
        payload = MINUTE_PAYLOAD.replace(b"2026-11-21T00:07:03.371Z", expires)
        assert store.load(ID) == Record(payload, moment)
        assert path.stat().st_ino != before.st_ino
        last_access = epoch_milliseconds(moment) - 60_000
        assert path.read_bytes() == payload[:-1] + b',"__lastAccess":%d}' % last_access

    def test_a_touch_by_node_does_not_refuse_a_save(
        self, store: FileSystemStore, path: Path
    ) -> None:
        store.create(ID, live(MINUTE_PAYLOAD))
        loaded = store.load(ID)
        touched = MINUTE_PAYLOAD.replace(b"00:07:03.371", b"00:08:04.123")
        now = epoch_milliseconds(utc_now())
        path.write_bytes(touched[:-1] + b',"__lastAccess":%d}' % now)

        assert store.save(ID, live(OTHER_PAYLOAD), replacing=loaded) is None

    @pytest.mark.parametrize(
        ("old", "new"), [(b'"views":3', b'"views":4'), (b":3", b":3.0"), (b"60000", b"90000")]
    )
    def test_a_change_by_node_refuses_a_save(
        self, store: FileSystemStore, path: Path, old: bytes, new: bytes
    ) -> None:
        store.create(ID, live(MINUTE_PAYLOAD))
        loaded = store.load(ID)
        changed = MINUTE_PAYLOAD.replace(old, new)
        now = epoch_milliseconds(utc_now())
        path.write_bytes(changed[:-1] + b',"__lastAccess":%d}' % now)

        refusal = store.save(ID, live(OTHER_PAYLOAD), replacing=loaded)

        assert refusal is not None
        assert refusal.current is not None
        assert refusal.current.payload == changed

    @pytest.mark.parametrize(
        "content",
        [
            *(b"", b'{"half":', b"null", b"[]", b'{"n":NaN}'),
            *(b'\xef\xbb\xbf{"bom":1}', b"\xff", b"[" * 100_000),
        ],
        ids=["empty", "half", "null", "list", "NaN", "BOM", "no UTF-8", "deep"],
    )
    def test_a_corrupt_file_is_reported_and_unchanged(
        self, store: FileSystemStore, path: Path, content: bytes
    ) -> None:
        path.write_bytes(content)

        for verb in ("load", "save", "touch"):
            with pytest.raises(PayloadError) as caught:
                verbs(store)[verb]()
            assert ID not in str(caught.value)
        assert store.create(ID, live()) is False
        assert store.prune() == 0
        assert list(store.keys()) == [ID]
        assert path.read_bytes() == content
        assert store.delete(ID) is True
        assert not path.exists()

    @pytest.mark.parametrize(
        "key", ["user:1", "a b", "é", "100€", "..", ".hidden", "a\nb", "[x]*?"]
    )
    def test_a_key_that_can_be_a_file_name_is_one(
        self, store: FileSystemStore, folder: Path, key: str
    ) -> None:
        store.create(key, live())

        assert (folder / f"{key}.json").is_file()
        assert list(store.keys()) == [key]

    @pytest.mark.parametrize("key", [*ODD_KEYS, "\udcff", "a%2Fb", "k" * 250, "é" * 125])
    def test_any_key_is_one_file_in_the_directory_and_is_listed_unchanged(
        self, store: FileSystemStore, folder: Path, key: str
    ) -> None:
        store.create(key, live())

        assert list(store.keys()) == [key]
        assert payload_of(store, key) == PAYLOAD
        assert len(list(folder.glob("*.json"))) == 1
        assert list(folder.parent.iterdir()) == [folder]

    def test_a_key_too_long_for_a_name_works(self, store: FileSystemStore) -> None:
        for key in ("k" * 251, "é" * 126):
            assert store.create(key, live(b'{"n":%d}' % len(key))) is True

        assert payload_of(store, "é" * 126) == b'{"n":126}'
        assert store.count() == 2

    def test_the_stores_own_files_are_not_listed(
        self, store: FileSystemStore, folder: Path
    ) -> None:
        store.create(ID, live())
        (folder / ".00.scratch").touch()

        assert len(list(folder.glob(".*.lock"))) == 1
        assert list(folder.glob("*.json")) == [folder / f"{ID}.json"]
        assert list(store.keys()) == [ID]

    def test_the_two_layouts_leave_each_other_alone(
        self, store: FileSystemStore, folder: Path
    ) -> None:
        native = FileSystemStore(folder)
        native.create(ID, live())
        store.create(ID, expired())

        assert native.prune() == 0
        assert store.prune() == 1
        assert store.clear() == 0
        assert payload_of(native, ID) == PAYLOAD

    def test_no_save_is_lost_between_touches(self, store: FileSystemStore) -> None:
        store.create("key", live(b'{"n":0}'))

        def increment() -> None:
            for _ in range(50):
                refusal: Refusal | None = Refusal(store.load("key"))
                while refusal is not None:
                    assert refusal.current is not None
                    number = int(refusal.current.payload[5:-1]) + 1
                    record = live(b'{"n":%d}' % number)
                    refusal = store.save("key", record, replacing=refusal.current)
                assert store.touch("key", in_(7200)) is True

        with ExitStack() as children:
            for _ in range(4):
                children.enter_context(child(increment))

        assert payload_of(store) == b'{"n":200}'

    def test_a_payload_that_is_not_json_is_refused(self, store: FileSystemStore) -> None:
        with pytest.raises(PayloadError):
            store.create("key", live(b"\x80\x03"))

        assert store.load("key") is None

    def test_express_is_another_name_for_it(self, folder: Path) -> None:
        FileSystemStore.from_url(f"file://{folder}", layout="express").create(ID, live())

        assert (folder / f"{ID}.json").exists()


class TestSessionFileStoreWithFsync(StoreContract):
    @pytest.fixture
    def store(self, folder: Path) -> FileSystemStore:
        return FileSystemStore(folder, layout="session-file-store", fsync=True)


@pytest.mark.parametrize("fsync", [False, True])
@pytest.mark.parametrize("layout", ["native", "session-file-store"])
def test_saving_the_end_leaves_no_file(folder: Path, layout: str, fsync: bool) -> None:
    store = FileSystemStore(folder, layout=layout, fsync=fsync)
    store.create("key", live())
    before = {path.suffix for path in folder.iterdir()}

    assert store.save("key", ENDED, replacing=store.load("key")) is None

    assert {path.suffix for path in folder.iterdir()} == before & {".lock"}


class TestSymbolicLinks:
    @pytest.fixture
    def target(self, store: FileSystemStore, folder: Path, tmp_path: Path) -> Path:
        store.setup()
        target = tmp_path / "target"
        target.write_bytes(PAYLOAD)
        moment = in_(3600).timestamp()
        os.utime(target, (moment, moment))
        link = folder / "key.session"
        link.symlink_to(target)
        os.utime(link, (moment, moment), follow_symlinks=False)
        return target

    def test_a_symbolic_link_is_not_a_record(self, store: FileSystemStore, target: Path) -> None:
        before = target.stat()

        assert store.load("key") is None
        assert store.touch("key", in_(60)) is False
        assert store.save("key", live()) is not None
        assert list(store.keys()) == []
        assert store.delete("key") is False
        assert target.stat() == before

    def test_a_new_record_replaces_a_link(
        self, store: FileSystemStore, folder: Path, target: Path
    ) -> None:
        assert store.create("key", live(OTHER_PAYLOAD)) is True

        assert not (folder / "key.session").is_symlink()
        assert target.read_bytes() == PAYLOAD

    @pytest.mark.parametrize("suffix", ["lock", "scratch"])
    def test_nothing_is_written_through_a_link_in_place_of_the_stores_own_files(
        self, store: FileSystemStore, folder: Path, target: Path, suffix: str
    ) -> None:
        for number in range(64):
            (folder / f".{number:02x}.{suffix}").symlink_to(target)

        try:
            store.create("another", live(OTHER_PAYLOAD))
        except StoreError:
            assert suffix == "lock"

        assert target.read_bytes() == PAYLOAD


def plant_a_pipe(path: Path) -> None:
    os.mkfifo(path)


def plant_a_socket(path: Path) -> None:
    # Its own path may be too long for a socket.
    here = os.open(path.parent, os.O_RDONLY)
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(f"/proc/self/fd/{here}/{path.name}")
    os.close(here)


def plant_a_hard_link(path: Path) -> None:
    other = path.with_suffix(".other")
    other.write_bytes(PAYLOAD)
    path.hardlink_to(other)


def plant_a_foreign_file(path: Path) -> None:
    path.write_bytes(PAYLOAD)
    path.chmod(0o666)
    give_away(path)


def give_away(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to another user")
    os.chown(path, 65534, 65534)


@pytest.mark.parametrize(
    "plant", [plant_a_pipe, plant_a_socket, plant_a_hard_link, plant_a_foreign_file]
)
class TestPlantedFiles:
    @pytest.mark.parametrize("layout", ["native", "session-file-store"])
    def test_one_is_not_a_record(
        self, folder: Path, layout: str, plant: Callable[[Path], None]
    ) -> None:
        store = FileSystemStore(folder, layout=layout)
        store.setup()
        path = folder / ("key.session" if layout == "native" else "key.json")
        plant(path)
        moment = in_(3600).timestamp()
        os.utime(path, (moment, moment))

        assert store.load("key") is None
        assert store.touch("key", in_(60)) is False
        assert store.save("key", live()) is not None
        assert list(store.keys()) == []
        assert store.create("key", live(OTHER_PAYLOAD)) is True
        assert payload_of(store) == OTHER_PAYLOAD

    @pytest.mark.parametrize("kind", ["write lock", "session's lock"])
    def test_one_is_not_a_lock(
        self, store: FileSystemStore, folder: Path, kind: str, plant: Callable[[Path], None]
    ) -> None:
        store.setup()
        path = folder / ".00.lock" if kind == "write lock" else Path(lock_path(store._path(ID)))
        plant(path)

        with pytest.raises(StoreError) as caught:
            store.ping() if kind == "write lock" else store.lock(ID, ttl=60).acquire(60)

        assert not isinstance(caught.value, StoreUnavailable)
        assert_discreet(caught.value)


class TestDirectory:
    @pytest.mark.parametrize("create", [True, False])
    @pytest.mark.parametrize("verb", ["load", "create", "count", "ping", "setup", "lock"])
    def test_one_that_everybody_may_write_is_refused(
        self, folder: Path, verb: str, create: bool
    ) -> None:
        folder.mkdir()
        folder.chmod(0o1777)
        store = FileSystemStore(folder, create=create)

        with pytest.raises(ConfigError, match="0700"):
            verbs(store)[verb]()

        folder.chmod(0o770)
        verbs(store)[verb]()

    def test_one_of_another_user_is_refused(self, store: FileSystemStore, folder: Path) -> None:
        folder.mkdir()
        give_away(folder)

        with pytest.raises(ConfigError, match="another user"):
            store.load(ID)


class TestConcurrency:
    @pytest.mark.slow
    def test_readers_never_see_a_torn_or_missing_record(self, store: FileSystemStore) -> None:
        store.create("key", live(whole_payload(0)))
        written = threading.Event()

        def read_along() -> None:
            while not written.is_set():
                assert_whole(store)

        def read_often() -> None:
            for _ in range(5000):
                assert_whole(store)

        with child(read_often):
            threads = [Failing(read_along), Failing(read_along)]
            for number in range(1000):
                store.save("key", live(whole_payload(number)))
            written.set()
            for thread in threads:
                thread.finish()

    def test_increments_by_eight_processes_are_all_counted(self, store: FileSystemStore) -> None:
        store.create("key", live(b"0"))

        def increment() -> None:
            for _ in range(25):
                refusal: Refusal | None = Refusal(store.load("key"))
                while refusal is not None:
                    assert refusal.current is not None
                    record = live(b"%d" % (int(refusal.current.payload) + 1))
                    refusal = store.save("key", record, replacing=refusal.current)

        with ExitStack() as children:
            for _ in range(8):
                children.enter_context(child(increment))

        assert payload_of(store) == b"200"

    def test_parent_and_child_share_a_store(self, store: FileSystemStore) -> None:
        def work(name: str) -> None:
            for number in range(200):
                payload = f"{name}{number}".encode()
                assert store.create(name, live(payload)) is True
                assert payload_of(store, name) == payload
                assert store.delete(name) is True

        with child(lambda: work("child")):
            work("parent")

    @pytest.mark.slow
    def test_a_killed_writer_leaves_no_torn_record_and_no_stuck_lock(
        self, store: FileSystemStore
    ) -> None:
        store.create("key", live(b"x"))

        def write_on() -> None:
            for number in itertools.count():
                store.save("key", live(whole_payload(number)))

        for attempt in range(50):
            writer = fork.Process(target=write_on, daemon=True)
            writer.start()
            wait_until(lambda: payload_of(store) != b"x")
            time.sleep(attempt * 0.0001)
            assert writer.pid is not None
            os.kill(writer.pid, signal.SIGKILL)
            writer.join(60)

            start = time.monotonic()
            assert_whole(store)
            assert store.save("key", live(b"x")) is None
            assert time.monotonic() - start < 1

        store.prune()
        assert list(store.keys()) == ["key"]

    def test_a_lock_that_is_not_freed_is_an_outage_after_the_timeout(self, folder: Path) -> None:
        store = FileSystemStore(folder, lock_timeout=0.2)
        store.create("key", live())
        [lock] = folder.glob(".*.lock")

        with lock.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            start = time.monotonic()
            with pytest.raises(StoreUnavailable):
                store.save("key", live(OTHER_PAYLOAD))
            assert 0.2 <= time.monotonic() - start < 2
            assert payload_of(store) == PAYLOAD

        assert store.save("key", live(OTHER_PAYLOAD)) is None


class TestPrune:
    def test_files_left_by_killed_writers_are_removed(
        self, store: FileSystemStore, folder: Path
    ) -> None:
        store.create("key", live())
        for number in range(64):
            (folder / f".{number:02x}.scratch").write_bytes(b'{"half":')

        assert store.prune() == 0

        assert list(folder.glob(".*.scratch")) == []
        assert payload_of(store) == PAYLOAD

    def test_a_file_left_by_a_killed_writer_does_not_stop_the_next(
        self, store: FileSystemStore, folder: Path
    ) -> None:
        store.setup()
        for number in range(64):
            (folder / f".{number:02x}.scratch").write_bytes(b"x" * 1000)

        store.create("key", live())

        assert payload_of(store) == PAYLOAD

    def test_it_returns_how_many_it_removed_and_keeps_live_records(
        self, store: FileSystemStore
    ) -> None:
        for number in range(20):
            store.create(f"dead{number}", expired())
            store.create(f"alive{number}", live())

        assert store.prune() == 20
        assert store.count() == 20

    def test_records_replaced_while_it_runs_are_kept(self, store: FileSystemStore) -> None:
        stop = threading.Event()

        def prune_on() -> None:
            while not stop.is_set():
                store.prune()

        pruner = Failing(prune_on)
        for _ in range(300):
            store.create("key", expired())
            assert store.create("key", live()) is True
            assert payload_of(store) == PAYLOAD
            store.delete("key")
        stop.set()
        pruner.finish()


class TestFailures:
    def test_no_directory_is_created_before_first_use(self, tmp_path: Path) -> None:
        FileSystemStore(tmp_path / "one")
        FileSystemStore.from_url(f"file://{tmp_path}/two")

        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("verb", ["load", "create", "save", "touch", "delete", "count"])
    def test_a_directory_that_vanished_is_an_outage(
        self, store: FileSystemStore, folder: Path, verb: str
    ) -> None:
        store.create(ID, live())
        shutil.rmtree(folder)

        with pytest.raises(StoreUnavailable) as caught:
            verbs(store)[verb]()

        assert ID not in str(caught.value)
        assert not folder.exists()
        store.setup()
        assert store.create(ID, live()) is True

    def test_without_create_a_missing_directory_is_an_outage_until_setup(
        self, folder: Path
    ) -> None:
        store = FileSystemStore(folder, create=False)
        with pytest.raises(StoreUnavailable):
            store.load("key")
        with pytest.raises(StoreUnavailable):
            store.ping()

        store.setup()

        assert store.create("key", live()) is True

    def test_a_full_disk_is_reported_and_the_record_is_unchanged(
        self, store: FileSystemStore
    ) -> None:
        store.create(ID, live())

        def write_past_the_limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
            with pytest.raises(StoreError) as caught:
                store.save(ID, live(b"x" * 5000))
            assert_discreet(caught.value)

        with child(write_past_the_limit):
            pass

        assert payload_of(store, ID) == PAYLOAD
        assert store.save(ID, live(OTHER_PAYLOAD)) is None

    def test_no_message_shows_the_name_of_a_file(
        self, store: FileSystemStore, folder: Path
    ) -> None:
        store.setup()
        (folder / f"{ID}.session").mkdir()

        with pytest.raises(StoreError) as caught:
            store.create(ID, live())

        assert_discreet(caught.value)

    def test_a_file_in_place_of_the_directory_is_reported(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.touch()

        with pytest.raises(StoreError):
            FileSystemStore(path).load("key")
        with pytest.raises(StoreUnavailable):
            FileSystemStore(path, create=False).load("key")

    def test_a_store_without_flock_is_refused_at_once(self, folder: Path) -> None:
        source = (
            "import sys; sys.modules['fcntl'] = None\n"
            "from flask_serversession.errors import ConfigError\n"
            "from flask_serversession.stores.filesystem import FileSystemStore\n"
            "try: FileSystemStore(sys.argv[1])\n"
            "except ConfigError as error: print(error)"
        )
        command = [sys.executable, "-c", source, str(folder)]
        output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

        assert "Windows" in output.stdout


class TestArguments:
    def test_an_unknown_layout_is_refused_with_the_known_ones(self, folder: Path) -> None:
        with pytest.raises(ConfigError, match=r"'json': use 'native', 'session-file-store'"):
            FileSystemStore(folder, layout="json")

    @pytest.mark.parametrize("ttl", [0, -1])
    def test_a_ttl_that_is_not_positive_is_refused(self, folder: Path, ttl: float) -> None:
        with pytest.raises(ConfigError, match="ttl"):
            FileSystemStore(folder, layout="session-file-store", ttl=ttl)

    def test_a_url_names_the_directory(self, tmp_path: Path) -> None:
        store = FileSystemStore.from_url(f"file://{tmp_path}/a%20b", fsync=True)
        store.create("key", live())

        assert (tmp_path / "a b" / "key.session").exists()

    @pytest.mark.parametrize(
        "url",
        [
            "file:",
            "file://",
            "file:sessions",
            "file://sessions/x",
            "http:///x",
            "file:///x?fsync=1",
        ],
    )
    def test_any_other_url_is_refused(self, url: str) -> None:
        with pytest.raises(ConfigError, match="file:///absolute/path"):
            FileSystemStore.from_url(url)

    def test_an_empty_directory_name_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="directory"):
            FileSystemStore("")

    def test_a_relative_directory_is_resolved_at_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        store = FileSystemStore("sessions")
        monkeypatch.chdir("/")
        store.create("key", live())

        assert (tmp_path / "sessions" / "key.session").exists()


class Failing(threading.Thread):
    """A thread whose exception fails the test."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self._error = error

    def finish(self) -> None:
        self.join(60)
        assert not self.is_alive()
        if self._error is not None:
            raise self._error


@contextmanager
def child(work: Callable[[], object]) -> Iterator[None]:
    """Run a function in a forked process beside the block; it has to succeed."""
    process = fork.Process(target=work, daemon=True)
    process.start()
    try:
        yield
        process.join(60)
        assert process.exitcode == 0
    finally:
        process.kill()
        process.join(60)


def verbs(store: FileSystemStore) -> dict[str, Callable[[], object]]:
    return {
        "load": lambda: store.load(ID),
        "create": lambda: store.create(ID, live()),
        "save": lambda: store.save(ID, live(OTHER_PAYLOAD)),
        "touch": lambda: store.touch(ID, in_(60)),
        "delete": lambda: store.delete(ID),
        "count": store.count,
        "ping": store.ping,
        "setup": store.setup,
        "lock": lambda: store.lock(ID, ttl=60),
    }


def whole_payload(number: int) -> bytes:
    return b"%d" % (number % 10) * 20_000


def assert_whole(store: Store) -> None:
    payload = payload_of(store)
    assert len(payload) in (1, 20_000)
    assert payload.count(payload[:1]) == len(payload)


def payload_of(store: Store, key: str = "key") -> bytes:
    record = store.load(key)
    assert record is not None
    return record.payload


def assert_discreet(error: StoreError) -> None:
    assert ID not in str(error)
    assert PAYLOAD.decode() not in str(error)
    assert isinstance(error.__cause__, OSError)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)
