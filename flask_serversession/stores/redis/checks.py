"""What ``flask sessions check`` asks a Redis server."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from collections.abc import Mapping

from ...errors import ConfigError
from .answers import is_denied
from .answers import names_a_key
from .commands import Command
from .commands import Commands
from .lock import beside
from .users import index_of

_SAFE_POLICY = "noeviction"
#: The digest of no script.
_NO_DIGEST = "0" * 40


def flaws_of_permissions(commands: Commands, refused: type[Exception], prefix: bytes) -> list[str]:
    """Try every command of the store, on a key that does not exist.

    Return what the user cannot do besides reading and writing sessions.

    :param refused: the exception for an error reply.
    :raises ConfigError: if the user cannot read and write sessions.
    """
    name = prefix + b"check-" + secrets.token_urlsafe(16).encode()
    lock, wakes = beside(name)
    index = index_of(prefix)
    for_sessions: list[Command] = [
        *(("GET", name), ("PTTL", name), ("EXISTS", name)),
        *(("SET", name, b"", "XX", "PX", 1), ("PEXPIRE", name, 1), ("DEL", name)),
        *(("EVALSHA", _NO_DIGEST, 1, name), ("EVAL", "return 1", 1, name)),
    ]
    for_commands: list[Command] = [("SCAN", 0, "COUNT", 1), ("UNLINK", name)]
    # BLPOP takes what RPUSH adds. If it may not, the TTL removes it.
    for_locks: list[Command] = [
        ("GET", lock),
        *(("RPUSH", wakes, b""), ("PEXPIRE", wakes, 1000), ("BLPOP", wakes, 0.001)),
    ]
    # ZADD XX adds nothing.
    for_users: list[Command] = [
        *(("MGET", name), ("TIME",), ("ZADD", index, "XX", 0, b""), ("ZRANGE", index, 0, 0)),
        *(("ZREM", index, b""), ("ZREMRANGEBYSCORE", index, 0, 0), ("PEXPIRE", index, 1)),
    ]
    patterns: dict[object, bytes] = {
        **{name: prefix + b"*", lock: b"lock:*", wakes: b"wake:*"},
        index: index + b"*",
    }

    def lacking(probes: Iterable[Command]) -> str:
        rules = (_lacking_rule(commands, refused, probe, patterns) for probe in probes)
        return " ".join(dict.fromkeys(rule for rule in rules if rule))

    if needed := lacking(for_sessions):
        raise ConfigError(_flaw("read and write sessions", needed))
    wanted = {
        "list, count and clear sessions": lacking(for_commands),
        "lock sessions": lacking(for_locks),
        "log users in and list their sessions": lacking(for_users),
    }
    return [_flaw(what, rules) for what, rules in wanted.items() if rules]


def flaws_of_memory(info: Mapping[str, object] | bytes) -> list[str]:
    """Return what is unsafe about a full server; ``info`` is its reply to INFO memory.

    Every session has a TTL, so the ``volatile`` policies evict it as the ``allkeys`` ones do.
    """
    figures = info if isinstance(info, Mapping) else _figures(info)
    policy = str(figures.get("maxmemory_policy", _SAFE_POLICY))
    has_limit = str(figures.get("maxmemory", 0)) != "0"
    if not has_limit or policy == _SAFE_POLICY:
        return []
    return [
        f"When its memory is full, Redis ends sessions early: its maxmemory-policy is {policy}."
        " Set it to noeviction, and give a cache a server of its own."
    ]


def _lacking_rule(
    commands: Commands,
    refused: type[Exception],
    probe: Command,
    patterns: Mapping[object, bytes],
) -> str | None:
    """Return the ACL rule that a user needs to send a command; None if it has it."""
    try:
        commands.send(probe)
    except refused as error:
        if not is_denied(error):
            return None
        if not names_a_key(error):
            return f"+{str(probe[0]).lower()}"
        names = [patterns[part] for part in probe if part in patterns]
        return " ".join(f"~{name.decode()}" for name in names)
    return None


def _flaw(what: str, rules: str) -> str:
    return (
        f"The user in Redis lacks permissions to {what}. An administrator grants them with"
        f" ACL SETUSER <user> {rules}"
    )


def _figures(info: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in info.decode().splitlines())
    return {name: value for name, _, value in lines}
