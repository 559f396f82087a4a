"""Flask-Principal: an identity taken from the session's login, and one stored in the session."""

from __future__ import annotations

from typing import Any

import pytest
from flask import current_app
from flask import Flask

from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import session
from .conftest import MakeApp
from .counting import CountingStore

flask_principal = pytest.importorskip("flask_principal")


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(SESSION_REGENERATE_GRACE=0)


@pytest.fixture
def follower(app: Flask) -> Browser:
    """A browser of an application whose identity is the session's user."""
    principals = flask_principal.Principal(app, use_sessions=False)

    @principals.identity_loader
    def load() -> Any:
        return flask_principal.Identity(session.user_id) if session.user_id else None

    return browser_of(app)


@pytest.fixture
def keeper(app: Flask) -> Browser:
    """A browser of an application whose session keeps the identity."""
    flask_principal.Principal(app)
    return browser_of(app)


def log_in(user_id: str) -> None:
    session.log_in(user_id)
    change(flask_principal.Identity(user_id))


def change(identity: Any) -> None:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    flask_principal.identity_changed.send(app, identity=identity)


def who(browser: Browser) -> object:
    return browser.see(lambda: flask_principal.g.identity.id)


def test_the_identity_is_the_user_of_the_session(
    follower: Browser, store: CountingStore, memory: MemoryStore
) -> None:
    follower.run(lambda: session.log_in("ada"))
    assert who(follower) == "ada"
    store.calls.clear()

    assert who(follower) == "ada"
    assert store.calls == ["load"]

    follower.run(lambda: session.log_out())
    assert who(follower) is None
    assert memory.count() == 0


def test_a_stored_identity_survives_a_new_id(keeper: Browser) -> None:
    keeper.run(lambda: log_in("ada"))
    before = keeper.sid

    keeper.run(lambda: session.regenerate(keep_data=True))

    assert keeper.sid != before
    assert who(keeper) == "ada"


def test_a_stored_identity_is_stored_in_every_request(
    keeper: Browser, store: CountingStore
) -> None:
    keeper.run(lambda: log_in("ada"))
    store.calls.clear()

    assert who(keeper) == "ada"
    assert store.calls == ["load", "save"]


def test_another_user_and_a_logout_drop_a_stored_identity(
    keeper: Browser, memory: MemoryStore
) -> None:
    keeper.run(lambda: log_in("ada"))

    keeper.run(lambda: session.log_in("bob"))
    assert who(keeper) is None

    keeper.run(lambda: log_in("bob"))
    keeper.run(lambda: session.log_out())
    assert who(keeper) is None
    assert memory.count() == 0


@pytest.mark.parametrize("is_last", [False, True])
def test_an_anonymous_identity_begins_a_session_if_it_is_sent_after_the_logout(
    keeper: Browser, memory: MemoryStore, is_last: bool
) -> None:
    keeper.run(lambda: log_in("ada"))

    def log_out() -> None:
        if is_last:
            session.log_out()
        change(flask_principal.AnonymousIdentity())
        if not is_last:
            session.log_out()

    keeper.run(log_out)

    assert memory.count() == is_last
