"""What ``flask sessions check`` asks a Redis server."""

from __future__ import annotations

from collections.abc import Mapping

_SAFE = "noeviction"


def flaws_of_memory(info: Mapping[str, object] | bytes) -> list[str]:
    """Return what is unsafe about a full server; ``info`` is its reply to INFO memory.

    Every session has a TTL, so the ``volatile`` policies evict it as the ``allkeys`` ones do.
    """
    figures = info if isinstance(info, Mapping) else _figures(info)
    policy = str(figures.get("maxmemory_policy", _SAFE))
    has_limit = str(figures.get("maxmemory", 0)) != "0"
    if not has_limit or policy == _SAFE:
        return []
    return [
        f"When its memory is full, Redis ends sessions early: its maxmemory-policy is {policy}."
        " Set it to noeviction, and give a cache a server of its own."
    ]


def _figures(info: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in info.decode().splitlines())
    return {name: value for name, _, value in lines}
