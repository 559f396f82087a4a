"""Writes the table of the answers as text and as reStructuredText."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from itertools import chain
from itertools import repeat
from itertools import zip_longest
from textwrap import fill
from textwrap import wrap

from .battery import Row
from .columns import Column
from .columns import COLUMNS

HEAD = ["system", "store", *(column.title for column in COLUMNS)]
RIGHT = ["what is right", "", *("yes" if column.right else "no" for column in COLUMNS)]
#: The width at which headings are wrapped.
HEADING = 12


def cells(rows: Sequence[Row], times: int) -> list[list[str]]:
    """Return the table without its head. Wrong answers are bold."""
    return [_cells(row, times) for row in rows] + [RIGHT]


def absences(rows: Sequence[Row]) -> list[str]:
    """Return a sentence about each system that could not be asked."""
    return [
        f"{row.system.name} on {row.system.store} could not be asked: {row.absence}."
        for row in rows
        if row.absence
    ]


def as_text(table: Sequence[Sequence[str]], notes: Sequence[str]) -> str:
    heads = [wrap(title, HEADING) for title in HEAD]
    lines = [*zip_longest(*heads, fillvalue=""), *table]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    ruled = len(lines) - len(table)
    written = [_padded(line, widths) for line in lines]
    written.insert(ruled, "  ".join("-" * width for width in widths))
    return "\n".join([*written, "", *(fill(note, sum(widths)) for note in notes)])


def as_rst(table: Sequence[Sequence[str]], notes: Sequence[str]) -> str:
    items = chain.from_iterable(map(_items, [HEAD, *table]))
    paragraphs = chain.from_iterable(("", note) for note in notes)
    return "\n".join([".. list-table::", "   :header-rows: 1", "", *items, *paragraphs])


def _cells(row: Row, times: int) -> list[str]:
    answers = [_cell(column, yes, times) for column, yes in zip(COLUMNS, row.yes, strict=False)]
    return [row.system.name, row.system.store, *(answers or ["?"] * len(COLUMNS))]


def _cell(column: Column, yes: int, times: int) -> str:
    said = {0: "no", times: "yes"}.get(yes, f"{yes} of {times}")
    return said if yes == times * column.right else f"**{said}**"


def _padded(line: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
    return "  ".join(padded).rstrip()


def _items(row: Sequence[str]) -> Iterator[str]:
    marks = chain(["   * -"], repeat("     -"))
    for mark, cell in zip(marks, row, strict=False):
        yield f"{mark} {cell}".rstrip()
