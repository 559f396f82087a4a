"""``flask sessions migrate``: moves sessions to another store, or to hashed ids."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from typing import Any

import click

from ..manager import SessionManager
from ..stores import open_store
from ..stores.moving.pair import open_pair
from ..stores.moving.pair import Place
from ..stores.protected.opening import nested
from .group import AS_JSON
from .group import current_manager
from .group import Progress
from .group import sessions

_OTHER_STORES = (
    "Warning: these are not the stores of the configuration, which differs in {}. An application"
    " that runs with it does not find all of these sessions, and logs their users out."
)


@sessions.command(
    "migrate", short_help="Move sessions from SESSION_STORE_BEFORE, or to hashed ids."
)
@click.option("--from", "former_url", metavar="URL", help="In place of SESSION_STORE_BEFORE.")
@click.option("--to", "new_url", metavar="URL", help="In place of SESSION_STORE.")
@click.option("--dry-run", is_flag=True, help="Count what would be moved, and move nothing.")
@click.option("--yes", is_flag=True, help="Do not ask if the configuration has other stores.")
@AS_JSON
def migrate(
    former_url: str | None, new_url: str | None, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Move the sessions of SESSION_STORE_BEFORE to SESSION_STORE.

    With SESSION_HASH_IDS = "switch" it also moves sessions under raw ids to hashed ids. The
    application may run meanwhile. If the command is interrupted, run it again. It exits with 1
    if a session could not be moved.

    Configure the running application with the same two stores: otherwise it does not find the
    moved sessions. A URL that the configuration also has is opened with the options given there.
    """
    manager = current_manager()
    step = getattr(_store(manager, former_url, new_url, is_sure=dry_run or yes), "migrate", None)
    if step is None:
        is_between_stores = former_url is not None or manager.config.store_before is not None
        key = "SESSION_STORE_BEFORE" if is_between_stores else "SESSION_HASH_IDS"
        raise click.ClickException(
            "A store cannot list its sessions, so only requests move them: leave"
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


def _store(
    manager: SessionManager, former_url: str | None, new_url: str | None, *, is_sure: bool
) -> Any:
    """Return the store that moves sessions to the one from the other."""
    config = manager.config
    ours = Place(config.store, config.store_options)
    theirs = Place(config.store_before, config.store_before_options)
    new, before = _place(new_url, ours, theirs), _place(former_url, theirs, ours)
    others = {"SESSION_STORE": new is not ours, "SESSION_STORE_BEFORE": before is not theirs}
    other = " and ".join(key for key, is_other in others.items() if is_other)
    can_move = config.hash_ids == "switch" or config.store == "cookie"  # which says why not
    if before.store is None and (other or not can_move):
        raise click.ClickException(
            "SESSION_STORE_BEFORE names no store to move sessions from"
            + (": give --from, too." if other else ", and SESSION_HASH_IDS is not 'switch'.")
        )
    if not other:
        return manager.store
    open_one = partial(open_store, shared=config.profile == "express")
    pair = open_pair(new, before, open_one)
    click.echo(_OTHER_STORES.format(other), err=True)
    if not is_sure:
        click.confirm("Move them?", abort=True, err=True)
    store = nested(*pair, hash_ids=config.hash_ids, encryption=config.encryption)
    # A manager lets the store convert between layouts.
    return SessionManager(config, store, secrets=manager.settings.secrets).store


def _place(url: str | None, own: Place, other: Place) -> Place:
    """Return the place of the configuration that a URL names, or one without options."""
    if url is None or url == own.store:
        return own
    return other if url == other.store else Place(url, {})


def _numbers(counts: Counter[str]) -> dict[str, int]:
    return {
        outcome.replace(" ", "_"): counts[outcome]
        for outcome in ("moved", "already there", "expired", "left")
    }


def _sentence(counts: Counter[str], dry_run: bool) -> str:
    moved, left = ("would be moved", "would be left") if dry_run else ("moved", "left")
    why = ": unreadable, or refused by the new store" if counts["left"] else ""
    return (
        f"{counts['moved']} {moved}, {counts['already there']} already there,"
        f" {counts['expired']} expired, {counts['left']} {left}{why}."
    )
