"""Writes the results as tables, in text and in reStructuredText."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from .figures import against_bare
from .figures import against_floor
from .figures import extra
from .figures import peers
from .figures import share_of_bare
from .results import Cell
from .results import Count
from .results import Load
from .results import Result

SIZES = {"200": "200 B", "4k": "4 kB", "64k": "64 kB"}


class Table(NamedTuple):
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables(result: Result) -> Iterator[Table]:
    """Yield the tables of one store."""
    for payload in dict.fromkeys(cell.payload for cell in result.cells):
        yield _times(result.store, [cell for cell in result.cells if cell.payload == payload])
    for payload in dict.fromkeys(count.payload for count in result.counts):
        yield _counts(result.store, [count for count in result.counts if count.payload == payload])
    if result.loads:
        yield _loads(result.store, result.loads)


def as_text(table: Table) -> str:
    widths = _widths(table)
    lines = [table.title, "=" * len(table.title), ""]
    for row in (table.head, *table.rows):
        first, *others = (cell.ljust(w) for cell, w in zip(row, widths, strict=True))
        lines.append("  ".join([first, *others]).rstrip())
        if row is table.head:
            lines.append("  ".join("-" * width for width in widths))
    return "\n".join(lines) + "\n"


def as_rst(table: Table) -> str:
    widths = _widths(table)
    rule = "  ".join("=" * width for width in widths)
    lines = [f".. table:: {table.title}", "", f"   {rule}"]
    for row in (table.head, *table.rows):
        cells = (cell.ljust(w) for cell, w in zip(row, widths, strict=True))
        lines.append("   " + "  ".join(cells).rstrip())
        if row is table.head:
            lines.append(f"   {rule}")
    return "\n".join([*lines, f"   {rule}", ""])


def _times(store: str, cells: Sequence[Cell]) -> Table:
    title = f"{store}, {SIZES[cells[0].payload]}: extra time as a multiple of the floor's"
    rows = [[peer, *(_time(cell, peer) for cell in cells)] for peer in peers(cells[0].rounds)]
    return Table(title, ["Peer", *(cell.scenario for cell in cells)], rows)


def _time(cell: Cell, peer: str) -> str:
    ignored = cell.scenario.startswith("ignores")
    ratio = (against_bare if ignored else against_floor)(cell, peer)
    return f"{ratio.middle:.2f} ±{ratio.spread:.2f} {extra(cell, peer).middle:+.0f}"


def _counts(store: str, counts: Sequence[Count]) -> Table:
    title = f"{store}, {SIZES[counts[0].payload]}: round trips, bytes sent / received"
    scenarios = list(dict.fromkeys(count.scenario for count in counts))
    found = {(count.peer, count.scenario): count for count in counts}
    rows = [
        [peer, *(_count(found[peer, scenario]) for scenario in scenarios)]
        for peer in dict.fromkeys(count.peer for count in counts)
    ]
    return Table(title, ["Peer", *scenarios], rows)


def _count(count: Count) -> str:
    if not count.trips and not count.bytes_sent:
        return "0"
    return f"{count.trips:g}, {count.bytes_sent:.0f} / {count.bytes_received:.0f}"


def _loads(store: str, loads: Sequence[Load]) -> Table:
    title = f"{store}, {SIZES['200']}: requests per second, as a share of the bare application's"
    rows = [[peer, *(_load(load, peer) for load in loads)] for peer in loads[0].rounds]
    return Table(title, ["Peer", *(load.scenario for load in loads)], rows)


def _load(load: Load, peer: str) -> str:
    share = share_of_bare(load, peer)
    return f"{share.middle:.2f} ±{share.spread:.2f} {median(load.rounds[peer]):.0f}/s"


def _widths(table: Table) -> list[int]:
    columns = zip(table.head, *table.rows, strict=True)
    return [max(map(len, column)) for column in columns]
