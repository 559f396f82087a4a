"""Generates random requests, each for one of the two apps."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from itertools import product
from random import Random
from typing import Any

SIDES = ["express", "flask"]

#: The max age, in milliseconds, of a session whose end the test awaits. It is not shorter because
#: some stores count in whole seconds.
SHORT = 5000

#: Kinds that end the session. They appear once per app, since the session is then empty.
_RARE = {"destroy", "unset"}
_FREQUENT = 2 * ["read", "nest"]

Actions = list[list[Any]]

_NAMES = ["user", "cart", "größe", "1", "with.dot"]
_AGES = [60_000, 3_600_000, 20 * 86_400_000, None]
_ATTRIBUTES: dict[str, list[Any]] = {
    "httpOnly": [True, False],
    "sameSite": ["lax", "Strict", "none", True, False],
    "priority": ["low", "medium", "High"],
    "partitioned": [True, False],
    "secure": [
        True,
        False,
        False,
        False,
    ],  # True is rare: the apps use plain HTTP, where no such cookie is sent
}


@dataclass(frozen=True)
class Step:
    """One request."""

    #: The app that answers it.
    side: str
    #: The app's options, as express-session names them.
    options: dict[str, Any]
    actions: Actions
    #: Whether the session is then read for a while, and after that left to expire.
    ages: bool = False


def make_program(
    seed: str, length: int, kinds: Sequence[str], *, once: Sequence[str] = ()
) -> Iterator[Step]:
    """Yield ``length`` steps. The same seed gives the same steps.

    :param kinds: what the steps do. Each kind is used in both apps at least once.
    :param once: kinds that are used exactly once.
    """
    random = Random(seed)
    cases = [*product(SIDES, kinds), *((random.choice(SIDES), kind) for kind in once)]
    assert length >= len(cases), f"a program needs {len(cases)} steps or more"
    often = [kind for kind in kinds if kind not in _RARE] + _FREQUENT
    cases += [(random.choice(SIDES), random.choice(often)) for _ in range(length - len(cases))]
    random.shuffle(cases)
    secrets, next_secrets = ["one"], cycle(["two", "three", "one"])
    for side, kind in cases:
        if kind == "rotate":
            # The secret before it remains valid until the next rotation.
            secrets = [next(next_secrets), secrets[0]]
        options = {"secret": secrets, **_options(kind)}
        yield Step(side, options, _ACTIONS[kind](random), ages=kind == "expire")


def follow(program: Iterable[Step], take: Callable[[Step], object]) -> None:
    """Take every step. If one fails, the error lists the requests before it."""
    taken = []
    for step in program:
        taken.append(step)
        try:
            take(step)
        except AssertionError as error:
            so_far = "\n".join(map(str, taken))
            raise AssertionError(f"{error}\nafter these requests:\n{so_far}") from error


def _options(kind: str) -> dict[str, bool]:
    eager = kind == "eager"
    return {"resave": eager, "saveUninitialized": eager, "rolling": kind == "roll"}


def _read(random: Random) -> Actions:
    return []


def _write(random: Random) -> Actions:
    return [["put", [random.choice(_NAMES)], _value(random)]]


def _nest(random: Random) -> Actions:
    path = random.choices(_NAMES, k=random.randint(2, 4))
    verb = random.choice(["put", "push", "push", "drop"])
    return [[verb, path, *([] if verb == "drop" else [_value(random)])]]


def _drop(random: Random) -> Actions:
    return [["drop", [random.choice(_NAMES)]]]


def _touch(random: Random) -> Actions:
    return [["touch"]]


def _save(random: Random) -> Actions:
    return [*_write(random), ["save"], *random.choice([_read, _nest])(random)]


def _regenerate(random: Random) -> Actions:
    return [["regenerate"], *random.choice([_read, _write])(random)]


def _unset(random: Random) -> Actions:
    return [["unset"]]


def _destroy(random: Random) -> Actions:
    return [["destroy"]]


def _set_cookie(random: Random) -> Actions:
    changes = [["cookie", name, random.choice(values)] for name, values in _ATTRIBUTES.items()]
    return [*changes, *_change(random)]


def _set_age(random: Random) -> Actions:
    return [["cookie", "maxAge", random.choice(_AGES)], *_change(random)]


def _expire(random: Random) -> Actions:
    return [["cookie", "maxAge", SHORT], *_change(random)]


def _change(random: Random) -> Actions:
    # Express stores a changed cookie only if the data has changed, too.
    return [["put", ["changed"], random.random()]]


_ACTIONS: dict[str, Callable[[Random], Actions]] = {
    "read": _read,
    "write": _write,
    "nest": _nest,
    "drop": _drop,
    "touch": _touch,
    "save": _save,
    "regenerate": _regenerate,
    "destroy": _destroy,
    "unset": _unset,
    "cookie": _set_cookie,
    "age": _set_age,
    "roll": _write,
    "eager": _read,
    "rotate": _write,
    "expire": _expire,
}


def _value(random: Random, depth: int = 0) -> Any:
    kinds: list[Callable[[], Any]] = [
        lambda: None,
        lambda: random.random() < 0.5,
        lambda: random.randint(1 - 2**53, 2**53 - 1),
        lambda: random.uniform(-1e6, 1e6),
        lambda: "".join(random.choices("aZ0 '\"\\/\n\0\u2028é€😀<%", k=random.randint(0, 12))),
    ]
    if depth < 2:
        kinds += [
            lambda: [_value(random, depth + 1) for _ in range(random.randint(0, 3))],
            lambda: {name: _value(random, depth + 1) for name in random.sample(_NAMES, 2)},
        ]
    return random.choice(kinds)()
