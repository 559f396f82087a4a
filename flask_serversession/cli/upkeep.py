"""``flask sessions check``, ``setup`` and ``prune``."""

from __future__ import annotations

from collections.abc import Iterator

import click
from flask import current_app

from ..check import findings
from ..stores.abilities import can_tag
from ..stores.abilities import why_not_found
from ..stores.base import Store
from ..stores.base import SupportsKeys
from ..stores.base import SupportsPrune
from ..stores.base import SupportsPruning
from ..stores.base import SupportsSetup
from .group import AS_JSON
from .group import current_manager
from .group import name_of
from .group import one_step
from .group import Progress
from .group import sessions


@sessions.command("check", short_help="Check that sessions work, or are secure.")
@click.option(
    "--security", is_flag=True, help="Check the configuration against statements about security."
)
@click.option(
    "--accept",
    metavar="N",
    type=click.IntRange(1, 69),
    multiple=True,
    help="With --security: do not ask to fix statement N. Can be given several times.",
)
@AS_JSON
def check(security: bool, accept: tuple[int, ...], as_json: bool) -> None:
    """Check the secret, the cookie and the store, and print what is wrong.

    It stores a test record and removes it. With --security it prints statements about secure
    sessions instead, and whether the configuration fulfils each; it exits with 1 if one is marked
    fix.
    """
    manager = current_manager()
    if security:
        # No application that serves requests needs the list.
        from .security import print_statements

        if not print_statements(manager, accept, as_json):
            raise click.exceptions.Exit(1)
        return
    if accept or as_json:
        raise click.UsageError("--accept and --json need --security.")
    for line in findings(manager, current_app.config):
        click.echo(line)
    if manager.config.store != "cookie":
        click.echo("It can: " + ", ".join(_abilities(manager.store)) + ".")


@sessions.command("setup", short_help="Create what the store needs, such as a table.")
def setup() -> None:
    """Create the table, index or directory that the store needs. It is safe to repeat."""
    store = current_manager().store
    if not isinstance(store, SupportsSetup):
        click.echo(f"{name_of(store)} needs no setup.")
        return
    store.setup()
    click.echo(f"{name_of(store)} is ready.")


@sessions.command("prune", short_help="Remove expired sessions.")
@click.option("--dry-run", is_flag=True, help="Count expired sessions, and remove none.")
def prune(dry_run: bool) -> None:
    """Remove expired sessions. Run it from a timer if the backend does not remove them."""
    store = current_manager().store
    if not isinstance(store, SupportsPrune):
        click.echo(f"{name_of(store)} removes expired sessions by itself.")
        return
    if dry_run:
        click.echo(f"Expired sessions: {_count_expired(store)}")
        return
    click.echo("Removing expired sessions …", err=True)
    with Progress("Expired sessions removed") as progress:
        number = progress.add_all(
            store.pruning() if isinstance(store, SupportsPruning) else one_step(store.prune)
        )
    click.echo(f"Expired sessions removed: {number}")


def _count_expired(store: SupportsPrune) -> int:
    if isinstance(store, SupportsPruning):
        return sum(store.pruning(dry_run=True))
    raise click.ClickException(f"{name_of(store)} cannot count its expired sessions.")


def _abilities(store: Store) -> Iterator[str]:
    yield from ("show", "destroy")
    if isinstance(store, SupportsKeys):
        yield from ("list", "count", "clear")
    if isinstance(store, SupportsPrune):
        yield "prune"
    if isinstance(store, SupportsSetup):
        yield "setup"
    if why_not_found(store) is None:
        yield "list the sessions of a user"
    if can_tag(store):
        yield "end all sessions of a user"
