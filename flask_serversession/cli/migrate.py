"""``flask sessions migrate``: moves sessions to another store, or to hashed ids."""

from __future__ import annotations

import json
from collections import Counter

import click

from .group import AS_JSON
from .group import current_manager
from .group import Progress
from .group import sessions


@sessions.command(
    "migrate", short_help="Move sessions from SESSION_STORE_BEFORE, or to hashed ids."
)
@click.option("--dry-run", is_flag=True, help="Count what would be moved, and move nothing.")
@AS_JSON
def migrate(dry_run: bool, as_json: bool) -> None:
    """Move the sessions of SESSION_STORE_BEFORE to SESSION_STORE.

    With SESSION_HASH_IDS = "switch" it also moves sessions under raw ids to hashed ids. The
    application may run meanwhile. If the command is interrupted, run it again. It exits with 1
    if a session could not be moved.
    """
    manager = current_manager()
    config = manager.config
    is_moving = config.store_before is not None or config.hash_ids == "switch"
    if not is_moving and config.store != "cookie":
        raise click.ClickException(
            "SESSION_STORE_BEFORE names no store to move sessions from, and SESSION_HASH_IDS is"
            " not 'switch'."
        )
    step = getattr(manager.store, "migrate", None)
    if step is None:
        key = "SESSION_STORE_BEFORE" if config.store_before is not None else "SESSION_HASH_IDS"
        raise click.ClickException(
            "A store cannot list its sessions. Those that are used are moved all the same: leave"
            f" {key} as it is until the others have expired."
        )
    counts = Counter[str]()
    with Progress("Sessions looked at", hidden=as_json) as progress:
        for outcome in step(dry_run=dry_run):
            counts[outcome] += 1
            progress.add(1)
    click.echo(json.dumps(_numbers(counts)) if as_json else _sentence(counts, dry_run))
    if counts["left"]:
        raise click.exceptions.Exit(1)


def _numbers(counts: Counter[str]) -> dict[str, int]:
    return {
        outcome.replace(" ", "_"): counts[outcome]
        for outcome in ("moved", "already there", "expired", "left")
    }


def _sentence(counts: Counter[str], dry_run: bool) -> str:
    moved, left = ("would be moved", "would be left") if dry_run else ("moved", "left")
    return (
        f"{counts['moved']} {moved}, {counts['already there']} already there,"
        f" {counts['expired']} expired, {counts['left']} {left}: unreadable, or refused by the new"
        " store."
    )
