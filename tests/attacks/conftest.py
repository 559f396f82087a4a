"""Fixtures: a site on each store, the browser of a victim, and that of an attacker."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from flask_serversession import ServerSession
from flask_serversession import Store
from flask_serversession.interface import manager_of
from flask_serversession.stores import open_store
from flask_serversession.stores.base import SupportsClose
from flask_serversession.stores.base import SupportsKeys

from ..concurrency.places import Place
from ..concurrency.places import place_of
from ..concurrency.places import SHARED
from ..flask.browser import Browser
from ..flask.browser import browser_of
from ..flask.browser import serve_browsers
from ..flask.browser import session

#: The prefix, table or collection that only these tests use, on servers that others use, too.
OURS = "attacks_tests"
STORES = [
    "memory",
    *(pytest.param(name, marks=pytest.mark.slow) for name in SHARED if name != "Redis-Cluster"),
]

MakeSite = Callable[..., Flask]


@pytest.fixture(scope="session", params=STORES)
def place(request: pytest.FixtureRequest) -> Place:
    """The store of the sessions. A test that uses this fixture runs once per store."""
    if request.param == "memory":
        return Place("memory", "memory")
    return place_of(request.param, request.getfixturevalue, OURS)


@pytest.fixture(scope="session")
def opened(place: Place) -> Iterator[Store]:
    store = open_store(place.store, place.options)
    yield store
    if isinstance(store, SupportsClose):
        store.close()


@pytest.fixture
def store(opened: Store) -> Store:
    """The store, with nothing in it that a former test left."""
    if isinstance(opened, SupportsKeys):
        opened.clear()
    return opened


@pytest.fixture
def make_site(store: Store) -> MakeSite:
    """Return a function that makes an application with these config keys."""

    def make_site(**config: Any) -> Flask:
        app = Flask(__name__)
        app.config.update(SECRET_KEY="keyboard cat", TESTING=True, SESSION_STORE=store)
        app.config.update(config)
        ServerSession(app)
        serve_browsers(app)
        return app

    return make_site


@pytest.fixture
def site(make_site: MakeSite) -> Flask:
    return make_site()


@pytest.fixture
def victim(site: Flask) -> Browser:
    """The browser of "ada", who is logged in."""
    return logged_in(site, "ada")


@pytest.fixture
def attacker(site: Flask) -> Browser:
    """A browser that has a session in which nobody is logged in."""
    return anonymous(site)


def anonymous(site: Flask) -> Browser:
    """Return a browser with a session in which nobody is logged in."""
    browser = browser_of(site)
    browser.run(lambda: session.update(note="anonymous"))
    assert browser.sid is not None
    return browser


def logged_in(site: Flask, user: str) -> Browser:
    """Return the browser of a user who is logged in."""
    browser = browser_of(site)
    browser.run(lambda: session.log_in(user))
    browser.run(lambda: session.update(note=f"{user}'s secret"))
    return browser


def user_of(browser: Browser) -> str | None:
    """Return who the site thinks uses a browser."""
    return browser.see(lambda: session.user_id)


def pass_time(site: Flask, seconds: float) -> None:
    """Move the clock of a site's sessions on. The servers' clocks stay."""
    settings = manager_of(site).settings
    now = settings.clock
    settings.clock = lambda: now() + int(seconds * 1000)
