"""The ``flask sessions`` commands."""

from __future__ import annotations

import itertools
import json
import os
import pty
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from pathlib import Path

import pytest
from flask import Flask
from flask.cli import ScriptInfo

from flask_serversession import Record
from flask_serversession import ServerSession
from flask_serversession.cli import sessions
from flask_serversession.cli.group import Progress
from flask_serversession.stores.base import EPOCH
from flask_serversession.stores.base import utc_now
from flask_serversession.stores.filesystem import FileSystemStore
from flask_serversession.stores.memory import MemoryStore

from ..servers.base import free_port
from .browser import browser_of
from .browser import session
from .commands import Run
from .commands import runner_of
from .conftest import MakeApp

COMMANDS = [
    "check",
    "clear",
    "count",
    "destroy",
    "end",
    "list",
    "migrate",
    "online",
    "prune",
    "setup",
    "show",
]
ONE = "aaaa1111-the-rest-is-secret-0001"
OTHER = "aaaa2222-the-rest-is-secret-0002"
PAYLOAD = (
    b'{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"},'
    b'"user":"confidential","cart":[]}'
)


class InterruptedStore(MemoryStore):
    """Has its user press Ctrl-C after the first step of anything long."""

    #: False for a command that only looks at the first records.
    is_listing = False

    def keys(self) -> Iterator[str]:
        yield next(super().keys())
        if self.is_listing:
            raise KeyboardInterrupt

    def clearing(self) -> Iterator[int]:
        yield self.delete(ONE)
        raise KeyboardInterrupt

    def pruning(self, *, dry_run: bool = False) -> Iterator[int]:
        yield from super().pruning()
        raise KeyboardInterrupt


class SteplessStore:
    """Can list and prune its sessions, but in one step only."""

    def __init__(self, memory: MemoryStore) -> None:
        for name in ("load", "create", "save", "touch", "delete", "keys", "count", "clear"):
            setattr(self, name, getattr(memory, name))
        self.prune = memory.prune


def fill(memory: MemoryStore) -> None:
    """Add two live sessions and an expired one."""
    for key in (ONE, OTHER):
        memory.create(key, Record(PAYLOAD, utc_now() + timedelta(hours=1)))
    memory.create("dead", Record(PAYLOAD, utc_now() - timedelta(hours=1)))


@pytest.fixture
def memory() -> MemoryStore:
    """A store with two live sessions and an expired one."""
    memory = MemoryStore()
    fill(memory)
    return memory


@pytest.fixture
def run(make_app: MakeApp, memory: MemoryStore) -> Run:
    return runner_of(make_app(SESSION_STORE=memory))


@pytest.fixture
def run_unlisted(make_app: MakeApp) -> Run:
    """Run on a store that has only the five verbs and cannot list its sessions."""
    return runner_of(make_app())


@pytest.fixture
def run_dead(make_app: MakeApp) -> Run:
    """Run on a store whose server does not exist."""
    return runner_of(make_app(SESSION_STORE=f"redis://:hunter2@127.0.0.1:{free_port()}"))


def test_help_lists_every_command(run: Run) -> None:
    assert all(command in run("--help").output for command in COMMANDS)


class TestCheck:
    def test_check_lists_what_the_store_can_do(self, run: Run) -> None:
        result = run("check")

        assert result.exit_code == 0
        assert result.output.endswith(
            "\nIt can: show, destroy, list, count, clear, prune,"
            " list the sessions of a user, end all sessions of a user.\n"
        )

    def test_check_reads_and_writes_a_probe_and_leaves_nothing(
        self, run: Run, memory: MemoryStore
    ) -> None:
        lines = run("check").output.splitlines()

        assert any(line.startswith("MemoryStore reads (") for line in lines)
        assert any(line.startswith("MemoryStore writes (") for line in lines)
        assert memory.count() == 2

    def test_check_fails_without_a_secret(self, make_app: MakeApp) -> None:
        result = runner_of(make_app(SECRET_KEY=None))("check")

        assert result.exit_code == 1
        assert "Set app.secret_key" in result.output

    def test_check_warns_of_what_is_insecure_in_testing_mode_too(self, make_app: MakeApp) -> None:
        app = make_app(
            SECRET_KEY="dev",
            SESSION_COOKIE_SAMESITE="None",
            SESSION_COOKIE_MAX_AGE=timedelta(days=401),
        )

        output = runner_of(app)("check").output

        assert "Warning: SECRET_KEY has a secret of 3 bytes" in output
        assert "Warning: No browser keeps the session cookie: SameSite=None needs" in output
        assert "Warning: SESSION_COOKIE_MAX_AGE is 401 days" in output

    def test_a_slow_store_is_warned_about(self, make_app: MakeApp) -> None:
        class SlowStore(MemoryStore):
            def create(self, key: str, record: Record) -> bool:
                time.sleep(0.06)
                return super().create(key, record)

        result = runner_of(make_app(SESSION_STORE=SlowStore()))("check")

        assert result.exit_code == 0
        assert "Warning: SlowStore is slow" in result.output

    def test_a_store_that_forgets_its_records_fails(self, make_app: MakeApp) -> None:
        class ForgetfulStore(MemoryStore):
            def create(self, key: str, record: Record) -> bool:
                return True

        result = runner_of(make_app(SESSION_STORE=ForgetfulStore()))("check")

        assert result.exit_code == 1
        assert "did not keep a record" in result.output

    @pytest.mark.parametrize("create", [True, False])
    def test_check_fails_over_the_table_of_another_program(
        self, make_app: MakeApp, tmp_path: Path, create: bool
    ) -> None:
        with closing(sqlite3.connect(tmp_path / "sessions.db")) as database:
            database.execute("CREATE TABLE sessions (id, session_id, data, expiry)")
        app = make_app(
            SESSION_STORE=f"sqlite:///{tmp_path / 'sessions.db'}",
            SESSION_STORE_OPTIONS={"table": "sessions", "create": create},
        )

        result = runner_of(app)("check")
        app.extensions["serversession"].close()

        assert result.exit_code == 1
        assert "it has no payload and no expires_at" in result.output

    def test_check_fails_without_the_table_and_warns_without_its_index(
        self, make_app: MakeApp, tmp_path: Path
    ) -> None:
        app = make_app(
            SESSION_STORE=f"sqlite:///{tmp_path / 'sessions.db'}",
            SESSION_STORE_OPTIONS={"create": False},
        )
        run = runner_of(app)

        before = run("check")
        run("setup")
        with closing(sqlite3.connect(tmp_path / "sessions.db")) as database:
            database.execute("DROP INDEX ix_server_sessions_expires_at")
        after = run("check")
        app.extensions["serversession"].close()

        assert before.exit_code == 1
        assert "run flask sessions setup" in before.output
        assert after.exit_code == 0
        assert "has no index on expires_at" in after.output

    def test_records_of_another_program_are_a_warning(self, run: Run, memory: MemoryStore) -> None:
        memory.create("of-another-program", Record(b"\x80\x04}\x94.", None))

        result = run("check")

        assert result.exit_code == 0
        assert "Warning: 1 of the first 3 records cannot be read as sessions." in result.output

    def test_a_record_that_ends_during_the_check_is_no_record_of_another_program(
        self, make_app: MakeApp
    ) -> None:
        class EmptyingStore(MemoryStore):
            def keys(self) -> Iterator[str]:
                return iter(["ended"])

        assert (
            "cannot be" not in runner_of(make_app(SESSION_STORE=EmptyingStore()))("check").output
        )

    def test_a_store_with_only_the_five_verbs_can_show_and_destroy(
        self, run_unlisted: Run
    ) -> None:
        assert "It can: show, destroy.\n" in run_unlisted("check").output

    def test_a_store_with_a_ping_is_pinged(self, make_app: MakeApp, tmp_path: Path) -> None:
        app = make_app(SESSION_STORE=f"sqlite:///{tmp_path / 'sessions.db'}")

        result = runner_of(app)("check")
        app.extensions["serversession"].close()

        assert "SQLAlchemyStore answers.\n" in result.output
        assert ", prune, setup, list the sessions of a user" in result.output


class TestSetup:
    def test_setup_creates_the_table(self, make_app: MakeApp, tmp_path: Path) -> None:
        app = make_app(
            SESSION_STORE=f"sqlite:///{tmp_path / 'sessions.db'}",
            SESSION_STORE_OPTIONS={"create": False},
        )
        run = runner_of(app)

        before = run("count")
        result = run("setup")
        after = run("count")
        app.extensions["serversession"].close()

        assert before.exit_code == 1
        assert result.output == "SQLAlchemyStore is ready.\n"
        assert after.output == "0\n"

    def test_a_store_that_needs_no_setup_says_so(self, run: Run) -> None:
        assert run("setup").output == "MemoryStore needs no setup.\n"


class TestCount:
    def test_count_leaves_out_expired_sessions(self, run: Run) -> None:
        assert run("count").output == "2\n"

    def test_count_prints_json_on_request(self, run: Run) -> None:
        assert json.loads(run("count", "--json").output) == {"count": 2}


class TestList:
    def test_list_prints_shortened_ids_and_expiries(self, run: Run, memory: MemoryStore) -> None:
        memory.clear()
        memory.create(ONE, Record(PAYLOAD, datetime(2121, 1, 2, 3, 4, 5, 6, timezone.utc)))

        result = run("list")

        assert result.output == "aaaa1111…  ends 2121-01-02 03:04:05 UTC\n"

    def test_list_full_prints_whole_ids(self, run: Run) -> None:
        lines = run("list", "--full").output.splitlines()

        assert [line.split()[0] for line in lines] == [ONE, OTHER]

    def test_it_goes_on_past_an_unreadable_session_that_can_be_destroyed(
        self, make_app: MakeApp, tmp_path: Path
    ) -> None:
        store = FileSystemStore(tmp_path, layout="session-file-store")
        store.create(ONE, Record(PAYLOAD, utc_now() + timedelta(hours=1)))
        (tmp_path / f"{OTHER}.json").write_bytes(b"not JSON")
        run = runner_of(make_app(SESSION_STORE=store))

        lines = sorted(run("list").output.splitlines())
        shown = run("show", OTHER)
        ended = run("destroy", "--yes", OTHER)

        assert lines[0].startswith("aaaa1111…  ends ")
        assert lines[1:] == ["aaaa2222…  unreadable"]
        assert "No live session" in shown.output
        assert ended.output == "The session has ended.\n"
        assert list(store.keys()) == [ONE]

    def test_list_stops_at_the_limit_and_says_so(self, run: Run) -> None:
        lines = run("list", "--limit", "1").output.splitlines()

        assert len(lines) == 2
        assert "--limit" in lines[1]

    @pytest.mark.parametrize("limit", ["0", "-1"])
    def test_a_limit_below_one_is_refused(self, run: Run, limit: str) -> None:
        assert run("list", "--limit", limit).exit_code == 2

    def test_a_limit_that_is_exactly_reached_prints_no_note(self, run: Run) -> None:
        assert len(run("list", "--limit", "2").output.splitlines()) == 2

    def test_a_session_that_expires_during_the_listing_is_left_out(
        self, make_app: MakeApp
    ) -> None:
        seconds = itertools.count()
        memory = MemoryStore(clock=lambda: EPOCH + timedelta(seconds=next(seconds)))
        memory.create(ONE, Record(PAYLOAD, EPOCH + timedelta(seconds=1)))

        result = runner_of(make_app(SESSION_STORE=memory))("list")

        assert (result.exit_code, result.output) == (0, "")

    def test_a_session_without_an_expiry_is_listed_as_up_to_the_backend(
        self, run: Run, memory: MemoryStore
    ) -> None:
        memory.clear()
        memory.create(ONE, Record(PAYLOAD, None))

        assert run("list").output == "aaaa1111…  ends when the backend says\n"

    def test_list_prints_a_json_object_a_line_on_request(
        self, run: Run, memory: MemoryStore
    ) -> None:
        memory.clear()
        memory.create(ONE, Record(PAYLOAD, datetime(2121, 1, 2, 3, 4, 5, 0, timezone.utc)))
        memory.create(OTHER, Record(PAYLOAD, None))

        lines = run("list", "--json", "--full").stdout.splitlines()

        assert [json.loads(line) for line in lines] == [
            {"id": ONE, "expires_at": "2121-01-02T03:04:05+00:00"},
            {"id": OTHER, "expires_at": None},
        ]

    def test_the_control_characters_of_an_id_are_escaped(
        self, run: Run, memory: MemoryStore
    ) -> None:
        memory.clear()
        memory.create("a\x1b[31m\ud800", Record(PAYLOAD, None))

        assert run("list").output == "a\\x1b[31m\\ud800…  ends when the backend says\n"


class TestShow:
    def test_show_prints_keys_and_no_values(self, run: Run) -> None:
        result = run("show", ONE)

        assert result.output == "permanent: False\nuser\ncart\n"

    def test_show_prints_values_on_request(self, run: Run) -> None:
        result = run("show", ONE, "--values")

        assert result.output == "permanent: False\nuser: 'confidential'\ncart: []\n"

    def test_show_prints_keys_as_json_on_request(self, run: Run) -> None:
        shown = json.loads(run("show", ONE, "--json").output)

        assert shown == {"permanent": False, "login": None, "keys": ["user", "cart"]}

    def test_show_prints_values_as_the_stored_json_on_request(
        self, run: Run, memory: MemoryStore
    ) -> None:
        dated = b'{"cookie":{"path":"/"},"on":{" date":"2030-01-02"}}'
        memory.clear()
        memory.create(ONE, Record(dated, utc_now() + timedelta(hours=1)))

        shown = json.loads(run("show", ONE, "--json", "--values").output)

        assert shown["data"] == {"on": {" date": "2030-01-02"}}

    @pytest.mark.parametrize("words", [[], ["--values"]])
    def test_the_control_characters_of_a_key_are_escaped(
        self, run: Run, memory: MemoryStore, words: list[str]
    ) -> None:
        odd = b'{"cookie":{"path":"/"},"\\u001b[2J\\u202eK\xc3\xa4se":1}'
        memory.clear()
        memory.create(ONE, Record(odd, utc_now() + timedelta(hours=1)))

        lines = run("show", ONE, *words).output.splitlines()

        assert lines[1].startswith("\\x1b[2J\\u202eKäse")

    def test_a_unique_prefix_of_an_id_is_enough(self, run: Run) -> None:
        assert run("show", "aaaa1").output == run("show", ONE).output

    def test_the_shortened_id_that_list_prints_is_enough(self, run: Run) -> None:
        printed = run("list").output.partition("…")[0]

        assert run("show", printed).output == run("show", ONE).output

    def test_an_ambiguous_prefix_is_refused(self, run: Run) -> None:
        result = run("show", "aaaa")

        assert result.exit_code == 1
        assert result.output == "Error: Several ids begin with this: give more characters.\n"

    def test_a_whole_id_is_not_taken_as_a_prefix_of_another(
        self, run: Run, memory: MemoryStore
    ) -> None:
        memory.create(f"{ONE}-and-more", Record(PAYLOAD, utc_now() + timedelta(hours=1)))

        assert run("show", ONE).exit_code == 0

    def test_a_whole_id_is_not_ambiguous_if_several_ids_start_with_it(
        self, run: Run, memory: MemoryStore
    ) -> None:
        memory.clear()
        for key in (f"{ONE}-1", f"{ONE}-2", ONE):
            memory.create(key, Record(PAYLOAD, utc_now() + timedelta(hours=1)))

        assert run("show", ONE).exit_code == 0

    @pytest.mark.parametrize("sid", ["nothing", "dead"])
    def test_an_id_of_no_living_session_is_an_error(self, run: Run, sid: str) -> None:
        result = run("show", sid)

        assert result.exit_code == 1
        assert result.output == "Error: No live session has this id or handle.\n"

    def test_a_store_that_cannot_list_accepts_only_whole_ids(self, make_app: MakeApp) -> None:
        app = make_app()
        browser = browser_of(app)
        browser.run(lambda: session.update(user="ada"))
        run = runner_of(app)

        assert run("show", browser.sid or "").output == "permanent: False\nuser\n"
        assert run("show", (browser.sid or "")[:8]).exit_code == 1


class TestDestroy:
    def test_destroy_ends_the_session_of_a_browser(self, make_app: MakeApp) -> None:
        app = make_app()
        browser = browser_of(app)
        browser.run(lambda: session.update(user="ada"))

        result = runner_of(app)("destroy", browser.sid or "", "--yes")

        assert result.output == "The session has ended.\n"
        assert browser.data() == {}

    def test_destroy_ends_no_other_session(self, run: Run, memory: MemoryStore) -> None:
        run("destroy", "aaaa1111", "--yes")

        assert list(memory.keys()) == [OTHER]

    def test_destroy_shows_which_session_it_ends_and_asks(
        self, run: Run, memory: MemoryStore
    ) -> None:
        result = run("destroy", "aaaa1111-the", input="y\n")

        assert "This ends the session aaaa1111… Continue? [y/N]" in result.output
        assert memory.count() == 1

    def test_destroy_ends_no_session_unless_confirmed(self, run: Run, memory: MemoryStore) -> None:
        assert run("destroy", ONE, input="n\n").exit_code == 1
        assert memory.count() == 2

    @pytest.mark.parametrize("sid", ["", "…", "a", "aaaa111", "aaaa111…"])
    def test_less_than_eight_characters_end_no_session(
        self, run: Run, memory: MemoryStore, sid: str
    ) -> None:
        memory.delete(OTHER)

        result = run("destroy", sid, "--yes")

        assert result.exit_code == 1
        assert "at least 8 characters" in result.output
        assert memory.count() == 1

    def test_an_ambiguous_prefix_ends_no_session(self, run: Run, memory: MemoryStore) -> None:
        memory.create(f"{ONE}-and-more", Record(PAYLOAD, utc_now() + timedelta(hours=1)))

        assert run("destroy", "aaaa1111", "--yes").exit_code == 1
        assert memory.count() == 3

    def test_an_id_of_no_living_session_is_an_error(self, run: Run) -> None:
        result = run("destroy", "nothing-here")

        assert result.exit_code == 1
        assert result.output == "Error: No live session has this id or handle.\n"

    def test_a_session_that_ends_before_the_answer_is_an_error(self, make_app: MakeApp) -> None:
        class Late(MemoryStore):
            loads = 0

            def load(self, key: str) -> Record | None:
                self.loads += 1
                if self.loads > 2:  # the command has seen it, and asked
                    self.delete(key)
                return super().load(key)

        late = Late()
        fill(late)

        result = runner_of(make_app(SESSION_STORE=late))("destroy", ONE, "--yes")

        assert result.output == "Error: The session had already ended.\n"


class TestClear:
    def test_clear_ends_all_sessions_once_confirmed(self, run: Run, memory: MemoryStore) -> None:
        result = run("clear", input="y\n")

        assert result.output.endswith("Sessions ended: 3\n")
        assert memory.count() == 0

    def test_clear_with_yes_asks_nothing(self, run: Run, memory: MemoryStore) -> None:
        run("clear", "--yes")

        assert memory.count() == 0

    @pytest.mark.parametrize("words", [["clear"], ["clear", "--yes"]])
    def test_clear_warns_of_records_of_another_program_first(
        self, run: Run, memory: MemoryStore, words: list[str]
    ) -> None:
        memory.create("of-another-program", Record(b"\x80\x04}\x94.", None))

        result = run(*words, input="n\n")

        assert "1 of the first 3 records cannot be read as sessions" in result.output
        assert memory.count() == (0 if "--yes" in words else 3)

    def test_clear_ends_no_session_unless_confirmed(self, run: Run, memory: MemoryStore) -> None:
        result = run("clear", input="n\n")

        assert result.exit_code == 1
        assert memory.count() == 2


class TestPrune:
    def test_prune_removes_expired_sessions_and_prints_their_number(
        self, run: Run, memory: MemoryStore
    ) -> None:
        result = run("prune")

        # The test runner of click 8.1 shows stderr in stdout, too.
        assert result.stdout.splitlines()[-1] == "Expired sessions removed: 1"
        assert memory.prune() == 0
        assert memory.count() == 2

    def test_a_dry_run_prints_the_number_and_removes_nothing(
        self, run: Run, memory: MemoryStore
    ) -> None:
        result = run("prune", "--dry-run")

        assert result.output == "Expired sessions: 1\n"
        assert memory.prune() == 1

    def test_a_store_without_steps_is_pruned_and_cleared_at_once(
        self, make_app: MakeApp, memory: MemoryStore
    ) -> None:
        run = runner_of(make_app(SESSION_STORE=SteplessStore(memory)))

        assert "Expired sessions removed: 1" in run("prune").output
        assert run("clear", "--yes").output == "Sessions ended: 2\n"

    def test_a_store_that_cannot_count_expired_sessions_has_no_dry_run(
        self, make_app: MakeApp, memory: MemoryStore
    ) -> None:
        result = runner_of(make_app(SESSION_STORE=SteplessStore(memory)))("prune", "--dry-run")

        assert result.exit_code == 1
        assert memory.prune() == 1

    def test_a_store_whose_backend_expires_sessions_says_so(self, run_unlisted: Run) -> None:
        assert run_unlisted("prune").output == (
            "CountingStore removes expired sessions by itself.\n"
        )


def test_a_command_whose_output_is_cut_by_head_does_not_say_that_it_stopped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = Progress("Sessions listed")
    progress.add(1)
    with pytest.raises(BrokenPipeError), progress:
        raise BrokenPipeError

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "done"),
    [
        (["list"], "Sessions listed: 1"),
        (["clear", "--yes"], "Sessions ended: 1"),
        (["prune"], "Expired sessions removed: 1"),
    ],
)
class TestLongCommands:
    def test_an_interrupted_command_says_what_was_done(
        self, make_app: MakeApp, words: list[str], done: str
    ) -> None:
        store = InterruptedStore()
        store.is_listing = words == ["list"]
        fill(store)

        result = runner_of(make_app(SESSION_STORE=store))(*words)

        assert result.exit_code == 130
        assert f"Interrupted. {done}, or a few more.\n" in result.output

    def test_a_terminal_shows_progress(
        self,
        make_app: MakeApp,
        memory: MemoryStore,
        monkeypatch: pytest.MonkeyPatch,
        words: list[str],
        done: str,
    ) -> None:
        store = InterruptedStore()
        store.is_listing = words == ["list"]
        fill(store)
        info = ScriptInfo(create_app=lambda: make_app(SESSION_STORE=store))
        ours, theirs = pty.openpty()
        with open(ours, "rb", closefd=True), open(theirs, "w") as terminal:
            monkeypatch.setattr(sys, "stderr", terminal)
            sessions.main(words, obj=info, standalone_mode=False)
            shown = ""
            while "Interrupted" not in shown:
                shown += os.read(ours, 10_000).decode()

        assert f"\r\x1b[K{done} …" in shown


@pytest.mark.parametrize("words", [["count"], ["list"], ["clear", "--yes"]])
def test_a_store_that_cannot_list_fails_with_one_line(run_unlisted: Run, words: list[str]) -> None:
    result = run_unlisted(*words)

    assert result.exit_code == 1
    assert result.output == (
        "Error: CountingStore cannot list its sessions, because its backend cannot.\n"
    )


@pytest.mark.parametrize(
    "words",
    [["check"], ["count"], ["list"], ["show", ONE], ["destroy", ONE, "--yes"], ["clear", "--yes"]],
    ids=" ".join,
)
def test_an_outage_ends_with_one_line_without_the_password(
    run_dead: Run, words: list[str]
) -> None:
    result = run_dead(*words)

    assert result.exit_code == 1
    last = result.output.splitlines()[-1]
    assert last.startswith("Error: The session store (Redis at ")
    assert words == ["check"] or result.output.count("\n") == 1
    assert "hunter2" not in result.output


@pytest.mark.parametrize("command", ["show", "destroy"])
def test_an_id_may_start_with_a_dash(run: Run, memory: MemoryStore, command: str) -> None:
    memory.create("-dash-first", Record(PAYLOAD, utc_now() + timedelta(hours=1)))

    assert run(command, "-dash-first", input="y\n").exit_code == 0


def test_each_application_counts_its_own_store() -> None:
    full, empty = MemoryStore(), MemoryStore()
    full.create(ONE, Record(PAYLOAD, None))
    outputs = []
    for store in (full, empty):
        app = Flask(__name__)
        app.config.update(TESTING=True, SESSION_STORE=store)
        ServerSession(app)
        outputs.append(runner_of(app)("count").output)

    assert outputs == ["1\n", "0\n"]
