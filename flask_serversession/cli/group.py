"""The group ``flask sessions``, and what its commands share."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from datetime import datetime
from datetime import timezone

import click
from flask import current_app
from flask.cli import AppGroup

from ..errors import ServerSessionError
from ..manager import SessionManager
from ..stores.base import Store

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")

#: Seconds between two updates of a line of progress.
_UPDATE = 0.1
_INTERRUPTED = 130


class _Group(AppGroup):
    """Turns this package's errors into a line of text and exit code 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ServerSessionError as error:
            raise click.ClickException(str(error)) from error


sessions: _Group = _Group("sessions", help="Inspect, end and clean up sessions.")


class Progress:
    """Counts a command's steps. A terminal shows the count, and so does a command that stops."""

    def __init__(self, done: str, *, hidden: bool = False) -> None:
        self._done = done
        self._count = 0
        self._shows = sys.stderr.isatty() and not hidden
        self._next_update = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._shows:
            click.echo("\r\033[K", err=True, nl=False)
        is_interrupted = kind is KeyboardInterrupt
        # Where head has enough lines of a list, nothing has failed.
        if is_interrupted or (self._count and kind not in (None, BrokenPipeError)):
            how = "Interrupted" if is_interrupted else "Stopped"
            click.echo(f"{how}. {self._done}: {self._count}, or a few more.", err=True)
        if is_interrupted:
            raise click.exceptions.Exit(_INTERRUPTED)

    def add(self, number: int) -> None:
        self._count += number
        if self._shows and time.monotonic() >= self._next_update:
            self._next_update = time.monotonic() + _UPDATE
            click.echo(f"\r\033[K{self._done}: {self._count} …", err=True, nl=False)

    def add_all(self, steps: Iterable[int]) -> int:
        for number in steps:
            self.add(number)
        return self._count


def one_step(call: Callable[[], int]) -> Iterator[int]:
    """Yield what a call returns, as the only step."""
    yield call()


def current_manager() -> SessionManager:
    """Return the manager of the application that the command runs for."""
    manager: SessionManager = current_app.extensions["serversession"]
    return manager


def name_of(store: Store) -> str:
    """Return the name of a store's class."""
    return type(store).__name__


def escaped(text: str) -> str:
    """Return text without the control characters that a terminal would obey."""
    return repr(str(text))[1:-1]  # a stored key has a repr() that does not show it


def in_utc(moment: datetime) -> str:
    """Return a moment as a date and a time, to the second."""
    return f"{moment.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S}"
