"""Runs the ``flask sessions`` commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from click.testing import Result
from flask import Flask

Run = Callable[..., Result]


def runner_of(app: Flask) -> Run:
    """Return a function that runs ``flask sessions`` with the given arguments."""

    def run(*words: str, **options: Any) -> Result:
        result = app.test_cli_runner().invoke(args=["sessions", *words], **options)
        assert isinstance(result, Result)
        return result

    return run
