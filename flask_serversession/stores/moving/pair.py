"""Opens the stores of SESSION_STORE and SESSION_STORE_BEFORE."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from ...errors import ConfigError
from ..abilities import has_epochs
from ..base import Store
from ..base import SupportsUsers

#: The user's tag, a dot and a random id.
_LENGTH_OF_A_TAGGED_ID = 49


class Place(NamedTuple):
    """Where sessions are kept, as the configuration says it."""

    store: Any
    options: Mapping[str, Any]


def open_pair(new: Place, before: Place, open_store: Callable[..., Store]) -> tuple[Store, Store]:
    """Return the new store and the former one, between which sessions can be moved.

    :param open_store: takes what is in a place.
    :raises ConfigError: if they cannot be moved; the message names the key to change.
    """
    _refuse_impossible(new, before)
    store = open_store(*new)
    try:
        former = open_store(*before)
    except ConfigError as error:
        named = str(error).replace("SESSION_STORE", "SESSION_STORE_BEFORE")
        raise ConfigError(named) from error
    _refuse_unfit(store, former)
    return store, former


def _refuse_impossible(new: Place, before: Place) -> None:
    for key, place in {"SESSION_STORE": new, "SESSION_STORE_BEFORE": before}.items():
        if place.store == "memory":
            raise ConfigError(
                f"{key} is 'memory'{', its default' if key == 'SESSION_STORE' else ''}, whose"
                " sessions end with the process: none can be moved there or from there."
            )
        if place.store == "cookie":
            raise ConfigError(
                f"{key} is 'cookie', and sessions in cookies are in no store. Leave"
                " SESSION_STORE_BEFORE out."
            )
    if new.store is not before.store and new.store != before.store:
        return
    if dict(new.options) == dict(before.options):
        raise ConfigError(
            "SESSION_STORE_BEFORE and SESSION_STORE are the same store, with the same options, so"
            " there is nothing to move. Set the first to the store that the application had"
            " before, or remove it."
        )
    prefixes = [place.options.get("prefix") for place in (new, before)]
    ours, theirs = (prefix if isinstance(prefix, str) else "sess:" for prefix in prefixes)
    if ours != theirs and (ours.startswith(theirs) or theirs.startswith(ours)):
        raise ConfigError(
            f"SESSION_STORE has the prefix {ours!r} and SESSION_STORE_BEFORE {theirs!r}. One must"
            " not begin with the other, because a store lists all that begins with its prefix."
        )


def _refuse_unfit(store: Store, former: Store) -> None:
    if has_epochs(store):
        raise ConfigError(
            f"Sessions cannot be moved to {type(store).__name__}: there the id of a logged-in"
            " session has a part that ends all sessions of its user, which ids in the former"
            " store do not have. Leave SESSION_STORE_BEFORE out; everybody has to log in again."
        )
    room = getattr(store, "longest_key", _LENGTH_OF_A_TAGGED_ID)
    if room < _LENGTH_OF_A_TAGGED_ID and isinstance(former, SupportsUsers):
        raise ConfigError(
            f"Sessions cannot be moved to this layout of {type(store).__name__}, whose ids have"
            f" at most {room} characters. Those of logged-in sessions have"
            f" {_LENGTH_OF_A_TAGGED_ID}."
        )
