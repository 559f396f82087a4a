"""A thief changes what a store keeps beside the sessions.

These are Redis' indexes of users, memcached's epochs, and the marks of a move between two stores.
The record of a session says whose it is, so none of them shows or ends another user's session.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from flask import Flask

from flask_serversession import Store
from flask_serversession.interface import manager_of
from flask_serversession.stores.memory import MemoryStore
from flask_serversession.stores.moving.mark import Mark

from ..concurrency.places import Place
from ..flask.browser import Browser
from ..flask.browser import session
from .conftest import logged_in
from .conftest import MakeSite
from .conftest import OURS
from .conftest import user_of
from .raw import MemcachedRows
from .raw import RedisRows
from .raw import rows_of


@pytest.fixture(params=["plain", "protected"])
def site(request: pytest.FixtureRequest, make_site: MakeSite) -> Flask:
    if request.param == "plain":
        return make_site()
    return make_site(SESSION_HASH_IDS=True, SESSION_ENCRYPTION_KEYS=["5e" * 32])


@pytest.fixture
def mallory(site: Flask) -> Browser:
    return logged_in(site, "mallory")


def key_of(site: Flask, browser: Browser) -> str:
    assert browser.sid is not None
    return str(manager_of(site).settings.key_of(browser.sid))


@pytest.mark.parametrize("place", ["Redis"], indirect=True)
class TestTheIndexesOfRedis:
    @pytest.fixture
    def rows(self, place: Place, store: Store) -> Iterator[RedisRows]:
        with closing(rows_of(place, store)) as rows:
            assert isinstance(rows, RedisRows)
            yield rows

    @staticmethod
    def index(site: Flask, browser: Browser) -> str:
        return f"by-user:{OURS}{key_of(site, browser)[:16]}"

    def test_do_not_show_a_session_to_another_user(
        self, site: Flask, rows: RedisRows, victim: Browser, mallory: Browser
    ) -> None:
        rows.client.zadd(self.index(site, mallory), {key_of(site, victim): 4e12})

        [found] = manager_of(site).sessions_of("mallory")

        assert found.user_id == "mallory"

    def test_do_not_end_a_session_with_those_of_another_user(
        self, site: Flask, rows: RedisRows, victim: Browser, mallory: Browser
    ) -> None:
        rows.client.zadd(self.index(site, mallory), {key_of(site, victim): 4e12})

        mallory.run(lambda: session.log_out(everywhere=True))

        assert user_of(victim) == "ada"

    def test_do_not_hide_a_session_behind_other_entries(
        self, site: Flask, rows: RedisRows, victim: Browser, mallory: Browser
    ) -> None:
        entries: dict[Any, float] = {"x": 4e12, b"\xff": 4e12, key_of(site, mallory): 4e12, "": 1}
        rows.client.zadd(self.index(site, victim), entries)

        assert manager_of(site).end_all("ada") == 1

        assert user_of(victim) is None
        assert user_of(mallory) == "mallory"


@pytest.mark.parametrize("place", ["memcached"], indirect=True)
class TestTheEpochsOfMemcached:
    @pytest.fixture
    def rows(self, place: Place, store: Store) -> Iterator[MemcachedRows]:
        with closing(rows_of(place, store)) as rows:
            assert isinstance(rows, MemcachedRows)
            for key in rows.read():
                rows.delete(key)
            yield rows

    @pytest.mark.parametrize("value", [b"", b"x", b"\xff", b"../", b"h1-"])
    def test_do_not_show_a_session_if_they_are_changed(
        self, site: Flask, rows: MemcachedRows, victim: Browser, value: bytes
    ) -> None:
        [name] = [key for key in rows.read() if key == f"%epoch:{key_of(site, victim)[:16]}"]

        rows.write(name, value)

        assert user_of(victim) is None

    def test_do_not_show_a_session_of_another_user(
        self, site: Flask, rows: MemcachedRows, victim: Browser, mallory: Browser
    ) -> None:
        epoch = rows.read()[f"%epoch:{key_of(site, victim)[:16]}"]

        rows.write(f"%epoch:{key_of(site, mallory)[:16]}", epoch)

        assert user_of(mallory) is None
        assert user_of(victim) == "ada"


class TestTheMarksOfAMove:
    """With SESSION_STORE_BEFORE, a claim in the former store names what the new one must hold."""

    @pytest.fixture
    def stores(self) -> list[MemoryStore]:
        return [MemoryStore(), MemoryStore()]

    @pytest.fixture
    def site(self, stores: list[MemoryStore], make_site: MakeSite) -> Flask:
        new, before = stores
        keys = {"SESSION_HASH_IDS": True, "SESSION_ENCRYPTION_KEYS": ["5e" * 32]}
        return make_site(SESSION_STORE=new, SESSION_STORE_BEFORE=before, **keys)

    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()

    @pytest.mark.parametrize("place", ["memory"], indirect=True)
    @pytest.mark.parametrize("what", ["plain", "of another user", "mark", "nothing"])
    def test_make_nobody_another_user(
        self,
        place: Place,
        site: Flask,
        stores: list[MemoryStore],
        victim: Browser,
        mallory: Browser,
        what: str,
    ) -> None:
        new, before = stores
        theirs = new.load(key_of(site, victim))
        assert theirs is not None
        note = Mark("token").record(theirs.expires_at)
        plain = b'{"cookie":{"originalMaxAge":null},"_login":{"user":"ada"}}'
        payloads = {"plain": plain, "of another user": theirs.payload, "mark": note.payload}
        claim = Mark("token", payloads.get(what)).record(theirs.expires_at)
        key = key_of(site, mallory)
        for store, record in (new, note), (before, claim):
            store.delete(key)
            store.create(key, record)

        assert user_of(mallory) != "ada"
        assert user_of(victim) == "ada"
