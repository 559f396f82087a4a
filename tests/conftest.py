"""Options and fixtures every test may use. The servers' fixtures live in ``servers/``."""

from __future__ import annotations

import pytest

from .servers.base import REPORT


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-servers",
        action="store_true",
        help="fail, instead of skipping, where a store's server cannot be had",
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not REPORT:
        return
    terminalreporter.section("stores were tested on")
    for name, text in sorted(REPORT.items()):
        terminalreporter.write_line(f"{name:16} {text}")
