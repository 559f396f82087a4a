"""How far a request reaches into the package: calls, files, and how deep the store is.

Counted with ``sys.setprofile`` on a memory store. Only frames of the package's own files
count, so the numbers are the same on every machine.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from blinker import NamedSignal

import flask_serversession
from flask_serversession import signals
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import session
from .browser import View
from .conftest import MakeBrowser

_PACKAGE = str(Path(flask_serversession.__file__).parent)
_STORE = f"{_PACKAGE}/stores/memory.py"
_STORE_METHODS = {"load", "create", "save", "touch", "delete"}


@dataclass
class Reach:
    """What a block of code calls in the package."""

    calls: int = 0
    files: Counter[str] = field(default_factory=Counter)
    #: method of the store -> frames of the package from the first to that one.
    depths: dict[str, int] = field(default_factory=dict)
    _stack: list[bool] = field(default_factory=list)

    @contextmanager
    def measured(self) -> Iterator[None]:
        before = sys.getprofile()
        sys.setprofile(self._note)
        try:
            yield
        finally:
            sys.setprofile(before)

    @contextmanager
    def paused(self) -> Iterator[None]:
        before = sys.getprofile()
        sys.setprofile(None)
        try:
            yield
        finally:
            sys.setprofile(before)

    def _note(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            path = frame.f_code.co_filename
            self._stack.append(path.startswith(_PACKAGE))
            if self._stack[-1]:
                self._count(path, frame.f_code.co_name)
        elif event == "return" and self._stack:
            self._stack.pop()

    def _count(self, path: str, name: str) -> None:
        self.calls += 1
        self.files[path] += 1
        if path == _STORE and name in _STORE_METHODS:
            self.depths[name] = max(sum(self._stack), self.depths.get(name, 0))


@pytest.fixture(autouse=True)
def _nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out receivers that other tests did not disconnect."""
    for signal in vars(signals).values():
        if isinstance(signal, NamedSignal):
            monkeypatch.setattr(signal, "receivers", {})


Measure = Callable[[View], Reach]
Member = Callable[[], Browser]


@pytest.fixture
def member(make_browser: MakeBrowser) -> Member:
    """Return a browser whose session is stored."""

    def member() -> Browser:
        browser = make_browser(SESSION_STORE=MemoryStore())
        browser.run(lambda: session.update(user="ada"))
        return browser

    return member


@pytest.fixture
def measure(member: Member) -> Measure:
    """Return the reach of a request that a view answers, as in a process that is warm."""

    def measure(view: View) -> Reach:
        member().run(view)  # `decide` remembers what it decided about the same facts
        browser, reach = member(), Reach()
        with reach.measured():
            browser.run(view)
        return reach

    return measure


def write() -> None:
    session["views"] = session.get("views", 0) + 1


def log_in() -> None:
    session.regenerate(keep_data=True)
    session["user"] = "ada"


def test_a_request_that_reads_makes_40_calls_in_10_files_at_most(measure: Measure) -> None:
    reach = measure(lambda: str(session.get("views")))

    assert reach.depths.keys() == {"load"}
    assert reach.calls <= 40
    assert len(reach.files) <= 10
    assert reach.depths["load"] <= 5


def test_a_request_that_reads_and_writes_makes_80_calls_at_most(measure: Measure) -> None:
    reach = measure(write)

    assert reach.depths.keys() == {"load", "save"}
    assert reach.calls <= 80
    assert reach.depths["save"] <= 7


def test_a_login_makes_110_calls_at_most(measure: Measure) -> None:
    reach = measure(log_in)

    assert reach.depths.keys() == {"load", "create", "save"}
    assert reach.calls <= 110


def test_a_conflict_makes_140_calls_at_most(member: Member) -> None:
    browser, reach = member(), Reach()

    def write_while_another_does() -> None:
        session["views"] = session.get("views", 0) + 1
        with reach.paused():
            browser.twin().run(lambda: session.update(theme="dark"))

    with reach.measured():
        browser.run(write_while_another_does)

    assert reach.depths.keys() == {"load", "save"}
    assert reach.calls <= 140
    assert browser.data() == {"user": "ada", "views": 1, "theme": "dark"}
