"""``flask sessions …``, with no request and no browser."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from flask_serversession import Record
from flask_serversession import ServerSession
from flask_serversession.stores.base import EPOCH
from flask_serversession.stores.base import utc_now
from flask_serversession.stores.memory import MemoryStore

from ..servers.base import free_port
from .browser import browser_of
from .browser import session
from .conftest import MakeApp

Run = Callable[..., Result]
COMMANDS = ["check", "setup", "count", "list", "show", "destroy", "clear", "prune"]
ONE = "aaaa1111-the-rest-is-secret-0001"
OTHER = "aaaa2222-the-rest-is-secret-0002"
PAYLOAD = (
    b'{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"},'
    b'"user":"confidential","cart":[]}'
)


def runner_of(app: Flask) -> Run:
    """Return a function that runs ``flask sessions`` with the given words."""

    def run(*words: str, **options: Any) -> Result:
        result = app.test_cli_runner().invoke(args=["sessions", *words], **options)
        assert isinstance(result, Result)
        return result

    return run


@pytest.fixture
def memory() -> MemoryStore:
    """A store with two living sessions and one that has run out."""
    memory = MemoryStore()
    for key in (ONE, OTHER):
        memory.create(key, Record(PAYLOAD, utc_now() + timedelta(hours=1)))
    memory.create("dead", Record(PAYLOAD, utc_now() - timedelta(hours=1)))
    return memory


@pytest.fixture
def run(make_app: MakeApp, memory: MemoryStore) -> Run:
    return runner_of(make_app(SESSION_STORE=memory))


@pytest.fixture
def run_unlisted(make_app: MakeApp) -> Run:
    """Run on a store that knows the five verbs and cannot list."""
    return runner_of(make_app())


@pytest.fixture
def run_dead(make_app: MakeApp) -> Run:
    """Run on a store whose server is not there."""
    return runner_of(make_app(SESSION_STORE=f"redis://:hunter2@127.0.0.1:{free_port()}"))


def test_every_command_is_there(run: Run) -> None:
    assert all(command in run("--help").output for command in COMMANDS)


class TestCheck:
    def test_it_tells_what_the_store_can_do(self, run: Run) -> None:
        result = run("check")

        assert result.exit_code == 0
        assert result.output == (
            "MemoryStore reads.\nIt can: show, destroy, list, count, clear, prune.\n"
        )

    def test_a_store_of_five_verbs_can_show_and_destroy(self, run_unlisted: Run) -> None:
        assert "It can: show, destroy.\n" in run_unlisted("check").output

    def test_a_store_that_can_be_pinged_is(self, make_app: MakeApp, tmp_path: Path) -> None:
        app = make_app(SESSION_STORE=f"sqlite:///{tmp_path / 'sessions.db'}")

        result = runner_of(app)("check")
        app.extensions["serversession"].close()

        assert "SQLAlchemyStore answers.\n" in result.output
        assert result.output.endswith(", setup.\n")


class TestSetup:
    def test_it_makes_what_the_store_needs(self, make_app: MakeApp, tmp_path: Path) -> None:
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

    def test_a_store_that_needs_nothing_says_so(self, run: Run) -> None:
        assert run("setup").output == "MemoryStore needs no setup.\n"


class TestCount:
    def test_it_counts_the_living(self, run: Run) -> None:
        assert run("count").output == "2\n"


class TestList:
    def test_it_shortens_the_ids_and_tells_when_each_ends(
        self, run: Run, memory: MemoryStore
    ) -> None:
        memory.clear()
        memory.create(ONE, Record(PAYLOAD, datetime(2121, 1, 2, 3, 4, 5, 6, timezone.utc)))

        result = run("list")

        assert result.output == "aaaa1111…  ends 2121-01-02 03:04:05 UTC\n"

    def test_full_prints_whole_ids(self, run: Run) -> None:
        lines = run("list", "--full").output.splitlines()

        assert [line.split()[0] for line in lines] == [ONE, OTHER]

    def test_it_stops_at_the_limit_and_says_so(self, run: Run) -> None:
        lines = run("list", "--limit", "1").output.splitlines()

        assert len(lines) == 2
        assert "--limit" in lines[1]

    @pytest.mark.parametrize("limit", ["0", "-1"])
    def test_a_limit_of_nothing_is_refused(self, run: Run, limit: str) -> None:
        assert run("list", "--limit", limit).exit_code == 2

    def test_a_limit_that_is_just_enough_says_nothing(self, run: Run) -> None:
        assert len(run("list", "--limit", "2").output.splitlines()) == 2

    def test_a_session_that_ends_while_it_is_listed_is_left_out(self, make_app: MakeApp) -> None:
        seconds = itertools.count()
        memory = MemoryStore(clock=lambda: EPOCH + timedelta(seconds=next(seconds)))
        memory.create(ONE, Record(PAYLOAD, EPOCH + timedelta(seconds=1)))

        result = runner_of(make_app(SESSION_STORE=memory))("list")

        assert (result.exit_code, result.output) == (0, "")

    def test_a_session_without_an_expiry_ends_when_the_backend_says(
        self, run: Run, memory: MemoryStore
    ) -> None:
        memory.clear()
        memory.create(ONE, Record(PAYLOAD, None))

        assert run("list").output == "aaaa1111…  ends when the backend says\n"


class TestShow:
    def test_it_prints_keys_and_no_values(self, run: Run) -> None:
        result = run("show", ONE)

        assert result.output == "permanent: False\nuser\ncart\n"

    def test_values_are_printed_when_asked_for(self, run: Run) -> None:
        result = run("show", ONE, "--values")

        assert result.output == "permanent: False\nuser: 'confidential'\ncart: []\n"

    def test_the_beginning_of_an_id_will_do(self, run: Run) -> None:
        assert run("show", "aaaa1").output == run("show", ONE).output

    def test_as_much_as_list_prints_of_an_id_will_do(self, run: Run) -> None:
        printed = run("list").output.partition("…")[0]

        assert run("show", printed).output == run("show", ONE).output

    def test_a_beginning_of_several_is_refused(self, run: Run) -> None:
        result = run("show", "aaaa")

        assert result.exit_code == 1
        assert result.output == "Error: Several ids start like this; give more of it.\n"

    def test_a_whole_id_that_others_begin_with_is_meant(
        self, run: Run, memory: MemoryStore
    ) -> None:
        memory.create(f"{ONE}-and-more", Record(PAYLOAD, utc_now() + timedelta(hours=1)))

        assert run("show", ONE).exit_code == 0

    def test_a_whole_id_is_meant_however_many_others_begin_with_it(
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
        assert result.output == "Error: No living session has this id.\n"

    def test_a_store_that_cannot_list_takes_whole_ids(self, make_app: MakeApp) -> None:
        app = make_app()
        browser = browser_of(app)
        browser.run(lambda: session.update(user="ada"))
        run = runner_of(app)

        assert run("show", browser.sid or "").output == "permanent: False\nuser\n"
        assert run("show", (browser.sid or "")[:8]).exit_code == 1


class TestDestroy:
    def test_it_ends_the_session_of_a_browser(self, make_app: MakeApp) -> None:
        app = make_app()
        browser = browser_of(app)
        browser.run(lambda: session.update(user="ada"))

        result = runner_of(app)("destroy", browser.sid or "")

        assert result.output == "The session has ended.\n"
        assert browser.data() == {}

    def test_it_ends_no_other(self, run: Run, memory: MemoryStore) -> None:
        run("destroy", "aaaa1")

        assert list(memory.keys()) == [OTHER]

    def test_a_beginning_of_several_ends_none(self, run: Run, memory: MemoryStore) -> None:
        assert run("destroy", "aaaa").exit_code == 1
        assert memory.count() == 2

    def test_an_id_of_no_living_session_is_an_error(self, run: Run) -> None:
        result = run("destroy", "nothing")

        assert result.exit_code == 1
        assert result.output == "Error: No living session has this id.\n"


class TestClear:
    def test_it_ends_all_sessions_once_confirmed(self, run: Run, memory: MemoryStore) -> None:
        result = run("clear", input="y\n")

        assert result.output.endswith("3 sessions have ended.\n")
        assert memory.count() == 0

    def test_it_needs_no_asking_when_told_so(self, run: Run, memory: MemoryStore) -> None:
        run("clear", "--yes")

        assert memory.count() == 0

    def test_it_ends_none_when_not_confirmed(self, run: Run, memory: MemoryStore) -> None:
        result = run("clear", input="n\n")

        assert result.exit_code == 1
        assert memory.count() == 2


class TestPrune:
    def test_it_removes_the_expired_and_says_how_many(self, run: Run, memory: MemoryStore) -> None:
        result = run("prune")

        # The test runner of click 8.1 shows stderr in stdout, too.
        assert result.stdout.splitlines()[-1] == "1 expired sessions removed."
        assert memory.prune() == 0
        assert memory.count() == 2

    def test_a_store_whose_backend_does_it_says_so(self, run_unlisted: Run) -> None:
        assert run_unlisted("prune").output == (
            "CountingStore removes expired sessions by itself.\n"
        )


@pytest.mark.parametrize("words", [["count"], ["list"], ["clear", "--yes"]])
def test_a_store_that_cannot_list_is_an_error_of_one_line(
    run_unlisted: Run, words: list[str]
) -> None:
    result = run_unlisted(*words)

    assert result.exit_code == 1
    assert result.output == (
        "Error: CountingStore cannot list its sessions: its backend has no way to.\n"
    )


@pytest.mark.parametrize(
    "words",
    [["check"], ["count"], ["list"], ["show", ONE], ["destroy", ONE], ["clear", "--yes"]],
    ids=" ".join,
)
def test_an_outage_is_an_error_of_one_line_without_the_password(
    run_dead: Run, words: list[str]
) -> None:
    result = run_dead(*words)

    assert result.exit_code == 1
    assert result.output.startswith("Error: The session store (Redis at ")
    assert result.output.count("\n") == 1
    assert "hunter2" not in result.output


@pytest.mark.parametrize("command", ["show", "destroy"])
def test_an_id_may_begin_with_a_dash(run: Run, memory: MemoryStore, command: str) -> None:
    memory.create("-dash-first", Record(PAYLOAD, utc_now() + timedelta(hours=1)))

    assert run(command, "-dash-first").exit_code == 0


def test_several_applications_have_the_same_commands_and_their_own_stores() -> None:
    full, empty = MemoryStore(), MemoryStore()
    full.create(ONE, Record(PAYLOAD, None))
    outputs = []
    for store in (full, empty):
        app = Flask(__name__)
        app.config.update(TESTING=True, SESSION_STORE=store)
        ServerSession(app)
        outputs.append(runner_of(app)("count").output)

    assert outputs == ["1\n", "0\n"]
