"""The command line, described in README.md."""

from __future__ import annotations

import argparse
import sys

from ..performance.table import as_rst
from ..performance.table import as_text
from . import results
from .backends import NAMES
from .measure import measure
from .tables import tables


def main() -> int:
    options = _options()
    sizes = sorted(map(int, options.sizes.split(",")))
    shown = []
    for store in options.stores.split(","):
        result = None if options.fresh else results.kept(store, sizes)
        if result is None:
            print(f"Measuring {store} …", file=sys.stderr, flush=True)
            result = measure(store, sizes)
            result.save()
        shown.append(result)
    written = list(tables(shown))
    print("\n".join(map(as_text, written)))
    (results.FOLDER / "scale.rst").write_text("\n".join(map(as_rst, written)))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale")
    parser.add_argument("--stores", default=",".join(NAMES), help="stores, separated by commas")
    parser.add_argument(
        "--sizes",
        default="1000,100000,1000000",
        help="live sessions, separated by commas",
    )
    parser.add_argument("--fresh", action="store_true", help="ignore existing results")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
