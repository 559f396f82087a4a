"""The sessions of a user in a store that cannot list them, and ends them by an epoch."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from uuid import uuid4

import pytest
from cachelib import SimpleCache
from flask import Flask

from flask_serversession import manager_of
from flask_serversession import SessionError
from flask_serversession import Store
from flask_serversession.stores.base import user_of
from flask_serversession.stores.cachelib import CacheLibStore
from flask_serversession.stores.memcached import MemcachedStore

from ..servers.memcached import memcached_url as memcached_url
from .browser import is_logged_in
from .browser import logged_in
from .browser import session
from .conftest import MakeApp


@pytest.fixture(params=["cachelib", "memcached"])
def epoch_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "cachelib":
        yield CacheLibStore(SimpleCache(threshold=sys.maxsize))
        return
    url = request.getfixturevalue("memcached_url")
    store = MemcachedStore.from_url(url, prefix=f"test-{uuid4().hex}:")
    yield store
    store.close()


@pytest.fixture(params=["merge", "overwrite"])
def app(make_app: MakeApp, epoch_store: Store, request: pytest.FixtureRequest) -> Flask:
    return make_app(SESSION_STORE=epoch_store, SESSION_CONCURRENCY=request.param)


def test_all_sessions_of_a_user_end_and_new_ones_begin(app: Flask) -> None:
    browsers, bob = [logged_in(app) for _ in range(3)], logged_in(app, "bob")
    assert all(map(is_logged_in, browsers))

    assert manager_of(app).end_all("ada") is None

    assert not any(map(is_logged_in, browsers))
    assert is_logged_in(bob)
    assert is_logged_in(logged_in(app))


def test_logging_out_everywhere_ends_all(app: Flask) -> None:
    here, there, bob = logged_in(app), logged_in(app), logged_in(app, "bob")

    here.run(lambda: session.log_out(everywhere=True))

    assert not is_logged_in(here)
    assert not is_logged_in(there)
    assert is_logged_in(bob)


def test_logging_out_everywhere_under_the_lock_frees_it(app: Flask) -> None:
    here, there = logged_in(app), logged_in(app)

    def log_out() -> None:
        with session.lock():
            session.log_out(everywhere=True)

    here.run(log_out)

    assert not is_logged_in(here)
    assert not is_logged_in(there)


def test_a_request_that_is_under_way_cannot_bring_it_back(app: Flask) -> None:
    browser = logged_in(app)

    def change_while_it_ends() -> None:
        session["cart"] = "apple"
        manager_of(app).end_all("ada")

    browser.run(change_while_it_ends)

    assert not is_logged_in(browser)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_session_that_takes_a_new_id_meanwhile_ends_too(app: Flask, is_first: bool) -> None:
    browser = logged_in(app)

    def regenerate_while_it_ends() -> None:
        assert session.user_id == "ada"
        if is_first:
            manager_of(app).end_all("ada")
        session.regenerate(keep_data=True)
        if not is_first:
            manager_of(app).end_all("ada")

    browser.run(regenerate_while_it_ends)

    assert not is_logged_in(browser)


def test_a_login_after_logging_out_everywhere_stays(app: Flask) -> None:
    here, there = logged_in(app), logged_in(app)

    def change_the_password() -> None:
        assert session.user_id == "ada"
        session.log_out(everywhere=True)
        session.log_in("ada")

    here.run(change_the_password)

    assert is_logged_in(here)
    assert not is_logged_in(there)


def test_what_needs_a_list_says_so_by_name(app: Flask, epoch_store: Store) -> None:
    logged_in(app)

    with pytest.raises(SessionError, match=f"{type(epoch_store).__name__} .* cannot list"):
        manager_of(app).sessions_of("ada")


class TestSharedWithExpress:
    @pytest.fixture
    def app(self, make_app: MakeApp, memcached_url: str) -> Iterator[Flask]:
        store = MemcachedStore.from_url(
            memcached_url, prefix=f"test-{uuid4().hex}:", layout="connect-memcached"
        )
        yield make_app(SESSION_STORE=store)
        store.close()

    def test_a_login_has_a_plain_id(self, app: Flask) -> None:
        browser = logged_in(app)

        assert is_logged_in(browser)
        assert user_of(browser.sid or "") is None

    def test_the_sessions_of_a_user_cannot_be_ended(self, app: Flask) -> None:
        browser = logged_in(app)

        with pytest.raises(SessionError, match="MemcachedStore cannot"):
            manager_of(app).end_all("ada")
        with pytest.raises(SessionError, match="MemcachedStore cannot"):
            browser.run(lambda: session.log_out(everywhere=True))

        assert is_logged_in(browser)
