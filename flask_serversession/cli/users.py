"""``flask sessions end`` and ``online``, and how the sessions of a user are shown."""

from __future__ import annotations

import json
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from datetime import timedelta
from operator import attrgetter
from typing import Any
from typing import NamedTuple

import click

from ..manager import SessionManager
from ..sessions.users import UserSession
from .group import AS_JSON
from .group import current_manager
from .group import escaped
from .group import in_utc
from .group import Progress
from .group import sessions

_LONGEST_TIME = 60 * 24 * 366
_COLUMNS = (
    "HANDLE",
    "CREATED (UTC)",
    "LAST SEEN (UTC)",
    "ENDS (UTC)",
    "ADDRESS",
    "LABEL",
    "BROWSER",
)
_UNKNOWN = "-"


class _User(NamedTuple):
    """Somebody who is online."""

    user_id: str
    sessions: int
    last_seen: datetime


@sessions.command("end")
@click.option("--user", "user_id", metavar="USER", required=True, help="The user's id.")
@click.option("--reason", metavar="TEXT", help="What session.ended_reason tells their browsers.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def end(user_id: str, reason: str | None, yes: bool) -> None:
    """End all sessions of a user, on all servers at once."""
    if not yes:
        click.confirm(f"This logs {escaped(user_id)} out everywhere. Continue?", abort=True)
    number = _manager().end_all(user_id, reason=reason)
    click.echo(f"Sessions ended: {'all' if number is None else number}")


@sessions.command("online", short_help="Print who was active in the last minutes.")
@click.option(
    "--minutes",
    type=click.IntRange(1, _LONGEST_TIME),
    default=15,
    show_default=True,
    help="How long ago they were last active, at most.",
)
@AS_JSON
def online(minutes: int, as_json: bool) -> None:
    """Print the users who were active in the last minutes, the latest first.

    Reads all sessions in the store.
    """
    with Progress("Sessions found") as progress:
        users = _users_of(_manager(), timedelta(minutes=minutes), progress)
    if as_json:
        for user in users:
            click.echo(json.dumps(_plain_values(user._asdict())))
        return
    rows = [(escaped(user_id), str(number), in_utc(seen)) for user_id, number, seen in users]
    _print_table(("USER", "SESSIONS", "LAST SEEN (UTC)"), rows)


def print_sessions_of(user_id: str, limit: int, as_json: bool) -> None:
    """Print the sessions of a user, the newest first.

    :raises SessionError: if the store cannot find them.
    """
    found = _manager().sessions_of(user_id)
    shown = found[:limit]
    if as_json:
        for each in shown:
            click.echo(json.dumps(fields_of(each)))
    else:
        _print_table(_COLUMNS, [_row(each) for each in shown])
    if len(found) > limit:
        click.echo(f"… and more; --limit raises {limit}.", err=as_json)


def fields_of(found: UserSession) -> dict[str, Any]:
    """Return what is known of a session of a user, as JSON can hold it."""
    fields = asdict(found)
    del fields["is_current"]  # a command has no session of its own
    return _plain_values(fields)


def lines_of(found: UserSession) -> Iterator[str]:
    """Yield what is known of a session of a user, a line each."""
    yield f"user: {escaped(found.user_id)}"
    yield f"handle: {escaped(found.handle)}"
    times = {
        "created": found.created_at,
        "authenticated": found.authenticated_at,
        "last seen": found.last_seen,
        "ends": found.expires_at,
    }
    yield from (f"{name}: {in_utc(moment)} UTC" for name, moment in times.items() if moment)
    texts = {
        "address": found.address,
        "browser": found.user_agent,
        "label": found.label,
        "level": found.level,
    }
    yield from (f"{name}: {escaped(text)}" for name, text in texts.items() if text)


def _manager() -> SessionManager:
    manager = current_manager()
    if manager.config.is_in_cookies:
        manager.ping()  # raises, and says that the browsers keep the sessions
    return manager


def _users_of(manager: SessionManager, since: timedelta, progress: Progress) -> list[_User]:
    users: dict[str, _User] = {}
    for found in manager.online(since):
        progress.add(1)
        before = users.get(found.user_id)
        seen = found.last_seen
        assert seen is not None  # noqa: S101 - it is recent
        users[found.user_id] = (
            _User(found.user_id, 1, seen)
            if before is None
            else _User(found.user_id, before.sessions + 1, max(before.last_seen, seen))
        )
    return sorted(users.values(), key=attrgetter("last_seen"), reverse=True)


def _row(found: UserSession) -> tuple[str, ...]:
    times = (found.created_at, found.last_seen, found.expires_at)
    texts = (found.address, found.label, found.user_agent)
    return (
        escaped(found.handle),
        *(in_utc(moment) if moment else _UNKNOWN for moment in times),
        *(escaped(text) if text else _UNKNOWN for text in texts),
    )


def _print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = [columns, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        line = "  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def _plain_values(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in fields.items()
    }
