"""The command line, described in README.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from .battery import play
from .battery import Row
from .stores import stores
from .systems import System
from .systems import SYSTEMS
from .table import absences
from .table import as_rst
from .table import as_text
from .table import cells
from .versions import versions


def main() -> int:
    options = _options()
    chosen = [system for system in SYSTEMS if _is_meant(system, options.only)]
    rows = list(_play(chosen, options.times))
    write = as_rst if options.rst else as_text
    print(write(cells(rows, options.times), [*absences(rows), *versions()]))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.battery")
    parser.add_argument("--only", default="", help="only names that contain this")
    parser.add_argument(
        "--times", type=_count, default=5, help="times to ask each question (default 5)"
    )
    parser.add_argument("--rst", action="store_true", help="print reStructuredText")
    return parser.parse_args()


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError(text)
    return count


def _is_meant(system: System, word: str) -> bool:
    return word.lower() in f"{system.name} on {system.store}".lower()


def _play(systems: list[System], times: int) -> Iterator[Row]:
    with stores() as find_store:
        for system in systems:
            print(f"Asking {system.name} on {system.store} …", file=sys.stderr, flush=True)
            yield play(system, find_store, times)


if __name__ == "__main__":
    sys.exit(main())
