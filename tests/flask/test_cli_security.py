"""``flask sessions check --security``: each statement, and what the configuration does."""

from __future__ import annotations

import json
import logging
import os
import pty
import re
import subprocess
import sys
import tty
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cachelib import SimpleCache
from click.testing import Result
from flask import Flask
from flask.cli import ScriptInfo

from flask_serversession import manager_of
from flask_serversession import ServerSession
from flask_serversession.cli import sessions
from flask_serversession.config.options import FLASKS_OPTIONS
from flask_serversession.config.options import OPTIONS
from flask_serversession.security import Running
from flask_serversession.security import SUBJECTS
from flask_serversession.security.statement import span
from flask_serversession.stores.filesystem import FileSystemStore
from flask_serversession.stores.memory import MemoryStore

ALL = [statement for statements in SUBJECTS.values() for statement in statements]
SQLITE = {"SESSION_STORE": "sqlite:///sessions.db"}
#: What has to be set in addition to the defaults.
DEFAULT = [7, 8, 9, 11, 12, 13, 23, 53, 54, 64]
STRICT = {
    "SESSION_PROFILE": "strict",
    "SESSION_ENCRYPTION_KEYS": ["0123456789abcdef" * 4],
}
APPLICATION = [27, 29, 31, 37, 38, 40, 44, 49, 50]


def app_with(**config: Any) -> Flask:
    app = Flask(__name__)
    app.config.update({"SECRET_KEY": "s3cr3t k3y!" * 3, "TESTING": True, **SQLITE, **config})
    ServerSession(app)
    return app


def check(*words: str, **config: Any) -> Result:
    """Run the command with a configuration."""
    command = ["sessions", "check", "--security", *words]
    result = app_with(**config).test_cli_runner().invoke(args=command)
    assert isinstance(result, Result)
    return result


def marks(**config: Any) -> dict[str, list[int]]:
    """Return the numbers of the statements with each mark."""
    found: dict[str, list[int]] = {"ok": [], "fix": [], "app": [], "n/a": []}
    for answer in json.loads(check("--json", **config).output)["statements"]:
        found[answer["mark"]].append(answer["number"])
    return found


def test_each_statement_has_a_line_in_its_order() -> None:
    lines = check().output.splitlines()

    numbered = [line for line in lines if re.match(r"  (ok|fix|app|n/a) ", line)]
    assert len(numbered) == 69
    for line, statement in zip(numbered, ALL, strict=True):
        assert re.match(rf"  \S+ +{statement.number}  {re.escape(statement.text)}", line)
    assert [line for line in lines if line.endswith(":")] == [f"{name}:" for name in SUBJECTS]


def test_a_terminal_shows_no_broken_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    words = ["check", "--security"]
    ours, theirs = pty.openpty()
    with open(ours, "rb", closefd=True), open(theirs, "w") as terminal:
        tty.setraw(theirs)  # a line ends as it was written
        monkeypatch.setattr(sys, "stdout", terminal)
        with ThreadPoolExecutor(1) as threads:
            shown = threads.submit(read_to_the_totals, ours)
            sessions.main(words, obj=ScriptInfo(create_app=app_with), standalone_mode=False)
            terminal.flush()
            lines = shown.result().splitlines()

    assert all(len(line) <= 60 for line in lines if len(line.split()) > 1)
    assert "".join("".join(lines).split()) == "".join(check().output.split())


def read_to_the_totals(terminal: int) -> str:
    """Return what is written to a terminal, up to its last line."""
    shown = ""
    while not shown.endswith("fix.\n"):
        shown += os.read(terminal, 10_000).decode()
    return shown


def test_the_reference_page_shows_what_it_prints() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/cli.rst").read_text("utf-8")
    _, _, shown = page.partition("    $ flask sessions check --security --accept 64\n")
    shown, _, _ = shown.partition("\n\n")

    printed = check("--accept", "64").output.splitlines()
    lines = [line[4:] for line in shown.splitlines() if line.strip() != "…"]
    assert lines[-1] == printed[-1]
    assert [line for line in lines if line not in printed] == []


def test_a_statement_to_fix_shows_the_current_value_and_the_line_to_set() -> None:
    output = check().output

    assert (
        "  fix      23  The server ends a session a fixed time after its login, however much it is"
        " used. [ASVS 7.3.2, NIST]\n"
        "               Now: A session lasts as long as it is used.\n"
        "               Set: SESSION_ABSOLUTE_TIMEOUT = timedelta(hours=12)\n"
    ) in output


def test_a_statement_for_the_application_shows_its_line_and_the_page() -> None:
    output = check().output

    assert (
        "               Write: session.log_in(user_id)  (docs/explanation/security-model.rst)\n"
    ) in output


def test_the_last_line_has_the_totals() -> None:
    found = marks()

    assert check().output.splitlines()[-1] == (
        f"{len(found['ok'])} fulfilled, 0 accepted, {len(APPLICATION)} up to the application,"
        f" 2 not for a session library, {len(found['fix'])} to fix."
    )


def test_the_strict_profile_with_encryption_has_nothing_left() -> None:
    found = marks(**STRICT)

    assert found["fix"] == []
    assert found["app"] == APPLICATION
    assert found["n/a"] == [68, 69]
    assert check(**STRICT).exit_code == 0


def test_the_strict_profile_alone_has_exactly_these_left() -> None:
    assert marks(SESSION_PROFILE="strict")["fix"] == [53, 54]


def test_the_default_configuration_has_exactly_these_left() -> None:
    found = marks()

    assert found["fix"] == DEFAULT
    assert found["app"] == APPLICATION
    assert found["n/a"] == [68, 69]


class TestExitStatus:
    def test_it_is_1_if_something_is_to_be_set(self) -> None:
        assert check().exit_code == check("--json").exit_code == 1

    def test_accepted_statements_do_not_count(self) -> None:
        accepted = [word for number in DEFAULT for word in ("--accept", str(number))]

        result = check(*accepted)

        assert result.exit_code == 0
        assert result.output.count("  accepted ") == len(DEFAULT)
        assert "Now: A session lasts as long as it is used." in result.output
        assert f"{len(DEFAULT)} accepted" in result.output

    def test_one_that_is_fulfilled_stays_so_if_it_is_accepted(self) -> None:
        [answer] = [
            answer
            for answer in json.loads(check("--json", "--accept", "1").output)["statements"]
            if answer["number"] == 1
        ]

        assert answer["mark"] == "ok"

    @pytest.mark.parametrize("number", ["0", "70", "seven"])
    def test_a_number_of_no_statement_is_refused(self, number: str) -> None:
        assert check("--accept", number).exit_code == 2

    @pytest.mark.parametrize("words", [["--json"], ["--accept", "7"]], ids=" ".join)
    def test_the_options_need_the_list(self, words: list[str]) -> None:
        result = app_with().test_cli_runner().invoke(args=["sessions", "check", *words])

        assert result.exit_code == 2
        assert "need --security" in result.output


def test_json_has_all_that_is_known_of_a_statement() -> None:
    found = json.loads(check("--json", "--accept", "23").output)

    assert found["totals"]["accepted"] == 1
    assert found["statements"][22] == {
        "number": 23,
        "subject": "Lifetime",
        "text": ALL[22].text,
        "sources": ["ASVS 7.3.2", "NIST"],
        "by": "configuration",
        "mark": "accepted",
        "now": "A session lasts as long as it is used.",
        "line": "SESSION_ABSOLUTE_TIMEOUT = timedelta(hours=12)",
        "page": "howto/end-sessions-in-time",
        "tests": list(ALL[22].tests),
    }


@pytest.mark.parametrize(
    ("config", "number", "now"),
    [
        ({"SESSION_GENID": lambda request: "an id"}, 1, "a function of the application"),
        ({"SESSION_COOKIE_OPTIONS": lambda request: {}}, 11, "decides in each request"),
        ({"SESSION_COOKIE_NAME": "__Host-session"}, 12, "needs SESSION_COOKIE_SECURE"),
        ({"SESSION_COOKIE_DOMAIN": "example.com"}, 12, "'session'"),
        ({"SESSION_COOKIE_SECURE": True}, 12, "'session'"),
        ({"SESSION_COOKIE_SAMESITE": "None"}, 14, "SameSite=None needs"),
        ({"SESSION_STORE": "cookie"}, 15, "readable in the browser"),
        ({"SESSION_PROFILE": "express"}, 17, "express-session"),
        ({"SESSION_COOKIE_MAX_AGE": timedelta(days=401)}, 18, "401 days"),
        ({"SESSION_PROFILE": "express"}, 21, "ignore their session"),
        ({"SESSION_STORE": "cookie"}, 34, "browsers keep the sessions"),
        ({"SESSION_ABSOLUTE_TIMEOUT": 3600}, 25, "ends no session"),
        ({"SESSION_TOUCH_INTERVAL": timedelta(hours=13)}, 25, "too rarely"),
        ({"SESSION_RECORD_CLIENT": False}, 41, "no address"),
        ({"SESSION_PROFILE": "express"}, 45, "Each visitor"),
        ({"SESSION_RECORD_CLIENT": False}, 47, "no address"),
        ({"SESSION_HASH_IDS": "prepare"}, 7, "the ids as they are"),
        ({"SESSION_HASH_IDS": "switch"}, 7, "Raw ones stay"),
        ({"SESSION_HASH_IDS": "switch"}, 8, "makes a valid cookie"),
        ({"SESSION_ENCRYPTION_KEYS": ["0f" * 32, None]}, 53, "not encrypted are still read"),
        ({"SESSION_MAX_MEMBERS": None}, 55, "as large as its store"),
        ({"SESSION_STORE_ERROR": "null"}, 62, "reads as empty"),
        ({"SESSION_COOKIE_OPTIONS": lambda request: {}}, 12, "decides in each request"),
        (
            {"SESSION_COOKIE_OPTIONS": lambda request: {}, "SESSION_COOKIE_SECURE": True},
            13,
            "decides in each request",
        ),
        ({"SESSION_COOKIE_OPTIONS": lambda request: {}}, 14, "decides in each request"),
        ({"SESSION_COOKIE_OPTIONS": lambda request: {}}, 18, "decides in each request"),
        (
            {
                "SESSION_ASSURANCE_LEVEL": 2,
                "SESSION_EXCEPTIONS": ["SESSION_ABSOLUTE_TIMEOUT"],
                "SESSION_ABSOLUTE_TIMEOUT": None,
            },
            25,
            "may be longer than level 2",
        ),
        ({"SESSION_REGENERATE_GRACE": 3600}, 31, "for 1 hour"),
        ({"SESSION_STORE": "memory"}, 39, "no command reaches"),
        ({"SESSION_STORE": "memcached://localhost"}, 39, "everybody"),
        ({"SESSION_STORE": "memcached://localhost"}, 42, "cannot list"),
        ({"SESSION_STORE": SimpleCache(threshold=sys.maxsize)}, 57, "files of its own"),
        ({"SESSION_BREAKER": None}, 63, "each request waits"),
        ({"SESSION_FIRST_LIFETIME": timedelta(days=2)}, 64, "lasts 1 day until"),
        (
            {"SESSION_STORE": MemoryStore(), "SESSION_STORE_BEFORE": MemoryStore()},
            63,
            "one server of several",
        ),
    ],
)
def test_a_weaker_configuration_is_told_what_to_set(
    config: dict[str, Any], number: int, now: str
) -> None:
    answer = answer_to(number, **config)

    assert answer.mark == "fix"
    assert now in answer.now
    keys = re.findall(r"[A-Z]+_[A-Z_]+", answer.line)
    assert keys
    assert {*keys} <= {option.key for option in (*OPTIONS, *FLASKS_OPTIONS)}


@pytest.mark.parametrize(
    ("config", "number", "now"),
    [
        (
            {"SESSION_COOKIE_SECURE": True, "SESSION_COOKIE_SAMESITE": "Strict"},
            11,
            "Secure, HttpOnly, SameSite",
        ),
        (
            {"SESSION_COOKIE_SECURE": True, "SESSION_COOKIE_NAME": "__Host-shop"},
            12,
            "'__Host-shop'",
        ),
        (
            {
                "SESSION_COOKIE_SECURE": True,
                "SESSION_COOKIE_NAME": "__Secure-shop",
                "SESSION_COOKIE_PATH": "/shop",
            },
            12,
            "'__Secure-shop'",
        ),
        ({"SESSION_COOKIE_SECURE": True}, 13, "in the log"),
        ({"SESSION_PROFILE": "strict"}, 13, "refused at start-up"),
        (
            {"SESSION_PROFILE": "strict", "SESSION_EXCEPTIONS": ["SESSION_COOKIE_SAMESITE"]},
            13,
            "Excepted: SESSION_COOKIE_SAMESITE.",
        ),
        ({"SESSION_ASSURANCE_LEVEL": 2}, 25, "NIST's level 2"),
        ({"SESSION_CACHE_CONTROL": "no-store"}, 20, "no-store to the pages of users"),
        ({"SESSION_COOKIE_MAX_AGE": timedelta(days=40)}, 18, "at most 40 days"),
        ({"SESSION_ABSOLUTE_TIMEOUT": timedelta(hours=12)}, 23, "12 hours"),
        ({"SESSION_IDLE_TIMEOUT": 90}, 22, "90 seconds, or 31 days if it is permanent"),
        ({"SESSION_COOKIE_MAX_AGE": timedelta(days=40)}, 22, "40 days"),
        ({"SESSION_COOKIE_OPTIONS": lambda request: {}}, 22, "cookie's max age"),
        (
            {"SESSION_PROFILE": "express", "SESSION_COOKIE_SECURE": True},
            14,
            "only logged in the express profile",
        ),
        ({"SESSION_LIMIT_PER_USER": 3}, 42, "'end_oldest'"),
        ({"SESSION_CLEAR_SITE_DATA": ["cookies"]}, 43, "cookies"),
        ({"SESSION_STORE": "redis://localhost"}, 27, "its own clock"),
        ({"SESSION_STORE": "memory"}, 27, "by its clock"),
        ({"SESSION_PROFILE": "strict"}, 22, "used for 1 hour."),
        ({}, 30, "For 5 seconds it reads"),
        ({"SESSION_REGENERATE_GRACE": 0}, 30, "at once"),
        (STRICT, 53, "The key of each needs its id, too"),
        ({"SESSION_ENCRYPTION_KEYS": ["0f" * 32]}, 53, "each with a key of its own"),
        ({"SESSION_ENCRYPTION_KEYS": ["0f" * 32, None]}, 54, "no session that needs it"),
        ({"SESSION_STORE": "cookie", "SESSION_ENCRYPTION_KEYS": ["0f" * 32]}, 15, "encrypted"),
        ({"SESSION_STORE": "cookie", "SESSION_ENCRYPTION_KEYS": ["0f" * 32]}, 53, "Cookies are"),
        *(({"SESSION_STORE": "cookie"}, number, "have no ids") for number in (1, 8, 9, 30, 33)),
        *(({"SESSION_STORE": "cookie"}, number, "there is no store") for number in (56, 61, 63)),
        ({"SESSION_STORE": "cookie"}, 64, "stores nothing"),
        ({"SESSION_MAX_BYTES": 4096}, 55, "4096 bytes and 1000 members"),
        ({"SESSION_STORE": "memory"}, 57, "MemoryStore has no file"),
        (
            {"SESSION_STORE": MemoryStore(), "SESSION_STORE_BEFORE": MemoryStore()},
            57,
            "MemoryStore has",
        ),
        ({}, 63, "requests fail at once; one asks the store again after 1 second"),
        ({"SESSION_FIRST_LIFETIME": 300}, 64, "lasts 5 minutes until"),
        ({"SESSION_MAX_WAITERS": 2}, 65, "2 requests wait"),
    ],
)
def test_a_configuration_that_fulfils_a_statement_is_told_how(
    config: dict[str, Any], number: int, now: str
) -> None:
    answer = answer_to(number, **config)

    assert (answer.mark, answer.line) == ("ok", "")
    assert now in answer.now


def answer_to(number: int, **config: Any) -> Any:
    running = Running.of(manager_of(app_with(**config)))
    return ALL[number - 1].answer(running)


def test_the_log_of_sessions_is_up_to_the_application(caplog: pytest.LogCaptureFixture) -> None:
    assert answer_to(49).mark == "app"

    with caplog.at_level(logging.INFO, "flask_serversession.life"):
        assert answer_to(49).mark == "ok"


def test_clocks_of_several_servers_are_up_to_their_administrator(tmp_path: Path) -> None:
    answer = answer_to(27, SESSION_STORE=FileSystemStore(tmp_path))

    assert answer.mark == "app"
    assert "set-ntp" in answer.line


def test_the_absolute_timeout_is_a_matter_of_the_clocks_of_servers() -> None:
    answer = answer_to(27, SESSION_STORE="redis://localhost", SESSION_ABSOLUTE_TIMEOUT=3600)

    assert answer.mark == "app"


@pytest.mark.parametrize("number", [5, 10, 25, 26, 29, 47, 49, 52, 65])
def test_what_needs_a_store_is_not_fulfilled_in_cookies(number: int) -> None:
    answer = answer_to(number, SESSION_STORE="cookie")

    assert answer.mark == "fix"
    assert answer.line.startswith("SESSION_STORE = ")


@pytest.mark.parametrize("number", [7, 8, 9, 53, 57])
def test_a_former_store_that_cannot_be_protected_counts(number: int, tmp_path: Path) -> None:
    answer = answer_to(
        number,
        SESSION_STORE=f"sqlite:///{tmp_path}/new.db",
        SESSION_STORE_BEFORE=f"file://{tmp_path}/before",
        SESSION_STORE_BEFORE_OPTIONS={"layout": "express"},
        SESSION_HASH_IDS=True,
        SESSION_ENCRYPTION_KEYS=["0" * 64],
    )

    assert answer.mark == "fix"
    assert "SESSION_STORE_BEFORE = None" in answer.line


@pytest.mark.parametrize("number", [26, 35, 56, 57, 58, 60])
def test_what_a_store_fulfils_is_open_for_one_of_the_application(number: int) -> None:
    answer = answer_to(number, SESSION_STORE=FiveVerbs())

    assert answer.mark == "app"
    assert "StoreContract" in answer.line


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"SESSION_PROFILE": "express"},
        {"SESSION_STORE": "cookie"},
        {"SESSION_COOKIE_OPTIONS": lambda request: {"max_age": 9e7}},
        {"SESSION_COOKIE_MAX_AGE": 9e7, "PERMANENT_SESSION_LIFETIME": 9e7},
        {"SESSION_COOKIE_DOMAIN": "example.com", "SESSION_COOKIE_SAMESITE": "None"},
        {"SESSION_COOKIE_SECURE": "auto", "SESSION_COOKIE_PATH": "/shop"},
        {"SESSION_STORE_ERROR": "null", "SESSION_BREAKER": None, "SESSION_GENID": str},
        {
            "SESSION_ABSOLUTE_TIMEOUT": 3600,
            "SESSION_MAX_BYTES": None,
            "SESSION_FIRST_LIFETIME": timedelta(hours=2),
        },
    ],
    ids=" ".join,
)
def test_a_line_of_the_configuration_is_enough(config: dict[str, Any]) -> None:
    left = []
    for statement in ALL:
        answer = answer_to(statement.number, **config)
        lines = re.findall(r"(SESSION_\w+|PERMANENT_\w+) = ([^;]+)(?:;|$)", answer.line)
        if answer.mark != "fix" or not lines or re.search(r"…|output|without", answer.line):
            continue
        # The lines are Python, as a configuration file has it.
        values = {key: eval(value, {"timedelta": timedelta}) for key, value in lines}
        after = answer_to(statement.number, **{**config, **values})
        if after.mark != "ok":
            left.append((statement.number, after))

    assert left == []


class FiveVerbs:
    """Keeps sessions, and cannot list them."""

    def __init__(self) -> None:
        memory = MemoryStore()
        for name in ("load", "create", "save", "touch", "delete"):
            setattr(self, name, getattr(memory, name))


@pytest.mark.parametrize("number", [37, 38, 39, 40, 41, 42])
def test_a_store_that_cannot_list_is_named(number: int) -> None:
    answer = answer_to(number, SESSION_STORE=FiveVerbs())

    assert answer.mark == "fix"
    assert "FiveVerbs" in answer.now


@pytest.mark.parametrize("number", [7, 8, 9, 53, 54])
def test_a_store_that_express_uses_cannot_do_some(number: int) -> None:
    answer = answer_to(number, SESSION_PROFILE="express")

    assert answer.mark == "fix"
    assert answer.line.endswith(", on a store without Express")


def test_a_layout_of_node_is_such_a_store(tmp_path: Path) -> None:
    answer = answer_to(7, SESSION_STORE=FileSystemStore(tmp_path, layout="express"))

    assert answer.line == "SESSION_HASH_IDS = True, on a store without Express"


def test_the_name_of_a_file_is_an_id(tmp_path: Path) -> None:
    answer = answer_to(57, SESSION_STORE=FileSystemStore(tmp_path))

    assert (answer.mark, answer.line) == ("fix", "SESSION_HASH_IDS = True")
    hashed = answer_to(57, SESSION_STORE=FileSystemStore(tmp_path), SESSION_HASH_IDS=True)
    assert (hashed.mark, hashed.line) == ("ok", "")


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (86_400_000, "1 day"),
        (43_200_000, "12 hours"),
        (90_000, "90 seconds"),
        (1500, "1.5 seconds"),
    ],
)
def test_a_time_is_in_words(milliseconds: int, words: str) -> None:
    assert span(milliseconds) == words


def test_an_application_that_serves_requests_does_not_import_the_list() -> None:
    code = (
        "import sys, flask, flask_serversession as ours; app = flask.Flask('app')\n"
        "app.config.update(SECRET_KEY='only for tests', TESTING=True)\n"
        "ours.ServerSession(app)\n"
        "with app.test_request_context(): flask.session['user'] = 'ada'\n"
        "print([name for name in sys.modules if 'flask_serversession.security' in name])"
    )

    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == "[]"
