"""The command line, described in README.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import ParamSpec
from typing import TypeVar

from . import load
from . import results
from . import servers
from .measure import measure
from .peers import SERVED
from .peers import STORES
from .picture import picture
from .results import Result
from .scenarios import PAYLOADS
from .table import as_rst
from .table import as_text
from .table import tables
from .wire import count

P = ParamSpec("P")
T = TypeVar("T")

#: The seconds of timing for one store and payload, and the rounds under load; first the thorough
#: figure, then the quick one. All stores together, with counting, take less than 15 minutes.
SECONDS = (15.0, 8.0)
ROUNDS = (3, 2)


def main() -> int:
    options = _options()
    for store in options.stores.split(","):
        result = None if options.fresh else results.kept(store)
        if result is None or (result.quick and not options.quick):
            print(f"Measuring {store} …", file=sys.stderr, flush=True)
            result = _measure(store, options.quick)
            result.save()
        _show(result)
    found = [result for store in STORES if (result := results.kept(store))]
    (results.FOLDER / "picture.svg").write_text(picture(found))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.performance")
    parser.add_argument("--stores", default=",".join(STORES), help="stores, separated by commas")
    parser.add_argument("--quick", action="store_true", help="200 B only, and fewer rounds")
    parser.add_argument("--fresh", action="store_true", help="ignore existing results")
    return parser.parse_args()


def _measure(store: str, quick: bool) -> Result:
    result = Result(store, quick, versions=results.versions())
    payloads = list(PAYLOADS)[:1] if quick else list(PAYLOADS)
    with servers.running(store) as url:
        result.cells = _apart(measure, store, url, payloads, SECONDS[quick] * len(payloads))
        if store in SERVED:
            result.counts = _apart(count, store, url, payloads)
        if store in load.STORES and load.available():
            result.loads = load.measure_load(store, url, ROUNDS[quick])
    return result


def _apart(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in its own process, since Django can be configured only once in each."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(work, *args, **kwargs).result()


def _show(result: Result) -> None:
    written = list(tables(result))
    print("\n".join(as_text(table) for table in written), flush=True)
    path = results.FOLDER / f"{result.store}.rst"
    path.write_text("\n".join(as_rst(table) for table in written))


if __name__ == "__main__":
    sys.exit(main())
