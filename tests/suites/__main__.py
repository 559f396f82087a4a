"""Runs each suite with Flask's own session and then on each store, and compares.

A test that passes with Flask's session has to pass on every store, unless :mod:`.differences`
lists it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from tests.servers.base import find_program
from tests.servers.redis import one_server

from .differences import DIFFERENCES

HERE = Path(__file__).parent
SDISTS = HERE.parents[1] / "build/suites/sdists"
STORES = ("memory", "Redis", "SQLite")


def main(wanted: list[str]) -> int:
    """Return how many tests did not do what they should."""
    surprises = 0
    with TemporaryDirectory() as folder, _urls(Path(folder)) as urls:
        print(f"{'':24}{'Flask':>8}" + "".join(f"{name:>8}" for name in STORES) + "  differ")
        for suite, source in _unpacked(Path(folder), wanted):
            surprises += _compare(suite, source, urls)
    return min(surprises, 1)


def _compare(suite: str, source: Path, urls: dict[str, str]) -> int:
    """Run one suite with each kind of session, print the outcome, and return the surprises."""
    expected = _passing(source, None)
    passing = {store: _passing(source, url) for store, url in urls.items()}
    differ = {test for passed in passing.values() for test in expected - passed}
    counts = "".join(f"{len(passed):8}" for passed in (expected, *passing.values()))
    print(f"{source.name:24}{counts}{len(differ):8}", flush=True)
    listed = DIFFERENCES.get(suite, {})
    for test in sorted(differ - listed.keys()):
        stores = ", ".join(store for store in STORES if test not in passing[store])
        print(f"    FAILS on {stores}: {test}")
    for test in sorted(listed.keys() - differ):
        print(f"    LISTED as a difference, but is none: {test}")
    return len(differ ^ listed.keys())


def _passing(source: Path, url: str | None) -> set[str]:
    """Return the tests that pass with a store, or with Flask's own session."""
    report = source / "report.xml"
    report.unlink(missing_ok=True)
    tests = "tests" if (source / "tests").is_dir() else "."
    command = [sys.executable, "-m", "pytest", "-q", "-p", "swapped_sessions"]
    environ = {**os.environ, "PYTHONPATH": str(HERE), "SUITES_STORE": url or ""}
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", f"--junitxml={report}", tests],
        cwd=source,
        env=environ,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if not report.exists():
        raise SystemExit(done.stdout + done.stderr)
    return {
        f"{case.get('classname')}::{case.get('name')}"
        for case in ElementTree.parse(report).iter("testcase")
        if not any(case.find(end) is not None for end in ("failure", "error", "skipped"))
    }


def _unpacked(folder: Path, wanted: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield the name of each suite, and the folder that its source is in now."""
    for line in (HERE / "sdists.txt").read_text().splitlines():
        suite, _, version = line.partition("==")
        if not version or (wanted and suite not in wanted):
            continue
        name = f"{suite}-{version}"
        for sdist in SDISTS.glob("*.tar.gz"):
            if sdist.name.lower().replace("_", "-") == f"{name.lower()}.tar.gz":
                with tarfile.open(sdist) as archive:
                    archive.extractall(folder, filter="data")
                (folder / sdist.name.removesuffix(".tar.gz")).rename(folder / name)
        yield suite, folder / name


@contextmanager
def _urls(folder: Path) -> Iterator[dict[str, str]]:
    """Run a Redis server, and give the URL of each store."""
    program = find_program("redis-server") or find_program("valkey-server")
    if program is None:
        raise SystemExit("The suites need a Redis server: apt-get install redis-server")
    home = folder / "redis"
    home.mkdir()
    with one_server(program, home) as servers:
        sqlite = f"sqlite:///{folder / 'sessions.db'}"
        yield dict(zip(STORES, ("memory", servers.url, sqlite), strict=True))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
