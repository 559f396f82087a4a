"""Browsers go at random between the versions of an application that run at the same time.

The move goes all the way to this package and all the way back.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_serversession import manager_of
from flask_serversession import ServerSession
from flask_serversession.stores.memory import MemoryStore

from .processes import adopted
from .processes import application
from .processes import asked
from .processes import Case
from .processes import named
from .processes import TYPES
from .processes import VERSIONS
from .visitor import Answer
from .visitor import Ask
from .visitor import take_a_step
from .visitor import Visitor

#: The versions that run at the same time, from the first deployment to the last.
PHASES = [
    ("before", "prepare"),
    ("prepare", "switch"),
    ("switch",),
    ("switch", "prepare"),
    ("prepare", "return"),
    ("return",),
    ("return", "before"),
    ("before",),
]
STEPS = ("prepare", "switch", "return")
#: In each phase.
REQUESTS = 25
BROWSERS, SEEDS = 6, range(3)
#: Seconds in which a session that went back can be read under its former id.
GRACE = 1

#: 0.5 signs ids with Werkzeug 2 only, which has no Flask that this package runs with.
CASES = [
    *(("0.8.0", kind, False) for kind in ("redis", "memcached", *TYPES, "filesystem", "cachelib")),
    *(("0.8.0", kind, True) for kind in ("redis", "filesystem")),
    *(("0.5.0", kind, False) for kind in ("redis", "memcached", *TYPES, "filesystem")),
]

Versions = dict[str, Ask]


@dataclass
class Traveller(Visitor):
    """A visitor whose session becomes one of the other kind under way."""

    #: Cookies of sessions that went back, which can be read a little longer.
    left: list[str] = field(default_factory=list)

    @property
    def is_stored(self) -> bool:
        return self.cookie is not None and is_ours(self.cookie)

    def send_at_once(self, ask: Ask, paths: list[str]) -> dict[str, Answer]:
        # While one request makes the session of the other kind, others can only read it.
        self.look(ask)
        return super().send_at_once(ask, paths)

    def keep(self, answer: Answer) -> str:
        was_stored = self.is_stored
        page = super().keep(answer)
        if was_stored and self.cookie and not self.is_stored:
            self.left += self.held[:-1]
            self.held = self.held[-1:]
        return page


@dataclass
class CookieTraveller(Traveller):
    """A visitor whose session was in Flask's own cookie.

    No server knows these cookies: a logout can only refuse the one that was taken over, and not
    even that at the version before.
    """

    before: Ask | None = None

    @property
    def has_shared_session(self) -> bool:
        return self.is_stored

    def keep(self, answer: Answer) -> str:
        before, was_stored = self.cookie, self.is_stored
        page = super().keep(answer)
        if self.cookie and not self.is_stored:
            self.left = list(filter(is_ours, self.left))
            self.held.clear()
        elif self.cookie and before and not was_stored:
            self.held = [before, self.cookie]
        return page

    def replay(self, ask: Ask) -> None:
        if ask is not self.before:
            super().replay(ask)


def is_ours(cookie: str) -> bool:
    return cookie.startswith("session=s%3A")


def walk(versions: Versions, visitors: Sequence[Traveller], chance: random.Random) -> None:
    """Send requests at random, and check what each of them shows."""
    for phase in PHASES:
        for _ in range(REQUESTS):
            take_a_step(chance.choice(visitors), versions[chance.choice(phase)], chance)
        for visitor in visitors:
            visitor.look(versions[phase[0]])
    time.sleep(GRACE)
    for visitor in visitors:
        visitor.log_out(versions["before"])
        visitor.spent += visitor.left
        for step in STEPS:
            visitor.replay(versions[step])


@pytest.fixture(params=["memory", "redis", "postgresql", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    kind = request.param
    if kind == "memory":
        return MemoryStore()
    if kind == "sqlite":
        return f"sqlite:///{tmp_path}/sessions.db"
    return request.getfixturevalue(f"{kind}_url")


@pytest.mark.parametrize("seed", SEEDS)
def test_no_login_is_lost_from_flasks_own_sessions_and_back(store: Any, seed: int) -> None:
    apps = {name: Flask(__name__) for name in ("before", *STEPS)}
    for name, app in apps.items():
        app.config.update(SECRET_KEY="keyboard cat", SESSION_STORE=store)
        app.config.update(SESSION_ADOPT=["flask"], SESSION_REGENERATE_GRACE=GRACE)
        if name != "before":
            app.config["SESSION_ADOPT_STEP"] = name
            ServerSession(app)

    versions = {name: asked(app) for name, app in apps.items()}
    visitors = [CookieTraveller(before=versions["before"]) for _ in range(BROWSERS)]
    walk(versions, visitors, random.Random(seed))

    manager_of(apps["switch"]).clear()
    for step in STEPS:
        manager_of(apps[step]).close()


@pytest.fixture
def versions(
    case: Case, place: str, keys: dict[str, Any], packages: Callable[[list[str]], str]
) -> Iterator[Versions]:
    """Run an application with Flask-Session and its later versions."""
    names = VERSIONS[case[0]]
    # This package does not run with the Flask of 0.5.
    shared = packages([name for name in names if not name.startswith(("flask==", "werkzeug"))])
    more = {"SESSION_ADOPT": [adopted(case)], "SESSION_REGENERATE_GRACE": GRACE}
    with ExitStack() as running:

        def run(folder: str, config: dict[str, Any]) -> Ask:
            return running.enter_context(application(folder, case, place, config))

        steps = {step: {**keys, **more, "SESSION_ADOPT_STEP": step} for step in STEPS}
        before = run(packages(names), keys)
        before("/see", None)  # it has created its table, which the others would create too
        yield {
            "before": before,
            **{step: run(shared, config) for step, config in steps.items()},
        }


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=named, indirect=True)
def test_no_login_is_lost_from_flask_session_and_back(case: Case, versions: Versions) -> None:
    walk(versions, [Traveller() for _ in range(BROWSERS)], random.Random(named(case)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case[0] == "0.8.0" and not case[2]],
    ids=named,
    indirect=True,
)
def test_first_requests_at_two_versions_at_the_same_time_see_the_login(versions: Versions) -> None:
    chance, pair = random.Random(0), ("prepare", "switch")
    with ThreadPoolExecutor(2) as threads:
        for number in range(20):
            visitor = Traveller()
            visitor.log_in(versions["before"], f"user{number}")
            visitor.put(versions["before"], number)
            sent = [threads.submit(versions[name], "/see", visitor.cookie) for name in pair]
            answers = [each.result() for each in sent]
            assert [json.loads(page) for _, page, _ in answers] == [visitor.expected] * 2
            for answer in chance.sample(answers, 2):
                visitor.keep(answer)
            for name in chance.sample(pair, 2):
                visitor.look(versions[name])
