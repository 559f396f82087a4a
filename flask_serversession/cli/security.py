"""``flask sessions check --security``: what the configuration does about each statement."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Collection
from collections.abc import Iterator
from typing import Any

import click

from ..manager import SessionManager
from ..security import Answer
from ..security import Running
from ..security import Statement
from ..security import SUBJECTS

#: What the totals call the marks.
_CALLED = {
    "ok": "fulfilled",
    "accepted": "accepted",
    "app": "up to the application",
    "n/a": "not for a session library",
    "fix": "to fix",
}
_MARGIN = " " * 13


def print_statements(manager: SessionManager, accepted: Collection[int], as_json: bool) -> bool:
    """Print each statement with its answer; return whether nothing is left to fix.

    :param accepted: the numbers of statements that need not be fulfilled.
    """
    found = [
        (subject, statement, _accept(statement, accepted, statement.answer(running)))
        for running in (Running.of(manager),)
        for subject, statements in SUBJECTS.items()
        for statement in statements
    ]
    totals = Counter[str](answer.mark for _, _, answer in found)
    if as_json:
        answers = [_fields(*row) for row in found]
        click.echo(json.dumps({"statements": answers, "totals": {**totals}}, ensure_ascii=False))
        return not totals["fix"]
    heading = None
    for subject, statement, answer in found:
        if subject != heading:
            click.echo(f"{subject}:")
            heading = subject
        for line in _lines(statement, answer):
            click.echo(_fitted(line))
    counts = ", ".join(f"{totals[mark]} {called}" for mark, called in _CALLED.items())
    click.echo(_fitted(f"{counts}."))
    return not totals["fix"]


def _fitted(line: str) -> str:
    """Return a line with breaks where a terminal would break it in the middle of a word."""
    if not sys.stdout.isatty():
        return line
    width = shutil.get_terminal_size().columns
    return textwrap.fill(
        line,
        width,
        subsequent_indent=_MARGIN + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _accept(statement: Statement, accepted: Collection[int], answer: Answer) -> Answer:
    is_accepted = answer.mark == "fix" and statement.number in accepted
    return answer._replace(mark="accepted") if is_accepted else answer


def _lines(statement: Statement, answer: Answer) -> Iterator[str]:
    sources = f" [{', '.join(statement.sources)}]" if statement.sources else ""
    yield f"  {answer.mark:8} {statement.number:2}  {statement.text}{sources}"
    if answer.mark in ("fix", "accepted"):
        yield f"{_MARGIN}  Now: {answer.now}"
        yield f"{_MARGIN}  Set: {answer.line}"
    elif answer.mark == "app":
        yield f"{_MARGIN}  Write: {answer.line}  (docs/{statement.page}.rst)"


def _fields(subject: str, statement: Statement, answer: Answer) -> dict[str, Any]:
    return {
        "number": statement.number,
        "subject": subject,
        "text": statement.text,
        "sources": statement.sources,
        "by": statement.by,
        "mark": answer.mark,
        "now": answer.now,
        "line": answer.line or None,
        "page": statement.page or None,
        "tests": statement.tests,
    }
