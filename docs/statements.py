"""``.. security-statements::``, the list that ``flask sessions check --security`` prints.

A build takes it from the package, so the page cannot differ from the command.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from flask import Flask
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from flask_serversession import manager_of
from flask_serversession import security
from flask_serversession import ServerSession

WHO = {
    "package": "this package, whatever is configured",
    "configuration": "the configuration",
    "application": "the application",
    "none": "nothing here; it is not a task of a session library",
}
#: What introduces the line of an answer, as in the command's output.
DO = {"fix": "Set", "app": "Write"}
#: Each configuration that is shown, with its name.
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "By default": {},
    "With the strict profile and encryption": {
        "SESSION_PROFILE": "strict",
        "SESSION_ENCRYPTION_KEYS": ["0123456789abcdef" * 4],
    },
}


class SecurityStatements(SphinxDirective):
    """Shows the statements, a section for each subject."""

    def run(self) -> list[nodes.Node]:
        for file in (Path(__file__), *Path(security.__path__[0]).glob("*.py")):
            self.env.note_dependency(str(file))
        return self.parse_text_to_nodes("\n".join(_page()), allow_section_headings=True)


def _page() -> Iterator[str]:
    running = {name: _running(**config) for name, config in CONFIGURATIONS.items()}
    for subject, statements in security.SUBJECTS.items():
        yield from ("", subject, "-" * len(subject), "")
        for statement in statements:
            yield from _entry(statement, running)


def _entry(statement: security.Statement, running: dict[str, security.Running]) -> Iterator[str]:
    number = f"{statement.number}. "
    yield f"{number}{_escaped(statement.text)}"
    yield ""
    for line in _lines(statement, running):
        yield f"{' ' * len(number)}| {line}"
    yield ""


def _lines(statement: security.Statement, running: dict[str, security.Running]) -> Iterator[str]:
    if statement.sources:
        yield f"*{', '.join(statement.sources)}*"
    yield f"Fulfilled by: {WHO[statement.by]}"
    answers = {name: statement.answer(one) for name, one in running.items()}
    for name, answer in answers.items():
        shown = f"**{answer.mark}**. {_escaped(answer.now)}"
        todo = f" {DO[answer.mark]}: ``{answer.line}``" if answer.line else ""
        if len(set(answers.values())) == 1:
            yield shown + todo
            break
        yield f"{name}: {shown}{todo}"
    if statement.page:
        yield f"More: :doc:`/{statement.page}`"
    for name in statement.tests:
        yield f"Test: {_sentence(name)}"


def _sentence(test: str) -> str:
    """Return the name of a test as the sentence that it is, and the test's file."""
    file, _, name = test.partition("::")
    words = name.rpartition("::")[2].removeprefix("test_").replace("_", " ")
    return f"{_escaped(words)} (``{file}``)"


def _escaped(text: str) -> str:
    return text.replace("*", r"\*").replace("_", r"\_").replace("`", r"\`")


def _running(**config: Any) -> security.Running:
    app = Flask("documented")
    app.config.update(SECRET_KEY="fedcba9876543210" * 4, TESTING=True, **config)
    app.config["SESSION_STORE"] = "sqlite:///sessions.db"
    ServerSession(app)
    return security.Running.of(manager_of(app))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("security-statements", SecurityStatements)
    return {"parallel_read_safe": True}
