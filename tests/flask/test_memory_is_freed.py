"""The objects of a request are freed when it ends, without the garbage collector.

Otherwise a large upload could stay in memory during thousands of later requests.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any
from typing import NoReturn
from weakref import ref

import flask
import pytest

from flask_serversession import Record
from flask_serversession import StoreUnavailable
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import session
from .conftest import MakeBrowser


@pytest.fixture(scope="module", autouse=True)
def _no_garbage_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def count() -> None:
    session["n"] += 1


def count_under_a_lock() -> None:
    with session.lock():
        count()


def log_in() -> None:
    session.regenerate(keep_data=True)
    session["user"] = "ada"


def save_twice() -> None:
    count()
    session.save()
    count()


VIEWS: dict[str, Callable[[], object]] = {
    "ignores": lambda: None,
    "reads": lambda: session["n"],
    "reads the cookie": lambda: session.cookie.max_age,
    "writes": count,
    "saves": save_twice,
    "regenerates": lambda: session.regenerate(),
    "logs in": log_in,
    "reloads": lambda: session.reload(),
    "pops": lambda: session.pop("n"),
    "clears": lambda: session.clear(),
    "destroys": lambda: session.destroy(),
    "unsets": lambda: session.unset(),
}


class Held:
    """A view that keeps weak references to the objects of its request."""

    def __init__(self, view: Callable[[], object]) -> None:
        self._view = view
        self._held: list[ref[object]] = []

    def __call__(self) -> None:
        for proxy in (flask.session, flask.request):
            self._held.append(ref(proxy._get_current_object()))  # type: ignore[attr-defined]
        self._view()

    def left(self) -> list[object]:
        assert self._held
        return [there for one in self._held if (there := one()) is not None]


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"SESSION_COOKIE_MAX_AGE": 60},
        {"SESSION_PROFILE": "express"},
        {"SESSION_STORE_ERROR": "null"},
        {"SESSION_STORE": "cookie"},
    ],
    ids=str,
)
def test_the_objects_of_a_request_with_a_session_are_freed(
    make_browser: MakeBrowser, config: dict[str, Any], view: Callable[[], object]
) -> None:
    browser = make_browser(**config)
    browser.run(lambda: session.update(n=5))
    held = Held(view)

    browser.run(held)

    assert held.left() == []


def test_the_objects_of_a_request_with_a_lock_are_freed(browser: Browser) -> None:
    browser.run(lambda: session.update(n=5))
    held = Held(count_under_a_lock)

    browser.run(held)

    assert held.left() == []


def test_the_objects_of_a_request_that_merges_are_freed(browser: Browser) -> None:
    browser.run(lambda: session.update(n=5))

    def change_both() -> None:
        count()
        browser.twin().run(lambda: session.update(theme="dark"))

    held = Held(change_both)

    browser.run(held)

    assert held.left() == []


def test_the_objects_of_a_request_without_a_session_are_freed(browser: Browser) -> None:
    held = Held(lambda: session.update(n=1))

    browser.run(held)

    assert held.left() == []


class ReadOnly(MemoryStore):
    """A store whose server answers reads only."""

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> NoReturn:
        raise StoreUnavailable("The store did not answer.")

    def touch(self, key: str, expires_at: datetime) -> NoReturn:
        raise StoreUnavailable("The store did not answer.")


class Away(ReadOnly):
    """A store whose server does not answer."""

    def load(self, key: str) -> NoReturn:
        raise StoreUnavailable("The store did not answer.")


def fail_to_save() -> None:
    session["n"] = 1
    with suppress(StoreUnavailable):
        session.save()


@pytest.mark.parametrize(
    ("store", "view"),
    [
        (Away, lambda: session.get("n")),
        (ReadOnly, lambda: session.get("n")),
        (ReadOnly, fail_to_save),
    ],
    ids=["load", "touch", "save"],
)
def test_the_objects_of_a_request_whose_store_fails_are_freed(
    make_browser: MakeBrowser, store: type[MemoryStore], view: Callable[[], object]
) -> None:
    browser = make_browser(
        SESSION_STORE=store(), SESSION_STORE_ERROR="null", SESSION_TOUCH_INTERVAL=0
    )
    browser.run(lambda: session.update(n=5))
    held = Held(view)

    browser.run(held)

    assert held.left() == []
