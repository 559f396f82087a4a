"""``flask sessions …``: inspect, end, prune and set up an application's sessions."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from datetime import datetime
from datetime import timezone
from typing import TypeVar

import click
from flask import current_app
from flask.cli import AppGroup

from .check import findings
from .check import foreign_records
from .errors import PayloadError
from .errors import ServerSessionError
from .manager import SessionManager
from .stores.base import Store
from .stores.base import SupportsClearing
from .stores.base import SupportsKeys
from .stores.base import SupportsPrune
from .stores.base import SupportsPruning
from .stores.base import SupportsSetup

T = TypeVar("T")

#: Ids are secrets. Only so many characters are printed, enough to tell them apart.
_SHOWN = 8
_MORE = "…"
#: A shorter ID, such as an empty shell variable, ends no session.
_SHORTEST_TO_DESTROY = 8
_ID_MAY_START_WITH_A_DASH = {"ignore_unknown_options": True}
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")

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


class _Progress:
    """Counts a command's steps. A terminal shows the count, and so does an interrupted command."""

    def __init__(self, done: str, *, hidden: bool = False) -> None:
        self._done = done
        self._count = 0
        self._shows = sys.stderr.isatty() and not hidden
        self._next_update = 0.0

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._shows:
            click.echo("\r\033[K", err=True, nl=False)
        if kind is KeyboardInterrupt:
            click.echo(f"Interrupted: {self._count} {self._done}, or some more.", err=True)
            raise click.exceptions.Exit(_INTERRUPTED)

    def add(self, number: int) -> None:
        self._count += number
        if self._shows and time.monotonic() >= self._next_update:
            self._next_update = time.monotonic() + _UPDATE
            click.echo(f"\r\033[K{self._count} {self._done} …", err=True, nl=False)

    def add_all(self, steps: Iterable[int]) -> int:
        for number in steps:
            self.add(number)
        return self._count


sessions: _Group = _Group("sessions", help="Look at, end and clean up the sessions on the server.")


@sessions.command("check")
def check() -> None:
    """Check the secret and the cookie, read and write a probe, and print what is amiss."""
    manager = _manager()
    for line in findings(manager, current_app.config):
        click.echo(line)
    if manager.config.store != "cookie":
        click.echo("It can: " + ", ".join(_abilities(manager.store)) + ".")


@sessions.command("setup")
def setup() -> None:
    """Create the table, the index or the directory that the store needs."""
    store = _manager().store
    if not isinstance(store, SupportsSetup):
        click.echo(f"{_name(store)} needs no setup.")
        return
    store.setup()
    click.echo(f"{_name(store)} is ready.")


@sessions.command("count")
@_AS_JSON
def count(as_json: bool) -> None:
    """Print the number of live sessions."""
    number = _listing(_manager().store).count()
    click.echo(json.dumps({"count": number}) if as_json else number)


@sessions.command("list")
@click.option(
    "--full",
    is_flag=True,
    help="Print whole ids. They are secrets: anyone who has one can use its session.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Stop after this many.",
)
@_AS_JSON
def list_(full: bool, limit: int, as_json: bool) -> None:
    """Print the shortened ids of live sessions, and when each ends."""
    store = _listing(_manager().store)
    shown = 0
    # A terminal that shows the list needs no count.
    with _Progress("sessions listed", hidden=sys.stdout.isatty()) as progress:
        for key in store.keys():  # noqa: SIM118 - a store is not a mapping
            if shown == limit:
                click.echo(f"… and more; --limit raises {limit}.", err=as_json)
                return
            line = _line(store, key, key if full else _short(key), as_json)
            if line is not None:
                click.echo(line)
                shown += 1
                progress.add(1)


@sessions.command(
    "show",
    short_help="Print what is known of one session.",
    context_settings=_ID_MAY_START_WITH_A_DASH,
)
@click.argument("sid", metavar="ID")
@click.option("--values", is_flag=True, help="Print the data too, not only the keys.")
@_AS_JSON
def show(sid: str, values: bool, as_json: bool) -> None:
    """Print what is known of one session; ID may be the beginning of one."""
    manager = _manager()
    session = manager.load(_complete(manager.store, sid))
    if session is None:
        raise click.ClickException("No live session has this id.")
    if as_json:
        data = json.loads(manager.settings.serializer.dumps(dict(session)))
        shown = {"data": data} if values else {"keys": list(data)}
        click.echo(json.dumps({"permanent": session.permanent, **shown}))
        return
    click.echo(f"permanent: {session.permanent}")
    for key in session:
        click.echo(f"{_escaped(key)}: {session[key]!r}" if values else _escaped(key))


@sessions.command("destroy", context_settings=_ID_MAY_START_WITH_A_DASH)
@click.argument("sid", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
def destroy(sid: str, yes: bool) -> None:
    """End one session; ID is its id, or at least the first eight characters."""
    manager = _manager()
    if len(sid.rstrip(_MORE)) < _SHORTEST_TO_DESTROY:
        raise click.ClickException(
            f"To end a session, give at least {_SHORTEST_TO_DESTROY} characters of its id."
        )
    key = _complete(manager.store, sid)
    if not _is_there(manager.store, key):
        raise click.ClickException("No live session has this id.")
    if not yes:
        click.confirm(f"This ends the session {_escaped(_short(key))} Continue?", abort=True)
    if not manager.destroy(key):
        raise click.ClickException("The session had already ended.")
    click.echo("The session has ended.")


@sessions.command("clear")
@click.option("--yes", is_flag=True, help="Do not ask.")
def clear(yes: bool) -> None:
    """End all sessions of this application's store."""
    manager = _manager()
    store = _listing(manager.store)
    for warning in foreign_records(manager):
        click.echo(warning, err=True)
    if not yes:
        click.confirm("This logs everyone out. Continue?", abort=True)
    with _Progress("sessions have ended") as progress:
        number = progress.add_all(
            store.clearing() if isinstance(store, SupportsClearing) else _one_step(store.clear)
        )
    click.echo(f"{number} sessions have ended.")


@sessions.command("prune", short_help="Remove expired sessions.")
@click.option("--dry-run", is_flag=True, help="Print their number, and remove none.")
def prune(dry_run: bool) -> None:
    """Remove expired sessions. Run it from a timer if the backend does not remove them."""
    store = _manager().store
    if not isinstance(store, SupportsPrune):
        click.echo(f"{_name(store)} removes expired sessions by itself.")
        return
    if dry_run:
        click.echo(f"{_count_expired(store)} expired sessions would be removed.")
        return
    click.echo("Removing expired sessions …", err=True)
    with _Progress("expired sessions removed") as progress:
        number = progress.add_all(
            store.pruning() if isinstance(store, SupportsPruning) else _one_step(store.prune)
        )
    click.echo(f"{number} expired sessions removed.")


def _one_step(call: Callable[[], int]) -> Iterator[int]:
    yield call()


def _count_expired(store: SupportsPrune) -> int:
    if isinstance(store, SupportsPruning):
        return sum(store.pruning(dry_run=True))
    raise click.ClickException(f"{_name(store)} cannot count its expired sessions.")


def _manager() -> SessionManager:
    manager: SessionManager = current_app.extensions["serversession"]
    return manager


def _abilities(store: Store) -> Iterator[str]:
    yield from ("show", "destroy")
    if isinstance(store, SupportsKeys):
        yield from ("list", "count", "clear")
    if isinstance(store, SupportsPrune):
        yield "prune"
    if isinstance(store, SupportsSetup):
        yield "setup"


def _listing(store: Store) -> SupportsKeys:
    if isinstance(store, SupportsKeys):
        return store
    raise click.ClickException(
        f"{_name(store)} cannot list its sessions: its backend has no way to."
    )


def _complete(store: Store, beginning: str) -> str:
    """Return the only id with this beginning; the beginning itself if the store cannot list."""
    beginning = beginning.rstrip(_MORE)
    if not isinstance(store, SupportsKeys) or _is_there(store, beginning):
        return beginning
    matches = list(_first(2, (key for key in store.keys() if key.startswith(beginning))))  # noqa: SIM118
    if len(matches) > 1:
        raise click.ClickException("Several ids start like this; give more of it.")
    return matches[0] if matches else beginning


def _is_there(store: Store, key: str) -> bool:
    try:
        return store.load(key) is not None
    except PayloadError:
        return True  # unreadable, which is a reason to end it


def _first(number: int, items: Iterable[T]) -> Iterator[T]:
    for _, item in zip(range(number), items, strict=False):
        yield item


def _short(key: str) -> str:
    return key[:_SHOWN] + _MORE


def _escaped(text: str) -> str:
    """Return text without the control characters that a terminal would obey."""
    return repr(text)[1:-1]


def _line(store: Store, key: str, sid: str, as_json: bool) -> str | None:
    """Return the list's line for a session; None if it is not there any more."""
    try:
        record = store.load(key)
    except PayloadError:
        unreadable = json.dumps({"id": sid, "unreadable": True})
        return unreadable if as_json else f"{_escaped(sid)}  unreadable"
    if record is None:
        return None
    if as_json:
        ends_at = record.expires_at
        return json.dumps({"id": sid, "expires_at": ends_at and ends_at.isoformat()})
    return f"{_escaped(sid)}  {_ends(record.expires_at)}"


def _ends(moment: datetime | None) -> str:
    if moment is None:
        return "ends when the backend says"
    return f"ends {moment.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def _name(store: Store) -> str:
    return type(store).__name__
