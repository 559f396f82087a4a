"""``flask sessions …``: look at, end, prune and set up the sessions of an application."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from datetime import datetime
from datetime import timezone
from typing import TypeVar

import click
from flask import current_app
from flask.cli import AppGroup

from .errors import PayloadError
from .errors import ServerSessionError
from .manager import SessionManager
from .stores.base import Store
from .stores.base import SupportsKeys
from .stores.base import SupportsPing
from .stores.base import SupportsPrune
from .stores.base import SupportsSetup

T = TypeVar("T")

#: Ids are secrets; what is printed of them is enough to tell them apart.
_SHOWN = 8
_MORE = "…"
_ID_MAY_START_WITH_A_DASH = {"ignore_unknown_options": True}


class _Group(AppGroup):
    """Turns this package's errors into a line of text and exit code 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ServerSessionError as error:
            raise click.ClickException(str(error)) from error


sessions: _Group = _Group("sessions", help="Look at, end and clean up the sessions on the server.")


@sessions.command("check")
def check() -> None:
    """Tell whether the store answers, and what it can do."""
    store = _manager().store
    if isinstance(store, SupportsPing):
        store.ping()
        click.echo(f"{_name(store)} answers.")
    else:
        store.load("-")
        click.echo(f"{_name(store)} reads.")
    click.echo("It can: " + ", ".join(_abilities(store)) + ".")


@sessions.command("setup")
def setup() -> None:
    """Make the table, the index or the directory the store needs."""
    store = _manager().store
    if not isinstance(store, SupportsSetup):
        click.echo(f"{_name(store)} needs no setup.")
        return
    store.setup()
    click.echo(f"{_name(store)} is ready.")


@sessions.command("count")
def count() -> None:
    """Say how many sessions are alive."""
    click.echo(_listing(_manager().store).count())


@sessions.command("list")
@click.option(
    "--full",
    is_flag=True,
    help="Print whole ids. They are secrets: whoever has one can use its session.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Stop after this many.",
)
def list_(full: bool, limit: int) -> None:
    """Print the ids of living sessions, shortened, with when each ends."""
    store = _listing(_manager().store)
    shown = 0
    for key in store.keys():  # noqa: SIM118 - a store is not a mapping
        if shown == limit:
            click.echo(f"… and more; --limit raises {limit}.")
            return
        state = _state(store, key)
        if state is not None:
            click.echo(f"{key if full else _short(key)}  {state}")
            shown += 1


@sessions.command(
    "show",
    short_help="Print what is known of one session.",
    context_settings=_ID_MAY_START_WITH_A_DASH,
)
@click.argument("sid", metavar="ID")
@click.option("--values", is_flag=True, help="Print the data too, not only the keys.")
def show(sid: str, values: bool) -> None:
    """Print what is known of one session; ID may be the beginning of one."""
    manager = _manager()
    session = manager.load(_complete(manager.store, sid))
    if session is None:
        raise click.ClickException("No living session has this id.")
    click.echo(f"permanent: {session.permanent}")
    for key in session:
        click.echo(f"{key}: {session[key]!r}" if values else key)


@sessions.command("destroy", context_settings=_ID_MAY_START_WITH_A_DASH)
@click.argument("sid", metavar="ID")
def destroy(sid: str) -> None:
    """End one session; ID may be the beginning of one."""
    manager = _manager()
    if not manager.destroy(_complete(manager.store, sid)):
        raise click.ClickException("No living session has this id.")
    click.echo("The session has ended.")


@sessions.command("clear")
@click.confirmation_option(prompt="This logs everybody out. Go on?")
def clear() -> None:
    """End all sessions of this application's store."""
    click.echo(f"{_listing(_manager().store).clear()} sessions have ended.")


@sessions.command("prune", short_help="Remove expired sessions.")
def prune() -> None:
    """Remove expired sessions; run it by a timer where the backend does not."""
    store = _manager().store
    if not isinstance(store, SupportsPrune):
        click.echo(f"{_name(store)} removes expired sessions by itself.")
        return
    click.echo("Removing expired sessions …", err=True)
    click.echo(f"{store.prune()} expired sessions removed.")


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
    """Return the one id that starts so, or the given one where the store cannot list."""
    beginning = beginning.rstrip(_MORE)
    if not isinstance(store, SupportsKeys) or _state(store, beginning) is not None:
        return beginning
    matches = list(_first(2, (key for key in store.keys() if key.startswith(beginning))))  # noqa: SIM118
    if len(matches) > 1:
        raise click.ClickException("Several ids start like this; give more of it.")
    return matches[0] if matches else beginning


def _first(number: int, items: Iterable[T]) -> Iterator[T]:
    for _, item in zip(range(number), items, strict=False):
        yield item


def _state(store: Store, key: str) -> str | None:
    """Return when a session ends or that it is unreadable; None if it is not there."""
    try:
        record = store.load(key)
    except PayloadError:
        return "unreadable"
    return None if record is None else _ends(record.expires_at)


def _short(key: str) -> str:
    return key[:_SHOWN] + _MORE


def _ends(moment: datetime | None) -> str:
    if moment is None:
        return "ends when the backend says"
    return f"ends {moment.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def _name(store: Store) -> str:
    return type(store).__name__
