"""Makes the tables, which show all stores."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from statistics import median

from ..performance.figures import Figure
from ..performance.table import Table
from .results import Pruning
from .results import Result
from .results import Rounds
from .results import Wait


def tables(results: Sequence[Result]) -> Iterator[Table]:
    """Yield the tables of calls, of bytes, of prunes and of the stores' settings."""
    yield _costs(results)
    yield _held(results)
    prunings = {result.store: result.pruning for result in results if result.pruning}
    if prunings:
        yield _prunes(prunings)
        yield _nothing([result for result in results if result.nothing])
    settings = [[result.store, result.settings] for result in results]
    yield Table("Measured on", ["", "settings"], settings)


def _costs(results: Sequence[Result]) -> Table:
    few, *more = results[0].held
    title = f"Cost of a call, as a multiple of its cost among {_number(few)} sessions"
    columns = [(call, many) for call in ("load", "save") for many in more]
    head = ["", *(f"{call}, {_number(many)}" for call, many in columns)]
    rows = [
        [result.store, *(_ratio(getattr(result.cost, call), few, many) for call, many in columns)]
        for result in results
    ]
    return Table(title, head, rows)


def _ratio(rounds: Rounds, few: str, many: str) -> str:
    ratios = [big / small for small, big in zip(rounds[few], rounds[many], strict=True)]
    figure = Figure.of(ratios)
    return f"{figure.middle:.2f} ±{figure.spread:.2f} {median(rounds[many]):.0f} µs"


def _held(results: Sequence[Result]) -> Table:
    sizes = list(results[0].held)
    rows = [[result.store, *(f"{result.held[live]:.0f}" for live in sizes)] for result in results]
    return Table("Bytes per session", ["", *map(_number, sizes)], rows)


def _prunes(prunings: Mapping[str, Pruning]) -> Table:
    first = next(iter(prunings.values()))
    title = (
        f"Pruning {_number(first.expired)} expired sessions among {_number(first.live)} live ones,"
        " and the longest wait of other processes"
    )
    head = ["", "seconds", "a reader", "without a prune", "a writer", "without a prune"]
    rows = [_prune(store, pruning) for store, pruning in prunings.items()]
    return Table(title, head, rows)


def _prune(store: str, pruning: Pruning) -> list[str]:
    waits = [*_waits(pruning.reader), *_waits(pruning.writer)]
    return [store, f"{median(pruning.seconds):.1f}", *waits]


def _waits(wait: Wait) -> list[str]:
    return [
        f"{median(longest):.0f} ms ({min(longest):.0f} to {max(longest):.0f})"
        for longest in (wait.during, wait.without)
    ]


def _nothing(results: Sequence[Result]) -> Table:
    sizes = list(results[0].nothing)
    rows = [
        [result.store, *(f"{1e3 * median(result.nothing[live]):.2f} ms" for live in sizes)]
        for result in results
    ]
    return Table("A prune that finds nothing", ["", *map(_number, sizes)], rows)


def _number(text: str | int) -> str:
    return f"{int(text):,}"
