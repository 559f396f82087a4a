"""``flask sessions count``, ``list``, ``show``, ``destroy`` and ``clear``."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from itertools import islice

import click

from ..check import foreign_records
from ..errors import PayloadError
from ..manager import SessionManager
from ..sessions.life import tell
from ..sessions.login import is_handle
from ..sessions.request_store import RequestStore
from ..sessions.users import find_by_handle
from ..sessions.users import Found
from ..sessions.users import UserSession
from ..stores.abilities import opens_by_key
from ..stores.base import Store
from ..stores.base import StoredKey
from ..stores.base import SupportsClearing
from ..stores.base import SupportsKeys
from ..stores.base import USER_LENGTH
from ..stores.base import user_of
from ..stores.moving.store import peek
from ..stores.protected.names import is_hashed
from .group import AS_JSON
from .group import current_manager
from .group import escaped
from .group import in_utc
from .group import name_of
from .group import one_step
from .group import Progress
from .group import sessions
from .users import fields_of
from .users import lines_of
from .users import print_sessions_of

#: Ids are secrets. So many random characters are printed, enough to tell them apart.
_SHOWN = 8
_MORE = "…"
#: A shorter ID, such as an empty shell variable, ends no session.
_SHORTEST_TO_DESTROY = 8
_ID_MAY_START_WITH_A_DASH = {"ignore_unknown_options": True}

_NONE = "No live session has this id or handle."
_SEALED = "The data are encrypted with the session's id. Without the id only the login is shown."
_SEVERAL = "Several ids begin with this: give more characters."
_OF_ONE_USER = f" The first {USER_LENGTH} characters are the same in all ids of a user."


@sessions.command("count")
@AS_JSON
def count(as_json: bool) -> None:
    """Print the number of live sessions.

    A session's old id counts while it can be read (SESSION_REGENERATE_GRACE). A session that was
    ended with a reason counts for a day.
    """
    number = _listing(current_manager().store).count()
    click.echo(json.dumps({"count": number}) if as_json else number)


@sessions.command("list")
@click.option("--user", "user_id", metavar="USER", help="Only the sessions of this user.")
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
@AS_JSON
def list_(user_id: str | None, full: bool, limit: int, as_json: bool) -> None:
    """Print the shortened ids of live sessions, and when each ends.

    Lists what count counts. With SESSION_HASH_IDS it prints keys instead, which are not secret.
    With --user it prints the handle, times, address, label and browser of the user's sessions,
    the newest first.
    """
    if user_id is None:
        _list_all(full, limit, as_json)
        return
    if full:
        raise click.UsageError(
            "--full cannot be used with --user, which prints handles instead of ids."
        )
    print_sessions_of(user_id, limit, as_json)


def _list_all(full: bool, limit: int, as_json: bool) -> None:
    store = _listing(current_manager().store)
    shown = 0
    # A terminal that shows the list needs no count.
    with Progress("Sessions listed", hidden=sys.stdout.isatty()) as progress:
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
    short_help="Print the keys of one session, and who is logged in.",
    context_settings=_ID_MAY_START_WITH_A_DASH,
)
@click.argument("word", metavar="HANDLE|ID")
@click.option("--values", is_flag=True, help="Print the data too.")
@AS_JSON
def show(word: str, values: bool, as_json: bool) -> None:
    """Print the keys of one session, and who is logged in. ID may be the beginning of an id."""
    manager = current_manager()
    sid = _complete(manager, word)
    session = manager.load(sid)
    if session is None:
        raise click.ClickException(_NONE)
    if isinstance(sid, StoredKey) and not opens_by_key(manager.store):
        click.echo(_SEALED, err=True)
    found = _logged_in(manager, sid)
    if as_json:
        data = json.loads(manager.settings.serializer.dumps(dict(session)))
        shown = {"data": data} if values else {"keys": list(data)}
        login = found and fields_of(found)
        click.echo(json.dumps({"permanent": session.permanent, "login": login, **shown}))
        return
    if found is not None:
        for line in lines_of(found):
            click.echo(line)
    click.echo(f"permanent: {session.permanent}")
    for key in session:
        click.echo(f"{escaped(key)}: {session[key]!r}" if values else escaped(key))


@sessions.command(
    "destroy",
    short_help="End one session by its handle or id.",
    context_settings=_ID_MAY_START_WITH_A_DASH,
)
@click.argument("word", metavar="HANDLE|ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
def destroy(word: str, yes: bool) -> None:
    """End one session. ID is its id, or at least the first eight characters of it."""
    manager = current_manager()
    if len(word.rstrip(_MORE)) < _SHORTEST_TO_DESTROY:
        raise click.ClickException(
            f"To end a session, give at least {_SHORTEST_TO_DESTROY} characters of its id."
        )
    key = _complete(manager, word)
    if not _is_there(manager.store, key):
        raise click.ClickException(_NONE)
    if not yes:
        click.confirm(f"This ends the session {escaped(_short(key))} Continue?", abort=True)
    if not manager.destroy(key):
        raise click.ClickException("The session had already ended.")
    click.echo("The session has ended.")


@sessions.command("clear")
@click.option("--yes", is_flag=True, help="Do not ask.")
def clear(yes: bool) -> None:
    """End all sessions of this application's store."""
    manager = current_manager()
    store = _listing(manager.store)
    for warning in foreign_records(manager):
        click.echo(warning, err=True)
    if not yes:
        click.confirm("This logs everyone out. Continue?", abort=True)
    with Progress("Sessions ended") as progress:
        number = progress.add_all(
            store.clearing() if isinstance(store, SupportsClearing) else one_step(store.clear)
        )
    tell("ended", {"by": "manager"}, user=None, at=manager.settings.clock())
    click.echo(f"Sessions ended: {number}")


def _listing(store: Store) -> SupportsKeys:
    if isinstance(store, SupportsKeys):
        return store
    raise click.ClickException(
        f"{name_of(store)} cannot list its sessions, because its backend cannot."
    )


def _complete(manager: SessionManager, word: str) -> str:
    """Return the id or key with this handle, or the only one with this beginning.

    The word itself if there is none, or if the store cannot list.
    """
    word, store = word.rstrip(_MORE), manager.store
    if _is_there(store, word):
        return word
    if is_handle(word):
        found = find_by_handle(RequestStore(manager.settings), word)
        if found is not None:
            return found.id
    if not isinstance(store, SupportsKeys):
        return word
    handle_of = manager.settings.handle_of
    keys = (key for key in store.keys() if key.startswith(word) or handle_of(key) == word)  # noqa: SIM118
    matches = list(islice(keys, 2))
    if len(matches) > 1:
        raise click.ClickException(_SEVERAL + (_OF_ONE_USER if user_of(matches[0]) else ""))
    return matches[0] if matches else word


def _logged_in(manager: SessionManager, sid: str) -> UserSession | None:
    """Return the session of a user with this id; None if nobody is logged in to it.

    None for the old id of a session, too, because it has no handle.
    """
    record = manager.store.load(sid)
    found = record and Found.of(manager.settings, sid, record)
    return found.public(()) if found and found.is_live else None


def _is_there(store: Store, key: str) -> bool:
    try:
        return peek(store, key) is not None
    except PayloadError:
        return True  # unreadable, which is a reason to end it


def _short(key: str) -> str:
    if is_hashed(key):
        return key  # no secret: no cookie can be made of it
    # All ids of a user begin with the same tag.
    tag = 0 if user_of(key) is None else USER_LENGTH + 1
    return key[: tag + _SHOWN] + _MORE


def _line(store: Store, key: str, sid: str, as_json: bool) -> str | None:
    """Return the list's line for a session; None if it is not there any more."""
    try:
        record = peek(store, key)
    except PayloadError:
        unreadable = json.dumps({"id": sid, "unreadable": True})
        return unreadable if as_json else f"{escaped(sid)}  unreadable"
    if record is None:
        return None
    if as_json:
        ends_at = record.expires_at
        return json.dumps({"id": sid, "expires_at": ends_at and ends_at.isoformat()})
    return f"{escaped(sid)}  {_ends(record.expires_at)}"


def _ends(moment: datetime | None) -> str:
    if moment is None:
        return "ends when the backend says"
    return f"ends {in_utc(moment)} UTC"
