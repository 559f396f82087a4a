"""The ``flask sessions`` commands for the sessions of a user."""

from __future__ import annotations

import json
import os
import pty
import sys
from collections.abc import Iterator
from datetime import datetime
from datetime import timezone
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.cli import ScriptInfo

from flask_serversession import Record
from flask_serversession import session_ended
from flask_serversession.cli import sessions
from flask_serversession.stores.base import user_of
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import is_logged_in
from .browser import session
from .commands import Run
from .commands import runner_of
from .conftest import MakeApp

NOW = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)
LYNX = {"User-Agent": "Lynx\x1b[31m"}
AT_HOME = {"REMOTE_ADDR": "192.0.2.7"}


class EpochStore:
    """Cannot list, and ends all records of a user at once."""

    def __init__(self) -> None:
        memory = MemoryStore()
        for name in ("load", "create", "save", "touch", "delete"):
            setattr(self, name, getattr(memory, name))
        self.ended: list[str] = []

    def epoch(self, user: str) -> str:
        return "epoch"

    def end_user(self, user: str) -> None:
        self.ended.append(user)


class InterruptedStore(MemoryStore):
    """Has its user press Ctrl-C after the first record."""

    def records(self, user: str | None = None) -> Iterator[tuple[str, Record]]:
        yield next(super().records(user))
        raise KeyboardInterrupt


@pytest.fixture
def app(make_app: MakeApp, memory: MemoryStore) -> Flask:
    return make_app(SESSION_STORE=memory)


@pytest.fixture
def run(app: Flask) -> Run:
    return runner_of(app)


def logged_in(app: Flask, user_id: str = "ada", **options: Any) -> Browser:
    browser = browser_of(app)
    browser.run(
        lambda: session.log_in(user_id, **options), headers=LYNX, environ_overrides=AT_HOME
    )
    assert browser.sid is not None
    return browser


def id_of(browser: Browser) -> str:
    assert browser.sid is not None
    return browser.sid


def handle_of(browser: Browser) -> str:
    return browser.see(lambda: session.handle)


class TestList:
    def test_the_shortened_ids_of_a_users_sessions_differ(self, app: Flask, run: Run) -> None:
        logged_in(app)
        logged_in(app)

        one, other = [line.split("…")[0] for line in run("list").output.splitlines()]

        assert one[:17] == other[:17]
        assert one != other
        assert run("show", f"{one}…").exit_code == run("show", other).exit_code == 0

    def test_the_sessions_of_a_user_are_listed_the_newest_first(
        self, app: Flask, run: Run
    ) -> None:
        with time_machine.travel(NOW, tick=False) as clock:
            old = logged_in(app)
            clock.shift(60)
            new = logged_in(app, label="phone")
            logged_in(app, "bob")

            lines = run("list", "--user", "ada").output.splitlines()

        assert lines[0].split("  ")[0].strip() == "HANDLE"
        assert [line.split()[0] for line in lines[1:]] == [handle_of(new), handle_of(old)]
        assert lines[1].split("  ")[1:] == [
            "2030-01-01 12:01:00",
            "2030-01-01 12:01:00",
            "2030-01-02 12:01:00",
            "192.0.2.7",
            "phone",
            "Lynx\\x1b[31m",
        ]

    def test_unknown_values_of_a_session_are_printed_as_a_dash(
        self, app: Flask, run: Run, memory: MemoryStore
    ) -> None:
        tag = user_of(id_of(logged_in(app)))
        memory.clear()
        payload = b'{"cookie":{"originalMaxAge":null},"_login":{"user":"ada"}}'
        memory.create(f"{tag}.old", Record(payload, None))

        line = run("list", "--user", "ada").output.splitlines()[1]

        assert line.split()[1:] == ["-"] * 6

    def test_they_are_printed_as_json_on_request(self, app: Flask, run: Run) -> None:
        with time_machine.travel(NOW, tick=False):
            browser = logged_in(app, level="mfa")
            logged_in(app, "bob")

            [line] = run("list", "--user", "ada", "--json").stdout.splitlines()

        assert json.loads(line) == {
            "handle": handle_of(browser),
            "user_id": "ada",
            "created_at": "2030-01-01T12:00:00+00:00",
            "authenticated_at": "2030-01-01T12:00:00+00:00",
            "last_seen": "2030-01-01T12:00:00+00:00",
            "expires_at": "2030-01-02T12:00:00+00:00",
            "address": "192.0.2.7",
            "user_agent": "Lynx\x1b[31m",
            "label": None,
            "level": "mfa",
        }

    def test_no_id_is_printed(self, app: Flask, run: Run) -> None:
        secret = id_of(logged_in(app)).partition(".")[2]

        for words in (["list", "--user", "ada"], ["list", "--user", "ada", "--json"]):
            assert secret not in run(*words).output
        assert run("list", "--user", "ada", "--full").exit_code == 2

    def test_the_limit_holds_for_a_user_too(self, app: Flask, run: Run) -> None:
        logged_in(app)
        logged_in(app)

        lines = run("list", "--user", "ada", "--limit", "1").output.splitlines()

        assert len(lines) == 3
        assert "--limit" in lines[2]

    def test_a_user_without_sessions_has_an_empty_list(self, run: Run) -> None:
        assert len(run("list", "--user", "ada").output.splitlines()) == 1


class TestShow:
    def test_a_session_is_shown_by_its_handle_or_id(self, app: Flask, run: Run) -> None:
        with time_machine.travel(NOW, tick=False):
            browser = logged_in(app, label="phone", level="mfa")
            logged_in(app)

            by_handle = run("show", handle_of(browser)).output
            by_id = run("show", id_of(browser)).output

        assert by_handle.splitlines() == [
            "user: ada",
            f"handle: {handle_of(browser)}",
            "created: 2030-01-01 12:00:00 UTC",
            "authenticated: 2030-01-01 12:00:00 UTC",
            "last seen: 2030-01-01 12:00:00 UTC",
            "ends: 2030-01-02 12:00:00 UTC",
            "address: 192.0.2.7",
            "browser: Lynx\\x1b[31m",
            "label: phone",
            "level: mfa",
            "permanent: False",
            "_login",
        ]
        assert by_id == by_handle

    def test_its_json_tells_the_login(self, app: Flask, run: Run) -> None:
        browser = logged_in(app)

        shown = json.loads(run("show", handle_of(browser), "--json").output)

        assert shown["login"]["user_id"] == "ada"
        assert shown["login"]["handle"] == handle_of(browser)
        assert shown["keys"] == ["_login"]

    def test_the_tag_of_a_user_alone_is_the_beginning_of_several_ids(
        self, app: Flask, run: Run
    ) -> None:
        tag = user_of(id_of(logged_in(app)))
        logged_in(app)

        for beginning in (f"{tag}", f"{tag}.", f"{tag}…"):
            assert run("show", beginning).output == (
                "Error: Several ids begin with this: give more characters."
                " The first 16 characters are the same in all ids of a user.\n"
            )

    def test_a_beginning_as_long_as_a_handle_is_enough(self, app: Flask, run: Run) -> None:
        browser = logged_in(app)

        assert run("show", id_of(browser)[:33]).output.startswith("user: ada\n")

    def test_the_handle_of_no_session_is_an_error(self, run: Run) -> None:
        result = run("show", "nobody-nobody-00.nothing-nothing0")

        assert result.exit_code == 1
        assert result.output == "Error: No live session has this id or handle.\n"

    def test_a_session_of_nobody_has_no_login(self, app: Flask, run: Run) -> None:
        browser = browser_of(app)
        browser.run(lambda: session.update(cart="apple"))

        assert run("show", id_of(browser)).output == "permanent: False\ncart\n"

    def test_the_old_id_of_a_session_has_no_login(self, app: Flask, run: Run) -> None:
        browser = logged_in(app)
        old = id_of(browser)
        browser.run(lambda: session.regenerate(keep_data=True))

        assert run("show", old).output.startswith("permanent: ")


class TestDestroy:
    def test_a_session_is_ended_by_its_handle(self, app: Flask, run: Run) -> None:
        one, other = logged_in(app), logged_in(app)

        result = run("destroy", handle_of(one), input="y\n")

        assert f"the session {id_of(one)[:25]}… Continue?" in result.output
        assert not is_logged_in(one)
        assert is_logged_in(other)

    def test_the_tag_of_a_user_with_several_sessions_ends_none(self, app: Flask, run: Run) -> None:
        one, other = logged_in(app), logged_in(app)

        assert run("destroy", user_of(id_of(one)) or "", "--yes").exit_code == 1
        assert is_logged_in(one)
        assert is_logged_in(other)


class TestEnd:
    def test_all_sessions_of_a_user_end_once_confirmed(self, app: Flask, run: Run) -> None:
        browsers, bob = [logged_in(app), logged_in(app)], logged_in(app, "bob")

        result = run("end", "--user", "ada", input="y\n")

        assert "This logs ada out everywhere. Continue? [y/N]" in result.output
        assert result.output.endswith("Sessions ended: 2\n")
        assert not any(map(is_logged_in, browsers))
        assert is_logged_in(bob)

    def test_none_ends_unless_confirmed(self, app: Flask, run: Run) -> None:
        browser = logged_in(app)

        assert run("end", "--user", "ada", input="n\n").exit_code == 1
        assert is_logged_in(browser)

    def test_the_browsers_can_be_told_the_reason(self, app: Flask, run: Run) -> None:
        browser = logged_in(app)

        run("end", "--user", "ada", "--reason", "left the company", "--yes")

        assert browser.see(lambda: session.ended_reason) == "left the company"

    def test_the_control_characters_of_a_user_are_escaped(self, run: Run) -> None:
        assert "\\x1b[2J" in run("end", "--user", "\x1b[2J", input="n\n").output

    def test_a_store_that_cannot_count_ends_all(self, make_app: MakeApp) -> None:
        store = EpochStore()
        seen: list[str] = []
        with session_ended.connected_to(lambda sender, user_id, **extra: seen.append(user_id)):
            result = runner_of(make_app(SESSION_STORE=store))("end", "--user", "ada", "--yes")

        assert result.output == "Sessions ended: all\n"
        assert len(store.ended) == 1
        assert seen == ["ada"]

    def test_a_user_is_required(self, run: Run) -> None:
        assert run("end", "--yes").exit_code == 2

    def test_an_empty_variable_ends_no_session(self, app: Flask, run: Run) -> None:
        browser = logged_in(app)

        assert run("end", "--user", "", "--yes").exit_code == 1
        assert is_logged_in(browser)


class TestOnline:
    @pytest.fixture
    def visited(self, app: Flask) -> Iterator[Flask]:
        with time_machine.travel(NOW, tick=False) as clock:
            logged_in(app, "eve")
            clock.shift(1000)
            logged_in(app, "ada")
            clock.shift(60)
            logged_in(app, "bob\x1b[2J")
            logged_in(app, "ada")
            clock.shift(1)
            logged_in(app, "dan")
            browser_of(app).run(lambda: session.update(cart="apple"))
            yield app

    def test_the_users_are_listed_who_were_here_the_latest_first(self, visited: Flask) -> None:
        lines = runner_of(visited)("online").output.splitlines()

        assert [line.split() for line in lines] == [
            ["USER", "SESSIONS", "LAST", "SEEN", "(UTC)"],
            ["dan", "1", "2030-01-01", "12:17:41"],
            ["ada", "2", "2030-01-01", "12:17:40"],
            ["bob\\x1b[2J", "1", "2030-01-01", "12:17:40"],
        ]

    def test_minutes_tell_how_long_ago(self, visited: Flask) -> None:
        output = runner_of(visited)("online", "--minutes", "20").output

        assert output.splitlines()[-1].startswith("eve")

    @pytest.mark.parametrize("minutes", ["0", "-1", "1000000000000000", "x"])
    def test_minutes_that_are_no_time_are_refused(self, run: Run, minutes: str) -> None:
        assert run("online", "--minutes", minutes).exit_code == 2

    def test_they_are_printed_as_json_on_request(self, visited: Flask) -> None:
        first, *_ = runner_of(visited)("online", "--json").stdout.splitlines()

        assert json.loads(first) == {
            "user_id": "dan",
            "sessions": 1,
            "last_seen": "2030-01-01T12:17:41+00:00",
        }

    def test_an_interrupted_command_says_what_was_found(self, make_app: MakeApp) -> None:
        app = make_app(SESSION_STORE=InterruptedStore())
        logged_in(app)

        result = runner_of(app)("online")

        assert result.exit_code == 130
        assert "Interrupted. Sessions found: 1, or a few more.\n" in result.output

    def test_a_terminal_shows_progress(
        self, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        app = make_app(SESSION_STORE=InterruptedStore())
        logged_in(app)
        ours, theirs = pty.openpty()
        with open(ours, "rb", closefd=True), open(theirs, "w") as terminal:
            monkeypatch.setattr(sys, "stderr", terminal)
            sessions.main(
                ["online"], obj=ScriptInfo(create_app=lambda: app), standalone_mode=False
            )
            shown = ""
            while "Interrupted" not in shown:
                shown += os.read(ours, 10_000).decode()

        assert "\r\x1b[KSessions found: 1 …" in shown


class TestStoresThatCannot:
    @pytest.mark.parametrize(
        "words",
        [["list", "--user", "ada"], ["online"], ["end", "--user", "ada", "--yes"]],
        ids=" ".join,
    )
    def test_a_store_that_cannot_find_users_is_named(
        self, make_app: MakeApp, words: list[str]
    ) -> None:
        result = runner_of(make_app())(*words)

        assert result.exit_code == 1
        assert result.output == (
            "Error: CountingStore cannot find the sessions of a user:"
            " its backend cannot list them.\n"
        )

    def test_a_handle_there_is_no_way_to_find_is_an_error(self, make_app: MakeApp) -> None:
        result = runner_of(make_app())("show", "nobody-nobody-00.nothing-nothing0")

        assert "CountingStore cannot find the sessions of a user" in result.output

    def test_a_whole_id_is_enough_there(self, make_app: MakeApp) -> None:
        app = make_app(SESSION_STORE=EpochStore())
        browser = logged_in(app)

        assert runner_of(app)("show", id_of(browser)).output.startswith("user: ada\n")

    def test_check_says_what_a_store_with_epochs_can_do(self, make_app: MakeApp) -> None:
        output = runner_of(make_app(SESSION_STORE=EpochStore()))("check").output

        assert output.endswith("\nIt can: show, destroy, end all sessions of a user.\n")
