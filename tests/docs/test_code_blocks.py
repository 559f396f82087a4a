"""Every code block in the documentation runs, and every public name is documented."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from typing import NamedTuple

import pytest
from blinker import NamedSignal
from flask import Flask

import flask_serversession
from flask_serversession import errors
from flask_serversession import ServerSession
from flask_serversession import signals
from flask_serversession import stores
from flask_serversession.cli import sessions
from flask_serversession.extension import EXTENSION

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES = [
    ROOT / "README.md",
    *sorted(page for page in (ROOT / "docs").rglob("*.rst") if "_build" not in page.parts),
]

#: A block of Python: between fences in Markdown, indented below a directive in reST.
_MARKDOWN = re.compile(
    r"^```(?P<language>python|pycon)\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
_REST = re.compile(
    r"^(?P<indent> *)\.\. code-block:: (?P<language>python|pycon)\n"
    r"(?P<text>(?:(?P=indent) +.*\n|\n)+)",
    re.MULTILINE,
)
_HEADING = re.compile(r"^(.+)\n([-=~])\2+$", re.MULTILINE)
_TEST = re.compile(r"^(def test_|class Test)", re.MULTILINE)


class Block(NamedTuple):
    """A block of code on a page."""

    language: str
    source: str
    line: int


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in (_MARKDOWN if page.suffix == ".md" else _REST).finditer(text):
        lines = match["text"].split("\n")
        margin = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
        source = "\n".join(line[margin:] for line in lines)
        line = text.count("\n", 0, match.start("text"))
        yield Block(match["language"], source, line)


def run_page(page: Path) -> dict[str, Any]:
    """Run the blocks of a page in one namespace, where ``app`` is a Flask application."""
    namespace: dict[str, Any] = {"__name__": "documented"}
    makes_its_own = any("app = Flask(" in block.source for block in blocks_of(page))
    for block in blocks_of(page):
        if not makes_its_own:
            namespace["app"] = Flask("documented")
            namespace["app"].secret_key = "only for tests"
        run_block(page, block, namespace)
        if not makes_its_own:
            configure(namespace["app"])
    for app in [value for value in namespace.values() if isinstance(value, Flask)]:
        close(app)
    return namespace


def run_block(page: Path, block: Block, namespace: dict[str, Any]) -> None:
    if block.language == "pycon":
        run_session(page, block, namespace)
        return
    # The blank lines make the line numbers of a traceback those of the page.
    source = "\n" * block.line + block.source
    exec(compile(source, name_of(page), "exec", dont_inherit=True), namespace)


def run_session(page: Path, block: Block, namespace: dict[str, Any]) -> None:
    test = doctest.DocTestParser().get_doctest(
        block.source, namespace, name_of(page), str(page), block.line
    )
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    result = runner.run(test, out=report.append, clear_globs=False)
    namespace.update(test.globs)
    assert result.failed == 0, "".join(report)


def configure(app: Flask) -> None:
    """Initialise the extension, so that it checks the config set by a block."""
    if EXTENSION not in app.extensions:
        ServerSession(app)
    close(app)


def close(app: Flask) -> None:
    app.extensions[EXTENSION].close()


def pages_with(pattern: re.Pattern[str]) -> list[Path]:
    return [page for page in PAGES if any(pattern.search(b.source) for b in blocks_of(page))]


def as_test_file(page: Path) -> str:
    """Return the code of a page up to its last test, as a test file."""
    sources = [block.source for block in blocks_of(page)]
    last = max(number for number, source in enumerate(sources) if _TEST.search(source))
    return "\n".join(sources[: last + 1])


def headings_of(page: Path) -> list[str]:
    return [match[1] for match in _HEADING.finditer(page.read_text(encoding="utf-8"))]


def documented_names() -> set[str]:
    """Return the last part of each dotted name with an entry in the reference."""
    directive = re.compile(r"^ *\.\. (?:auto|py:)(?:class|exception|data|function):: (\S+)$", re.M)
    return {
        name.rpartition(".")[2]
        for page in REFERENCE.glob("*.rst")
        for name in directive.findall(page.read_text(encoding="utf-8"))
    }


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECRET_KEY", "only for tests")


@pytest.fixture(autouse=True)
def no_receiver_stays() -> Iterator[None]:
    """Disconnect what a page connects: other tests measure what a signal costs."""
    yield
    for signal in vars(signals).values():
        if isinstance(signal, NamedSignal):
            signal._clear_state()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_block_of_python_on_a_page_is_found(page: Path) -> None:
    marks = re.findall(r"```py|code-block:: *py", page.read_text(encoding="utf-8"))

    assert len(list(blocks_of(page))) == len(marks)


# These two pages change the process that runs them, so test_watch_page.py runs them in others.
@pytest.mark.parametrize(
    "page",
    [
        page
        for page in pages_with(re.compile(""))
        if page.name not in ("watch.rst", "log-of-sessions.rst")
    ],
    ids=name_of,
)
def test_the_code_of_a_page_runs(page: Path) -> None:
    run_page(page)


@pytest.mark.slow
@pytest.mark.parametrize("page", pages_with(_TEST), ids=name_of)
def test_the_tests_on_a_page_pass(page: Path, tmp_path: Path) -> None:
    (tmp_path / "test_page.py").write_text(as_test_file(page), encoding="utf-8")

    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout


def test_the_tutorial_application_keeps_notes_until_logout() -> None:
    app = run_page(ROOT / "docs" / "tutorial" / "index.rst")["app"]
    client = app.test_client()
    login = {"name": "ada", "password": "analytical"}

    refused = client.post("/login", data=login | {"password": ""}, follow_redirects=True)
    assert "No." in refused.text
    client.post("/login", data=login)
    client.post("/notes", data={"text": "call Charles"})
    assert "<li>call Charles</li>" in client.get("/").text
    assert "Goodbye." in client.post("/logout", follow_redirects=True).text
    assert "call Charles" not in client.get("/").text
    close(app)


def test_each_public_name_has_a_reference_entry() -> None:
    public = {
        name
        for name, value in vars(flask_serversession).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }

    assert public <= documented_names()


def test_each_error_has_a_reference_entry() -> None:
    classes = {name for name, value in vars(errors).items() if isinstance(value, type)}

    assert classes <= documented_names()


def test_each_store_has_a_reference_entry() -> None:
    assert {kind.name for kind in stores._BY_NAME.values()} <= documented_names()


def test_each_command_has_a_heading_and_each_heading_is_a_command() -> None:
    headings = headings_of(REFERENCE / "cli.rst")

    assert sorted(headings[1:]) == sorted(f"flask sessions {name}" for name in sessions.commands)


@pytest.mark.parametrize("command", sessions.commands.values(), ids=str)
def test_each_option_of_a_command_is_documented(command: Any) -> None:
    text = (REFERENCE / "cli.rst").read_text(encoding="utf-8")
    section = text.partition(f"\nflask sessions {command.name}\n")[2]
    section = section.partition("\nflask sessions ")[0]

    for parameter in command.params:
        assert (parameter.metavar or max(parameter.opts, key=len)) in section


def test_each_link_in_the_readme_leads_to_a_file() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", text)

    assert links
    assert [link for link in links if not (ROOT / link).is_file()] == []
