"""The peers, one file each. All have the same views."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any
from typing import Final
from typing import NamedTuple

from ..drive import Driver
from ..drive import WsgiDriver

STORES: Final = (
    *("redis", "valkey", "postgresql", "mariadb"),
    *("sqlite", "memcached", "files"),
)

#: The stores with a server, whose traffic can be counted.
SERVED: Final = ("redis", "valkey", "postgresql", "mariadb", "memcached")


class Peer(NamedTuple):
    """One peer. ``make_app`` takes the store's URL and whether a touch is always due."""

    name: str
    make_app: Callable[[str, bool], Any]
    #: The peer without a session that this one is compared with. None if it has no session itself.
    baseline: str | None = "bare Flask"
    stores: tuple[str, ...] = STORES
    payloads: tuple[str, ...] = ("200", "4k", "64k")
    uses_store: bool = True
    driver: Callable[[Any], Driver] = WsgiDriver

    def drive(self, url: str, touch: bool) -> Driver:
        return self.driver(self.make_app(url, touch))


_FILES: Final = (
    *("bare", "floor", "ours", "flask_session", "flask_cookie"),
    *("django_sessions", "starsessions"),
)


def peers_of(store: str) -> dict[str, Peer]:
    """Return the peers that can use a store, by name, including their baselines."""
    modules = [import_module(f".{name}", __package__) for name in _FILES]
    every: dict[str, Peer] = {peer.name: peer for module in modules for peer in module.PEERS}
    chosen = {name: peer for name, peer in every.items() if store in peer.stores}
    compared_with = {peer.baseline for peer in chosen.values()}
    return {name: peer for name, peer in chosen.items() if peer.baseline or name in compared_with}
