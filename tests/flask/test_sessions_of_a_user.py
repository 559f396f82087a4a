"""The sessions of a user: listed, ended one by one or all, and changed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any
from typing import cast

import pytest
import time_machine
from cachelib import SimpleCache
from flask import Flask

from flask_serversession import ConfigError
from flask_serversession import manager_of
from flask_serversession import session_destroyed
from flask_serversession import session_ended
from flask_serversession import SessionError
from flask_serversession import SessionManager
from flask_serversession import StoreUnavailable
from flask_serversession import UserSession
from flask_serversession.sessions.login import handle_of
from flask_serversession.stores.base import Record
from flask_serversession.stores.base import Refusal
from flask_serversession.stores.base import user_of
from flask_serversession.stores.cachelib import CacheLibStore
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import is_logged_in
from .browser import logged_in
from .browser import session
from .conftest import MakeApp
from .counting import CountingStore

NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def app(make_app: MakeApp, memory: MemoryStore) -> Flask:
    return make_app(SESSION_STORE=memory)


@pytest.fixture
def manager(app: Flask) -> SessionManager:
    return manager_of(app)


class StoreOfADirectory(MemoryStore):
    """Lists the keys first and then reads one record after the other, as the file store does."""

    #: Requests that other browsers send, one before each read.
    meanwhile: Sequence[Callable[[], object]] = ()

    def records(self, user: str | None = None) -> Iterator[tuple[str, Record]]:
        for key in [key for key, _ in super().records(user)]:
            for act in self.meanwhile[:1]:
                self.meanwhile = self.meanwhile[1:]
                act()
            record = self.load(key)
            if record is not None:
                yield key, record


class StoreWithARace(MemoryStore):
    """Lets another request in between finding a session and ending it."""

    meanwhile: Callable[[], object] | None = None

    def delete(self, key: str) -> bool:
        self._race()
        return super().delete(key)

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        self._race()
        return super().save(key, record, replacing=replacing)

    def _race(self) -> None:
        act, self.meanwhile = self.meanwhile, None
        if act is not None:
            act()


class TestIds:
    def test_the_id_of_a_logged_in_session_begins_with_the_tag_of_its_user(
        self, app: Flask
    ) -> None:
        one, other, bob = logged_in(app), logged_in(app), logged_in(app, "bob")

        tags = [user_of(browser.sid or "") for browser in (one, other, bob)]

        assert tags[0] == tags[1] is not None
        assert tags[2] not in (None, tags[0])
        assert "ada" not in str(tags[0])

    def test_it_keeps_the_tag_at_a_new_id_and_loses_it_with_the_login(self, app: Flask) -> None:
        browser = logged_in(app)
        tag = user_of(browser.sid or "")

        browser.run(lambda: session.regenerate(keep_data=True))
        assert user_of(browser.sid or "") == tag

        def log_out_and_go_on() -> None:
            session.log_out()
            session["cart"] = "apple"

        browser.run(log_out_and_go_on)

        assert browser.sid is not None
        assert user_of(browser.sid) is None

    def test_data_that_are_put_back_into_a_cleared_session_give_it_the_tag(
        self, app: Flask, manager: SessionManager
    ) -> None:
        browser = browser_of(app)
        browser.run(lambda: session.update(cart="apple"))
        browser.run(lambda: session.log_in("ada"))

        def renew() -> None:
            data = dict(session)
            session.clear()
            session.update(data)

        browser.run(renew)

        assert is_logged_in(browser)
        assert len(manager.sessions_of("ada")) == 1

    def test_a_login_that_is_copied_to_another_browser_gives_its_session_the_tag(
        self, app: Flask, manager: SessionManager
    ) -> None:
        data, browser = logged_in(app).data(), browser_of(app)

        browser.run(lambda: session.update(data))

        assert is_logged_in(browser)
        assert len(manager.sessions_of("ada")) == 2

    def test_another_user_gets_another_tag_and_one_signal(self, app: Flask) -> None:
        browser = logged_in(app)
        seen: list[str] = []

        def switch() -> None:
            session.log_in("bob")
            seen.append(session.id)

        browser.run(switch)

        assert browser.sid == seen[0]
        assert user_of(seen[0]) == user_of(logged_in(app, "bob").sid or "")

    def test_a_store_that_cannot_find_users_has_plain_ids(
        self, make_app: MakeApp, store: CountingStore
    ) -> None:
        browser = logged_in(make_app(SESSION_STORE=store))

        assert is_logged_in(browser)
        assert user_of(browser.sid or "") is None


class TestList:
    def test_the_newest_session_comes_first(self, app: Flask, manager: SessionManager) -> None:
        with time_machine.travel(NOW, tick=False) as clock:
            logged_in(app, label="phone")
            clock.shift(60)
            logged_in(app, label="laptop", level="mfa")
            logged_in(app, "bob")

            laptop, phone = manager.sessions_of("ada")

        assert (laptop.label, laptop.level, phone.label) == ("laptop", "mfa", "phone")
        assert laptop.created_at == laptop.authenticated_at == NOW + timedelta(seconds=60)
        assert laptop.last_seen == laptop.created_at
        assert phone.expires_at == NOW + timedelta(days=1)
        assert laptop.user_id == "ada"

    def test_it_shows_no_secret(self, app: Flask, manager: SessionManager) -> None:
        browser = logged_in(app)
        assert browser.sid is not None

        [found] = manager.sessions_of("ada")

        assert browser.sid not in repr(found)
        assert browser.sid.partition(".")[2] not in found.handle
        assert found.handle == browser.see(lambda: session.handle)

    def test_it_tells_the_browser_and_its_address(
        self, app: Flask, manager: SessionManager
    ) -> None:
        browser_of(app).run(
            lambda: session.log_in("ada"),
            headers={"User-Agent": "Lynx" + "x" * 1000},
            environ_overrides={"REMOTE_ADDR": "192.0.2.7"},
        )

        [found] = manager.sessions_of("ada")

        assert found.address == "192.0.2.7"
        assert found.user_agent is not None
        assert found.user_agent.startswith("Lynx")
        assert len(found.user_agent) == 255

    def test_an_address_that_the_browser_claims_is_not_noted(
        self, app: Flask, manager: SessionManager
    ) -> None:
        claims = {
            "X-Forwarded-For": "198.51.100.1",
            "Forwarded": "for=198.51.100.1",
            "X-Real-IP": "198.51.100.1",
        }

        browser_of(app).run(lambda: session.log_in("ada"), headers=claims)

        [found] = manager.sessions_of("ada")
        assert found.address == "127.0.0.1"

    def test_the_browser_is_not_noted_if_it_is_not_to_be(
        self, make_app: MakeApp, memory: MemoryStore
    ) -> None:
        app = make_app(SESSION_STORE=memory, SESSION_RECORD_CLIENT=False)
        logged_in(app)

        [found] = manager_of(app).sessions_of("ada")

        assert found.address is found.user_agent is None

    def test_it_marks_the_session_of_the_request(
        self, app: Flask, manager: SessionManager
    ) -> None:
        here, _ = logged_in(app), logged_in(app)

        def look() -> dict[str, bool]:
            return {each.handle: each.is_current for each in manager.sessions_of("ada")}

        marks = here.see(look)
        assert sorted(marks.values()) == [False, True]
        assert marks[here.see(lambda: session.handle)]
        assert set(look().values()) == {False}

    def test_last_seen_follows_the_use(self, app: Flask, manager: SessionManager) -> None:
        with time_machine.travel(NOW, tick=False) as clock:
            browser = logged_in(app)
            clock.shift(3600)
            browser.run(lambda: str(session.user_id))

            [found] = manager.sessions_of("ada")

        assert found.created_at == NOW
        assert found.last_seen == NOW + timedelta(hours=1)

    def test_last_seen_is_past_where_the_idle_timeout_was_longer(
        self, app: Flask, make_app: MakeApp, memory: MemoryStore
    ) -> None:
        with time_machine.travel(NOW, tick=False) as clock:
            logged_in(app)
            clock.shift(10)
            stricter = manager_of(make_app(SESSION_STORE=memory, SESSION_IDLE_TIMEOUT=60))

            [found] = stricter.sessions_of("ada")

        assert found.last_seen == NOW + timedelta(seconds=10)

    def test_a_new_login_in_the_same_browser_keeps_created_at_and_label(
        self, app: Flask, manager: SessionManager
    ) -> None:
        with time_machine.travel(NOW, tick=False) as clock:
            browser = logged_in(app, label="phone")
            clock.shift(60)
            browser.run(lambda: session.log_in("ada"))

            [found] = manager.sessions_of("ada")

        assert found.created_at == NOW
        assert found.authenticated_at == NOW + timedelta(seconds=60)
        assert found.label == "phone"

    def test_an_old_id_that_can_still_be_read_is_no_session(
        self, app: Flask, manager: SessionManager
    ) -> None:
        browser = logged_in(app)
        tab = browser.twin()
        browser.run(lambda: session.regenerate(keep_data=True))

        assert is_logged_in(tab)
        assert len(manager.sessions_of("ada")) == 1

    @pytest.mark.parametrize(
        "payload",
        [
            b"not JSON",
            b'{"cookie":{"originalMaxAge":null}}',
            b'{"cookie":{"originalMaxAge":null},"_login":{"user":"eve","at":null,"level":null}}',
            b'{"cookie":{"originalMaxAge":null},"_login":{"user":""}}',
        ],
    )
    def test_records_that_are_not_sessions_of_the_user_are_left_out(
        self, app: Flask, manager: SessionManager, memory: MemoryStore, payload: bytes
    ) -> None:
        tag = user_of(logged_in(app).sid or "")
        memory.create(f"{tag}.forged", Record(payload, NOW + timedelta(days=9999)))

        assert len(manager.sessions_of("ada")) == 1
        assert {each.user_id for each in manager.online(timedelta(days=1))} <= {"ada", "eve"}

    def test_one_without_the_times_of_its_login_is_listed_last(
        self, app: Flask, manager: SessionManager, memory: MemoryStore
    ) -> None:
        tag = user_of(logged_in(app).sid or "")
        payload = b'{"cookie":{"originalMaxAge":null},"_login":{"user":"ada"}}'
        memory.create(f"{tag}.old", Record(payload, None))

        _, old = manager.sessions_of("ada")

        assert old.created_at is old.authenticated_at is old.last_seen is old.expires_at is None

    def test_a_session_after_its_absolute_timeout_is_left_out(
        self, make_app: MakeApp, memory: MemoryStore
    ) -> None:
        app = make_app(SESSION_STORE=memory)
        logged_in(app)
        strict = make_app(SESSION_STORE=memory, SESSION_ABSOLUTE_TIMEOUT=60)

        with time_machine.travel(datetime.now(timezone.utc) + timedelta(seconds=61)):
            assert manager_of(strict).sessions_of("ada") == []

    def test_online_tells_who_was_here(self, app: Flask, manager: SessionManager) -> None:
        with time_machine.travel(NOW, tick=False) as clock:
            logged_in(app, "ada")
            clock.shift(1000)
            bob = logged_in(app, "bob")
            browser_of(app).run(lambda: session.update(cart="apple"))

            def online() -> list[tuple[str, bool]]:
                recent = manager.online(timedelta(seconds=900))
                return [(each.user_id, each.is_current) for each in recent]

            assert online() == [("bob", False)]
            assert bob.see(online) == [("bob", True)]
            assert len(list(manager.online(timedelta(hours=1)))) == 2

    @pytest.mark.parametrize("user_id", [7, None, ""])
    def test_an_id_that_no_user_has_is_refused(
        self, app: Flask, manager: SessionManager, user_id: Any
    ) -> None:
        logged_in(app)

        for verb in (manager.sessions_of, manager.end_all):
            with pytest.raises(SessionError, match=r"non-empty str. Pass str\(\) of a number"):
                verb(user_id)

    def test_a_store_that_cannot_find_them_says_so_by_name(
        self, make_app: MakeApp, store: CountingStore
    ) -> None:
        manager = manager_of(make_app(SESSION_STORE=store))

        with pytest.raises(SessionError, match="CountingStore cannot find the sessions of a user"):
            manager.sessions_of("ada")

    def test_sessions_in_cookies_cannot_be_found(self, make_app: MakeApp) -> None:
        manager = manager_of(make_app(SESSION_STORE="cookie"))

        for ask in (manager.sessions_of, manager.end_all):
            with pytest.raises(SessionError, match="SESSION_STORE is 'cookie'"):
                ask("ada")

    def test_a_session_in_a_cookie_has_no_name_and_does_not_know_the_others(
        self, make_app: MakeApp
    ) -> None:
        browser = logged_in(make_app(SESSION_STORE="cookie"))

        assert browser.see(lambda: session.ended_reason) is None
        with pytest.raises(SessionError, match="SESSION_STORE is 'cookie'"):
            browser.see(lambda: session.handle)
        with pytest.raises(SessionError, match="SESSION_STORE is 'cookie'"):
            browser.run(lambda: session.log_out(everywhere=True))
        assert is_logged_in(browser)


class TestEnd:
    def test_a_session_is_ended_by_its_handle(self, app: Flask, manager: SessionManager) -> None:
        one, other = logged_in(app), logged_in(app)
        handle = other.see(lambda: session.handle)

        assert manager.end(handle) is True

        assert is_logged_in(one)
        assert not is_logged_in(other)
        assert manager.end(handle) is False

    @pytest.mark.parametrize(
        "handle",
        ["", ".", "nobody", "nobody-nobody-00.nothing-nothing0", "\0" * 16 + ".a", None, 7],
    )
    def test_an_unknown_handle_ends_no_session(
        self, app: Flask, manager: SessionManager, handle: Any
    ) -> None:
        browser = logged_in(app)

        assert manager.end(handle) is False
        assert is_logged_in(browser)

    @pytest.mark.parametrize("reason", [None, "logout"])
    def test_a_session_that_takes_a_new_id_once_it_is_found_ends_too(
        self, make_app: MakeApp, reason: str | None
    ) -> None:
        store, heard = StoreWithARace(), list[object]()
        app = make_app(SESSION_STORE=store)
        browser = logged_in(app)
        handle = browser.see(lambda: session.handle)
        store.meanwhile = lambda: browser.run(lambda: session.regenerate(keep_data=True))

        def hear(sender: object, **values: object) -> None:
            heard.append(values["handle"])

        with session_ended.connected_to(hear):
            assert manager_of(app).end(handle, reason=reason) is True

        assert len(heard) == 1
        assert heard != [handle]
        assert not is_logged_in(browser)

    @pytest.mark.parametrize("reason", [None, "logout"])
    def test_one_that_takes_a_new_id_once_it_is_found_is_counted_once(
        self, make_app: MakeApp, reason: str | None
    ) -> None:
        store = StoreWithARace()
        app = make_app(SESSION_STORE=store)
        browser = logged_in(app)
        store.meanwhile = lambda: browser.run(lambda: session.regenerate(keep_data=True))

        assert manager_of(app).end_all("ada", reason=reason) == 1

        assert not is_logged_in(browser)

    @pytest.mark.parametrize("grace", [0, 5])
    def test_one_that_takes_a_new_id_once_it_is_found_leaves_room(
        self, make_app: MakeApp, grace: int
    ) -> None:
        store = StoreWithARace()
        app = make_app(
            SESSION_STORE=store, SESSION_LIMIT_PER_USER=1, SESSION_REGENERATE_GRACE=grace
        )
        one, other = logged_in(app), browser_of(app)
        store.meanwhile = lambda: one.run(lambda: session.regenerate(keep_data=True))

        other.run(lambda: session.log_in("ada"))

        assert [is_logged_in(each) for each in (one, other)] == [False, True]

    def test_one_that_takes_new_ids_again_and_again_leaves_no_room(
        self, make_app: MakeApp
    ) -> None:
        store = StoreWithARace()
        app = make_app(SESSION_STORE=store, SESSION_LIMIT_PER_USER=1, SESSION_REGENERATE_GRACE=0)
        one, other = logged_in(app), browser_of(app)

        def take_a_new_id() -> None:
            store.meanwhile = None
            one.run(lambda: session.regenerate(keep_data=True))
            store.meanwhile = take_a_new_id

        store.meanwhile = take_a_new_id

        assert other.run(lambda: session.log_in("ada")).status_code == 403

        assert [is_logged_in(each) for each in (one, other)] == [True, False]

    def test_the_id_is_no_handle(self, app: Flask, manager: SessionManager) -> None:
        browser = logged_in(app)

        assert manager.end(browser.sid or "") is False
        assert is_logged_in(browser)

    def test_all_others_end_and_this_one_stays(self, app: Flask, manager: SessionManager) -> None:
        here, there, bob = logged_in(app), logged_in(app), logged_in(app, "bob")

        assert here.see(lambda: manager.end_others("ada")) == 1

        assert is_logged_in(here)
        assert not is_logged_in(there)
        assert is_logged_in(bob)

    def test_others_end_while_this_one_is_logged_in_again(
        self, app: Flask, manager: SessionManager
    ) -> None:
        here, there = logged_in(app), logged_in(app)

        def change_password() -> None:
            session.log_in("ada")
            assert manager.end_others("ada") == 1

        here.run(change_password)

        assert is_logged_in(here)
        assert not is_logged_in(there)

    def test_others_end_in_a_request_with_the_old_id_of_this_one(
        self, app: Flask, manager: SessionManager
    ) -> None:
        here, there = logged_in(app), logged_in(app)
        late = here.twin()
        here.run(lambda: session.regenerate(keep_data=True))
        here.run(lambda: session.regenerate(keep_data=True))

        found = late.see(lambda: manager.sessions_of("ada"))
        assert [each.is_current for each in found].count(True) == 1
        assert late.see(lambda: manager.end_others("ada")) == 1

        assert is_logged_in(here)
        assert not is_logged_in(there)

    def test_others_cannot_end_without_one_to_keep(
        self, app: Flask, manager: SessionManager
    ) -> None:
        bob = logged_in(app, "bob")

        with pytest.raises(SessionError, match="keeps the session of the current request"):
            manager.end_others("ada")
        with pytest.raises(SessionError, match="keeps the session of the current request"):
            bob.see(lambda: manager.end_others("ada"))

    def test_a_user_who_is_nobody_ends_no_session_of_a_visitor(
        self, app: Flask, manager: SessionManager
    ) -> None:
        visitor, nobody = browser_of(app), cast(str, None)
        visitor.run(lambda: session.update(cart="apple"))

        for end in (manager.end_all, manager.end_others):
            with pytest.raises(SessionError, match="non-empty str"):
                visitor.see(lambda end=end: end(nobody))  # type: ignore[misc]

        assert visitor.data() == {"cart": "apple"}

    def test_this_one_does_not_end_if_the_others_cannot(
        self, make_app: MakeApp, store: CountingStore
    ) -> None:
        app = make_app(SESSION_STORE=store)
        browser = logged_in(app)

        with pytest.raises(SessionError, match="CountingStore cannot find the sessions"):
            browser.see(lambda: manager_of(app).end_all("ada"))

        assert is_logged_in(browser)

    def test_all_sessions_of_a_user_end(self, app: Flask, manager: SessionManager) -> None:
        browsers, bob = [logged_in(app) for _ in range(3)], logged_in(app, "bob")

        assert manager.end_all("ada") == 3

        assert not any(map(is_logged_in, browsers))
        assert is_logged_in(bob)
        assert manager.end_all("ada") == 0

    def test_logging_out_everywhere_ends_all(self, app: Flask, manager: SessionManager) -> None:
        here, there, bob = logged_in(app), logged_in(app), logged_in(app, "bob")

        here.run(lambda: session.log_out(everywhere=True))

        assert not is_logged_in(here)
        assert not is_logged_in(there)
        assert is_logged_in(bob)

    def test_logging_out_everywhere_without_a_login_just_ends_the_session(
        self, app: Flask, memory: MemoryStore
    ) -> None:
        browser = browser_of(app)
        browser.run(lambda: session.update(cart="apple"))

        browser.run(lambda: session.log_out(everywhere=True))

        assert memory.count() == 0

    def test_this_one_ends_and_its_browser_logs_in_again(
        self, app: Flask, manager: SessionManager
    ) -> None:
        browser = logged_in(app)

        def end_and_log_in() -> None:
            assert manager.end(session.handle) is True
            session.log_in("ada")

        browser.run(end_and_log_in)

        assert is_logged_in(browser)
        assert len(manager.sessions_of("ada")) == 1

    def test_all_end_and_this_browser_logs_in_again(
        self, app: Flask, manager: SessionManager
    ) -> None:
        here, there = logged_in(app), logged_in(app)

        def reset_password() -> None:
            assert session.user_id == "ada"
            assert manager.end_all("ada") == 2
            session.log_in("ada")

        here.run(reset_password)

        assert is_logged_in(here)
        assert not is_logged_in(there)
        assert len(manager.sessions_of("ada")) == 1

    def test_a_session_that_others_end_meanwhile_is_not_counted(
        self, app: Flask, manager: SessionManager
    ) -> None:
        browsers, ended = [logged_in(app), logged_in(app)], list[object]()

        def end_the_rest(sender: object, **values: object) -> None:
            ended.append(values["handle"])
            for browser in browsers:
                manager.destroy(browser.sid or "")

        with session_ended.connected_to(end_the_rest):
            assert manager.end_all("ada") == 1

        assert len(ended) == 1

    def test_a_session_that_takes_a_new_id_meanwhile_ends_too(
        self, app: Flask, make_app: MakeApp, manager: SessionManager
    ) -> None:
        browser, elsewhere = logged_in(app), manager_of(make_app(SESSION_STORE=manager.store))

        def end_while_regenerating() -> None:
            session.regenerate(keep_data=True)
            elsewhere.end_all("ada")

        browser.run(end_while_regenerating)

        assert not is_logged_in(browser)
        assert manager.sessions_of("ada") == []

    @pytest.mark.parametrize(("times", "grace"), [(1, 5), (2, 5), (5, 5), (1, 0)])
    def test_a_session_that_takes_a_new_id_while_they_are_read_ends_too(
        self, make_app: MakeApp, times: int, grace: int
    ) -> None:
        store = StoreOfADirectory()
        app = make_app(SESSION_STORE=store, SESSION_REGENERATE_GRACE=grace)
        browser = logged_in(app)
        store.meanwhile = [lambda: browser.run(lambda: session.regenerate(keep_data=True))] * times

        assert manager_of(app).end_all("ada") == 1

        assert not is_logged_in(browser)

    @pytest.mark.parametrize("concurrency", ["merge", "reject", "overwrite"])
    def test_a_request_that_is_under_way_cannot_bring_it_back(
        self, make_app: MakeApp, memory: MemoryStore, concurrency: str
    ) -> None:
        config = {"SESSION_STORE": memory, "SESSION_CONCURRENCY": concurrency}
        app, elsewhere = make_app(**config), manager_of(make_app(**config))
        browser = logged_in(app)

        def change_while_it_ends() -> None:
            session["cart"] = "apple"
            elsewhere.end_all("ada", reason="password changed")

        browser.run(change_while_it_ends)

        assert not is_logged_in(browser)
        assert manager_of(app).sessions_of("ada") == []

    def test_a_browser_that_logs_in_meanwhile_stays_logged_in(
        self, app: Flask, manager: SessionManager
    ) -> None:
        later: list[Browser] = []
        with time_machine.travel(NOW, tick=False) as clock:
            earlier = [logged_in(app) for _ in range(2)]

            def log_in_again(sender: object, **extra: object) -> None:
                clock.shift(1)
                later.append(logged_in(app))

            with session_ended.connected_to(log_in_again):
                assert manager.end_all("ada") == 2

            assert not any(map(is_logged_in, earlier))
            assert all(map(is_logged_in, later))

    def test_a_session_from_a_server_whose_clock_is_ahead_ends_too(
        self, app: Flask, manager: SessionManager
    ) -> None:
        with time_machine.travel(NOW + timedelta(seconds=60), tick=False):
            browser = logged_in(app)

        with time_machine.travel(NOW, tick=False):
            assert manager.end_all("ada") == 1
            assert not is_logged_in(browser)

    def test_a_user_who_logs_in_again_and_again_at_once_is_reported(
        self, app: Flask, manager: SessionManager
    ) -> None:
        def log_in_again(sender: object, **extra: object) -> None:
            logged_in(app)

        keeps_on = session_ended.connected_to(log_in_again)
        with time_machine.travel(NOW, tick=False), keeps_on:
            logged_in(app)
            with pytest.raises(SessionError, match="again and again"):
                manager.end_all("ada")


class TestReason:
    def test_the_browser_can_be_told_why(self, app: Flask, manager: SessionManager) -> None:
        browser = logged_in(app)

        manager.end_all("ada", reason="password changed")

        assert browser.see(lambda: session.ended_reason) == "password changed"
        assert browser.see(lambda: dict(session)) == {}
        assert manager.load(browser.sid or "") is None

    def test_without_one_it_is_told_nothing(self, app: Flask, manager: SessionManager) -> None:
        browser = logged_in(app)
        assert browser.see(lambda: session.ended_reason) is None

        manager.end_all("ada")

        assert browser.see(lambda: session.ended_reason) is None

    def test_its_session_cannot_be_read_by_an_old_id(
        self, app: Flask, manager: SessionManager
    ) -> None:
        browser = logged_in(app)
        late = browser.twin()
        browser.run(lambda: session.regenerate(keep_data=True))
        assert is_logged_in(late)

        manager.end_all("ada", reason="password changed")

        assert not is_logged_in(late)

    def test_its_session_does_not_end_twice(self, app: Flask, manager: SessionManager) -> None:
        browser = logged_in(app)
        late, ended = browser.twin(), list[object]()
        browser.run(lambda: session.regenerate(keep_data=True))
        newest = browser.sid

        def hear(sender: object, **values: object) -> None:
            ended.append(values["handle"])

        with session_destroyed.connected_to(hear):
            manager.end_all("ada", reason="password changed")
            assert [manager.destroy(each.sid or "") for each in (browser, late)] == [False, False]
            browser.run(lambda: session.log_out())

        assert ended == [handle_of(str(newest))]

    def test_it_is_still_told_if_the_browser_logs_out_at_the_same_time(
        self, app: Flask, make_app: MakeApp, manager: SessionManager
    ) -> None:
        browser, elsewhere = logged_in(app), manager_of(make_app(SESSION_STORE=manager.store))
        twin = browser.twin()

        def log_out_while_it_ends() -> None:
            assert session.user_id == "ada"
            elsewhere.end_all("ada", reason="password changed")
            session.log_out()

        browser.run(log_out_while_it_ends)

        assert twin.see(lambda: session.ended_reason) == "password changed"

    def test_it_is_kept_for_a_day_at_most(
        self, make_app: MakeApp, memory: MemoryStore, store: CountingStore
    ) -> None:
        app = make_app(SESSION_STORE=memory, SESSION_IDLE_TIMEOUT=timedelta(days=30))
        with time_machine.travel(NOW, tick=False) as clock:
            browser = logged_in(app)
            manager_of(app).end_all("ada", reason="limit")
            clock.shift(timedelta(days=1))

            assert browser.see(lambda: session.ended_reason) is None
        assert memory.count() == 0

    def test_a_new_session_of_the_browser_forgets_it(
        self, app: Flask, manager: SessionManager
    ) -> None:
        browser = logged_in(app)
        manager.end_all("ada", reason="limit")

        browser.run(lambda: session.log_in("ada"))

        assert browser.see(lambda: session.ended_reason) is None
        assert is_logged_in(browser)

    def test_with_overwrite_no_reason_is_kept(
        self, make_app: MakeApp, memory: MemoryStore
    ) -> None:
        app = make_app(SESSION_STORE=memory, SESSION_CONCURRENCY="overwrite")
        browser = logged_in(app)

        manager_of(app).end_all("ada", reason="limit")

        assert browser.see(lambda: session.ended_reason) is None
        assert memory.count() == 0

    def test_it_is_none_if_the_store_fails(
        self, make_app: MakeApp, memory: MemoryStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        browser = logged_in(make_app(SESSION_STORE=memory, SESSION_STORE_ERROR="null"))
        manager_of(browser.application).end_all("ada", reason="limit")

        def fail(key: str) -> Record | None:
            raise StoreUnavailable("down")

        monkeypatch.setattr(memory, "load", fail)

        assert browser.see(lambda: session.ended_reason) is None


class TestUpdate:
    def test_all_sessions_of_a_user_are_changed(self, app: Flask, manager: SessionManager) -> None:
        browsers, bob = [logged_in(app), logged_in(app)], logged_in(app, "bob")

        assert manager.update_all("ada", lambda each: each.update(role="admin")) == 2

        assert [browser.data().get("role") for browser in browsers] == ["admin"] * 2
        assert "role" not in bob.data()

    def test_nobody_has_used_them_by_that(self, app: Flask, manager: SessionManager) -> None:
        with time_machine.travel(NOW, tick=False) as clock:
            logged_in(app)
            clock.shift(3600)
            before = manager.sessions_of("ada")

            manager.update_all("ada", lambda each: each.update(role="admin"))

            assert manager.sessions_of("ada") == before

    def test_one_without_an_end_gets_one(
        self, app: Flask, manager: SessionManager, memory: MemoryStore
    ) -> None:
        tag = user_of(logged_in(app).sid or "")
        payload = b'{"cookie":{"originalMaxAge":null},"_login":{"user":"ada"}}'
        memory.create(f"{tag}.old", Record(payload, None))

        assert manager.update_all("ada", lambda each: each.update(role="admin")) == 2

        assert all(each.expires_at for each in manager.sessions_of("ada"))

    @pytest.mark.parametrize("concurrency", ["merge", "reject", "overwrite"])
    def test_the_session_of_the_request_is_changed_and_keeps_its_own_changes(
        self, make_app: MakeApp, memory: MemoryStore, concurrency: str
    ) -> None:
        app = make_app(SESSION_STORE=memory, SESSION_CONCURRENCY=concurrency)
        here, there = logged_in(app), logged_in(app)

        def promote() -> None:
            session["cart"] = "apple"
            manager_of(app).update_all("ada", lambda each: each.update(role="admin"))
            assert session["role"] == "admin"
            session["cart"] = "pear"

        here.run(promote)

        assert (here.data()["role"], here.data()["cart"]) == ("admin", "pear")
        assert (there.data()["role"], there.data().get("cart")) == ("admin", None)

    def test_a_request_with_the_old_id_of_a_session_changes_the_session(
        self, app: Flask, manager: SessionManager
    ) -> None:
        browser = logged_in(app)
        late = browser.twin()
        browser.run(lambda: session.regenerate(keep_data=True))

        def promote() -> int:
            assert session.user_id == "ada"
            return manager.update_all("ada", lambda each: each.update(role="admin"))

        assert late.see(promote) == 1
        assert browser.data()["role"] == "admin"

    def test_one_that_ends_meanwhile_is_not_counted(
        self, app: Flask, manager: SessionManager
    ) -> None:
        logged_in(app)
        logged_in(app)

        def change(each: Any) -> None:
            manager.end_all("ada")
            each["role"] = "admin"

        assert manager.update_all("ada", change) == 0


def test_listed_sessions_have_typed_fields(app: Flask, manager: SessionManager) -> None:
    logged_in(app)

    assert all(isinstance(each, UserSession) for each in manager.sessions_of("ada"))


class TestWithoutAList:
    """On a store that can end all sessions of a user, and find none."""

    @pytest.fixture
    def app(self, make_app: MakeApp) -> Flask:
        return make_app(SESSION_STORE=CacheLibStore(SimpleCache(threshold=sys.maxsize)))

    def test_all_sessions_of_a_user_end(self, app: Flask, manager: SessionManager) -> None:
        browsers, bob = [logged_in(app), logged_in(app)], logged_in(app, "bob")
        assert all(map(is_logged_in, browsers))
        heard: list[Any] = []

        def hear(sender: object, **values: Any) -> None:
            heard.append((values["user_id"], values["handle"], values["reason"]))

        with session_ended.connected_to(hear):
            assert manager.end_all("ada", reason="password changed") is None

        assert not any(map(is_logged_in, browsers))
        assert is_logged_in(bob)
        assert heard == [("ada", None, "password changed")]
        assert is_logged_in(logged_in(app))

    def test_logging_out_everywhere_ends_all(self, app: Flask) -> None:
        here, there = logged_in(app), logged_in(app)

        here.run(lambda: session.log_out(everywhere=True))

        assert not is_logged_in(here)
        assert not is_logged_in(there)

    def test_a_request_that_is_under_way_cannot_bring_it_back(
        self, app: Flask, make_app: MakeApp, manager: SessionManager
    ) -> None:
        browser, elsewhere = logged_in(app), manager_of(make_app(SESSION_STORE=manager.store))

        def change_while_it_ends() -> None:
            session["cart"] = "apple"
            elsewhere.end_all("ada")

        browser.run(change_while_it_ends)

        assert not is_logged_in(browser)

    def test_what_needs_a_list_is_refused_by_name(
        self, make_app: MakeApp, app: Flask, manager: SessionManager
    ) -> None:
        browser = logged_in(app)

        for ask in (manager.sessions_of, manager.end_others):
            with pytest.raises(SessionError, match="CacheLibStore cannot find the sessions"):
                browser.see(lambda ask=ask: ask("ada"))  # type: ignore[misc]
        with pytest.raises(ConfigError, match="CacheLibStore cannot find the sessions"):
            make_app(SESSION_STORE=manager.store, SESSION_LIMIT_PER_USER=3)
