"""Options and fixtures every test may use. The servers' fixtures live in ``servers/``."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import pytest

import flask_serversession

from .servers.base import REPORT
from .servers.files import files_url as files_url
from .servers.files import sqlite_url as sqlite_url
from .servers.mariadb import mysql_url as mysql_url
from .servers.memcached import memcached_url as memcached_url
from .servers.mongodb import mongodb_url as mongodb_url
from .servers.pgbouncer import pgbouncer_url as pgbouncer_url
from .servers.postgresql import postgresql_url as postgresql_url
from .servers.redis import redis_cluster_url as redis_cluster_url
from .servers.redis import redis_program as redis_program
from .servers.redis import redis_sentinel_url as redis_sentinel_url
from .servers.redis import redis_url as redis_url
from .servers.redis import valkey_program as valkey_program

# Processes that a test starts import this package. It comes last on the path, so that
# `pytest` tests the installed wheel while `python -m pytest` tests the checkout.
sys.path.append(str(Path(__file__).parents[1]))

#: Folders whose tests have to reach every branch by themselves. Measuring doubles their time.
COVERING = ("tests/unit/", "tests/property/", "tests/flask/")

#: Folders whose tests start processes and wait for them.
SLOW = ("tests/concurrency/", "tests/faults/", "tests/interop/")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-servers",
        action="store_true",
        help="fail, instead of skipping, where a store's server cannot be had",
    )
    parser.addoption(
        "--scenarios",
        type=int,
        default=2000,
        help="how many random scenarios to compare with express-session, live (default 2000)",
    )
    parser.addoption(
        "--interop-steps",
        type=int,
        default=200,
        help="how many random requests to send to Express and Flask, a store (default 200)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """End the measuring that pytest-cov begins in a worker before the worker's own.

    It goes on while a test is marked ``no_cover``, and makes such a test twice as slow.
    """
    plugin = config.pluginmanager.getplugin("_cov")
    if plugin is not None and hasattr(config, "workerinput"):
        plugin.cov_controller.cov.stop()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Have a worker of pytest-xdist hand over what it found out about the servers."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["servers"] = REPORT


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    REPORT.update(getattr(node, "workeroutput", {}).get("servers", {}))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    # Tests of processes, locks and outages mostly wait.
    return 3 * (os.cpu_count() or 1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    from .sharing import GroupScheduling

    config.option.loadscopereorder = False  # or it starts the group with the most tests first
    return GroupScheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[object]:
    """Collect without measuring coverage, which takes twice as long and finds only imports."""
    plugin = session.config.pluginmanager.getplugin("_cov")
    if plugin is None:
        return (yield)
    for module in walk_packages(flask_serversession.__path__, "flask_serversession."):
        import_module(module.name)
    plugin.cov_controller.pause()
    try:
        return (yield)
    finally:
        plugin.cov_controller.resume()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    is_measured = config.pluginmanager.hasplugin("_cov")
    for item in items:
        if item.nodeid.startswith(SLOW):
            item.add_marker("slow")
        if is_measured and not item.nodeid.startswith(COVERING):
            item.add_marker("no_cover")
    if hasattr(config, "workerinput"):
        from .sharing import put_long_groups_first

        put_long_groups_first(items)


def pytest_collection_finish() -> None:
    # Thousands of tests are in memory. A test that collects garbage would go through all of them.
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not REPORT:
        return
    terminalreporter.section("stores were tested on")
    for name, text in sorted(REPORT.items()):
        terminalreporter.write_line(f"{name:16} {text}")
